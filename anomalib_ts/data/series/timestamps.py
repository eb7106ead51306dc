"""Time stamps of a series: checked, and turned into positions on an even grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.data.series.gaps import such
from anomalib_ts.errors import InputError

_JITTER = 0.35
"""A step is even if it is so close to a whole number of periods, in periods."""
_MUCH = 0.1
"""With a larger share of uneven steps there is no grid."""


@dataclass(frozen=True)
class Grid:
    """Where rows stand on a grid of even steps.

    Attributes:
        positions: `(rows,)` rising from 0.
        period: the step in seconds; None if the steps are so uneven that there is no grid, and the
            rows stand one after the other.
        remark: what to tell of uneven steps, or an empty text.
    """

    positions: NDArray[np.intp]
    period: float | None
    remark: str = ""

    def __len__(self) -> int:
        return int(self.positions[-1]) + 1

    def spread_values(self, values: FloatArray) -> FloatArray:
        """Put the rows of `(n, c)` values at their positions, with NaN between them."""
        if len(self) == len(values):
            return values
        spread = np.full((len(self), values.shape[1]), np.nan)
        spread[self.positions] = values
        return spread

    def spread_labels(self, labels: FloatArray) -> FloatArray:
        """Put `(n,)` labels at their positions; between two rows 1 only if both are 1."""
        before, behind = self._neighbours()
        return labels[before] * labels[behind]

    def spread_times(self, times: NDArray[Any]) -> NDArray[Any]:
        """Put `(n,)` times at their positions, evenly between two rows; rows keep their own."""
        before, behind = self._neighbours()
        steps = np.maximum(1, self.positions[behind] - self.positions[before])
        done = np.arange(len(self)) - self.positions[before]
        if times.dtype.kind != "M":
            part = done / steps
            return np.asarray(times[before] + (times[behind] - times[before]) * part)
        ticks = times.astype(np.int64)
        distance = ticks[behind] - ticks[before]  # in whole numbers, where floats lose digits
        ticks = ticks[before] + distance // steps * done + distance % steps * done // steps
        return np.asarray(ticks.view(times.dtype))

    def _neighbours(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """`(len,)` rows before and behind each position, the same row where one stands there."""
        at = np.arange(len(self))
        before = np.searchsorted(self.positions, at, side="right") - 1
        return before, np.searchsorted(self.positions, at, side="left")


def even_grid(
    times: NDArray[Any], max_gap: int, place: Callable[[int], str], shown: Callable[[int], str]
) -> Grid:
    """Where each row stands on a grid of even steps.

    The step is the median distance of two rows in time. A row that comes k steps after the one
    before leaves k - 1 positions empty; smaller unevenness is rounded away. Where many steps are
    no multiple of it (readings at events), no position is left empty, and a remark says so.

    Args:
        times: `(rows,)` datetime64[ns] or seconds, at least two.
        max_gap: most positions in a row that may stay empty.
        place: says where a row's time stands.
        shown: a row's time as it is written.

    Raises:
        InputError: a time comes twice or before the one above, or a gap is longer than
            `max_gap`; the message says the line.
    """
    distances = np.diff(times)
    if times.dtype.kind == "M":
        distances = distances.astype(np.int64) / 1e9
    if (distances <= 0).any():
        row = int(np.argmax(distances <= 0)) + 1
        problem, remedy = (
            ("is the same as the one before", "drop or merge such rows")
            if distances[row - 1] == 0
            else ("is earlier than the one before", "sort the file by time")
        )
        if times.dtype.kind == "M" and distances[row - 1] > -7200:
            remedy += "; write local time at the end of summer time with UTC offsets"
        others = such("first", int((distances <= 0).sum()), "times")
        raise InputError(
            f"{place(row)}: the timestamp {shown(row)} {problem}{others}; {remedy}, or say "
            "timestamp_column=none to leave time out"
        )
    period = float(np.median(distances))
    ratios = distances / period
    steps = np.maximum(1, np.rint(ratios))
    longest = int(np.argmax(steps))
    if steps[longest] - 1 > max_gap:
        others = such("longest", int((steps - 1 > max_gap).sum()), "gaps")
        raise InputError(
            f"{place(longest + 1)}: between {shown(longest)} and {shown(longest + 1)} there are "
            f"{steps[longest] - 1:.0f} points missing at one point every {period:g} s, more than "
            f"max_gap={max_gap}{others}; cut the series there, resample it, raise max_gap, or say "
            "timestamp_column=none if the points are not meant to be evenly spaced"
        )
    uneven = float((np.abs(ratios - steps) > _JITTER).mean())
    if uneven > _MUCH:
        remark = (
            f"{uneven:.0%} of its steps in time are no multiple of the usual {period:g} s; its "
            "points are used one after the other, and missing ones cannot be told. Resample it, "
            "or say timestamp_column=none"
        )
        return Grid(np.arange(len(times)), None, remark)
    return Grid(np.concatenate([[0], np.cumsum(steps)]).astype(np.intp), period)
