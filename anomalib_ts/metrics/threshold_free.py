"""Metrics of the ranking alone: AUROC, average precision and partial AUROC.

All three count every point on its own. They are invariant under strictly increasing transforms of
the score; tied scores enter a curve together, so that no order among them is favoured. With one
class missing they raise `UndefinedMetricError`.
"""

from __future__ import annotations

import numpy as np

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import InputError
from anomalib_ts.metrics.scored import ScoredSeries, trapezoid


def auroc(series: ScoredSeries) -> float:
    """Area under the ROC curve.

    The probability that a random anomalous point scores above a random normal one, ties counting
    one half (Hanley and McNeil 1982, "The meaning and use of the area under a ROC curve").

    Returns:
        A value in [0, 1]; 0.5 for a random or constant score.

    Raises:
        UndefinedMetricError: One class is missing.
    """
    series.require_both_classes("auroc")
    fpr, tpr = roc_curve(series)
    return trapezoid(tpr, fpr)


def aupr(series: ScoredSeries) -> float:
    """Area under the precision-recall curve as average precision.

    The sum over distinct scores, descending, of recall gain times precision: step-wise, because
    straight lines between points of this curve are too optimistic (Davis and Goadrich 2006, "The
    relationship between precision-recall and ROC curves").

    Returns:
        A value in (0, 1]; the share of anomalous points for a constant score.

    Raises:
        UndefinedMetricError: One class is missing.
    """
    series.require_both_classes("aupr")
    hits = series.hits[series.cuts]
    gains = np.diff(hits, prepend=0)
    return float(np.sum(gains * (hits / series.cuts)) / series.n_positive)


def pauc(series: ScoredSeries, max_fpr: float = 0.1) -> float:
    """Standardised partial area under the ROC curve up to a false-positive rate.

    The trapezoid area for FPR in [0, max_fpr], rescaled so that 0.5 is chance and 1 perfect
    (McClish 1989, "Analyzing a portion of the ROC curve"); 0.1 is the DCASE choice.

    Args:
        series: Labels and scores.
        max_fpr: End of the FPR range, in (0, 1]; 1 gives the AUROC.

    Returns:
        A value in [0.5 - max_fpr / (4 - 2 * max_fpr), 1]: it can lie below 0.5.

    Raises:
        InputError: `max_fpr` lies outside (0, 1].
        UndefinedMetricError: One class is missing.
    """
    if not 0 < max_fpr <= 1:
        raise InputError(f"max_fpr must lie in (0, 1], not {max_fpr}")
    series.require_both_classes("pauc")
    fpr, tpr = roc_curve(series)
    last = int(np.searchsorted(fpr, max_fpr, side="right"))
    end = np.interp(max_fpr, fpr[last - 1 : last + 1], tpr[last - 1 : last + 1])
    area = trapezoid(np.append(tpr[:last], end), np.append(fpr[:last], max_fpr))
    chance = max_fpr**2 / 2
    return float(0.5 * (1 + (area - chance) / (max_fpr - chance)))


def roc_curve(series: ScoredSeries) -> tuple[FloatArray, FloatArray]:
    """False- and true-positive rates at nothing predicted and at every distinct score."""
    hits = np.concatenate(([0], series.hits[series.cuts]))
    false_alarms = np.concatenate(([0], series.cuts)) - hits
    n_negative = len(series) - series.n_positive
    return false_alarms / n_negative, hits / series.n_positive
