"""Values against a setting, such as the AUROC against the number of labelled anomalies."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from anomalib_ts.errors import ConfigError
from anomalib_ts.figures.base import Drawn, StudyFigure
from anomalib_ts.figures.style import colour, marker, new_figure
from anomalib_ts.figures.values import (
    NO_VALUE,
    Result,
    Summary,
    cell,
    check_value,
    digits_for,
    flat_settings,
    heading,
    refuse_nothing,
    remarks,
    results,
    summary,
    text_of,
    value,
)
from anomalib_ts.names import nearest
from anomalib_ts.results.formats import Grid
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anomalib_ts.run import Job

MOST_CASES = 12
"""More panels in a picture cannot be read."""

CLOSEST = 0.1
"""Values of the setting that are closer than this share of the axis are spaced evenly instead."""

ANY = "any"
"""Stands for the setting's value of a method that does not depend on it."""


class Line(NamedTuple):
    """One method on one case.

    Attributes:
        method, case: see `Result`.
        points: records by the value of the setting, in its order; `ANY` alone for a method that
            does not have the setting, or whose values are the same whatever it is.
    """

    method: str
    case: str
    points: list[tuple[Any, list[Record]]]


@dataclass(frozen=True)
class Curve(StudyFigure):
    """Metrics against a setting: a line a detector, a panel a case, bars for the seeds' spread.

    A detector without that setting, or with the same results whatever its value, is a horizontal
    line.

    Attributes:
        name: of the files.
        x: a setting by its full name, such as `detector.level` or `protocol.n_train_anomalous`.
        metrics: names of metrics, or `fitted/` and a number that the detectors learn
            (`Detector.fitted_values`).
    """

    name: str = "curve"
    x: str = "???"
    metrics: list[str] = field(default_factory=lambda: ["auroc"])

    @property
    def setting(self) -> str:
        """`x` as it stands in results, where the training schedule is a part of the detector."""
        return f"detector.{self.x}" if self.x.startswith("trainer.") else self.x

    def check(self, job: Job) -> None:
        """See `StudyFigure.check`."""
        parts = {"data": job.data, "protocol": job.protocol, "threshold": job.threshold}
        known = flat_settings(parts) | {"seed": job.seed}
        for _, settings in job.detectors:
            known |= flat_settings({"detector": settings})
        names = sorted(name for name in known if not name.endswith("_target_"))
        if self.setting not in names:
            raise ConfigError(f"figure.x: no setting {self.x!r}; {nearest(self.x, names)}")
        if not self.metrics:
            raise ConfigError("figure.metrics: name at least one")
        for metric in self.metrics:
            check_value(metric, job.metrics.get("metrics", "default"), "figure.metrics")

    def draw(self, store: Store, records: Sequence[Record]) -> Drawn:
        """See `StudyFigure.draw`."""
        del store
        found = results(records, self.setting)
        refuse_nothing(found, self.metrics)
        lines = lines_of(found, self.metrics)
        notes = remarks(found)
        cases = list(dict.fromkeys(line.case for line in lines))
        if len(cases) > MOST_CASES:
            notes.append(f"The picture shows the first {MOST_CASES} of {len(cases)} cases.")
        shown = [line for line in lines if line.case in cases[:MOST_CASES]]
        return Drawn(
            grid=self._grid(lines),
            remarks=notes,
            rows=[self._row(result, metric) for metric in self.metrics for result in found],
            picture=_Picture(self, shown).figure(notes[0]),
        )

    def _row(self, result: Result, metric: str) -> dict[str, Any]:
        return {
            "detector": result.method,
            "case": result.case,
            self.x: "" if result.x is NO_VALUE else text_of(result.x),
            "seed": result.record.unit.seed,
            "metric": metric,
            "value": value(result.record, metric),
            "status": result.record.status,
        }

    def _grid(self, lines: list[Line]) -> Grid:
        methods, cases = ({line[place] for line in lines} for place in (0, 1))
        words = [*(["case"] if len(cases) > 1 else []), *(["detector"] if len(methods) > 1 else [])]
        short = self.x.rpartition(".")[2]
        digits = [digits_for(_means(lines, metric)) for metric in self.metrics]
        cells = [
            [
                *([line.case] if len(cases) > 1 else []),
                *([line.method] if len(methods) > 1 else []),
                text_of(x),
                *(
                    cell(summary(records, metric), n)
                    for metric, n in zip(self.metrics, digits, strict=True)
                ),
            ]
            for line in lines
            for x, records in line.points
        ]
        header = [*words, short, *map(heading, self.metrics)]
        return Grid(header, cells, text_columns=len(words))


def lines_of(found: Iterable[Result], metrics: Sequence[str]) -> list[Line]:
    """The results sorted into lines: case by case, those that depend on the setting first."""
    groups: defaultdict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in found:
        groups[result.case, result.method].append(result)
    lines = [
        Line(method, case, _points(group, metrics)) for (case, method), group in groups.items()
    ]
    cases = list(dict.fromkeys(line.case for line in lines))
    return sorted(lines, key=lambda line: (cases.index(line.case), is_level(line)))


def is_level(line: Line) -> bool:
    """Whether the line does not depend on the setting."""
    return isinstance(line.points[0][0], str) and line.points[0][0] == ANY


