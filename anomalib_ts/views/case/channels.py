"""Values of a recording in a panel: a line, a lane a channel, or an image where there are many."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.core.streams import printable
from anomalib_ts.views.case.timeline import GAP, Stretch
from anomalib_ts.views.palette import BLAMED, LANE, VALUE

MOST_LINES = 8
"""More channels than this are drawn as an image."""

MOST_NAMES = 24
"""So many channels of an image are named; of more, some have their number."""

DEVIATIONS = 3.0
"""Where the colours of channels without a common unit end, in standard deviations."""

LANE_FILL = 0.86
"""How much of a lane's height its line fills from its smallest to its largest value."""

_MOST_COLUMNS = 2000  # beside empty ones; more are averaged: no picture is that wide
_OCTAVES = 500.0 * 2.0 ** np.arange(10)
_LOWEST, _LANE_HEIGHT, _ROW_HEIGHT = 1.45, 0.36, 0.14  # inches
_LONGEST_NAME = 22


@dataclass(frozen=True)
class ChannelPainter:
    """Draws the values of one or several recordings alike.

    One channel is a line on an axis of values. A few have a lane each, as in an EEG, scaled by
    what is seen of them. Many are an image: a spectrogram in dB, or else each channel's deviation
    from its own mean, because channels may differ in unit.

    Attributes:
        center, spread: `(c,)`, what a value of each channel is shifted and divided by in an image.
        low, high: where the colours end.
        frequencies: `(c,)` centre of each channel in Hz, for spectrograms.
        names: `(c,)` of the channels, where they have names.
    """

    center: FloatArray
    spread: FloatArray
    low: float
    high: float
    frequencies: FloatArray | None
    names: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        values: Sequence[NDArray[Any]],
        frequencies: FloatArray | None = None,
        names: Sequence[str] | None = None,
    ) -> Self:
        """One scale for all `(n, c)` arrays of a picture."""
        called = None if names is None else tuple(map(str, names))
        channels = values[0].shape[1]
        center, spread = np.zeros(channels), np.ones(channels)
        if frequencies is not None:
            low, high = np.percentile(np.concatenate(values), (1, 99.9)).tolist()
            return cls(center, spread, low, max(high, low + 1), frequencies, called)
        if channels > MOST_LINES:
            center, spread = _moments(values)
        return cls(center, spread, -DEVIATIONS, DEVIATIONS, None, called)

    @property
    def as_image(self) -> bool:
        """Whether there are too many channels for lines."""
        return len(self.center) > MOST_LINES

    @property
    def height(self) -> float:
        """Inches that a panel of values needs for lanes and names to be told apart."""
        channels = len(self.center)
        if not self.as_image:
            return max(_LOWEST, _LANE_HEIGHT * channels)
        return max(_LOWEST, _ROW_HEIGHT * channels if self._all_named else 0.0)

    @property
    def _all_named(self) -> bool:
        few = len(self.center) <= MOST_NAMES
        return self.names is not None and self.frequencies is None and few

    @property
    def _colour_map(self) -> str:
        """Both can be read by colour-blind people."""
        return "PuOr_r" if self.frequencies is None else "magma"

    def add_colour_bar(self, figure: Figure) -> None:
        """Say what the colours mean, beside all panels, which keep a common width."""
        colours = ScalarMappable(Normalize(self.low, self.high), self._colour_map)
        bar = figure.colorbar(
            colours, ax=figure.axes, shrink=0.5, aspect=40, pad=0.01, extend="both"
        )
        bar.set_label("dB" if self.frequencies is not None else "standard deviations of a channel")

    def draw(self, axes: Axes, values: NDArray[Any], stretch: Stretch) -> None:
        """Draw `(n, c)` values, n >= 1, where the stretch says."""
        if self.as_image:
            self._draw_image(axes, values, stretch)
        elif len(self.center) == 1:
            stretch.draw_line(axes, values[:, 0].astype(np.float64), color=VALUE)
            name = "value" if self.names is None else shortened(self.names[0], _LONGEST_NAME)
            axes.set_ylabel(name, parse_math=False)
        else:
            self._draw_lanes(axes, values, stretch)

    def mark(self, axes: Axes, low: float, high: float, channels: slice) -> None:
        """Frame the channels that a score comes from, from `low` to `high` on the x axis."""
        if len(self.center) > 1:
            bottom, top = self._edges(channels)
            frame = Rectangle((low, bottom), high - low, top - bottom, fill=False, zorder=4)
            frame.set(edgecolor=BLAMED, linewidth=1.6)
            axes.add_patch(frame)

    def mark_beside(self, axes: Axes, channels: slice) -> None:
        """Mark the channels that all of a score comes from at the right edge of the panel."""
        if len(self.center) > 1:
            across: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "clip_on": False}
            edges = self._edges(channels)
            axes.plot([1.01, 1.01], edges, color=BLAMED, lw=4, solid_capstyle="butt", **across)
            axes.plot(1.015, sum(edges) / 2, marker="<", ms=5, color=BLAMED, **across)

    def _edges(self, channels: slice) -> tuple[float, float]:
        """Where channels begin and end on the y axis."""
        first, after = channels.start, channels.stop
        if not self.as_image:  # lanes are counted from below
            first, after = len(self.center) - after, len(self.center) - first
        return first - 0.5, after - 0.5

    def _draw_lanes(self, axes: Axes, values: NDArray[Any], stretch: Stretch) -> None:
        """The first channel on top; y counts lanes from below, so it has no unit."""
        count = len(self.center)
        labels = []
        for channel in range(count):
            numbers = values[:, channel].astype(np.float64)
            span = span_text(float(numbers.min()), float(numbers.max()))
            labels.append(f"{self._name(channel)}\n{span}")
            middle = count - 1 - channel
            stretch.draw_line(axes, middle + LANE_FILL * _centred(numbers), color=VALUE)
        axes.set_ylim(-0.5, count - 0.5)
        axes.set_yticks(range(count - 1, -1, -1), labels, fontsize=7, parse_math=False)
        axes.set_yticks(np.arange(count - 1) + 0.5, minor=True)
        axes.grid(axis="y", which="minor", lw=0.6, color=LANE)
        axes.tick_params(axis="y", which="both", length=0)

    def _draw_image(self, axes: Axes, values: NDArray[Any], stretch: Stretch) -> None:
        starts = np.arange(0, len(values), -(-len(values) // _MOST_COLUMNS))
        counts = np.diff(starts, append=len(values))
        means = [
            np.add.reduceat((values[:, i].astype(np.float64) - center) / spread, starts) / counts
            for i, (center, spread) in enumerate(zip(self.center, self.spread, strict=True))
        ]
        edges, gaps = _columns(stretch, starts, counts)
        axes.pcolorfast(
            edges,
            np.arange(len(self.center) + 1) - 0.5,
            np.insert(np.stack(means), gaps, np.nan, axis=1),
            cmap=self._colour_map,
            vmin=self.low,
            vmax=self.high,
        )
        axes.set_ylim(-0.5, len(self.center) - 0.5)
        self._label(axes)

    def _label(self, axes: Axes) -> None:
        if self._all_named:
            names = [self._name(channel) for channel in range(len(self.center))]
            axes.set_yticks(range(len(names)), names, fontsize=7, parse_math=False)
            return
        if self.frequencies is None:
            axes.set_ylabel("channel")
            axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
            return
        highest = float(self.frequencies[-1]) * 1.05
        marks = [mark for mark in _OCTAVES.tolist() if mark <= highest]
        places = np.interp(marks, self.frequencies, np.arange(len(self.frequencies)))
        axes.set_yticks(places, [_hertz(mark) for mark in marks])
        axes.set_ylabel("frequency (Hz)")

    def _name(self, channel: int) -> str:
        named = None if self.names is None else self.names[channel]
        return f"channel {channel}" if named is None else shortened(named, _LONGEST_NAME)


def shortened(name: str, longest: int) -> str:
    """The name in one line, with its middle left out if it is long: names differ at their ends.

    What no font can draw (half a surrogate pair) or would change the line is written out.
    """
    name = printable(" ".join(name.split()))
    if len(name) <= longest:
        return name
    half = (longest - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def span_text(low: float, high: float) -> str:
    """Two numbers with the digits that tell them apart: `0.12 to 3.4`, `1000001 to 1000004`."""
    if low == high:
        return f"{low:.6g}"
    largest, width = max(abs(low), abs(high)), min(high - low, sys.float_info.max)
    digits = max(3, math.ceil(math.log10(largest) - math.log10(width)) + 2)
    exponent = math.floor(math.log10(largest))
    if -5 < exponent < max(6, digits + 2):
        decimals = max(0, digits - 1 - exponent)
        return f"{_fixed(low, decimals)} to {_fixed(high, decimals)}"
    digits = min(digits, 17)
    return f"{low:.{digits}g} to {high:.{digits}g}"


def _fixed(number: float, decimals: int) -> str:
    text = f"{round(number, decimals) + 0.0:.{decimals}f}"  # the sum has no -0
    return text.rstrip("0").rstrip(".") if decimals else text


def _centred(numbers: FloatArray) -> FloatArray:
    """The numbers from -1/2 (their smallest) to 1/2 (their largest); 0 if they are all the same."""
    low, high = float(numbers.min()), float(numbers.max())
    if low == high:
        return np.zeros(len(numbers))
    if math.isinf(high - low):
        return _centred(numbers / 2)
    return (numbers - low) / (high - low) - 0.5


def _moments(values: Sequence[NDArray[Any]]) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of each channel over all arrays; 1 for a constant one.

    A channel at a time, so that a long recording is never there twice.
    """
    channels = values[0].shape[1]
    center, spread = np.zeros(channels), np.ones(channels)
    for channel in range(channels):
        shown = np.concatenate([array[:, channel] for array in values]).astype(np.float64)
        center[channel] = shown[0] + (shown - shown[0]).mean()
        if np.ptp(shown) > 0:
            deviations = shown - center[channel]
            largest = float(abs(deviations).max())  # their squares may be too small for a number
            spread[channel] = largest * (deviations / largest).std()
    return center, spread


def _columns(
    stretch: Stretch, starts: NDArray[np.intp], counts: NDArray[np.intp]
) -> tuple[FloatArray, NDArray[np.intp]]:
    """Edges `(m + g + 1,)` of an image's columns, and the `(g,)` that follow missing points.

    There is an empty column before each of these.

    Args:
        stretch: where the points stand.
        starts: `(m,)` the first point of each column.
        counts: `(m,)` how many points it averages.
    """
    places, step = stretch.places, stretch.step
    left, right = places[starts] - step / 2, places[starts + counts - 1] + step / 2
    gaps = np.flatnonzero(left[1:] - right[:-1] > GAP * step) + 1
    return np.append(np.insert(left, gaps, right[gaps - 1]), right[-1]), gaps


def _hertz(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
