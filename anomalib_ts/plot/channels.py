"""Values of a recording in a panel: a line a channel, or an image where there are many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from anomalib_ts.recording import FloatArray

MOST_LINES = 8
"""More channels than this are drawn as an image."""

DEVIATIONS = 3.0
"""Where the colours of channels without a common unit end, in standard deviations."""

_MOST_COLUMNS = 2000  # more are averaged: no picture is that wide
_OCTAVES = 500.0 * 2.0 ** np.arange(10)


@dataclass(frozen=True)
class ChannelPainter:
    """Draws the values of one or several recordings alike.

    A few channels are lines. Many are an image: a spectrogram in dB, or else each channel's
    deviation from its own mean, because channels may differ in unit.

    Attributes:
        center, spread: `(c,)`, what a value of each channel is shifted and divided by.
        low, high: where the colours end.
        frequencies: `(c,)` centre of each channel in Hz, for spectrograms.
    """

    center: NDArray[np.float32]
    spread: NDArray[np.float32]
    low: float
    high: float
    frequencies: FloatArray | None

    @classmethod
    def of(
        cls, values: Sequence[NDArray[np.float32]], frequencies: FloatArray | None = None
    ) -> Self:
        """One scale for all `(n, c)` arrays of a picture."""
        shown = np.concatenate(values)
        channels = shown.shape[1]
        if frequencies is not None:
            low, high = np.percentile(shown, (1, 99.9)).tolist()
            center, spread = np.zeros(channels, np.float32), np.ones(channels, np.float32)
            return cls(center, spread, low, max(high, low + 1), frequencies)
        spread = shown.std(axis=0)
        spread[spread == 0] = 1
        return cls(shown.mean(axis=0), spread, -DEVIATIONS, DEVIATIONS, None)

    @property
    def as_image(self) -> bool:
        """Whether there are too many channels for lines."""
        return len(self.center) > MOST_LINES

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

    def draw(self, axes: Axes, values: NDArray[np.float32], start: float, step: float) -> None:
        """Draw `(n, c)` values; the first stands at `start` on the x axis, each `step` wide."""
        if not self.as_image:
            marker = "." if len(values) == 1 else ""
            axes.plot(start + step * np.arange(len(values)), values, lw=0.8, marker=marker)
            axes.set_ylabel("value")
            return
        left, right = start - step / 2, start + step * (len(values) - 0.5)
        axes.imshow(
            ((_binned(values) - self.center) / self.spread).T,
            cmap=self._colour_map,
            vmin=self.low,
            vmax=self.high,
            extent=(left, right, -0.5, values.shape[1] - 0.5),
            origin="lower",
            aspect="auto",
            interpolation="nearest",  # any other mixes neighbouring channels
        )
        self._label(axes)

    def _label(self, axes: Axes) -> None:
        if self.frequencies is None:
            axes.set_ylabel("channel")
            axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
            return
        highest = float(self.frequencies[-1]) * 1.05
        marks = [mark for mark in _OCTAVES.tolist() if mark <= highest]
        places = np.interp(marks, self.frequencies, np.arange(len(self.frequencies)))
        axes.set_yticks(places, [_hertz(mark) for mark in marks])
        axes.set_ylabel("frequency (Hz)")


def _binned(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of neighbouring points, `(m, c)` with m <= `_MOST_COLUMNS`."""
    width = -(-len(values) // _MOST_COLUMNS)
    if width == 1:
        return values
    starts = np.arange(0, len(values), width)
    counts = np.diff(starts, append=len(values))
    sums = np.add.reduceat(values, starts, axis=0, dtype=np.float64)
    return np.asarray(sums / counts[:, None], dtype=np.float32)


def _hertz(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
