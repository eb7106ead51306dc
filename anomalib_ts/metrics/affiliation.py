"""Affiliation precision and recall: how near predictions and segments lie, against chance.

Source: Huet, Navarro, Rossi 2022, "Local evaluation of time series anomaly detection algorithms",
KDD. Point `i` is the interval [i, i+1). The series is cut into zones half-way between labelled
segments, and each zone is judged alone:

    precision = mean over predicted time `x` of P(U is at least as far from the segment as x)
    recall    = mean over the segment's time `y` of P(U is farther from y than any prediction)

for U uniform over the zone. Precision is averaged over the zones that hold a prediction, recall
over all zones (0 without a prediction). A random score reaches an F1 of about 2/3,
so put that value beside it.

Both integrals are piecewise quadratic and solved exactly. For the best threshold over every
distinct score, a point's precision term is fixed, and its entry changes recall only between the
nearest predictions on either side: two cumulative sums instead of a loop over thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.core.runs import IntArray
from anomalib_ts.errors import UndefinedMetricError
from anomalib_ts.metrics.neighbours import nearest_smaller
from anomalib_ts.metrics.prediction import PrecisionRecall, best, f1_scores
from anomalib_ts.metrics.scored import ScoredSeries, cumulated

_NAME = "affiliation F1"
# Points handled at a time: bounds the memory and keeps the working set in the cache.
_CHUNK = 1 << 17


def affiliation_scores(series: ScoredSeries, threshold: float) -> PrecisionRecall:
    """Affiliation precision and recall of the points scored above a threshold.

    Raises:
        UndefinedMetricError: One class is missing.
    """
    series.require_both_classes(_NAME)
    predicted = series.predict(threshold)
    if not predicted.any():
        return PrecisionRecall(float("nan"), 0.0)
    zones = _Zones(series)
    pieces = zones.pieces(0, zones.offsets[-1])
    pieces = pieces[np.flatnonzero(predicted[pieces.point])]
    n_zones = len(zones.lengths)
    closeness = np.bincount(pieces.zone, zones.closeness(pieces), n_zones)
    time = np.bincount(pieces.zone, pieces.end - pieces.start, n_zones)
    reached = _recall_of(zones, pieces)
    precision = float(np.mean(closeness[time > 0] / time[time > 0]))
    return PrecisionRecall(precision, float(reached / n_zones))


def best_affiliation_scores(series: ScoredSeries) -> PrecisionRecall:
    """Affiliation scores at the threshold of their best F1, over all distinct scores.

    Invariant under strictly increasing transforms of the score; tied scores are predicted
    together. A constant score predicts everything.

    Raises:
        UndefinedMetricError: One class is missing.
    """
    series.require_both_classes(_NAME)
    return series.memo("affiliation_oracles", lambda: _oracles(series))[0]


def best_affiliation_f1_tsb_ad(series: ScoredSeries) -> float:
    """TSB-AD's oracle Affiliation-F: over 100 evenly spaced thresholds.

    Raises:
        UndefinedMetricError: One class is missing, or the score is constant, so that no threshold
            predicts anything.
    """
    series.require_both_classes(_NAME)
    if len(series.cuts) == 1:
        raise UndefinedMetricError(
            "oracle/affiliation_f1/tsb_ad is undefined: on a constant score its thresholds "
            "predict nothing"
        )
    return series.memo("affiliation_oracles", lambda: _oracles(series))[1]


@dataclass(frozen=True)
class _Pieces:
    """Intervals of points, cut where a border between zones crosses them, in order of time."""

    point: IntArray
    zone: IntArray
    start: FloatArray
    end: FloatArray

    def __getitem__(self, part: IntArray) -> _Pieces:
        return _Pieces(self.point[part], self.zone[part], self.start[part], self.end[part])


class _Zones:
    """The part of the series that belongs to each segment, and the integrals over it."""

    def __init__(self, series: ScoredSeries) -> None:
        starts, ends = series.segments
        self.segment_start = starts.astype(np.float64)
        self.segment_end = ends.astype(np.float64)
        borders = (self.segment_end[:-1] + self.segment_start[1:]) / 2
        self.start = np.concatenate(([0.0], borders))
        self.end = np.concatenate((borders, [float(len(series))]))
        self.lengths = self.end - self.start
        self.first_point = np.floor(self.start).astype(np.intp)
        n_points = np.ceil(self.end).astype(np.intp) - self.first_point
        self.offsets = np.concatenate(([0], np.cumsum(n_points)))

    def pieces(self, begin: int, end: int) -> _Pieces:
        """The pieces `begin..end` (exclusive) of the whole series, numbered along time.

        Zone `z` has the numbers `offsets[z]..offsets[z + 1]`.
        """
        number = np.arange(begin, end)
        zone = np.searchsorted(self.offsets, number, side="right") - 1
        point = number - self.offsets[zone] + self.first_point[zone]
        start = np.maximum(point, self.start[zone])
        return _Pieces(point, zone, start, np.minimum(point + 1, self.end[zone]))

    def closeness(self, pieces: _Pieces) -> FloatArray:
        """Integral over each piece of P(U is at least as far from the segment)."""
        zone = pieces.zone
        near_side = np.maximum(
            self.segment_start[zone] - pieces.end, pieces.start - self.segment_end[zone]
        )
        width = pieces.end - pieces.start
        outside = near_side >= 0
        near = np.where(outside, near_side, 0.0)
        room_before = self.segment_start[zone] - self.start[zone]
        room_after = self.end[zone] - self.segment_end[zone]
        farther = _ramp(room_before - near, width) + _ramp(room_after - near, width)
        terms: FloatArray = np.where(outside, farther / self.lengths[zone], width)
        return terms

    def reached(self, zone: IntArray, before: FloatArray, after: FloatArray) -> FloatArray:
        """Integral over the segment between two predictions of P(U is farther than they are).

        Args:
            zone: `(m,)` zone of each gap.
            before: End of the prediction before the gap; -inf where the zone has none.
            after: Start of the prediction after the gap; inf where the zone has none.

        Returns:
            `(m,)` integrals, 0 where there is neither; divide by the segment's length for recall.
        """
        has_before, has_after = before > -np.inf, after < np.inf
        zone_start, zone_end = self.start[zone], self.end[zone]
        left = np.where(has_before, before, zone_start)
        right = np.where(has_after, after, zone_end)
        middle = np.where(has_before, np.where(has_after, (left + right) / 2, right), left)
        low = np.maximum(self.segment_start[zone], left)
        high = np.minimum(self.segment_end[zone], right)
        split = np.clip(middle, low, np.maximum(low, high))
        to_left = np.maximum(split - low, 0.0)
        to_right = np.maximum(high - split, 0.0)
        farther = to_left * (left - zone_start) + to_right * (zone_end - right)
        farther += _ramp(zone_end + left - 2 * low, 2 * to_left) / 2
        farther += _ramp(2 * high - zone_start - right, 2 * to_right) / 2
        integrals: FloatArray = np.where(has_before | has_after, farther / self.lengths[zone], 0.0)
        return integrals

    def overlap(self, pieces: _Pieces) -> FloatArray:
        """Time of each piece inside its segment."""
        zone = pieces.zone
        begin = np.maximum(pieces.start, self.segment_start[zone])
        inside: FloatArray = np.minimum(pieces.end, self.segment_end[zone]) - begin
        return np.maximum(inside, 0.0)


def _ramp(top: FloatArray, width: FloatArray) -> FloatArray:
    """Integral of max(0, top - t) for t in [0, width]."""
    high: FloatArray = np.maximum(top, 0.0)
    low: FloatArray = np.maximum(top - width, 0.0)
    return (high - low) * (high + low) / 2


def _recall_of(zones: _Zones, pieces: _Pieces) -> float:
    """Sum over zones of the recall of one prediction."""
    zone = pieces.zone
    same = zone[1:] == zone[:-1]
    before = np.concatenate(([-np.inf], np.where(same, pieces.end[:-1], -np.inf)))
    length = (zones.segment_end - zones.segment_start)[zone]
    gained = zones.reached(zone, before, pieces.start) + zones.overlap(pieces)
    is_last = np.concatenate((~same, [True]))
    tail = zones.reached(zone, pieces.end, np.full(len(zone), np.inf))
    return float(np.sum((gained + is_last * tail) / length))


def _oracles(series: ScoredSeries) -> tuple[PrecisionRecall, float]:
    """Best scores over all distinct scores, and best F1 over the evenly spaced thresholds."""
    zones = _Zones(series)
    closeness, recall_gain = _gains(series, zones)
    recall = cumulated(recall_gain[series.order]) / len(zones.lengths)
    precision = _precision(series, zones, closeness)
    grid = series.evenly_spaced_cuts
    on_grid = f1_scores(precision[grid], recall[grid], epsilon=1e-15)
    return best(precision[series.cuts], recall[series.cuts]), float(np.max(on_grid))


def _gains(series: ScoredSeries, zones: _Zones) -> tuple[FloatArray, FloatArray]:
    """Precision term of every piece, and what each point's entry adds to its zones' recall."""
    left, right = nearest_smaller(series.ranks)
    closeness, gains = np.empty(zones.offsets[-1]), np.zeros(len(series))
    for begin in range(0, len(closeness), _CHUNK):
        pieces = zones.pieces(begin, min(begin + _CHUNK, len(closeness)))
        closeness[begin : begin + _CHUNK] = zones.closeness(pieces)
        before = (left[pieces.point] + 1).astype(np.float64)
        after = right[pieces.point].astype(np.float64)
        before[(before == 0) | (before <= zones.start[pieces.zone])] = -np.inf
        after[after >= zones.end[pieces.zone]] = np.inf
        _add_by_point(gains, pieces, _recall_gain(zones, pieces, before, after))
    return closeness, gains


def _recall_gain(
    zones: _Zones, pieces: _Pieces, before: FloatArray, after: FloatArray
) -> FloatArray:
    """What each piece adds to the recall of its zone, given the predictions on either side."""
    at_segment = (before < zones.segment_end[pieces.zone]) & (
        after > zones.segment_start[pieces.zone]
    )
    changing = np.flatnonzero(at_segment)
    inner, before, after = pieces[changing], before[changing], after[changing]
    gain = zones.reached(inner.zone, before, inner.start)
    gain += zones.overlap(inner)
    gain += zones.reached(inner.zone, inner.end, after)
    gain -= zones.reached(inner.zone, before, after)
    gains = np.zeros(len(pieces.zone))
    gains[changing] = gain / (zones.segment_end - zones.segment_start)[inner.zone]
    return gains


def _precision(series: ScoredSeries, zones: _Zones, closeness: FloatArray) -> FloatArray:
    """`(n + 1,)` mean over the zones entered so far of their precision; 0 for no point."""
    n, n_zones = len(series), len(zones.lengths)
    gains = np.zeros(n)
    first_ranks = np.empty(n_zones, dtype=np.intp)
    first = 0
    while first < n_zones:
        begin = zones.offsets[first]
        # As many whole zones as fit into one chunk, and at least one.
        stop = int(np.searchsorted(zones.offsets, begin + _CHUNK, side="right")) - 1
        stop = max(stop, first + 1)
        pieces = zones.pieces(begin, zones.offsets[stop])
        rank = series.ranks[pieces.point]
        gain = _ratio_gains(pieces, rank, closeness[begin : zones.offsets[stop]])
        _add_by_point(gains, pieces, gain)
        within = zones.offsets[first:stop] - begin
        first_ranks[first:stop] = np.minimum.reduceat(rank, within)
        first = stop
    entered = np.cumsum(np.bincount(first_ranks + 1, minlength=n + 1))
    return cumulated(gains[series.order]) / np.maximum(entered, 1)


def _ratio_gains(pieces: _Pieces, rank: IntArray, closeness: FloatArray) -> FloatArray:
    """What each piece's entry adds to the mean closeness of the predicted time in its zone."""
    order = np.lexsort((rank, pieces.zone))
    starts = np.flatnonzero(np.diff(pieces.zone, prepend=-1))
    sizes = np.diff(starts, append=len(order))
    time = _running((pieces.end - pieces.start)[order], starts, sizes)
    ratio = _running(closeness[order], starts, sizes) / time
    gain = np.diff(ratio, prepend=0.0)
    gain[starts] = ratio[starts]
    by_piece = np.empty(len(order))
    by_piece[order] = gain
    return by_piece


def _add_by_point(totals: FloatArray, pieces: _Pieces, values: FloatArray) -> None:
    """Adds the values of consecutive pieces to the totals of their points."""
    first = pieces.point[0]
    sums = np.bincount(pieces.point - first, values)
    totals[first : first + len(sums)] += sums


def _running(values: FloatArray, starts: IntArray, sizes: IntArray) -> FloatArray:
    """Cumulative sums that begin anew at each of the starts."""
    sums = cumulated(values)
    return sums[1:] - np.repeat(sums[starts], sizes)
