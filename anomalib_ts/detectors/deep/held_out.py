"""Normal windows that a stage of training does not see."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.deep.bags import Bags, each_window
from anomalib_ts.detectors.deep.examples import BatchSource
from anomalib_ts.errors import ConfigError, InputError


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


def last_examples(
    examples: BatchSource, share: float, classes: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide training examples: the last of each recording are held back.

    Where a recording has too few of them, all of it trains; where every one of a class has, its
    last recordings are held back as a whole.

    Args:
        examples: `Windows` or `Bags`.
        share: to hold back, in (0, 0.5].
        classes: `(n,)` a number for each example, where there are classes; some of each are held
            back and some train.

    Returns:
        The numbers of the examples that train and of those that are held back, no point of which
        is in any that trains.

    Raises:
        InputError: too few to hold back any.
    """
    bags = _as_bags(examples)
    classes = np.zeros(len(bags), dtype=np.int64) if classes is None else classes
    held = np.zeros(len(bags), dtype=np.bool_)
    for one in np.unique(classes):
        held |= _last_of_class(bags, classes == one, share)
    train = bags.are_without(bags.where(held))
    for one in np.unique(classes):
        if not (held & (classes == one)).any() or not (train & (classes == one)).any():
            raise InputError(
                f"early stopping cannot hold back a share of {share:g} of the training windows: "
                "the recordings are too short or too few; leave the callback out, or use a "
                "shorter window or more data"
            )
    return np.flatnonzero(train), np.flatnonzero(held)


def _as_bags(examples: BatchSource) -> Bags:
    if isinstance(examples, Bags):
        return examples
    if not isinstance(examples, Windows):
        raise ConfigError(
            f"early stopping: which points are in {type(examples).__name__} is not known, so none "
            "can be held back; leave the callback out"
        )
    return each_window(examples)


def _last_of_class(bags: Bags, chosen: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """Mask of what is held back of the bags of one class."""
    held = np.zeros(len(bags), dtype=np.bool_)
    places = np.flatnonzero(chosen)
    own = bags.where(chosen)
    ends = _ends(own, share)
    left = own.are_without(own.where(ends))
    _, number, counts = np.unique(own.recordings, return_inverse=True, return_counts=True)
    enough = np.bincount(number, weights=left) >= counts / 2
    last = ends & enough[number]
    if not last.any() and len(counts) > 1:
        last = number >= len(counts) - math.ceil(share * len(counts))
    held[places[last]] = True
    return held
