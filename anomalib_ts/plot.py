"""The picture of a scored case: series, true anomalies, score and threshold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from anomalib_ts.files import atomic_write
from anomalib_ts.ground_truth import GroundTruth
from anomalib_ts.recording import FloatArray
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store

ANOMALY, SCORE, THRESHOLD = "#d1495b", "#3d3d3d", "#e08e1b"
ZOOM_POINTS = 400
"""Width of the details, unless an anomaly is longer."""


def plot_unit(store: Store, record: Record) -> Path | None:
    """Draw a stored unit into the store; None where there are no values to draw.

    Returns:
        The PNG file.
    """
    truth = GroundTruth.from_arrays(store.case(record.unit))
    if truth.values is None:
        return None
    figure = draw(truth, store.scores(record.unit), record.threshold, _title(record))
    path = store.path(record.unit, ".png")
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=110)
    return path


def draw(
    truth: GroundTruth, scores: FloatArray, threshold: float | None, title: str = ""
) -> Figure:
    """Draw the whole series and its score, and the best and the worst found anomaly in detail.

    Args:
        truth: with `values` and, if known, `labels`.
        scores: `(n,)`.
        threshold: drawn as a line, if given.
        title: above the picture.
    """
    anomalies = _segments(truth.labels)
    panels = _Panels(truth, scores, threshold, anomalies)
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
    return figure


_DETAIL_NAMES = ((), ("the anomaly",), ("highest scored anomaly", "lowest scored anomaly"))


@dataclass(frozen=True, eq=False)
class _Panels:
    """What every pair of panels (values above, scores below) shows a stretch of."""

    truth: GroundTruth
    scores: FloatArray
    threshold: float | None
    anomalies: list[slice]

    def fill(self, axes: list[Axes], part: slice) -> None:
        values, scores = axes
        points = np.arange(part.start, part.stop)
        assert self.truth.values is not None
        values.plot(points, self.truth.values[part], lw=0.8)
        scores.plot(points, self.scores[part], lw=0.8, color=SCORE, label="score")
        if self.threshold is not None:
            scores.axhline(self.threshold, lw=1.2, ls="--", color=THRESHOLD, label="threshold")
        label = "true anomaly"
        for segment in self.anomalies:
            if segment.start < part.stop and segment.stop > part.start:
                values.axvspan(segment.start, segment.stop, color=ANOMALY, alpha=0.25, lw=1)
                scores.axvspan(
                    segment.start, segment.stop, color=ANOMALY, alpha=0.25, lw=1, label=label
                )
                label = ""
        for panel, name in ((values, "value"), (scores, "score")):
            panel.set_xlim(part.start, part.stop)
            panel.set_ylabel(name)
        values.tick_params(labelbottom=False)


def _segments(labels: NDArray[Any] | None) -> list[slice]:
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


def _title(record: Record) -> str:
    unit = record.unit
    auroc = record.metrics.get("auroc")
    value = "AUROC undefined" if auroc is None else f"AUROC {auroc:.3f}"
    return f"{unit.detector} on {unit.case}, protocol {unit.protocol}: {value}"
