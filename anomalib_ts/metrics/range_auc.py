"""Range AUC and volume under the surface: ROC and PR with tolerance around labelled segments.

Source: Paparrizos, Boniol, Palpanas, Tsay, Elmore, Franklin 2022, "Volume Under the Surface: A New
Accuracy Evaluation Measure for Time-Series Anomaly Detection", PVLDB 15(11). Notation: `n` points,
`P` of them anomalous; a window `w` gives normal points near a segment a weight (see `buffers`),
anomalous ones have weight 1, and `M` is the sum of the buffer weights. For one prediction,

    TP = weight of the predicted points        P' = P + M / 2
    TPR = min(TP / P', 1) * share of buffered segments with any predicted point
    FPR = (predicted points - TP) / (n - P')   precision = TP / predicted points

The range AUC is the area under the curve of one window, the volume (VUS) its mean over the
windows 0..L. The variants in use disagree on the rest; each is a `Convention` below. All areas are
invariant under strictly increasing transforms of the score, and tied scores are predicted together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.core.runs import IntArray
from anomalib_ts.errors import InputError, UndefinedMetricError
from anomalib_ts.metrics.buffers import Buffers, find_buffers
from anomalib_ts.metrics.scored import ScoredSeries, cumulated


@dataclass(frozen=True)
class Curves:
    """How the points of the curves are defined.

    Attributes:
        thresholds: Number of thresholds, taken at evenly spaced places of the sorted score
            (truncated); None = every distinct score.
        predicted_mass: `M` counts only predicted buffer points, so P' depends on the threshold.
        existence: Multiply the recall by the share of segments found.
        join_touching: Buffered segments that touch without overlapping count as one.
        right_shorter_by: Points by which the buffer after a segment is shorter.
        timeeval: Weights fall linearly from 1 to sqrt(1/2), the larger one counts where buffers
            overlap, and segments are never joined; a segment is also found by a weighted point
            right after its buffer.
    """

    thresholds: int | None = None
    predicted_mass: bool = False
    existence: bool = True
    join_touching: bool = True
    right_shorter_by: int = 0
    timeeval: bool = False


@dataclass(frozen=True)
class Convention:
    """What distinguishes one published range AUC from another.

    Attributes:
        curves: How the points of the curves are defined.
        roc_rule: `to_one` adds a straight line from the last point to (1, 1); `reachable` divides
            false positives by their largest value instead of `n - P'`, so that the curve ends
            there by itself.
        pr_rule: `step` (average precision), `trapezoid`, or `trapezoid_from_1`, which starts from
            precision 1 instead of the first precision.
        trapezoid_volume: Integrate over windows by trapezoids instead of taking the plain mean.
    """

    curves: Curves
    roc_rule: str = "to_one"
    pr_rule: str = "step"
    trapezoid_volume: bool = False


EXACT = Convention(Curves(), roc_rule="reachable", trapezoid_volume=True)
PAPER = Convention(Curves(), pr_rule="trapezoid", trapezoid_volume=True)
TSB_AD = Convention(Curves(thresholds=250, predicted_mass=True, join_touching=False))
TSB_UAD = TSB_AD
TSB_UAD_RANGE = Convention(Curves(thresholds=250), pr_rule="trapezoid_from_1")
TSB_UAD_OPT_TIME = Convention(Curves(thresholds=250, existence=False), pr_rule="trapezoid_from_1")
TSB_UAD_BASIC = Convention(Curves(thresholds=250, right_shorter_by=1), pr_rule="trapezoid_from_1")

TIMEEVAL = Convention(Curves(thresholds=250, timeeval=True), pr_rule="trapezoid_from_1")


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
        Both areas in [0, 1]. With `EXACT` a constant score gives an AUC-ROC of 0.5; a random one
        differs from 0.5, because recall is capped at 1 and scaled by the segments found.

    Raises:
        InputError: The window is negative.
        UndefinedMetricError: One class is missing; or, with `EXACT`, the buffers give every normal
            point full credit.
    """
    areas = series.memo(
        ("range_auc", window, convention.curves),
        lambda: _Surface(series, window, convention.curves).slice(),
    )
    return _defined(Areas(areas[convention.roc_rule], areas[convention.pr_rule]), window)


def vus(series: ScoredSeries, window: int, convention: Convention = EXACT) -> Areas:
    """Volumes under the range ROC and PR surfaces: mean areas over the windows 0..`window`.

    Arguments, range, ties and errors are those of `range_auc`. The cost is one pass over the
    anomalous and buffer points a window; memory is linear in the series.
    """
    slices = series.memo(
        ("vus", window, convention.curves),
        lambda: _Surface(series, window, convention.curves).slices(),
    )

    def mean(rule: str) -> float:
        areas = np.array([areas[rule] for areas in slices])
        if convention.trapezoid_volume and window:
            areas = (areas[1:] + areas[:-1]) / 2
        return float(areas.mean())

    return _defined(Areas(mean(convention.roc_rule), mean(convention.pr_rule)), window)


def _defined(areas: Areas, window: int) -> Areas:
    if np.isnan(areas.roc):
        raise UndefinedMetricError(
            f"range AUC is undefined: with a window of {window} the buffers cover every normal "
            "point, so that no false alarm is possible; use a smaller window"
        )
    return areas


