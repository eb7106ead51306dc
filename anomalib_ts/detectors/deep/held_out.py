"""Normal windows that a stage of training does not see."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.detectors.deep.bags import Bags


def hold_out_bags(
    bags: Bags, share: float, seed: int, *, fewest: int = 1, whole: bool = False
) -> Bags:
    """Choose normal bags to hold out; `Bags.without` gives what is left to train on.

    Whole recordings are held out, drawn at random, where the share comes to at least one of them;
    with fewer recordings, the end of each.

    Args:
        bags: normal ones.
        share: of the bags to hold out, in [0, 0.5].
        seed: of the draw.
        fewest: about so many bags are held out, whatever the share.
        whole: whether to hold out whole recordings in any case.

    Returns:
        The bags to hold out; none if `share` is 0 or no more than half of the bags would be left.
    """
    nothing = bags.where(np.zeros(len(bags), dtype=np.bool_))
    wanted = max(share, fewest / len(bags))
    if not share or wanted > 0.5:
        return nothing
    recordings = np.unique(bags.recordings)
    if whole or len(recordings) * wanted >= 1:
        count = math.ceil(wanted * len(recordings))
        drawn = np.random.default_rng(seed).permutation(recordings)[:count]
        chosen = bags.where(np.isin(bags.recordings, drawn))
    else:
        chosen = bags.where(_ends(bags, wanted))
    return chosen if len(bags.without(chosen)) >= len(bags) / 2 else nothing


def _ends(bags: Bags, share: float) -> NDArray[np.bool_]:
    """Mask of the bags in the last part of each recording; a recording's bags are in a row."""
    _, first, counts = np.unique(bags.recordings, return_index=True, return_counts=True)
    within = np.arange(len(bags)) - np.repeat(first, counts)
    last: NDArray[np.bool_] = within >= np.repeat(counts - np.ceil(share * counts), counts)
    return last
