"""Point-adjusted F1: a hit anywhere in a segment counts as the whole segment.

Source: Xu et al. 2018, "Unsupervised anomaly detection via variational auto-encoder for seasonal
KPIs in web applications". The adjustment makes noise look good on long segments (Kim et al. 2022,
"Towards a rigorous evaluation of time-series anomaly detection"), so its keys start with `pa/` and
belong beside the value of a random score. PA%K of the latter paper fills a segment in only if more
than K percent of it are predicted: K = 0 is point adjustment, K = 100 plain point F1.

All functions are invariant under strictly increasing transforms of the score (except those named
`tsb_ad`), predict tied scores together, and raise `UndefinedMetricError` if a class is missing.
"""

from __future__ import annotations

import numpy as np

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.core.runs import BoolArray, IntArray
from anomalib_ts.errors import InputError
from anomalib_ts.metrics.prediction import PrecisionRecall, best, f1_scores
from anomalib_ts.metrics.scored import ScoredSeries, counted, cumulated

_NAME = "point-adjusted F1"


def adjusted_scores(
    series: ScoredSeries, threshold: float, percent: float = 0.0
) -> PrecisionRecall:
    """Precision and recall above a threshold, after filling in segments.

    Args:
        series: Labels and scores.
        threshold: Points scored above it are predicted.
        percent: K of PA%K, in [0, 100]: a segment is filled in if more than K percent of its
            points are predicted.

    Raises:
        InputError: `percent` lies outside [0, 100].
        UndefinedMetricError: One class is missing.
    """
    series.require_both_classes(_NAME)
    predicted = series.predict(threshold)
    covered, lengths = _coverage(series, predicted)
    filled = np.where(covered >= _needed(lengths, percent), lengths, covered)
    return _counted(series, float(filled.sum()), int(np.count_nonzero(predicted & ~series.labels)))


def best_adjusted_scores(series: ScoredSeries, percent: float = 0.0) -> PrecisionRecall:
    """Precision and recall at the threshold of the best adjusted F1, over all distinct scores.

    Args, range, ties and errors as in `adjusted_scores`.
    """
    series.require_both_classes(_NAME)
    hits = _adjusted_hits(series, percent)[series.hits[series.cuts]]
    false_alarms = series.cuts - series.hits[series.cuts]
    return best(hits / (hits + false_alarms), hits / series.n_positive)


def best_f1_over_percents(series: ScoredSeries) -> float:
    """Area under the best PA%K F1 over K = 0..100 (trapezoids), one number without a choice of K.

    Raises:
        UndefinedMetricError: One class is missing.
    """
    series.require_both_classes(_NAME)
    # F1 grows only where an anomalous point enters, so other cuts need not be looked at.
    at_cuts = series.hits[series.cuts]
    gains = np.flatnonzero(np.diff(at_cuts, prepend=0))
    hits_before, cuts = at_cuts[gains], series.cuts[gains]
    f1 = np.empty(101)
    for percent in range(101):
        hits = _adjusted_hits(series, percent)[hits_before]
        f1[percent] = np.max(2 * hits / (hits + cuts - hits_before + series.n_positive))
    return float((f1[1:] + f1[:-1]).mean() / 2)


def adjusted_f1_tsb_ad(series: ScoredSeries, threshold: float) -> float:
    """TSB-AD's PA-F1 of a prediction: a segment's point at index 0 is never filled in."""
    series.require_both_classes(_NAME)
    predicted = series.predict(threshold)
    covered, lengths = _coverage(series, predicted)
    hits = float(lengths[covered > 0].sum())
    if series.labels[0] and covered[0] and not predicted[0]:
        hits -= 1
    false_alarms = int(np.count_nonzero(predicted & ~series.labels))
    return _counted(series, hits, false_alarms).f1


def best_adjusted_f1_tsb_ad(series: ScoredSeries) -> float:
    """TSB-AD's oracle PA-F1: over 100 evenly spaced thresholds, index 0 never filled in."""
    series.require_both_classes(_NAME)
    cuts = series.evenly_spaced_cuts
    hits = _adjusted_hits(series, 0.0)[series.hits[cuts]]
    if series.labels[0]:
        found = series.segment_first_ranks[0] < cuts
        hits = hits - (found & (series.ranks[0] >= cuts))
    false_alarms = cuts - series.hits[cuts]
    precision = hits / np.maximum(hits + false_alarms, 1)
    return float(np.max(f1_scores(precision, hits / series.n_positive)))


def _needed(lengths: IntArray, percent: float) -> IntArray:
    """Smallest number of predicted points that is more than K percent of each segment."""
    if not 0 <= percent <= 100:
        raise InputError(f"PA%K needs K in [0, 100] percent, not {percent}")
    return np.floor(lengths * percent / 100).astype(np.intp) + 1


def _adjusted_hits(series: ScoredSeries, percent: float) -> FloatArray:
    """`(positives + 1,)` adjusted hits after each anomalous point in score order.

    A point adds 1 while its segment is short of K percent, the rest of the segment when it tips
    the balance, and nothing afterwards.
    """
    place, lengths = series.memo("segment_places", lambda: _places_in_segments(series))
    needed = _needed(lengths, percent)
    gain = np.where(place < needed, 1.0, np.where(place == needed, lengths - needed + 1.0, 0.0))
    return cumulated(gain)


def _places_in_segments(series: ScoredSeries) -> tuple[IntArray, IntArray]:
    """Each anomalous point in score order: place in its segment (from 1), length of that."""
    starts, ends = series.segments
    lengths = ends - starts
    segment = np.repeat(np.arange(len(starts)), lengths)
    by_score = np.argsort(series.ranks[series.labels])
    by_segment = np.argsort(segment[by_score], kind="stable")
    place = np.empty(len(segment), dtype=np.intp)
    place[by_segment] = np.arange(len(segment)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return place + 1, lengths[segment[by_score]]


def _coverage(series: ScoredSeries, predicted: BoolArray) -> tuple[IntArray, IntArray]:
    """Predicted points in each segment, and its length."""
    starts, ends = series.segments
    covered = counted(predicted)
    return covered[ends] - covered[starts], ends - starts


def _counted(series: ScoredSeries, hits: float, false_alarms: int) -> PrecisionRecall:
    total = hits + false_alarms
    return PrecisionRecall(hits / total if total else float("nan"), hits / series.n_positive)
