"""What a column's numbers say that it is: a counter, a switch, labels, or a measurement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.recording import FloatArray

_FEWEST = 6
"""Fewer points rise evenly by chance."""
_EVEN = 0.9
_AGREEMENT = 0.9
_SINGLE_STEPS = 16


def rises_evenly(column: FloatArray) -> bool:
    """Whether a column counts, up or down: row numbers, seconds, minutes, also with some missing.

    All steps have the same sign and nine of ten the same size.
    """
    known = column[~np.isnan(column)]
    if len(known) < _FEWEST:
        return False
    steps = np.diff(known)
    step = float(np.median(steps))
    rounding = 4 * float(np.spacing(np.abs(known[[0, -1]]).max()))
    same = np.abs(steps - step) <= 1e-6 * abs(step) + rounding
    return step != 0 and bool((steps * step > 0).all()) and float(same.mean()) >= _EVEN


def two_values(column: FloatArray) -> tuple[float, float] | None:
    """The smaller and the larger value of a column that has exactly two."""
    low, high = np.fmin.reduce(column), np.fmax.reduce(column)
    if not low < high or not np.all((column == low) | (column == high) | np.isnan(column)):
        return None
    return float(low), float(high)


def like_labels(column: FloatArray) -> bool:
    """Whether the numbers may be classes: up to 20 different whole ones."""
    known = column[~np.isnan(column)]
    return not (known % 1).any() and len(np.unique(known)) <= 20


def tells_labels(column: FloatArray, labels: FloatArray) -> bool:
    """Whether a column with two values follows the labels, upright, inverted, or their changes."""
    changes = np.abs(np.diff(labels, prepend=labels[:1]))
    return any(_correlation(column, known) >= _AGREEMENT for known in (labels, changes))


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
