"""Which channels the highest scores of a unit come from: a small table beside its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray

MOST_ROWS = 50
"""Stretches of one fit that a detector is asked about."""

MOST_BLAMED = 5
"""Channels that are named at most."""

LEAST_SHARE = 0.05
"""Channels with less than that are not named, unless none has more."""

STRETCHES, PARTS = "blamed_stretches", "blamed_parts"
"""What the arrays are called in the file of the scores."""


@dataclass(frozen=True, eq=False)
class Blamed:
    """Some stretches of points, and what each channel contributes to their scores.

    >>> Blamed(np.array([[5, 8]]), np.array([[3.0, 1.0, -1.0]])).shares.tolist()
    [[0.75, 0.25, 0.0]]

    Attributes:
        stretches: `(k, 2)` first point of each and the one after its last, among the scored
            points of all recordings one after another.
        parts: `(k, c)` the mean contribution of each channel there, in the order of the recording's
            channels; see `Detector.contributions`.
    """

    stretches: NDArray[np.int64]
    parts: NDArray[Any]

    @classmethod
    def none(cls) -> Self:
        """Of a detector that cannot say, or of results of before it was asked."""
        return cls(np.zeros((0, 2), dtype=np.int64), np.zeros((0, 0)))

    @classmethod
    def of(cls, contributions: FloatArray, stretches: Sequence[slice]) -> Self:
        """Some stretches, and their mean of `(n, c)` contributions.

        >>> Blamed.of(np.array([[0.0, 0.0], [1.0, 3.0], [3.0, 5.0]]), [slice(1, 3)]).parts.tolist()
        [[2.0, 4.0]]
        """
        if not stretches:
            return cls.none()
        edges = np.array([(part.start, part.stop) for part in stretches], dtype=np.int64)
        return cls(edges, np.stack([contributions[part].mean(axis=0) for part in stretches]))

    @classmethod
    def joined(cls, tables: Sequence[Blamed]) -> Self:
        """All rows of some tables, in the order of their points."""
        full = [table for table in tables if len(table)]
        if not full:
            return cls.none()
        stretches = np.concatenate([table.stretches for table in full])
        parts = np.concatenate([table.parts for table in full])
        order = np.argsort(stretches[:, 0], kind="stable")
        return cls(stretches[order], parts[order])

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `arrays`; none if there is none."""
        if STRETCHES not in arrays or PARTS not in arrays:
            return cls.none()
        return cls(arrays[STRETCHES], arrays[PARTS])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """For storing; none of none."""
        return {STRETCHES: self.stretches, PARTS: self.parts} if len(self) else {}

    def __len__(self) -> int:
        """How many stretches there are."""
        return len(self.stretches)

    def __getitem__(self, rows: Any) -> Blamed:
        """Some of the rows."""
        return Blamed(self.stretches[rows], self.parts[rows])

    @property
    def shares(self) -> FloatArray:
        """`(k, c)` in [0, 1]: of what makes a score high; rows add up to 1, or 0 for nothing."""
        positive = np.maximum(self.parts, 0)
        total = positive.sum(axis=1, keepdims=True)
        shares: FloatArray = positive / np.where(total > 0, total, 1.0)
        return shares

    def within(self, part: slice) -> Blamed:
        """The rows whose stretch lies in some points, counted from the first of these."""
        inside = (self.stretches[:, 0] >= part.start) & (self.stretches[:, 1] <= part.stop)
        return Blamed(self.stretches[inside] - part.start, self.parts[inside])

    def fits(self, points: int) -> bool:
        """Whether it can be a table of so many scored points."""
        stretches, parts = self.stretches, self.parts
        if stretches.dtype.kind not in "iu" or parts.dtype.kind != "f" or parts.ndim != 2:
            return False
        if stretches.shape != (len(parts), 2) or not np.isfinite(parts).all():
            return False
        starts, stops = stretches.T
        return bool(((starts >= 0) & (starts < stops) & (stops <= points)).all())


def foremost(shares: FloatArray) -> list[int]:
    """The channels to name: at most five, the largest share first, none below 5 % but the first.

    >>> foremost(np.array([0.02, 0.9, 0.08])), foremost(np.zeros(2))
    ([1, 2], [])

    Args:
        shares: `(c,)` in [0, 1].
    """
    largest = np.argsort(-shares, kind="stable")[:MOST_BLAMED].tolist()
    least = min(LEAST_SHARE, float(shares.max(initial=0.0)))
    return [channel for channel in largest if shares[channel] >= least > 0]
