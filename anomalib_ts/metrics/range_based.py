"""Range-based precision and recall: how well predicted runs match labelled segments.

Source: Tatbul, Lee, Zdonik, Alam, Gottschlich 2018, "Precision and Recall for Time Series", NeurIPS
31, with flat positional bias, reciprocal cardinality factor and existence weight 0.2:

    recall    = mean over segments of 0.2 [any hit] + 0.8 (covered share) / (runs touching it)
    precision = mean over predicted runs of (share inside segments) / (segments touching it)

The best F1 is taken over every distinct score, not a grid. That needs no loop over thresholds: when
a point enters, its run is the stretch of higher scores around it, up to the nearest lower ones. So
the change of both sums is known in advance, and the curve is a cumulative sum in score order.
"""

from __future__ import annotations

import numpy as np

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.core.runs import BoolArray, IntArray, runs
from anomalib_ts.metrics.neighbours import nearest_smaller
from anomalib_ts.metrics.prediction import PrecisionRecall, best, f1_scores
from anomalib_ts.metrics.scored import ScoredSeries, counted, cumulated

_NAME = "range F1"
_EXISTENCE = 0.2
# Points handled at a time: bounds the memory and keeps the working set in the cache.
_CHUNK = 1 << 18


def range_scores(series: ScoredSeries, threshold: float) -> PrecisionRecall:
    """Range-based precision and recall of the points scored above a threshold.

    Raises:
        UndefinedMetricError: One class is missing.
    """
    series.require_both_classes(_NAME)
    return _scores_of(series, series.predict(threshold))


def best_range_scores(series: ScoredSeries) -> PrecisionRecall:
    """Range-based scores at the threshold of their best F1, over all distinct scores.

    Invariant under strictly increasing transforms of the score; tied scores are predicted
    together.

    Raises:
        UndefinedMetricError: One class is missing.
    """
    series.require_both_classes(_NAME)
    return series.memo("range_oracles", lambda: _oracles(series))[0]


def range_f1_tsb_ad(series: ScoredSeries, threshold: float) -> float:
    """TSB-AD's R-based-F1 of a prediction: 0 when every point is predicted."""
    series.require_both_classes(_NAME)
    predicted = series.predict(threshold)
    return 0.0 if predicted.all() else _scores_of(series, predicted).f1


def best_range_f1_tsb_ad(series: ScoredSeries) -> float:
    """TSB-AD's oracle R-based-F1: over 100 evenly spaced thresholds."""
    series.require_both_classes(_NAME)
    return series.memo("range_oracles", lambda: _oracles(series))[1]


def _scores_of(series: ScoredSeries, predicted: BoolArray) -> PrecisionRecall:
    starts, ends = runs(predicted)
    precision = float("nan")
    if len(starts):
        precision = float(np.mean(_Segments(series).run_values(starts, ends)))
    segment_starts, segment_ends = series.segments
    covered = np.diff(counted(predicted)[np.stack((segment_starts, segment_ends))], axis=0)[0]
    touching = _touching(starts, ends, segment_starts, segment_ends)
    share = covered / (segment_ends - segment_starts) / np.maximum(touching, 1)
    return PrecisionRecall(
        precision, float(np.mean(_EXISTENCE * (covered > 0) + (1 - _EXISTENCE) * share))
    )


def _touching(starts: IntArray, ends: IntArray, froms: IntArray, tos: IntArray) -> IntArray:
    """How many of the ranges `starts..ends` meet each of the ranges `froms..tos`."""
    return np.searchsorted(starts, tos) - np.searchsorted(ends, froms, side="right")


