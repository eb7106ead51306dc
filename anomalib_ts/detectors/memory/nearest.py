"""Distances to the nearest rows of a memory that is kept small."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.detectors.memory.scorers import Rows, Scorer
from anomalib_ts.detectors.memory.thinning import thinned
from anomalib_ts.saved.values import storable
from anomalib_ts.settings.fields import configured, setting

BLOCK_VALUES = 2**22
"""Distances held in memory at a time."""

SMALLEST = 1e-2
"""Of the median distance between neighbours: no row of the memory counts as closer to its own."""


@configured
class Neighbours(Scorer):
    """A memory of training rows, thinned to a number, and the distances to its nearest ones.

    Distances are Euclidean, divided by the square root of the number of values in a row: root mean
    square differences. The nearest rows are found by products of matrices in single precision,
    and the distances to them computed from the differences, so that they lose nothing to it.
    Memory O(size d), time O(size d) a row.
    """

    size: int = setting(3000, "rows in the memory at most", at_least=2)
    thinning: Literal["coreset", "kmeans", "random"] = setting(
        "kmeans",
        "how it is thinned to that: `kmeans` keeps the centres of so many clusters, `coreset` the "
        "rows that lie farthest from those kept before, `random` draws them",
    )

    def learn(self, rows: Rows, seed: int) -> None:
        """Fill the memory."""
        self.memory_ = thinned(rows, self.size, self.thinning, np.random.default_rng(seed))
        self.centre_: Rows = self.memory_.mean(axis=0)


@configured
class Nearest(Neighbours):
    """Distance to the nearest rows of the memory, their mean where they are several.

    >>> scorer = Nearest()
    >>> scorer.learn(np.array([[0, 0], [4, 0]], dtype="f4"), seed=0)
    >>> scorer.scores(np.array([[1, 1], [4, 0]], dtype="f4")).tolist()
    [1.0, 0.0]
    """

    neighbours: int = setting(1, "nearest rows whose mean distance counts", at_least=1)

    def scores(self, rows: Rows) -> FloatArray:
        """Root mean square differences."""
        distances, _ = nearest(rows, self.memory_, self.neighbours, centre=self.centre_)
        scores: FloatArray = distances.mean(axis=1)
        return scores


@configured
class DensityNormalised(Neighbours):
    """Distance to the nearest row in units of how far apart the memory is there.

    The distance to each row of the memory is divided by that row's mean distance to its own
    neighbours, and the smallest quotient counts. A row in a sparse part of the training data (a
    rare state, a domain with few clips) may then lie farther off than one in a dense part.

    >>> memory = np.array([[0, 0], [1, 0], [100, 0], [120, 0]], dtype="f4")
    >>> scorer = DensityNormalised(neighbours=1)
    >>> scorer.learn(memory, seed=0)
    >>> scorer.scores(np.array([[-5, 0], [90, 0]], dtype="f4")).tolist()
    [5.0, 0.5]

    References:
        Wilkinghoff et al., Keeping the balance: anomaly score calculation for domain
        generalization, ICASSP 2025.
    """

    neighbours: int = setting(4, "rows of the memory nearest to each of its rows", at_least=1)

    def learn(self, rows: Rows, seed: int) -> None:
        """Fill the memory, and measure how far apart its rows are."""
        super().learn(rows, seed)
        # Each row is its own nearest, at distance 0.
        near, _ = nearest(self.memory_, self.memory_, self.neighbours + 1, centre=self.centre_)
        apart = near.sum(axis=1) / max(1, near.shape[1] - 1)
        typical = float(np.median(apart[apart > 0])) if (apart > 0).any() else 1.0
        self.apart_: FloatArray = np.maximum(apart, SMALLEST * typical)

    def scores(self, rows: Rows) -> FloatArray:
        """Quotients of distances."""
        distances, which = nearest(rows, self.memory_, 1, unit=self.apart_, centre=self.centre_)
        scores: FloatArray = (distances / self.apart_[which])[:, 0]
        return scores


def nearest(
    rows: Rows, memory: Rows, count: int, *, unit: FloatArray | None = None, centre: Rows
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Distances to the nearest rows of a memory, and which rows these are.

    >>> memory = np.array([[0], [10], [11]], dtype="f4")
    >>> nearest(np.array([[9]], dtype="f4"), memory, 2, centre=np.zeros(1, dtype="f4"))
    (array([[1., 2.]]), array([[1, 2]]))

    Args:
        rows: `(b, d)`.
        memory: `(m, d)`.
        count: how many, k; at most m are given.
        unit: `(m,)` by which distances are divided before they are compared; not in the result.
        centre: `(d,)` near all rows: the nearer, the fewer rounding errors when comparing.

    Returns:
        `(b, k)` root mean square differences and rows of the memory, the nearest first.
    """
    count = min(count, len(memory))
    moved = memory - centre
    weights = None if unit is None else (unit.min() / unit).astype(np.float32) ** 2
    squares = np.square(moved).sum(axis=1)
    size = max(1, BLOCK_VALUES // max(len(memory), count * rows.shape[1]))
    found = np.empty((len(rows), count)), np.empty((len(rows), count), dtype=np.int64)
    for start in range(0, len(rows), size):
        block = rows[start : start + size]
        centred = block - centre
        compared = squares - 2 * (centred @ moved.T)
        if weights is not None:
            compared = (compared + np.square(centred).sum(axis=1)[:, None]) * weights
        near = np.argpartition(compared, count - 1, axis=1)[:, :count]
        exact = np.square(block[:, None].astype(np.float64) - memory[near]).mean(axis=2)
        order = np.argsort(exact, axis=1, kind="stable")
        found[0][start : start + size] = np.sqrt(np.take_along_axis(exact, order, axis=1))
        found[1][start : start + size] = np.take_along_axis(near, order, axis=1)
    return found


for _kind in (Nearest, DensityNormalised):
    storable(_kind)
