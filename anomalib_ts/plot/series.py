"""The picture of a scored series: values, true anomalies, score and threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from anomalib_ts.plot.channels import ChannelPainter
from anomalib_ts.plot.style import ANOMALY, SCORE, THRESHOLD
from anomalib_ts.recording import FloatArray, LabelArray

ZOOM_POINTS = 400
"""Width of the details, unless an anomaly is longer."""


def draw_series(
    values: NDArray[np.float32],
    labels: LabelArray | None,
    scores: FloatArray,
    threshold: float | None,
    title: str = "",
) -> Figure:
    """Draw the whole series and its score, and the best and the worst found anomaly in detail.

    Args:
        values: `(n, c)`.
        labels: `(n,)` of 0 and 1, if known.
        scores: `(n,)`.
        threshold: drawn as a line, if given.
        title: above the picture.
    """
    anomalies = _segments(labels)
    painter = ChannelPainter.of([values])
    panels = _Panels(values, scores, threshold, anomalies, painter)
    details = _best_and_worst(anomalies, scores)
    figure = Figure(figsize=(11, 6.2 if details else 4.2), layout="constrained")
    figure.suptitle(title)
    grid = figure.add_gridspec(4 if details else 2, max(1, len(details)))
    whole = [figure.add_subplot(grid[row, :]) for row in (0, 1)]
    panels.fill(whole, slice(0, len(scores)))
    whole[0].legend(
        *whole[1].get_legend_handles_labels(),
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=3,
        frameon=False,
        fontsize=8,
    )
    names = _DETAIL_NAMES[len(details)]
    for column, (segment, name) in enumerate(zip(details, names, strict=True)):
        pair = [figure.add_subplot(grid[row, column]) for row in (2, 3)]
        panels.fill(pair, _around(segment, len(scores)))
        pair[0].set_title(name, fontsize=9)
    if painter.as_image:
        painter.add_colour_bar(figure)
    return figure


_DETAIL_NAMES = ((), ("the anomaly",), ("highest scored anomaly", "lowest scored anomaly"))


@dataclass(frozen=True, eq=False)
class _Panels:
    """What every pair of panels (values above, scores below) shows a stretch of."""

    values: NDArray[np.float32]
    scores: FloatArray
    threshold: float | None
    anomalies: list[slice]
    painter: ChannelPainter

    def fill(self, axes: list[Axes], part: slice) -> None:
        values, scores = axes
        points = np.arange(part.start, part.stop)
        self.painter.draw(values, self.values[part], part.start, 1.0)
        scores.plot(points, self.scores[part], lw=0.8, color=SCORE, label="score")
        if self.threshold is not None:
            scores.axhline(self.threshold, lw=1.2, ls="--", color=THRESHOLD, label="threshold")
        label = "true anomaly"
        for segment in self.anomalies:
            if segment.start < part.stop and segment.stop > part.start:
                self._mark(values, segment)
                scores.axvspan(
                    segment.start, segment.stop, color=ANOMALY, alpha=0.25, lw=1, label=label
                )
                label = ""
        for panel in axes:
            panel.set_xlim(part.start, part.stop)
        scores.set_ylabel("score")
        values.tick_params(labelbottom=False)

    def _mark(self, values: Axes, segment: slice) -> None:
        if self.painter.as_image:  # a shade would change the meaning of the colours
            for edge in (segment.start, segment.stop):
                values.axvline(edge, color=ANOMALY, lw=1)
        else:
            values.axvspan(segment.start, segment.stop, color=ANOMALY, alpha=0.25, lw=1)


def _segments(labels: LabelArray | None) -> list[slice]:
    if labels is None:
        return []
    edges = np.flatnonzero(np.diff(labels, prepend=0, append=0)).tolist()
    return [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _best_and_worst(anomalies: list[slice], scores: FloatArray) -> list[slice]:
    ranked = sorted(anomalies, key=lambda segment: -float(scores[segment].max()))
    return [ranked[0], ranked[-1]] if len(ranked) > 1 else ranked


def _around(segment: slice, n: int) -> slice:
    width = max(ZOOM_POINTS, 2 * (segment.stop - segment.start))
    middle = (segment.start + segment.stop) // 2
    start = max(0, min(middle - width // 2, n - width))
    return slice(start, min(n, start + width))
