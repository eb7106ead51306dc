"""The channels that a score comes from, by name; of a sound the bands, in Hz."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.core.runs import BoolArray, run_slices
from anomalib_ts.results.blamed import Blamed, foremost

MOST_BANDS = 3
"""Stretches of neighbouring bands that are named."""

FRAMED = 0.25
"""Channels with less than this of the largest share are not framed."""

PROMINENT = 2.0
"""A band stands out with this many times the share that each had if all had the same."""


@dataclass(frozen=True)
class Culprit:
    """A channel, or neighbouring bands.

    Attributes:
        name: `flow`, `channel 3`, `0.9 to 1.3 kHz`.
        share: of what makes the score high, in (0, 1].
        channels: which ones.
    """

    name: str
    share: float
    channels: slice


def culprits(
    shares: FloatArray, names: Sequence[str] | None = None, frequencies: FloatArray | None = None
) -> tuple[Culprit, ...]:
    """Those with the largest of some shares, the largest first.

    >>> [one.name for one in culprits(np.array([0.02, 0.9, 0.08]), ("flow", "heat", "load"))]
    ['heat', 'load']
    >>> hertz = np.array([100.0, 200, 300, 400, 500, 600, 700, 800])
    >>> culprits(np.array([0, 0, 0.4, 0.5, 0.1, 0, 0, 0]), frequencies=hertz)[0].name
    '250 to 450 Hz'

    Args:
        shares: `(c,)` as `Blamed.shares` has them.
        names: `(c,)` of the channels, if they have names.
        frequencies: `(c,)` centre of each channel in Hz, ascending, for spectrograms.

    Returns:
        None of them if all shares are 0.
    """
    if frequencies is not None and shares.any():
        return _bands(shares, frequencies)
    return tuple(
        Culprit(str(names[c]) if names is not None else f"channel {c}", float(shares[c]), _one(c))
        for c in foremost(shares)
    )


def highest(blamed: Blamed, scores: FloatArray, part: slice) -> int | None:
    """The row whose stretch touches some points and has the highest score; None if none does.

    Args:
        blamed: its points counted as those of the scores.
        scores: `(n,)`.
        part: the points.
    """
    found = [
        (float(scores[start:stop].max()), row)
        for row, (start, stop) in enumerate(blamed.stretches.tolist())
        if start < part.stop and stop > part.start
    ]
    return max(found, key=lambda one: one[0])[1] if found else None


def telling(
    blamed: Blamed, scores: FloatArray, threshold: float | None, anomalous: BoolArray | None
) -> Blamed:
    """The rows that are of interest: where scores exceed the threshold, or points are anomalous.

    >>> two = Blamed(np.array([[0, 2], [4, 5]]), np.ones((2, 1)))
    >>> telling(two, np.array([0.0, 1, 0, 0, 9]), 5.0, None).stretches.tolist()
    [[4, 5]]

    Args:
        blamed: its points counted as those of the scores.
        scores: `(n,)`.
        threshold: of points, if there is one.
        anomalous: `(n,)`, if known.
    """
    kept = [
        row
        for row, (start, stop) in enumerate(blamed.stretches.tolist())
        if (threshold is not None and scores[start:stop].max() > threshold)
        or (anomalous is not None and anomalous[start:stop].any())
    ]
    return blamed[np.array(kept, dtype=np.intp)]


def framed(found: Sequence[Culprit]) -> list[slice]:
    """The channels that a picture frames: those with a quarter of the largest share or more."""
    return [one.channels for one in found if one.share >= FRAMED * found[0].share]


def as_text(found: Sequence[Culprit], longest: int | None = None) -> str:
    """Names with shares; without the last ones where the text would be too long.

    >>> two = [Culprit("flow", 0.912, slice(0, 1)), Culprit("heat", 0.066, slice(1, 2))]
    >>> as_text(two), as_text(two, longest=18)
    ('flow 91 %, heat 7 %', 'flow 91 %')

    Args:
        found: the largest share first.
        longest: characters, if there is a limit; the first is named in any case.
    """
    texts = [f"{one.name} {round(100 * one.share)} %" for one in found]
    while longest is not None and len(texts) > 1 and len(", ".join(texts)) > longest:
        texts.pop()
    return ", ".join(texts)


def _bands(shares: FloatArray, frequencies: FloatArray) -> tuple[Culprit, ...]:
    """Runs of bands that stand out; the largest alone if none does."""
    prominent = shares > PROMINENT / len(shares)
    prominent[1:-1] |= prominent[:-2] & prominent[2:]
    runs = run_slices(prominent) or [_one(int(shares.argmax()))]
    edges = (frequencies[1:] + frequencies[:-1]) / 2
    edges = np.concatenate([[frequencies[0]], edges, [frequencies[-1]]])
    found = [
        Culprit(_span(edges[run.start], edges[run.stop]), float(shares[run].sum()), run)
        for run in runs
    ]
    found.sort(key=lambda one: -one.share)
    return tuple(found[place] for place in foremost(np.array([one.share for one in found])))[
        :MOST_BANDS
    ]


def _one(channel: int) -> slice:
    return slice(channel, channel + 1)


def _span(low: float, high: float) -> str:
    """Two frequencies in one unit, each with two digits."""
    unit, name = (1000.0, "kHz") if high >= 1000 else (1.0, "Hz")
    return " to ".join(f"{float(f'{value / unit:.2g}'):g}" for value in (low, high)) + f" {name}"
