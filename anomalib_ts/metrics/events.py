"""Metrics that count labelled segments as events: composite F1 and detection delay."""

from __future__ import annotations

import numpy as np

from anomalib_ts.core.runs import IntArray
from anomalib_ts.metrics.point import best_point_cut, point_scores
from anomalib_ts.metrics.prediction import PrecisionRecall, best, f1_scores
from anomalib_ts.metrics.scored import ScoredSeries, counted

_NAME = "event F1"


def event_scores(series: ScoredSeries, threshold: float) -> PrecisionRecall:
    """Point-wise precision and the share of segments with any predicted point.

    Source: Garg et al. 2021, "An evaluation of anomaly detection and diagnosis in multivariate time
    series" (composite F-score), called Event-based-F1 in TSB-AD.

    Raises:
        UndefinedMetricError: One class is missing.
    """
    series.require_both_classes(_NAME)
    predicted = counted(series.predict(threshold))
    starts, ends = series.segments
    recall = float(np.mean(predicted[ends] > predicted[starts]))
    return PrecisionRecall(point_scores(series, threshold).precision, recall)


def best_event_scores(series: ScoredSeries) -> PrecisionRecall:
    """Event scores at the threshold of their best F1, over all distinct scores.

    Invariant under strictly increasing transforms of the score; tied scores are predicted
    together.

    Raises:
        UndefinedMetricError: One class is missing.
    """
    series.require_both_classes(_NAME)
    return series.memo("best_event_scores", lambda: _best_event_scores(series))


def event_f1_tsb_ad(series: ScoredSeries, threshold: float) -> float:
    """TSB-AD's Event-based-F1 of a prediction: a segment loses a point at the end of the series."""
    series.require_both_classes(_NAME)
    predicted = counted(series.predict(threshold))
    starts, ends = series.segments
    ends = np.minimum(ends, len(series) - 1)
    recall = np.atleast_1d(np.mean(predicted[ends] > predicted[starts]))
    precision = np.nan_to_num(np.atleast_1d(point_scores(series, threshold).precision))
    return float(f1_scores(precision, recall, epsilon=1e-15)[0])


def best_event_f1_tsb_ad(series: ScoredSeries) -> float:
    """TSB-AD's oracle Event-based-F1: 100 evenly spaced thresholds, last point lost."""
    series.require_both_classes(_NAME)
    first_ranks = series.segment_first_ranks
    if series.labels[-1]:
        first_ranks = first_ranks.copy()
        inside = series.ranks[series.segments[0][-1] : -1]
        first_ranks[-1] = inside.min() if len(inside) else len(series)
    cuts = series.evenly_spaced_cuts
    found = np.searchsorted(np.sort(first_ranks), cuts)
    precision = series.hits[cuts] / np.maximum(cuts, 1)
    return float(np.max(f1_scores(precision, found / len(first_ranks), epsilon=1e-15)))


def detection_delay(series: ScoredSeries, threshold: float) -> float:
    """Mean number of points from the start of a segment to its first predicted point.

    A segment that is missed counts with its whole length, so that missing it never pays. Lower is
    better; 0 = every segment is found at its first point; at most the mean segment length.

    Raises:
        UndefinedMetricError: One class is missing.
    """
    series.require_both_classes("detection_delay")
    return _delay(series, np.flatnonzero(series.predict(threshold)))


def oracle_detection_delay(series: ScoredSeries) -> float:
    """Detection delay at the threshold of the best point F1.

    The threshold with the least delay would predict everything, so the F1 chooses it.

    Raises:
        UndefinedMetricError: One class is missing.
    """
    series.require_both_classes("detection_delay")
    return _delay(series, np.sort(series.order[: best_point_cut(series)]))


def _delay(series: ScoredSeries, predicted: IntArray) -> float:
    starts, ends = series.segments
    following = np.append(predicted, len(series))[np.searchsorted(predicted, starts)]
    return float(np.mean(np.minimum(following, ends) - starts))


def _best_event_scores(series: ScoredSeries) -> PrecisionRecall:
    entered = np.searchsorted(series.cuts, series.segment_first_ranks, side="right")
    found = np.cumsum(np.bincount(entered, minlength=len(series.cuts)))
    recall = found / len(series.segments[0])
    return best(series.hits[series.cuts] / series.cuts, recall)
