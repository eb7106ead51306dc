"""One series of labels and scores, validated and sorted once, shared by every metric."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from anomalib_ts.core.array_kinds import unwrapped
from anomalib_ts.core.recording import FloatArray
from anomalib_ts.core.runs import BoolArray, IntArray, runs
from anomalib_ts.errors import InputError, UndefinedMetricError

T = TypeVar("T")


class ScoredSeries:
    """Labels and anomaly scores of one series, with what the metrics share.

    A metric over thresholds only depends on which points are predicted, and with `n` points there
    are at most `n` such sets: the `k` highest-scored points, for those `k` where no tied scores
    are torn apart. These `k` are the `cuts`; everything else is a cumulative sum in score order.

    >>> from anomalib_ts.metrics import ScoredSeries
    >>> series = ScoredSeries([0, 1, 1, 0], [0.1, 0.9, 0.4, 0.4])
    >>> series.n_positive, series.cuts.tolist(), series.hits.tolist()
    (2, [1, 3, 4], [0, 1, 2, 2, 2])

    Args:
        labels: `(n,)`, 0 = normal, 1 = anomalous (bool, integer or float).
        scores: `(n,)`, finite, higher = more anomalous. Points masked in either are left out.

    Raises:
        InputError: Wrong shape, different lengths, labels other than 0 and 1, NaN or infinite
            scores, or no points at all.
    """

    def __init__(self, labels: npt.ArrayLike, scores: npt.ArrayLike) -> None:
        labels, scores = _unmasked(labels, scores)
        self.labels = _as_labels(labels)
        self.scores = _as_scores(scores)
        if len(self.labels) != len(self.scores):
            raise InputError(_lengths_differ(len(self.labels), len(self.scores)))
        self._memo: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return len(self.scores)

    def memo(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Returns `compute()`, remembered under `key`: metrics share a pass and pay for it once."""
        if key not in self._memo:
            self._memo[key] = compute()
        value: T = self._memo[key]
        return value

    def require_both_classes(self, metric: str) -> None:
        """Raises `UndefinedMetricError` unless there is an anomalous and a normal point."""
        if self.n_positive in {0, len(self)}:
            only = "anomalous" if self.n_positive else "normal"
            raise UndefinedMetricError(
                f"{metric} is undefined: all {len(self)} points are labelled {only}, "
                "and it needs both classes; record it as undefined for this series"
            )

    @cached_property
    def n_positive(self) -> int:
        """Number of anomalous points."""
        return int(np.count_nonzero(self.labels))

    @cached_property
    def order(self) -> IntArray:
        """`(n,)` indices of the points from the highest score to the lowest; ties by position."""
        return np.argsort(-self.scores, kind="stable")

    @cached_property
    def cuts(self) -> IntArray:
        """`(d,)` numbers of predicted points at each of the `d` distinct scores, ascending."""
        ranked = self.scores[self.order]
        return np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) + 1

    @cached_property
    def hits(self) -> IntArray:
        """`(n + 1,)` anomalous points among the `k` highest-scored ones, `k = 0..n`."""
        return counted(self.labels[self.order])

    @cached_property
    def ranks(self) -> IntArray:
        """`(n,)` place of each point in `order`, 0 = highest score."""
        # 32 bits where they suffice: this array and its neighbours are the largest ones.
        kind = np.int32 if len(self) <= np.iinfo(np.int32).max else np.int64
        ranks: IntArray = np.empty(len(self), dtype=kind)
        ranks[self.order] = np.arange(len(self), dtype=kind)
        return ranks

    @cached_property
    def segments(self) -> tuple[IntArray, IntArray]:
        """Starts (inclusive) and ends (exclusive) of the runs of anomalous points."""
        return runs(self.labels)

    @cached_property
    def segment_first_ranks(self) -> IntArray:
        """`(segments,)` rank of the highest-scored point of each segment."""
        starts, ends = self.segments
        inside = self.ranks[self.labels]
        offsets = np.concatenate(([0], np.cumsum(ends - starts)[:-1]))
        first: IntArray = np.minimum.reduceat(inside, offsets)
        return first

    def predict(self, threshold: float) -> BoolArray:
        """`(n,)` True where the score lies above the threshold (strictly)."""
        if not np.isfinite(threshold):
            raise InputError(f"the threshold must be a finite number, not {threshold}")
        return self.scores > threshold

    def counts_above(self, thresholds: FloatArray) -> IntArray:
        """Number of points scored strictly above each of the thresholds."""
        ascending = self.scores[self.order[::-1]]
        return len(self) - np.searchsorted(ascending, thresholds, side="right")

    @cached_property
    def evenly_spaced_cuts(self) -> IntArray:
        """Numbers of points above 100 even steps from the lowest to the highest score.

        These are TSB-AD's oracle thresholds: never everything, and nothing at the last one.
        """
        return self.counts_above(np.linspace(self.scores.min(), self.scores.max(), 100))


def counted(flags: BoolArray) -> IntArray:
    """`(n + 1,)` number of True among the first `k = 0..n` flags."""
    counts = np.zeros(len(flags) + 1, dtype=np.intp)
    np.cumsum(flags, out=counts[1:])
    return counts


def cumulated(values: FloatArray) -> FloatArray:
    """`(n + 1,)` sums of the first `k = 0..n` values."""
    sums = np.zeros(len(values) + 1)
    np.cumsum(values, out=sums[1:])
    return sums


def trapezoid(heights: FloatArray, positions: FloatArray) -> float:
    """Area under straight lines between points whose positions ascend."""
    return float(np.sum(np.diff(positions) * (heights[1:] + heights[:-1])) / 2)


def _unmasked(
    labels: npt.ArrayLike, scores: npt.ArrayLike
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Both without the points that a masked array hides: nobody knows what they are."""
    arrays = [
        item if isinstance(item, np.ma.MaskedArray) else np.asarray(unwrapped(item, name).values)
        for item, name in ((labels, "labels"), (scores, "scores"))
    ]
    if not any(np.ma.is_masked(array) for array in arrays):
        return np.asarray(arrays[0]), np.asarray(arrays[1])
    if arrays[0].shape != arrays[1].shape:
        raise InputError(_lengths_differ(len(arrays[0]), len(arrays[1])))
    known = ~(np.ma.getmaskarray(arrays[0]) | np.ma.getmaskarray(arrays[1]))
    return np.asarray(arrays[0][known]), np.asarray(arrays[1][known])


def _lengths_differ(labels: int, scores: int) -> str:
    return (
        f"labels and scores differ in length: {labels} labels, {scores} scores; give one score "
        "for every labelled point"
    )


def _as_labels(labels: npt.ArrayLike) -> BoolArray:
    array = np.asarray(labels)
    _require_series(array, "labels")
    if array.dtype == np.bool_:
        return array
    wrong = (array != 0) & (array != 1)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise InputError(
            f"labels must be 0 (normal) or 1 (anomalous), but labels[{at}] is {array[at]!r}"
        )
    return array.astype(np.bool_)


def _as_scores(scores: npt.ArrayLike) -> FloatArray:
    array = np.asarray(scores, dtype=np.float64)
    _require_series(array, "scores")
    finite = np.isfinite(array)
    if not finite.all():
        at = int(np.argmin(finite))
        raise InputError(
            f"scores must be finite, but scores[{at}] is {array[at]} "
            f"({np.count_nonzero(~finite)} of {len(array)} are not finite); mend the detector"
        )
    return array


def _require_series(array: npt.NDArray[Any], name: str) -> None:
    if array.ndim != 1 or not len(array):
        raise InputError(
            f"{name} must be one-dimensional and not empty, not of shape {array.shape}"
        )
