"""What a column's numbers say that it is: a counter, a switch, labels, or a measurement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray

LOOK = 2_000_000
"""Cells in the quick look at the first rows of all columns."""

FEW = 8
"""Any measurement may have two values in so few points."""

_FEWEST = 6
"""Fewer points rise evenly by chance."""
_EVEN = 0.9
_AGREEMENT = 0.9
_SINGLE_STEPS = 16
_NO_CHANCE = 19
"""So many steps all have the same sign by chance in one column of 10^17."""
_CLASSES = 20


def rises_evenly(column: FloatArray) -> bool:
    """Whether a column counts, up or down: row numbers, seconds, minutes, also with some missing.

    All steps have the same sign and nine of ten the same size; or all points lie on a straight
    line but for the rounding of their decimals, as thirds of a second written to four digits do.
    """
    known = column[~np.isnan(column)]
    if len(known) < _FEWEST:
        return False
    steps = np.diff(known)
    step = float(np.median(steps))
    if step == 0 or not (steps * step > 0).all():
        return False
    rounding = 4 * float(np.spacing(np.abs(known[[0, -1]]).max()))
    same = np.abs(steps - step) <= 1e-6 * abs(step) + rounding
    return float(same.mean()) >= _EVEN or _is_rounded_line(known)


def only_rises(column: FloatArray) -> bool:
    """Whether a column rises (or falls) from every point to the next, as no measurement does."""
    steps = np.diff(column[~np.isnan(column)])
    return len(steps) >= _NO_CHANCE and bool((steps > 0).all() or (steps < 0).all())


def _is_rounded_line(known: FloatArray) -> bool:
    """Whether points lie on a straight line but for the rounding of their last decimal."""
    decimals = next((d for d in range(13) if (np.round(known, d) == known).all()), None)
    if decimals is None:
        return False
    unit = 10.0**-decimals
    step = abs(known[-1] - known[0]) / (len(known) - 1)
    line = np.linspace(known[0], known[-1], len(known))
    return step >= 4 * unit and float(np.abs(known - line).max()) <= 1.1 * unit


def two_values(column: FloatArray) -> tuple[float, float] | None:
    """The smaller and the larger value of a column that has exactly two."""
    low, high = np.fmin.reduce(column), np.fmax.reduce(column)
    if not low < high or not np.all((column == low) | (column == high) | np.isnan(column)):
        return None
    return float(low), float(high)


def like_labels(column: FloatArray) -> bool:
    """Whether the numbers may be classes: up to 20 different whole ones."""
    known = column[~np.isnan(column)]
    return not (known % 1).any() and len(np.unique(known)) <= _CLASSES


def maybe_classes(head: FloatArray) -> NDArray[np.bool_]:
    """`(c,)`: columns of the first rows `(n, c)` that hold only whole numbers."""
    with np.errstate(invalid="ignore"):
        return np.asarray(((head % 1 == 0) | np.isnan(head)).all(axis=0))


def tells_labels(column: FloatArray, labels: FloatArray) -> bool:
    """Whether a column follows the labels, upright, inverted, or their changes.

    One of a few classes follows them, too, if it is the same wherever nothing is labelled and
    different elsewhere: kinds or grades of anomalies.
    """
    normal = column[(labels == 0) & ~np.isnan(column)]
    usual = np.median(normal) if len(normal) else np.nan
    apart = np.where(np.isnan(column), np.nan, column != usual)
    changes = np.abs(np.diff(labels, prepend=labels[:1]))
    return any(
        _correlation(seen, known) >= _AGREEMENT
        for seen in (column, apart)
        for known in (labels, changes)
    )


def maybe_counters(head: FloatArray) -> NDArray[np.bool_]:
    """`(c,)`: columns of the first rows `(n, c)` that may rise evenly, for a quick look at many."""
    if len(head) < _FEWEST:
        return np.zeros(head.shape[1], bool)
    with np.errstate(invalid="ignore"):
        steps = np.diff(head, axis=0)
        against = np.minimum((steps > 0).any(axis=0), (steps < 0).any(axis=0))
    return ~against.astype(bool)


def maybe_switches(head: FloatArray) -> NDArray[np.bool_]:
    """`(c,)`: columns of the first rows `(n, c)` that may have only two values."""
    low = np.fmin.reduce(head, axis=0)
    high = np.fmax.reduce(head, axis=0)
    return np.asarray(((head == low) | (head == high) | np.isnan(head)).all(axis=0))


def unresolved(values: FloatArray) -> NDArray[np.bool_]:
    """`(c,)`: channels of `(n, c)` that vary by so little at their level that float32 loses it."""
    low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    level = np.maximum(np.abs(low), np.abs(high)).astype(np.float32)
    return np.asarray((high > low) & (high - low < _SINGLE_STEPS * np.spacing(level)))


def _correlation(a: FloatArray, b: FloatArray) -> float:
    both = ~np.isnan(a)
    a, b = a[both], b[both]
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return 0.0
    return abs(float(np.corrcoef(a, b)[0, 1]))


def is_switch(column: FloatArray) -> bool:
    """Whether a column holds 0 and 1 only, or two other values over more than a few points."""
    values = two_values(column)
    return values == (0, 1) or (values is not None and len(column) >= FEW)


def are_classes(column: FloatArray) -> bool:
    """Whether a column holds a few whole numbers over more than a few points."""
    return len(column) >= FEW and like_labels(column)
