"""Whether the highest score lies where the anomaly is."""

from __future__ import annotations

import numpy as np

from anomalib_ts.metrics.scored import ScoredSeries

UCR_TOLERANCE = 100
"""Points before and after an anomaly that still count as found in the UCR archive."""


def ucr_score(series: ScoredSeries, tolerance: int = UCR_TOLERANCE) -> float:
    """Whether the highest point lies in an anomaly or at most `tolerance` points from one.

    The measure of the UCR anomaly archive (Wu and Keogh, TKDE 2023), in which each series has one
    anomaly: 1 or 0 a series, and their mean is the share of series solved. Several highest points
    count with the share of them that lie there: what one drawn among them is expected to score.

    >>> import numpy as np
    >>> from anomalib_ts.metrics.scored import ScoredSeries
    >>> labels, scores = np.zeros(500), np.zeros(500)
    >>> labels[300:310], scores[200], scores[199] = 1, 7.0, 7.0
    >>> ucr_score(ScoredSeries(labels, scores))
    0.5

    Raises:
        UndefinedMetricError: no point is anomalous, or every point is.
    """
    series.require_both_classes("ucr_score")
    highest = np.flatnonzero(series.scores == series.scores[series.order[0]])
    starts, ends = series.segments
    after = np.searchsorted(ends + tolerance, highest, side="right")
    near = starts[np.minimum(after, len(starts) - 1)] - tolerance <= highest
    return float(np.mean(near & (after < len(starts))))
