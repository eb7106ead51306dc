"""Training data that the networks do not see, to compare their scores on new data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anomalib_ts.core.recording import Recording


def divided(
    train: Sequence[Recording], share: float, least: int
) -> tuple[tuple[Recording, ...], tuple[Recording, ...]]:
    """Divide training recordings into what the networks learn from and what is held back.

    The last `share` of each recording is held back where that is at least `least` points. Where it
    is so in none, that share of the recordings is held back whole, spread evenly over them, if it
    has so many points; otherwise the last `least` points of the longest, if it has twice as many.

    Args:
        train: one recording at least.
        share: to hold back, in [0, 0.5]; nothing if it is 0.
        least: points that are held back together, at least 1.

    Returns:
        What is learnt from, in its order and never empty, and what is held back, maybe nothing.
    """
    spared = [round(share * len(one)) for one in train]
    spared = [count if count >= least else 0 for count in spared]
    if share and not any(spared):
        spared = _of_few(train, share, least)
    pairs = list(zip(train, spared, strict=True))
    learning = tuple(one[: len(one) - count] for one, count in pairs if count < len(one))
    return learning, tuple(one[len(one) - count :] for one, count in pairs if count)


def _of_few(train: Sequence[Recording], share: float, least: int) -> list[int]:
    """How many points of each recording are held back where the share of each is too few."""
    lengths = np.array([len(one) for one in train])
    spared = np.zeros_like(lengths)
    whole = round(share * len(train))
    middles = (np.arange(whole) + 0.5) * len(train) / max(whole, 1)
    chosen = middles.astype(np.int64)
    longest = int(lengths.argmax())
    if least <= lengths[chosen].sum() <= lengths.sum() / 2:
        spared[chosen] = lengths[chosen]
    elif lengths[longest] >= 2 * least:
        spared[longest] = least
    return [int(count) for count in spared]