class _Surface:
    """The curves of one series for every window up to a largest one."""

    def __init__(self, series: ScoredSeries, window: int, curves: Curves) -> None:
        if window < 0:
            raise InputError(f"window must be a number of points >= 0, not {window}")
        series.require_both_classes("range AUC")
        self.curves = curves
        self.window = window
        self.n = len(series)
        self.n_positive = series.n_positive
        self.buffers = find_buffers(series, window // 2, curves.right_shorter_by)
        self.cuts = _choose_cuts(series, self.buffers, curves.thresholds)
        self.hits = series.hits[self.cuts].astype(np.float64)
        self.buffered = np.searchsorted(self.buffers.ranks, self.cuts)
        self.segments = _BufferedSegments(series, self.buffers, self.cuts, curves)

    def slice(self) -> dict[str, float]:
        """Areas of the largest window by every rule."""
        for half in range(1, self.window // 2 + 1):
            self.segments.widen(half)
        return self._areas(self.window, self.segments.found_share(self.window // 2))

    def slices(self) -> list[dict[str, float]]:
        """Areas of every window by every rule."""
        areas = []
        found = self.segments.found_share(0)
        for window in range(self.window + 1):
            if window and window % 2 == 0:
                self.segments.widen(window // 2)
                found = self.segments.found_share(window // 2)
            areas.append(self._areas(window, found))
        return areas

    def _areas(self, window: int, found: FloatArray) -> dict[str, float]:
        credit = cumulated(self.buffers.weights(window, self.curves.timeeval))
        mass = credit[self.buffered]
        hits = self.hits + mass
        half_mass = mass / 2 if self.curves.predicted_mass else credit[-1] / 2
        recall = np.minimum(hits / (self.n_positive + half_mass), 1.0)
        if self.curves.existence:
            recall *= found
        false_alarms = self.cuts - hits
        negatives = self.n - self.n_positive - half_mass
        return {
            "reachable": _reachable_roc_area(false_alarms, recall),
            "to_one": _roc_area_to_one(false_alarms / negatives, recall),
            **_pr_areas(hits / self.cuts, recall),
        }


class _BufferedSegments:
    """Which share of the buffered segments is found at each cut, as the buffers grow."""

    def __init__(
        self, series: ScoredSeries, buffers: Buffers, cuts: IntArray, curves: Curves
    ) -> None:
        self.starts, self.ends = series.segments
        self.n_cuts = len(cuts)
        self.right_shorter_by = curves.right_shorter_by
        self.slack = int(curves.join_touching) - curves.right_shorter_by
        self.joined = not curves.timeeval
        # Cut at which a point, then a segment, is first predicted.
        self.entered = np.full(len(series), self.n_cuts, dtype=np.int32)
        self.entered[buffers.positions] = np.searchsorted(cuts, buffers.ranks, side="right")
        if not self.joined:
            ranks = series.ranks[series.labels]
            self.entered[series.labels] = np.searchsorted(cuts, ranks, side="right")
        self.found = np.searchsorted(cuts, series.segment_first_ranks, side="right")

    def widen(self, half: int) -> None:
        """Takes in the points at distance `half` on either side."""
        last = len(self.entered) - 1
        before = self.entered[np.maximum(self.starts - half, 0)]
        after = self.entered[np.minimum(self.ends - 1 + half - self.right_shorter_by, last)]
        self.found = np.minimum(self.found, np.minimum(before, after))

    def found_share(self, half: int) -> FloatArray:
        """`(cuts,)` share of the buffered segments, joined where they meet, that are found."""
        if not self.joined:
            return self._share(np.minimum(self.found, self._found_right_after(half)))
        apart = self.starts[1:] - self.ends[:-1] + 1 > 2 * half + self.slack
        firsts = np.flatnonzero(np.concatenate(([True], apart)))
        return self._share(np.minimum.reduceat(self.found, firsts))

    def _found_right_after(self, half: int) -> IntArray:
        """Cut at which the point after each buffer enters, if the next segment gives it weight."""
        weighted = np.append(self.starts[1:] - self.ends[:-1] <= 2 * half, False)
        after = np.minimum(self.ends + half, len(self.entered) - 1)
        return np.where(weighted, self.entered[after], self.n_cuts)

    def _share(self, found: IntArray) -> FloatArray:
        counts = np.cumsum(np.bincount(found, minlength=self.n_cuts)[: self.n_cuts])
        return counts / len(found)


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


def _roc_area(false_alarms: FloatArray, recall: FloatArray) -> float:
    """Trapezoids from (0, 0) through all points."""
    inner = np.dot(np.diff(false_alarms), recall[1:] + recall[:-1])
    return float(false_alarms[0] * recall[0] + inner) / 2


def _reachable_roc_area(false_alarms: FloatArray, recall: FloatArray) -> float:
    """Area with false positives over their largest value; nan if there can be none."""
    most = float(false_alarms[-1])
    return _roc_area(false_alarms, recall) / most if most > 0 else float("nan")


def _roc_area_to_one(fpr: FloatArray, recall: FloatArray) -> float:
    """Trapezoids from (0, 0) through all points to (1, 1)."""
    return _roc_area(fpr, recall) + float((1 - fpr[-1]) * (1 + recall[-1])) / 2


def _pr_areas(precision: FloatArray, recall: FloatArray) -> dict[str, float]:
    """Areas under the precision-recall curve by every rule."""
    gain = np.diff(recall)
    first = float(recall[0] * precision[0])
    later = float(np.dot(gain, precision[1:]))
    earlier = float(np.dot(gain, precision[:-1]))
    return {
        "step": first + later,
        "trapezoid": first + (later + earlier) / 2,
        "trapezoid_from_1": (float(recall[0]) + first + later + earlier) / 2,
    }
