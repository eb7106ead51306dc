"""Point-wise precision, recall and F1, and precision among the highest scores."""

from __future__ import annotations

import numpy as np

from anomalib_ts.errors import InputError, UndefinedMetricError
from anomalib_ts.metrics.prediction import PrecisionRecall, f1_scores
from anomalib_ts.metrics.scored import ScoredSeries


def point_scores(series: ScoredSeries, threshold: float) -> PrecisionRecall:
    """Precision and recall of the points scored above a threshold.

    Raises:
        UndefinedMetricError: One class is missing.
    """
    series.require_both_classes("point F1")
    predicted = series.predict(threshold)
    hits = int(np.count_nonzero(predicted & series.labels))
    n_predicted = int(np.count_nonzero(predicted))
    precision = hits / n_predicted if n_predicted else float("nan")
    return PrecisionRecall(precision, hits / series.n_positive)


def false_alarm_rate(series: ScoredSeries, threshold: float) -> float:
    """Share of the normal points that are scored above a threshold (false-positive rate).

    Raises:
        UndefinedMetricError: No point is normal.
    """
    normal = ~series.labels
    if not normal.any():
        raise UndefinedMetricError("false_alarm_rate is undefined: no point is normal")
    return float(series.predict(threshold)[normal].mean())


def best_point_scores(series: ScoredSeries) -> PrecisionRecall:
    """Precision and recall at the threshold of the best point F1, over all distinct scores.

    The labels choose the threshold, so this is an upper bound. Invariant under strictly increasing
    transforms of the score; tied scores are predicted together. A constant score predicts
    everything.

    Raises:
        UndefinedMetricError: One class is missing.
    """
    series.require_both_classes("point F1")
    cut = best_point_cut(series)
    hits = int(series.hits[cut])
    return PrecisionRecall(hits / cut, hits / series.n_positive)


def best_point_cut(series: ScoredSeries) -> int:
    """Number of predicted points at the best point F1, the smallest one among equals."""
    return series.memo("best_point_cut", lambda: _best_point_cut(series))


def best_f1_tsb_ad(series: ScoredSeries) -> float:
    """TSB-AD's Standard-F1: `2 P R / (P + R + 1e-5)`, so 0.999995 for a perfect score."""
    series.require_both_classes("point F1")
    hits = series.hits[series.cuts]
    precision, recall = hits / series.cuts, hits / series.n_positive
    return float(np.max(f1_scores(precision, recall, epsilon=1e-5)))


def precision_at_k(series: ScoredSeries, k: int | None = None) -> float:
    """Share of anomalous points among the `k` highest-scored ones.

    Points tied at the last place count with the share of anomalous ones among them, which is the
    expectation over a random order of the ties.

    Args:
        series: Labels and scores.
        k: Number of points; None = as many as are anomalous (R-precision).

    Raises:
        InputError: `k` lies outside 1..n.
        UndefinedMetricError: One class is missing.
    """
    series.require_both_classes("precision_at_k")
    k = series.n_positive if k is None else k
    if not 1 <= k <= len(series):
        raise InputError(f"k must lie in 1..{len(series)} (the number of points), not {k}")
    cuts = np.concatenate(([0], series.cuts))
    after = int(np.searchsorted(cuts, k))
    whole, ending = int(cuts[after - 1]), int(cuts[after])
    tied_hits = series.hits[ending] - series.hits[whole]
    share = (k - whole) / (ending - whole)
    return float((series.hits[whole] + share * tied_hits) / k)


def _best_point_cut(series: ScoredSeries) -> int:
    f1 = 2 * series.hits[series.cuts] / (series.cuts + series.n_positive)
    return int(series.cuts[np.argmax(f1)])
