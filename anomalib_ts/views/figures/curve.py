"""Values against a setting, such as the AUROC against the number of labelled anomalies."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from anomalib_ts.core.names import nearest
from anomalib_ts.errors import ConfigError
from anomalib_ts.results.flat_settings import flat_settings
from anomalib_ts.results.formats import Grid
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store
from anomalib_ts.views.figures.axis import axis_of, order_of
from anomalib_ts.views.figures.base import Drawn, StudyFigure
from anomalib_ts.views.figures.places import NO_VALUE, Result, placed, text_of
from anomalib_ts.views.figures.style import colour, marker, new_figure
from anomalib_ts.views.figures.values import (
    Summary,
    cell,
    check_value,
    digits_for,
    heading,
    refuse_nothing,
    remarks,
    seeds_of,
    summary,
    value,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anomalib_ts.run.job import Job

MOST_CASES = 12
"""More panels in a picture cannot be read."""

LETTERS_PER_INCH = 11
"""About as many fit into a legend."""

LEVEL = " (does not depend on it)"
"""Follows the name of such a method in the legend."""

ANY = "any"
"""Stands for the setting's value of a method that does not depend on it."""


class Point(NamedTuple):
    """What a line shows at a value of the setting: summaries over seeds, by metric."""

    x: Any
    values: dict[str, Summary | None]


class Line(NamedTuple):
    """One method on one case.

    Attributes:
        method, case: see `Result`.
        level: whether the method lacks the setting, or has the same values whatever it is while
            others have not.
        points: in the order of the setting's values; a single one where the line is level.
    """

    method: str
    case: str
    level: bool
    points: list[Point]


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
        """Refuse a setting that the job does not have, or a metric that it does not compute."""
        parts = {name: getattr(job, name) for name in ("data", "protocol", "threshold", "attack")}
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
        """A panel a metric, a line a method over the values of the setting."""
        del store
        found = placed(records, self.setting)
        refuse_nothing(found, self.metrics)
        lines = lines_of(found, self.metrics)
        notes = remarks(found, incomplete=any(map(_is_incomplete, lines)))
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
            self.x: text_of(result.x),
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
                ANY if line.level else text_of(point.x),
                *(
                    cell(point.values[metric], n)
                    for metric, n in zip(self.metrics, digits, strict=True)
                ),
            ]
            for line in lines
            for point in line.points
        ]
        header = [*words, short, *map(heading, self.metrics)]
        return Grid(header, cells, text_columns=len(words))


def lines_of(found: Sequence[Result], metrics: Sequence[str]) -> list[Line]:
    """The results sorted into lines: case by case, those that depend on the setting first."""
    groups: defaultdict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in found:
        groups[result.case, result.method].append(result)
    seeds = len(seeds_of(found))
    lines = [
        Line(method, case, level=False, points=_points(group, metrics, seeds))
        for (case, method), group in groups.items()
    ]
    if not all(map(_is_flat, lines)):
        lines = [
            line._replace(level=True, points=line.points[:1]) if _is_flat(line) else line
            for line in lines
        ]
    cases = list(dict.fromkeys(line.case for line in lines))
    return sorted(lines, key=lambda line: (cases.index(line.case), line.level))


def _points(group: list[Result], metrics: Sequence[str], seeds: int) -> list[Point]:
    by_x: defaultdict[str, list[Record]] = defaultdict(list)
    values = {}
    for result in group:
        text = text_of(result.x)
        values[text] = result.x
        by_x[text].append(result.record)
    points = [
        Point(x, {metric: summary(by_x[text], metric, seeds) for metric in metrics})
        for text, x in values.items()
    ]
    return sorted(points, key=lambda point: order_of(point.x))


def _is_flat(line: Line) -> bool:
    """Whether the setting makes no difference, for each single seed."""
    first, *others = line.points
    return first.x is NO_VALUE or bool(others and all(p.values == first.values for p in others))


def _is_incomplete(line: Line) -> bool:
    found = [one for point in line.points for one in point.values.values()]
    return any(one is not None and len(one.values) < one.seeds for one in found)


def _means(lines: Iterable[Line], metric: str) -> list[float]:
    found = [point.values[metric] for line in lines for point in line.points]
    return [one.mean for one in found if one]


class _Picture:
    """Panels side by side for cases, below each other for metrics."""

    def __init__(self, curve: Curve, lines: list[Line]) -> None:
        self.curve = curve
        self.lines = lines
        self.cases = list(dict.fromkeys(line.case for line in lines))
        self.methods = list(dict.fromkeys(line.method for line in lines))
        every = {text_of(p.x): p.x for line in lines if not line.level for p in line.points}
        self.axis = axis_of(sorted(every.values(), key=order_of))

    def figure(self, remark: str) -> Figure:
        columns = min(3, len(self.cases))
        blocks = math.ceil(len(self.cases) / columns)
        rows = blocks * len(self.curve.metrics)
        figure = new_figure(3.4 + 3.6 * columns, 1.3 + 3.0 * rows, remark)
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True)
        for place, metric in enumerate(self.curve.metrics):
            own = panels[place * blocks : (place + 1) * blocks].ravel()
            for panel in own[1:]:
                panel.sharey(own[0])
            for panel, case in zip(own, self.cases, strict=False):
                self._fill(panel, case, metric)
            for panel in own[len(self.cases) :]:
                panel.set_visible(False)
            for panel in own[::columns]:
                panel.set_ylabel(heading(metric))
        for column in range(columns):
            lowest = [panel for panel in panels[:, column] if panel.get_visible()][-1]
            lowest.set_xlabel(self._x_label())
            lowest.tick_params(labelbottom=True)
        self._legend(figure)
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
                self._draw_line(panel, line, metric, dodge.get(line.method, 0.0))

    def _dodge(self, step: float) -> dict[str, float]:
        """Lines a little beside each other, so that no error bar hides another."""
        names = list(dict.fromkeys(line.method for line in self.lines if not line.level))
        middle = (len(names) - 1) / 2
        return {name: (place - middle) * step for place, name in enumerate(names)}

    def _draw_line(self, panel: Axes, line: Line, metric: str, shift: float) -> None:
        found = [(point.x, one) for point in line.points if (one := point.values[metric])]
        if not found:
            return
        place = self.methods.index(line.method)
        if line.level:
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

    def _legend(self, figure: Figure) -> None:
        found: dict[str, Any] = {}
        for panel in figure.axes:
            handles, labels = panel.get_legend_handles_labels()
            found |= dict(zip(labels, handles, strict=True))
        names = sorted(found, key=lambda label: self.methods.index(label.removesuffix(LEVEL)))
        columns = int(LETTERS_PER_INCH * figure.get_figwidth() / (max(map(len, names)) + 6))
        figure.legend(
            [found[name] for name in names],
            names,
            loc="outside lower center",
            ncols=max(1, min(columns, len(names))),
        )


def _draw_level(panel: Axes, found: Summary, method: str, place: int) -> None:
    label = f"{method}{LEVEL}"
    panel.axhline(found.mean, color=colour(place), linestyle="--", linewidth=1.8, label=label)
    if found.deviation:
        low, high = found.mean - found.deviation, found.mean + found.deviation
        panel.axhspan(low, high, color=colour(place), alpha=0.12, linewidth=0)
