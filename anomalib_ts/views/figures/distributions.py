"""How the scores of normal and anomalous clips are distributed, and where the threshold lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray, LabelArray
from anomalib_ts.errors import DataNotFoundError
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.evaluation.judge import Evaluation
from anomalib_ts.metrics import evaluate
from anomalib_ts.results.formats import Grid
from anomalib_ts.results.record import Record
from anomalib_ts.results.rejudge import threshold_of
from anomalib_ts.results.store import Store
from anomalib_ts.views.figures.base import Drawn, StudyFigure
from anomalib_ts.views.figures.places import Result, placed
from anomalib_ts.views.figures.style import new_figure
from anomalib_ts.views.figures.values import remarks
from anomalib_ts.views.palette import ANOMALY, INK, NORMAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anomalib_ts.run.job import Job

BINS = 40
DECADE = 10.0
"""The axis is logarithmic where the highest score is at least this many times the lowest."""

MOST_ROWS = 6
"""More cases in a picture cannot be read."""


class Scored(NamedTuple):
    """The clips of one unit; its points, where these are labelled.

    Attributes:
        result: the unit with its place.
        names: `(n,)` of the clips; empty texts for points.
        labels: `(n,)` 0 for normal, 1 for anomalous.
        scores: `(n,)`, of clips reduced as they were when the unit was judged.
        threshold: None where there is none that decides on such scores.
    """

    result: Result
    names: NDArray[np.str_]
    labels: LabelArray
    scores: FloatArray
    threshold: float | None


@dataclass(frozen=True)
class Distributions(StudyFigure):
    """Histograms of the scores of normal and anomalous clips: a panel a detector, a row a case.

    All panels of a case share one axis, so the detectors should score in the same unit, as an
    autoencoder does before and after it was taught anomalies. Of several seeds the first is shown.

    Attributes:
        name: of the files.
    """

    name: str = "distributions"

    def check(self, job: Job) -> None:
        """Refuse a job that keeps no scores to draw."""
        if not job.save_scores:
            raise DataNotFoundError("figure=distributions needs scores; set save_scores=true")

    def draw(self, store: Store, records: Sequence[Record]) -> Drawn:
        """A panel a case and method, of the smallest seed; a line of the table each."""
        found = placed(records)
        seed = min(result.record.unit.seed for result in found)
        chosen = [result for result in found if result.record.unit.seed == seed]
        units = [scored for result in chosen if (scored := read(store, result))]
        if not units:
            raise DataNotFoundError(
                f"nothing to draw: none of {len(chosen)} units has labels, both classes and scores"
            )
        return Drawn(
            grid=_grid(units),
            remarks=[*_remarks(units, seed), *remarks(chosen)[1:]],
            rows=[row for unit in units for row in _rows(unit)],
            picture=_picture(units, _remarks(units, seed)[0]),
        )


def read(store: Store, result: Result) -> Scored | None:
    """The stored clips of a unit; None if it failed or there is nothing to tell apart."""
    record = result.record
    if record.status != "ok" or not record.scores:
        return None
    case, scores = store.scored(record)
    truth = GroundTruth.from_arrays(case)
    evaluation = Evaluation(**record.judged)
    labels, names = truth.labels, np.full(len(scores), "")
    if labels is not None:
        counted = truth.counted
        labels, names, scores = labels[counted], names[counted], scores[counted]
    if truth.by_clip:
        labels, names = truth.record_labels, truth.names
        scores = evaluation.clip_scores([scores[part] for part in truth.stretches])
    if labels is None or len(set(labels.tolist())) < 2:
        return None
    return Scored(result, names, labels, scores, threshold_of(record, evaluation, truth))


def _share_above(unit: Scored, label: int) -> float | None:
    if unit.threshold is None:
        return None
    return float(np.mean(unit.scores[unit.labels == label] > unit.threshold))


def _auroc(unit: Scored) -> float:
    return evaluate(unit.labels, unit.scores, "auroc")["auroc"]


def _grid(units: list[Scored]) -> Grid:
    several = len({unit.result.case for unit in units}) > 1
    header = [*(["case"] if several else []), "detector", "normal", "anomalous", "threshold"]
    header += ["false alarms", "found", "AUROC"]
    cells = [
        [
            *([unit.result.case] if several else []),
            unit.result.method,
            _spread(unit.scores[unit.labels == 0]),
            _spread(unit.scores[unit.labels == 1]),
            "-" if unit.threshold is None else f"{unit.threshold:.4g}",
            _percent(_share_above(unit, 0)),
            _percent(_share_above(unit, 1)),
            f"{_auroc(unit):.3f}",
        ]
        for unit in units
    ]
    return Grid(header, cells, text_columns=1 + several)


def _spread(scores: FloatArray) -> str:
    low, middle, high = np.percentile(scores, (10, 50, 90)).tolist()
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _remarks(units: list[Scored], seed: int) -> list[str]:
    what = "clips" if units[0].result.record.decides != "points" else "points"
    lines = [f"Scores of the test {what}, seed {seed}."]
    lines.append("Table: median (10 % to 90 % quantile); shares above the threshold.")
    return lines


def _rows(unit: Scored) -> list[dict[str, Any]]:
    clips = zip(unit.names.tolist(), unit.labels.tolist(), unit.scores.tolist(), strict=True)
    return [
        {
            "detector": unit.result.method,
            "case": unit.result.case,
            "seed": unit.result.record.unit.seed,
            "name": name,
            "label": label,
            "score": score,
            "threshold": unit.threshold,
        }
        for name, label, score in clips
    ]


def _picture(units: list[Scored], remark: str) -> Figure:
    cases = list(dict.fromkeys(unit.result.case for unit in units))[:MOST_ROWS]
    methods = list(dict.fromkeys(unit.result.method for unit in units))
    figure = new_figure(0.8 + 4.6 * len(methods), 1.1 + 2.7 * len(cases), remark)
    panels = figure.subplots(len(cases), len(methods), squeeze=False, sharex="row", sharey="row")
    for row, case in enumerate(cases):
        own = [unit for unit in units if unit.result.case == case]
        edges = _edges(own)
        for panel, method in zip(panels[row], methods, strict=True):
            panel.set_title(method if len(cases) == 1 else f"{method}, {case}", loc="left")
            for unit in (one for one in own if one.result.method == method):
                _fill(panel, unit, edges)
        panels[row, 0].margins(y=0.15)  # room above the bars
        panels[row, 0].set_ylim(bottom=0)
        panels[row, 0].set_ylabel("share of the class")
    for panel in panels[-1]:
        panel.set_xlabel("score (logarithmic)" if panel.get_xscale() == "log" else "score")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def _edges(units: list[Scored]) -> FloatArray:
    """Bins that all panels of a case share, of equal width on their axis."""
    values = np.concatenate([unit.scores for unit in units])
    low, high = float(values.min()), float(values.max())
    if low > 0 and high >= DECADE * low:
        return np.geomspace(low, high, BINS + 1)
    return np.linspace(low, high if high > low else low + 1.0, BINS + 1)


def _fill(panel: Axes, unit: Scored, edges: FloatArray) -> None:
    if not np.allclose(np.diff(edges), edges[1] - edges[0]):
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter("{x:g}")
    for label, name, colour in ((0, "normal", NORMAL), (1, "anomalous", ANOMALY)):
        scores = unit.scores[unit.labels == label]
        weights = np.full(len(scores), 1 / len(scores))
        shares = np.histogram(scores, edges, weights=weights)[0]
        panel.stairs(shares, edges, fill=True, color=colour, alpha=0.35, label=name)
        panel.stairs(shares, edges, color=colour, linewidth=1.4)
    found = f"{panel.get_title(loc='left')}\nAUROC {_auroc(unit):.3f}"
    if unit.threshold is not None:
        _draw_threshold(panel, unit.threshold, edges)
        alarms, hits = (_percent(_share_above(unit, label)) for label in (0, 1))
        found += f", false alarms {alarms}, anomalies found {hits}"
    panel.set_title(found, loc="left", fontsize=10)


def _draw_threshold(panel: Axes, threshold: float, edges: FloatArray) -> None:
    """A line, and its value in the room above the bars, on the side where there is more of it."""
    panel.axvline(threshold, color=INK, linestyle="--", label="threshold")
    panel.annotate(
        f"{threshold:.4g}",
        (threshold, 1),
        (4 if threshold < edges[BINS // 2] else -4, -3),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="left" if threshold < edges[BINS // 2] else "right",
        va="top",
        fontsize=10,
    )