def _oracles(series: ScoredSeries) -> tuple[PrecisionRecall, float]:
    """Best scores over all distinct scores, and best F1 over the evenly spaced thresholds."""
    overlaps, precisions = _sums(series)
    first_ranks = np.sort(series.segment_first_ranks)

    def curve(cuts: IntArray) -> tuple[FloatArray, FloatArray]:
        found = np.searchsorted(first_ranks, cuts)
        overlap = overlaps[series.hits[cuts]]
        recall = (_EXISTENCE * found + (1 - _EXISTENCE) * overlap) / len(first_ranks)
        return precisions[cuts], recall

    on_grid = f1_scores(*curve(series.evenly_spaced_cuts))
    return best(*curve(series.cuts)), float(np.max(on_grid))


def _sums(series: ScoredSeries) -> tuple[FloatArray, FloatArray]:
    """Sum of overlap rewards after each anomalous point, and precision after each point."""
    n = len(series)
    left, right = nearest_smaller(n - 1 - series.ranks)
    value_gain = np.empty(n)
    run_gain = np.empty(n, dtype=np.int8)
    segments = _Segments(series)
    for begin in range(0, n, _CHUNK):
        part = slice(begin, begin + _CHUNK)
        point = np.arange(begin, min(begin + _CHUNK, n))
        start, end = left[part] + 1, right[part]
        value_gain[part] = (
            segments.run_values(start, end)
            - segments.run_values(start, point)
            - segments.run_values(point + 1, end)
        )
        run_gain[part] = 1 - (start < point).astype(np.int8) - (point + 1 < end)
    values = cumulated(value_gain[series.order])
    n_runs = cumulated(run_gain[series.order].astype(np.float64))
    return _overlap_sums(series), values / np.maximum(n_runs, 1)


def _overlap_sums(series: ScoredSeries) -> FloatArray:
    """`(positives + 1,)` sum over segments of (covered share) / (runs touching it)."""
    starts, ends = series.segments
    lengths = ends - starts
    by_score = series.order[series.labels[series.order]]
    segment = np.searchsorted(ends, by_score, side="right")
    by_segment = np.argsort(segment, kind="stable")
    point = by_score[by_segment]
    base = np.repeat(np.cumsum(lengths) - lengths, lengths)
    covered = np.arange(1, len(point) + 1) - base
    # Every segment ends up covered by one run, so the running total overcounts by one a segment.
    n_runs = np.cumsum(_inner_run_gain(series, point)) - np.repeat(np.arange(len(starts)), lengths)
    value = covered / np.repeat(lengths, lengths) / n_runs
    gain = np.diff(value, prepend=0.0)
    gain[base[covered == 1]] = value[base[covered == 1]]
    in_score_order = np.empty(len(point))
    in_score_order[by_segment] = gain
    return cumulated(in_score_order)


def _inner_run_gain(series: ScoredSeries, point: IntArray) -> IntArray:
    """New runs within its segment that a point opens (1), extends (0) or joins (-1)."""
    ranks, labels = series.ranks, series.labels
    last = len(series) - 1
    before, after = np.maximum(point - 1, 0), np.minimum(point + 1, last)
    joins_before = labels[before] & (ranks[before] < ranks[point])
    joins_after = labels[after] & (ranks[after] < ranks[point])
    return 1 - joins_before.astype(np.intp) - joins_after


class _Segments:
    """Counts labelled points and segments in any run of points."""

    def __init__(self, series: ScoredSeries) -> None:
        starts, ends = series.segments
        n = len(series)
        self.labelled = counted(series.labels).astype(np.int32)
        self.started = np.cumsum(np.bincount(starts + 1, minlength=n + 1)).astype(np.int32)
        self.ended = np.cumsum(np.bincount(ends, minlength=n + 1)).astype(np.int32)

    def run_values(self, starts: IntArray, ends: IntArray) -> FloatArray:
        """(Share of a run inside segments) / (segments touching it), 0 for an empty run."""
        inside = self.labelled[ends] - self.labelled[starts]
        touching = self.started[ends] - self.ended[starts]
        values: FloatArray = inside / (np.maximum(ends - starts, 1) * np.maximum(touching, 1))
        return values
