"""A large set of rows made small, so that what is near stays near."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]

PROJECTED = 128
"""Dimensions that rows are projected to before they are compared with each other, at most."""

ROUNDS = 10
"""Of k-means: the memory hardly changes after them."""


def thinned(rows: Rows, size: int, how: str, random: np.random.Generator) -> Rows:
    """At most `size` rows that stand for all.

    >>> rows = np.arange(100, dtype="f4")[:, None]
    >>> thinned(rows, 3, "coreset", np.random.default_rng(0)).ravel().tolist()
    [49.0, 99.0, 0.0]
    >>> len(thinned(rows, 3, "kmeans", np.random.default_rng(0)))
    3

    Args:
        rows: `(m, d)`.
        size: rows to keep, at most.
        how: `kmeans`, `coreset` or `random`.
        random: draws rows, first centres, and the projection of rows of many values.
    """
    if len(rows) <= size:
        return rows.copy()
    if how == "random":
        return rows[np.sort(random.choice(len(rows), size, replace=False))]
    points = _projected(rows, random)
    if how == "coreset":
        return rows[_farthest(points, size)]
    return _centres(rows, points, size, random)


def _projected(rows: Rows, random: np.random.Generator) -> Rows:
    """Rows in at most 128 dimensions, distances kept within some 10 % (Johnson-Lindenstrauss)."""
    if rows.shape[1] <= PROJECTED:
        return rows
    shape = rows.shape[1], PROJECTED
    onto = random.standard_normal(shape, dtype=np.float32) / np.float32(np.sqrt(PROJECTED))
    projected: Rows = rows @ onto
    return projected


def _farthest(points: Rows, size: int) -> NDArray[np.int64]:
    """The point nearest to the mean, then each time the one farthest from those before it."""
    kept = np.empty(size, dtype=np.int64)
    centred = points - points.mean(axis=0)
    squares = np.square(centred).sum(axis=1)
    kept[0] = squares.argmin()
    distances = np.full(len(points), np.inf, dtype=np.float32)
    for number in range(1, size):
        last = kept[number - 1]
        from_last = squares + squares[last] - 2 * (centred @ centred[last])
        distances = np.minimum(distances, from_last)
        distances[last] = -np.inf  # whatever rounding says
        kept[number] = distances.argmax()
    return kept


def _centres(rows: Rows, points: Rows, size: int, random: np.random.Generator) -> Rows:
    """The mean row of each cluster of points."""
    from sklearn.cluster import KMeans  # noqa: PLC0415 - not needed where the memory is small
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415

    means = KMeans(
        size, init="random", n_init=1, max_iter=ROUNDS, random_state=int(random.integers(2**31))
    )
    with warnings.catch_warnings():  # fewer distinct rows than clusters are no trouble
        warnings.simplefilter("ignore", ConvergenceWarning)
        belongs_to = means.fit_predict(points)
    order = np.argsort(belongs_to, kind="stable")
    counts = np.bincount(belongs_to, minlength=size)
    filled = counts[counts > 0]
    sums = np.add.reduceat(rows[order], np.cumsum(filled) - filled, axis=0)
    centres: Rows = (sums / filled[:, None]).astype(np.float32)
    return centres