def _points(group: list[Result], metrics: Sequence[str]) -> list[tuple[Any, list[Record]]]:
    by_x: dict[str, tuple[Any, list[Record]]] = {}
    for result in group:
        by_x.setdefault(json.dumps(_plain(result.x)), (result.x, []))[1].append(result.record)
    points = sorted(by_x.values(), key=lambda point: _order(point[0]))
    per_x = [
        {(r.unit.seed, metric): value(r, metric) for r in records for metric in metrics}
        for _, records in points
    ]
    if points[0][0] is NO_VALUE or (len(points) > 1 and all(one == per_x[0] for one in per_x)):
        return [(ANY, points[0][1])]
    return points


def _plain(x: Any) -> Any:
    return None if x is NO_VALUE else [x]


def _order(x: Any) -> tuple[bool, float, str]:
    return (False, float(x), "") if _is_number(x) else (True, 0.0, text_of(x))


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool)


def _means(lines: Iterable[Line], metric: str) -> list[float]:
    found = [summary(records, metric) for line in lines for _, records in line.points]
    return [one.mean for one in found if one]


class Axis(NamedTuple):
    """Where each value of the setting lies.

    Attributes:
        places: on the axis, by the value as text.
        how: `logarithmic`, `evenly spaced`, or empty for a plain axis.
    """

    places: dict[str, float]
    how: str


def axis_of(values: Sequence[Any]) -> Axis:
    """An axis on which no two values fall together.

    Args:
        values: each once, in their order.
    """
    texts = [text_of(x) for x in values]
    even = Axis({text: float(place) for place, text in enumerate(texts)}, "evenly spaced")
    if not all(map(_is_number, values)):
        return even._replace(how="")
    wide = values[0] > 0 and values[-1] >= 10 * values[0]
    numbers = [math.log10(x) if wide else float(x) for x in values]
    span = numbers[-1] - numbers[0]
    if any(b - a < CLOSEST * span for a, b in pairwise(numbers)):
        return even
    return Axis(dict(zip(texts, numbers, strict=True)), "logarithmic" if wide else "")


class _Picture:
    """Panels side by side for cases, below each other for metrics."""

    def __init__(self, curve: Curve, lines: list[Line]) -> None:
        self.curve = curve
        self.lines = lines
        self.cases = list(dict.fromkeys(line.case for line in lines))
        self.methods = list(dict.fromkeys(line.method for line in lines))
        every = {text_of(x): x for line in lines if not is_level(line) for x, _ in line.points}
        self.axis = axis_of(sorted(every.values(), key=_order))

    def figure(self, remark: str) -> Figure:
        columns = min(3, len(self.cases))
        blocks = math.ceil(len(self.cases) / columns)
        rows = blocks * len(self.curve.metrics)
        figure = new_figure(3.4 + 3.6 * columns, 1.3 + 3.0 * rows, remark)
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True)
        for place, metric in enumerate(self.curve.metrics):
            own = panels[place * blocks : (place + 1) * blocks].ravel()
            for panel, case in zip(own, self.cases, strict=False):
                panel.sharey(own[0])
                self._fill(panel, case, metric)
            for panel in own[len(self.cases) :]:
                panel.set_visible(False)
            for panel in own[::columns]:
                panel.set_ylabel(heading(metric))
        for column in range(columns):
            lowest = [panel for panel in panels[:, column] if panel.get_visible()][-1]
            lowest.set_xlabel(self._x_label())
            lowest.tick_params(labelbottom=True)
        self._legend(figure, panels[0, 0])
        return figure

    def _fill(self, panel: Axes, case: str, metric: str) -> None:
        if len(self.cases) > 1:
            panel.set_title(case)
        places = list(self.axis.places.values())
        panel.set_xticks(places, list(self.axis.places))
        margin = 0.08 * (places[-1] - places[0] or 1.0) if places else 1.0
        if places:
            panel.set_xlim(places[0] - margin, places[-1] + margin)
        dodge = self._dodge(0.12 * margin)
        for line in self.lines:
            if line.case == case:
                self._draw_line(panel, line, metric, dodge[line.method])

    def _dodge(self, step: float) -> dict[str, float]:
        """Lines a little beside each other, so that no error bar hides another."""
        middle = (len(self.methods) - 1) / 2
        return {name: (place - middle) * step for place, name in enumerate(self.methods)}

    def _draw_line(self, panel: Axes, line: Line, metric: str, shift: float) -> None:
        found = [(x, one) for x, records in line.points if (one := summary(records, metric))]
        if not found:
            return
        place = self.methods.index(line.method)
        if is_level(line):
            _draw_level(panel, found[0][1], line.method, place)
            return
        panel.errorbar(
            [self.axis.places[text_of(x)] + shift for x, _ in found],
            [one.mean for _, one in found],
            yerr=[one.deviation or 0.0 for _, one in found],
            color=colour(place),
            marker=marker(place),
            markersize=6,
            linewidth=1.8,
            elinewidth=1.2,
            capsize=3,
            label=line.method,
        )

    def _x_label(self) -> str:
        return f"{self.curve.x} ({self.axis.how})" if self.axis.how else self.curve.x

    def _legend(self, figure: Figure, panel: Axes) -> None:
        if len(self.methods) > 1:
            handles, labels = panel.get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(labels)))
        else:
            panel.set_title(self.methods[0] + (f", {self.cases[0]}" if self.cases[1:] else ""))


def _draw_level(panel: Axes, found: Summary, method: str, place: int) -> None:
    label = f"{method} (does not depend on it)"
    panel.axhline(found.mean, color=colour(place), linestyle="--", linewidth=1.8, label=label)
    if found.deviation:
        low, high = found.mean - found.deviation, found.mean + found.deviation
        panel.axhspan(low, high, color=colour(place), alpha=0.12, linewidth=0)
