"""Buffers around labelled segments: which normal points get partial credit, and how much.

A buffer of window `w` gives a normal point at distance `d <= w // 2` from a segment the weight
`sqrt(1 - d / w)`; weights of several segments add up, capped at 1. Because `d <= w / 2`, one
weight is at least `sqrt(1/2)` and two always reach the cap. So a point's weight depends on two
numbers that do not change with `w`: the half width from which its first segment reaches it, and
the one from which a second segment does. That makes a window cost one pass over the buffer points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.core.runs import IntArray
from anomalib_ts.metrics.scored import ScoredSeries

_NEVER = np.iinfo(np.intp).max // 4


@dataclass(frozen=True)
class Buffers:
    """The normal points that some half width up to `half_width` reaches, in score order.

    Attributes:
        half_width: Largest half width, `window // 2`.
        ranks: `(m,)` place of each point in the score order, ascending.
        positions: `(m,)` index of each point in the series.
        reached_at: `(m,)` half width from which one segment reaches the point.
        distance: `(m,)` distance to that segment.
        full_at: `(m,)` half width from which two segments reach it: its weight is then 1.
    """

    half_width: int
    ranks: IntArray
    positions: IntArray
    reached_at: IntArray
    distance: IntArray
    full_at: IntArray

    def weights(self, window: int, linear: bool = False) -> FloatArray:
        """`(m,)` weights for one window; `linear` for the straight slopes of TimeEval."""
        half = window // 2
        if half == 0:
            return np.zeros(len(self.ranks))
        distance = np.arange(half + 1)
        table = np.zeros(self.half_width + 1)
        if linear:
            table[: half + 1] = 1 - (1 - np.sqrt(0.5)) * distance / half
        else:
            table[: half + 1] = np.sqrt(1 - distance / window)
        weights = table[self.distance]
        weights[self.reached_at > half] = 0.0
        if not linear:
            weights[self.full_at <= half] = 1.0
        return weights


def find_buffers(series: ScoredSeries, half_width: int, right_shorter_by: int = 0) -> Buffers:
    """Finds the buffer points of all segments.

    Args:
        series: Labels and scores.
        half_width: Largest half width in points.
        right_shorter_by: Points by which the buffer after a segment is shorter than the one
            before it.
    """
    starts, ends = series.segments
    positions, gap = _reachable_points(starts, ends, len(series), half_width)
    after = _padded(ends - 1)
    before = _padded(starts)
    # Gap g lies between segments g - 1 and g, which stand at g + 1 and g + 2 after the padding.
    left, second_left = (positions - after[gap + shift] for shift in (1, 0))
    right, second_right = (before[gap + shift] - positions for shift in (2, 3))
    left_at, second_left_at = left + right_shorter_by, second_left + right_shorter_by
    reached_at = np.minimum(left_at, right)
    full_at = np.minimum(np.maximum(left_at, right), np.minimum(second_left_at, second_right))
    distance = np.where(left_at <= right, left, right)
    used = np.flatnonzero(reached_at <= half_width)
    ranks = series.ranks[positions[used]]
    order = used[np.argsort(ranks)]
    return Buffers(
        half_width,
        np.sort(ranks),
        positions[order],
        reached_at[order],
        distance[order],
        full_at[order],
    )


def _padded(values: IntArray) -> IntArray:
    """Two segments infinitely far away on either side, so that every gap has two neighbours."""
    return np.concatenate(([-_NEVER] * 2, values, [_NEVER] * 2))


def _reachable_points(
    starts: IntArray, ends: IntArray, n: int, half_width: int
) -> tuple[IntArray, IntArray]:
    """Positions of the normal points near a segment, and the gap each of them lies in."""
    gap_starts = np.concatenate(([0], ends))
    gap_ends = np.concatenate((starts, [n]))
    head_ends = np.minimum(gap_starts + half_width, gap_ends)
    head_ends[0] = gap_starts[0]
    tail_starts = np.maximum(gap_ends - half_width, head_ends)
    tail_starts[-1] = gap_ends[-1]
    gaps = np.arange(len(gap_starts))
    head, head_gap = _ranges(gap_starts, head_ends, gaps)
    tail, tail_gap = _ranges(tail_starts, gap_ends, gaps)
    return np.concatenate((head, tail)), np.concatenate((head_gap, tail_gap))


def _ranges(starts: IntArray, ends: IntArray, tags: IntArray) -> tuple[IntArray, IntArray]:
    """All integers of the half-open ranges, and the tag of the range each one comes from."""
    lengths = ends - starts
    offsets = np.repeat(starts - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
    return np.arange(len(offsets)) + offsets, np.repeat(tags, lengths)
