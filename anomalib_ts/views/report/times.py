"""The times of a series in a page: a few points between which time runs evenly."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray

MOST_KNOTS = 256
"""So many points of a series that is sampled unevenly have their time in the page."""

TOLERANCE = 0.5
"""How far the time between two of them may be off, in usual steps, unless there are too many."""

KNOT_BYTES = 26
"""Of one of them in the page: the number of a point, a time and two commas."""


@dataclass(frozen=True)
class Times:
    """When the points of a series were, as `templates/times.js` reads it.

    Attributes:
        kind: `date`, in milliseconds of 1970, or `seconds`.
        step: the usual time between two points.
        points: numbers of points, from the first to the last.
        values: the time of each of these; that of the points between is interpolated.
    """

    kind: str
    step: float
    points: list[int]
    values: list[float]

    @classmethod
    def of(cls, times: NDArray[Any] | None) -> Times | None:
        """Of `(n,)` times of points, see `Recording`; None where they are unknown."""
        if times is None:
            return None
        dated = times.dtype.kind == "M"
        unit: Any = np.timedelta64(1, "ms") if dated else 1.0
        since = np.asarray((times - times[0]) / unit, dtype=np.float64)
        first = float((times[0] - np.datetime64(0, "ns")) / unit) if dated else float(times[0])
        step = abs(float(np.median(np.diff(since)))) if len(since) > 1 else 0.0
        kept = knots(since, TOLERANCE * step, MOST_KNOTS)
        return cls(
            kind="date" if dated else "seconds",
            step=step or 1.0,
            points=kept,
            values=(first + since[kept]).tolist(),
        )


def knots(values: FloatArray, tolerance: float, most: int) -> list[int]:
    """Places of the values from which all others follow by linear interpolation.

    The worst interpolated value becomes a place of its own until none is further off than the
    tolerance, or there are enough: at most `n log n` steps where the places spread out.

    Args:
        values: `(n,)`, n >= 1.
        tolerance: by how much an interpolated value may differ.
        most: places at most, at least 2.

    Returns:
        Rising places, the first and the last value among them.
    """
    last = len(values) - 1
    kept = {0, last}
    waiting = [_worst(values, 0, last)]
    while waiting and len(kept) < most:
        error, start, place, stop = heapq.heappop(waiting)
        if -error <= tolerance:
            break
        kept.add(place)
        for part in ((start, place), (place, stop)):
            heapq.heappush(waiting, _worst(values, *part))
    return sorted(kept)


def _worst(values: FloatArray, start: int, stop: int) -> tuple[float, int, int, int]:
    """Minus the largest error of interpolation between two places, and where it is."""
    between = values[start : stop + 1]
    errors = abs(between - np.linspace(between[0], between[-1], len(between)))
    place = int(errors.argmax())
    return -float(errors[place]), start, start + place, stop
