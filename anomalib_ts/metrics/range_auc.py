"""Range AUC and volume under the surface: ROC and PR with tolerance around labelled segments.

Source: Paparrizos, Boniol, Palpanas, Tsay, Elmore, Franklin 2022, "Volume Under the Surface: A New
Accuracy Evaluation Measure for Time-Series Anomaly Detection", PVLDB 15(11). Notation: `n` points,
`P` of them anomalous; a window `w` gives normal points near a segment a weight (see `buffers`),
anomalous ones have weight 1, and `M` is the sum of the buffer weights. For one prediction,

    TP = weight of the predicted points        P' = P + M / 2
    TPR = min(TP / P', 1) * share of buffered segments with any predicted point
    FPR = (predicted points - TP) / (n - P')   precision = TP / predicted points

The range AUC is the area under the curve of one window, the volume (VUS) its mean over the
windows 0..L. The variants in use disagree on the rest; each is a `Convention` below.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anomalib_ts.errors import InputError
from anomalib_ts.metrics.buffers import Buffers, find_buffers
from anomalib_ts.metrics.scored import FloatArray, IntArray, ScoredSeries


@dataclass(frozen=True)
class Convention:
    """What distinguishes one published range AUC from another.

    Attributes:
        thresholds: Number of thresholds, taken at evenly spaced places of the sorted score
            (truncated); None = every distinct score.
        predicted_mass: P' counts only the predicted part of the buffers, so it depends on the
            threshold.
        reachable_fpr: Divide false positives by their largest value, so that the curve ends at
            FPR 1; otherwise by `n - P'`, with a straight line to (1, 1) added.
        pr_rule: `step` (average precision), `trapezoid`, or `trapezoid_from_1`, which starts from
            precision 1 instead of the first precision.
        existence: Multiply the recall by the share of segments found.
        join_touching: Buffered segments that touch without overlapping count as one.
        right_shorter_by: Points by which the buffer after a segment is shorter.
        trapezoid_volume: Integrate over windows by trapezoids instead of the plain mean.
    """

    thresholds: int | None = None
    predicted_mass: bool = False
    reachable_fpr: bool = False
    pr_rule: str = "step"
    existence: bool = True
    join_touching: bool = True
    right_shorter_by: int = 0
    trapezoid_volume: bool = False


EXACT = Convention(reachable_fpr=True, trapezoid_volume=True)
PAPER = Convention(pr_rule="trapezoid", trapezoid_volume=True)
TSB_AD = Convention(thresholds=250, predicted_mass=True, join_touching=False)
TSB_UAD = TSB_AD
TSB_UAD_RANGE = Convention(thresholds=250, pr_rule="trapezoid_from_1")
TSB_UAD_OPT_TIME = Convention(thresholds=250, pr_rule="trapezoid_from_1", existence=False)
TSB_UAD_BASIC = Convention(thresholds=250, pr_rule="trapezoid_from_1", right_shorter_by=1)


@dataclass(frozen=True)
class Areas:
    """Areas under the ROC and the precision-recall curve."""

    roc: float
    pr: float


def range_auc(series: ScoredSeries, window: int, convention: Convention = EXACT) -> Areas:
    """Areas under the range ROC and PR curves of one window.

    Args:
        series: Labels and scores.
        window: Buffer length in points, >= 0; half of it lies on each side of a segment.
        convention: Which of the published definitions.

    Returns:
        Both areas in [0, 1]. With `EXACT` a perfect score gives 1 and a constant score an AUC-ROC
        of 0.5; a random score gives less than 0.5 when there are several segments.

    Raises:
        InputError: The window is negative.
        UndefinedMetricError: One class is missing.
    """
    return series.memo(
        ("range_auc", window, convention), lambda: _Surface(series, window, convention).slice()
    )


def vus(series: ScoredSeries, window: int, convention: Convention = EXACT) -> Areas:
    """Volumes under the range ROC and PR surfaces: mean areas over the windows 0..`window`.

    Arguments, range, ties and errors are those of `range_auc`. The cost is one pass over the
    anomalous and buffer points a window; memory is linear in the series.
    """
    return series.memo(
        ("vus", window, convention), lambda: _Surface(series, window, convention).volume()
    )


class _Surface:
    """The curves of one series for every window up to a largest one."""

    def __init__(self, series: ScoredSeries, window: int, convention: Convention) -> None:
        if window < 0:
            raise InputError(f"window must be a number of points >= 0, not {window}")
        series.require_both_classes("range AUC")
        self.convention = convention
        self.window = window
        self.n = len(series)
        self.n_positive = series.n_positive
        self.buffers = find_buffers(series, window // 2, convention.right_shorter_by)
        self.cuts = _choose_cuts(series, self.buffers, convention.thresholds)
        self.hits = series.hits[self.cuts].astype(np.float64)
        self.buffered = np.searchsorted(self.buffers.ranks, self.cuts)
        self.segments = _BufferedSegments(series, self.buffers, self.cuts, convention)

    def slice(self) -> Areas:
        """Areas of the largest window."""
        for half in range(1, self.window // 2 + 1):
            self.segments.widen(half)
        roc, pr = self._areas(self.window, self.segments.found_share(self.window // 2))
        return Areas(roc, pr)

    def volume(self) -> Areas:
        """Mean areas over all windows."""
        areas = np.empty((self.window + 1, 2))
        for window in range(self.window + 1):
            half = window // 2
            if window % 2 == 0:
                if half:
                    self.segments.widen(half)
                found = self.segments.found_share(half)
            areas[window] = self._areas(window, found)
        if self.convention.trapezoid_volume and self.window:
            areas = (areas[1:] + areas[:-1]) / 2
        roc, pr = areas.mean(axis=0)
        return Areas(float(roc), float(pr))

    def _areas(self, window: int, found: FloatArray) -> tuple[float, float]:
        rule = self.convention
        credit = np.concatenate(([0.0], np.cumsum(self.buffers.weights(window))))
        mass = credit[self.buffered]
        hits = self.hits + mass
        positives = self.n_positive + (mass if rule.predicted_mass else credit[-1]) / 2
        recall = np.minimum(hits / positives, 1.0)
        if rule.existence:
            recall *= found
        false_alarms = self.cuts - hits
        negatives = false_alarms[-1] if rule.reachable_fpr else self.n - positives
        roc = _roc_area(false_alarms / negatives, recall)
        return roc, _pr_area(hits / self.cuts, recall, rule.pr_rule)


class _BufferedSegments:
    """Which share of the buffered segments is found at each cut, as the buffers grow."""

    def __init__(
        self, series: ScoredSeries, buffers: Buffers, cuts: IntArray, convention: Convention
    ) -> None:
        self.starts, self.ends = series.segments
        self.n_cuts = len(cuts)
        self.right_shorter_by = convention.right_shorter_by
        self.slack = int(convention.join_touching) - convention.right_shorter_by
        # Cut at which a point, then a segment, is first predicted.
        self.entered = np.full(len(series), self.n_cuts, dtype=np.int32)
        self.entered[buffers.positions] = np.searchsorted(cuts, buffers.ranks, side="right")
        self.found = np.searchsorted(cuts, series.segment_first_ranks, side="right")

    def widen(self, half: int) -> None:
        """Takes in the points at distance `half` on either side."""
        last = len(self.entered) - 1
        before = self.entered[np.maximum(self.starts - half, 0)]
        after = self.entered[np.minimum(self.ends - 1 + half - self.right_shorter_by, last)]
        self.found = np.minimum(self.found, np.minimum(before, after))

    def found_share(self, half: int) -> FloatArray:
        """`(cuts,)` share of the buffered segments, joined where they meet, that are found."""
        apart = self.starts[1:] - self.ends[:-1] + 1 > 2 * half + self.slack
        firsts = np.flatnonzero(np.concatenate(([True], apart)))
        found = np.minimum.reduceat(self.found, firsts)
        return np.cumsum(np.bincount(found, minlength=self.n_cuts)) / len(firsts)


def _choose_cuts(series: ScoredSeries, buffers: Buffers, thresholds: int | None) -> IntArray:
    """The numbers of predicted points at which the curves are evaluated.

    Between two cuts where only points of weight 0 enter, the ROC curve is a straight line and the
    PR curve gains no recall. So for exact areas it is enough to look right before and right after
    the cuts that let a weighted point in.
    """
    if thresholds is not None:
        places = np.linspace(0, len(series) - 1, thresholds).astype(np.intp)
        return series.cuts[np.searchsorted(series.cuts, places, side="right")]
    weighted = series.labels.copy()
    weighted[buffers.positions] = True
    ranks = np.flatnonzero(weighted[series.order])
    entering = np.searchsorted(series.cuts, ranks, side="right")
    keep = np.zeros(len(series.cuts) + 1, dtype=np.bool_)
    keep[entering] = True
    # Index -1 is the spare last place: before the first cut nothing is predicted.
    keep[entering - 1] = True
    keep[-2:] = True, False
    return series.cuts[keep[:-1]]


def _roc_area(fpr: FloatArray, tpr: FloatArray) -> float:
    """Trapezoids from (0, 0) through all points to (1, 1)."""
    inner = np.dot(np.diff(fpr), tpr[1:] + tpr[:-1])
    return float(fpr[0] * tpr[0] + inner + (1 - fpr[-1]) * (1 + tpr[-1])) / 2


def _pr_area(precision: FloatArray, recall: FloatArray, rule: str) -> float:
    if rule == "step":
        return float(np.dot(np.diff(recall, prepend=0.0), precision))
    first = 1.0 if rule == "trapezoid_from_1" else precision[0]
    inner = np.dot(np.diff(recall), precision[1:] + precision[:-1])
    return float(recall[0] * (first + precision[0]) + inner) / 2
