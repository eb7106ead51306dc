"""The x axis of a picture: dates or seconds where the points have times, else their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, Locator, MaxNLocator, ScalarFormatter
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray

GAP = 10.0
"""Lines and images are interrupted where a step is this many times the usual one."""

_DATES: Any = dates  # a module without type hints
_DAYS = 2  # place of days among the formats of `ConciseDateFormatter`
_STRETCHES = 4000  # several times as many as a picture has columns
_FEW = 4  # points of a stretch that are all drawn
_SHORTEST_DATES = 0.1  # seconds; a shorter stretch has its date in the label, seconds at the ticks
_SECONDS = 60.0  # seconds; the ends of a longer stretch are given in whole ones
_UNITS = ((600.0, 1.0, "s"), (36e3, 60.0, "min"), (216e4, 3600.0, "h"), (np.inf, 86400.0, "days"))


@dataclass(frozen=True, eq=False)
class Stretch:
    """A stretch of points on the x axis of one panel.

    Attributes:
        places: `(n,)` where its points stand, never falling.
        step: the usual distance of two points.
        locator: of the ticks.
        formatter: of their labels; None for matplotlib's choice.
        label: of the axis; empty if the ticks say all.
    """

    places: FloatArray
    step: float
    locator: Locator
    formatter: Any
    label: str

    def span(self, start: int, stop: int) -> tuple[float, float]:
        """Where the points `start` to `stop` (not included) of the stretch begin and end.

        A point is as wide as the usual step, or reaches to the next one if that is nearer.
        """
        end = float(self.places[stop - 1]) + self.step
        if stop < len(self.places):
            end = min(end, float(self.places[stop]))
        return float(self.places[start]), end

    def draw_line(self, axes: Axes, numbers: FloatArray, **style: Any) -> None:
        """Draw `(n,)` numbers as a line that is interrupted where points are missing."""
        kept = _extremes(numbers)
        gaps = np.searchsorted(kept, self._gaps())
        places, shown = (np.insert(array[kept], gaps, np.nan) for array in (self.places, numbers))
        axes.plot(places, shown, lw=0.8, marker="." if len(numbers) == 1 else "", **style)

    def _gaps(self) -> NDArray[np.intp]:
        """The points before which a line is interrupted.

        A point that stands alone between two gaps stays joined: it would not be seen.
        """
        wide = np.concatenate([[False], np.diff(self.places) > GAP * self.step, [False]])
        return np.flatnonzero(wide[1:-1] & ~wide[:-2] & ~wide[2:]) + 1

    def dress(self, axes: Axes) -> None:
        """Give a panel the ticks, their labels and the name of the x axis."""
        axes.xaxis.set_major_locator(self.locator)
        if self.formatter is not None:
            axes.xaxis.set_major_formatter(self.formatter)
        axes.set_xlabel(self.label, labelpad=3, fontsize=9)


@dataclass(frozen=True, eq=False)
class Timeline:
    """Where the points of one picture stand in time.

    Attributes:
        points: how many there are.
        times: `(points,)` datetime64 or seconds; None if unknown.
    """

    points: int
    times: NDArray[Any] | None = None

    @classmethod
    def sampled(cls, points: int, period: float | None) -> Self:
        """Points every `period` seconds from 0; None if that is unknown."""
        return cls(points, None if period is None else period * np.arange(points))

    def stretch(self, part: slice) -> Stretch:
        """The x axis of a panel that shows the points `part`, of which there is at least one."""
        count = np.arange(part.start, part.stop, dtype=np.float64)
        if self.times is None:
            return Stretch(count, 1.0, MaxNLocator(9, integer=True), None, "point")
        times = self.times[part]
        if (times[1:] < times[:-1]).any():  # several recordings, each with times of its own
            return _counted(count, times)
        return _dates(times) if times.dtype.kind == "M" else _seconds(times)


def _counted(count: FloatArray, times: NDArray[Any]) -> Stretch:
    """One recording after another, with the time of the point at each tick."""
    dated = times.dtype.kind == "M"

    def label(place: float, _: int | None = None) -> str:
        point = round(place - float(count[0]))
        if not 0 <= point < len(times):
            return ""
        return _stamp(times[point]).replace(" ", "\n") if dated else f"{times[point]:.6g}"

    name = "time" if dated else "time (s)"
    label_of_all = f"{name}, one recording after another"
    return Stretch(count, 1.0, MaxNLocator(6, integer=True), FuncFormatter(label), label_of_all)


def _dates(times: NDArray[np.datetime64]) -> Stretch:
    seconds = (times - times[0]) / np.timedelta64(1, "s")
    length = float(seconds[-1])
    if length < _SHORTEST_DATES:
        after = _seconds(seconds)
        label = f"seconds after {_stamp(times[0])}"
        return Stretch(after.places, after.step, after.locator, after.formatter, label)
    places = np.asarray(_DATES.date2num(times), dtype=np.float64)
    locator = _DATES.AutoDateLocator(minticks=3, maxticks=7)
    formatter = _DATES.ConciseDateFormatter(locator, show_offset=False)
    formatter.formats[_DAYS] = formatter.zero_formats[_DAYS] = "%b-%d"  # not the day alone
    unit = "s" if length > _SECONDS else "ms"
    label = " to ".join(_stamp(time.astype(f"M8[{unit}]")) for time in times[[0, -1]])
    return Stretch(places, _step(places), locator, formatter, label)


def _seconds(times: FloatArray) -> Stretch:
    length = float(times[-1] - times[0])
    unit, name = next((unit, name) for longest, unit, name in _UNITS if length <= longest)
    places = times / unit
    formatter = ScalarFormatter(useOffset=False)
    formatter.set_scientific(False)
    locator = MaxNLocator(5 if abs(places).max() >= 1e6 else 9)  # numbers of many digits are wide
    return Stretch(places, _step(places), locator, formatter, f"time ({name})")


def _extremes(numbers: FloatArray) -> NDArray[np.intp]:
    """Points that draw the same line: of a long one, the lowest and highest of each stretch."""
    width = len(numbers) // _STRETCHES
    if width <= _FEW:
        return np.arange(len(numbers))
    whole = len(numbers) - len(numbers) % width
    rows = numbers[:whole].reshape(-1, width)
    pairs = np.stack([rows.argmin(axis=1), rows.argmax(axis=1)], axis=1)
    pairs.sort(axis=1)
    kept = (pairs + np.arange(0, whole, width)[:, None]).ravel()
    return np.concatenate([[0], np.unique(kept[kept > 0]), np.arange(whole, len(numbers))])


def _step(places: FloatArray) -> float:
    return float(np.median(np.diff(places))) if len(places) > 1 else 1.0


def _stamp(time: np.datetime64) -> str:
    """A date and time of day with no more digits than it has."""
    text = np.datetime_as_string(time, "ns").replace("T", " ")
    return text.rstrip("0").rstrip(".") if "." in text else text
