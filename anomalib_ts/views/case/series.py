"""The picture of a scored series: values, true anomalies, score and threshold."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray, LabelArray
from anomalib_ts.core.runs import run_slices
from anomalib_ts.core.streams import printable
from anomalib_ts.results.blamed import Blamed
from anomalib_ts.views.case.channels import ChannelPainter, shortened
from anomalib_ts.views.case.timeline import Stretch, Timeline
from anomalib_ts.views.culprits import as_text, culprits, framed, highest, telling
from anomalib_ts.views.palette import ANOMALY, BLAMED, SCORE, THRESHOLD

ZOOM_POINTS = 400
"""Width of the details, unless an anomaly is longer."""

_SCORES_HEIGHT = 1.2  # inches
_LONGEST_TITLE = 48


class Picture(Figure):
    """A figure that a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=100)
        return buffer.getvalue()


def draw_series(
    values: NDArray[Any],
    labels: LabelArray | None,
    scores: FloatArray,
    threshold: float | None,
    title: str = "",
    *,
    names: Sequence[str] | None = None,
    times: NDArray[Any] | None = None,
    marks: str = "true anomaly",
    blamed: Blamed | None = None,
) -> Picture:
    """Draw the whole series and its score, and the best and the worst found anomaly in detail.

    Args:
        values: `(n, c)`.
        labels: `(n,)` of 0 and 1, if known.
        scores: `(n,)`.
        threshold: drawn as a line, if given.
        title: above the picture.
        names: `(c,)` of the channels, if they have names.
        times: `(n,)` datetime64 or seconds, if known; they fall where a recording ends and the
            next one begins before it.
        marks: what the points labelled 1 are called.
        blamed: which channels the scores come from; framed where scores exceed the threshold or
            points are labelled 1.
    """
    anomalous = None if labels is None else labels.astype(np.bool_)
    anomalies = [] if anomalous is None else run_slices(anomalous)
    painter = ChannelPainter.of([values], names=names)
    timeline = Timeline(len(scores), times)
    known = blamed if blamed is not None and values.shape[1] > 1 else Blamed.none()
    told = telling(known, scores, threshold, anomalous)
    panels = _Panels(values, scores, threshold, anomalies, painter, timeline, marks, told)
    details = _best_and_worst(anomalies, scores)
    heights = [painter.height, _SCORES_HEIGHT] * (2 if details else 1)
    figure = Picture(figsize=(11, sum(heights) + 0.8), layout="constrained")
    figure.suptitle(printable(title), parse_math=False)
    grid = figure.add_gridspec(len(heights), max(1, len(details)), height_ratios=heights)
    whole = _pair(figure, [grid[row, :] for row in (0, 1)])
    panels.fill(*whole, slice(0, len(scores)))
    whole[0].legend(
        *whole[1].get_legend_handles_labels(),
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=4,
        frameon=False,
        fontsize=8,
    )
    titles = [name.format(marks.rsplit(maxsplit=1)[-1]) for name in _DETAIL_NAMES[len(details)]]
    for column, (segment, name) in enumerate(zip(details, titles, strict=True)):
        pair = _pair(figure, [grid[row, column] for row in (2, 3)])
        panels.fill(*pair, _around(segment, len(scores)))
        pair[0].set_title(panels.titled(name, segment), fontsize=9, parse_math=False)
    if painter.as_image:
        painter.add_colour_bar(figure)
    return figure


def _pair(figure: Figure, places: list[SubplotSpec]) -> tuple[Axes, Axes]:
    values = figure.add_subplot(places[0])
    return values, figure.add_subplot(places[1], sharex=values)


_DETAIL_NAMES = ((), ("the {}",), ("highest scored {}", "lowest scored {}"))


@dataclass(frozen=True, eq=False)
class _Panels:
    """What every pair of panels (values above, scores below) shows a stretch of."""

    values: NDArray[Any]
    scores: FloatArray
    threshold: float | None
    anomalies: list[slice]
    painter: ChannelPainter
    timeline: Timeline
    marks: str
    blamed: Blamed

    def titled(self, name: str, segment: slice) -> str:
        """The name of a detail, and the channels that its highest score comes from."""
        row = highest(self.blamed, self.scores, segment)
        found = () if row is None else culprits(self.blamed.shares[row], self.painter.names)
        if not found:
            return name
        return f"{name}: {shortened(as_text(found, _LONGEST_TITLE), _LONGEST_TITLE)}"

    def fill(self, values: Axes, scores: Axes, part: slice) -> None:
        stretch = self.timeline.stretch(part)
        stretch.draw_line(scores, self.scores[part], color=SCORE, label="score")
        if self.threshold is not None:
            scores.axhline(self.threshold, lw=1.2, ls="--", color=THRESHOLD, label="threshold")
        self.painter.draw(values, self.values[part], stretch)
        label = self.marks
        for segment in self.anomalies:
            start, stop = max(segment.start, part.start), min(segment.stop, part.stop)
            if start < stop:
                low, high = stretch.span(start - part.start, stop - part.start)
                self._mark(values, low, high)
                scores.axvspan(low, high, color=ANOMALY, alpha=0.25, lw=1, label=label)
                label = ""
        self._frame(values, scores, part, stretch)
        scores.set_xlim(*stretch.span(0, part.stop - part.start))
        scores.set_ylabel("score")
        stretch.dress(scores)
        values.tick_params(labelbottom=False)

    def _frame(self, values: Axes, scores: Axes, part: slice, stretch: Stretch) -> None:
        """Frame the channels that high scores come from."""
        label = "channel it comes from"
        for (first, after), shares in zip(
            self.blamed.stretches.tolist(), self.blamed.shares, strict=True
        ):
            start, stop = max(first, part.start), min(after, part.stop)
            if start >= stop:
                continue
            span = stretch.span(start - part.start, stop - part.start)
            for channels in framed(culprits(shares, self.painter.names)):
                self.painter.mark(values, *span, channels)
            scores.plot([], [], color=BLAMED, lw=1.6, label=label)
            label = ""

    def _mark(self, values: Axes, low: float, high: float) -> None:
        if self.painter.as_image:  # a shade would change the meaning of the colours
            for edge in (low, high):
                values.axvline(edge, color=ANOMALY, lw=1)
        else:
            values.axvspan(low, high, color=ANOMALY, alpha=0.25, lw=1)


def _best_and_worst(anomalies: list[slice], scores: FloatArray) -> list[slice]:
    ranked = sorted(anomalies, key=lambda segment: -float(scores[segment].max()))
    return [ranked[0], ranked[-1]] if len(ranked) > 1 else ranked


def _around(segment: slice, n: int) -> slice:
    width = max(ZOOM_POINTS, 2 * (segment.stop - segment.start))
    middle = (segment.start + segment.stop) // 2
    start = max(0, min(middle - width // 2, n - width))
    return slice(start, min(n, start + width))
