"""Methods by cases, as a table and as a picture with one panel a case."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from anomalib_ts.evaluation.machines import chance_level
from anomalib_ts.metrics.registry import sign_of
from anomalib_ts.results.formats import Grid
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store
from anomalib_ts.views.figures.base import Drawn, StudyFigure
from anomalib_ts.views.figures.places import Result, placed
from anomalib_ts.views.figures.style import colour, new_figure
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
    summary_of,
    value,
)
from anomalib_ts.views.palette import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anomalib_ts.run.job import Job

MEAN = "mean"
MOST_CASES = 11
"""More panels, and one for the mean, cannot be read."""

Summaries = dict[str, dict[str, Summary | None]]
"""By method, then by case or `MEAN`."""


@dataclass(frozen=True)
class Methods(StudyFigure):
    """Detectors by cases: means over seeds, their spread, and the mean over all cases.

    A mean over cases is given only to a detector that has all of them, over the seeds that are
    complete. In each column those are bold that are best or less than a standard deviation (the
    larger of the two) behind it; nothing is bold after a single seed.

    Attributes:
        name: of the files.
        metric: what is compared: a metric, or `fitted/` and a number that the detectors learn.
    """

    name: str = "methods"
    metric: str = "auroc"

    def check(self, job: Job) -> None:
        """Refuse a metric that the job does not compute."""
        check_value(self.metric, job.metrics.get("metrics", "default"), "figure.metric")

    def draw(self, store: Store, records: Sequence[Record]) -> Drawn:
        """A panel a case, the methods from best to worst; a line of the table a method."""
        del store
        found = placed(records)
        refuse_nothing(found, [self.metric])
        table = summaries(found, self.metric)
        cases = list(dict.fromkeys(result.case for result in found))
        columns = [*cases, MEAN] if len(cases) > 1 else cases
        notes = remarks(found, incomplete=_is_incomplete(table))
        bold = _bold(table, columns, sign_of(self.metric))
        if bold:
            notes.append("Bold: the best, and all less than a standard deviation behind it.")
        shown = columns
        if len(cases) > MOST_CASES:
            shown = [*cases[:MOST_CASES], MEAN]
            notes.append(f"The picture shows the first {MOST_CASES} of {len(cases)} cases.")
        return Drawn(
            grid=self._grid(table, columns, bold),
            remarks=notes,
            rows=[self._row(result) for result in found],
            picture=_picture(table, shown, self.metric, notes[0]),
        )

    def _row(self, result: Result) -> dict[str, Any]:
        return {
            "detector": result.method,
            "case": result.case,
            "seed": result.record.unit.seed,
            "metric": self.metric,
            "value": value(result.record, self.metric),
            "status": result.record.status,
        }

    def _grid(self, table: Summaries, columns: list[str], bold: frozenset[tuple[int, int]]) -> Grid:
        known = [one.mean for row in table.values() for one in row.values() if one]
        digits = digits_for(known)
        cells = [
            [method, *(cell(row[column], digits) for column in columns)]
            for method, row in table.items()
        ]
        return Grid([heading(self.metric), *columns], cells, text_columns=1, bold=bold)


def summaries(found: Sequence[Result], metric: str) -> Summaries:
    """Each method on each case and over all cases; the best method first."""
    groups: defaultdict[str, defaultdict[str, list[Record]]]
    groups = defaultdict(lambda: defaultdict(list))
    for result in found:
        groups[result.method][result.case].append(result.record)
    cases = list(dict.fromkeys(result.case for result in found))
    seeds = len(seeds_of(found))
    table: Summaries = {}
    for method, by_case in groups.items():
        row = {case: summary(by_case[case], metric, seeds) for case in cases}
        table[method] = row | {MEAN: _mean(list(row.values()))}
    sign = sign_of(metric)
    return dict(sorted(table.items(), key=lambda item: _order(item[1], cases, sign)))


def _mean(row: list[Summary | None]) -> Summary | None:
    """Over the cases, seed by seed; None unless all cases share a seed."""
    known = [one for one in row if one]
    if len(known) < len(row):
        return None
    seeds = set.intersection(*(set(one.values) for one in known))
    means = {seed: fmean(one.values[seed] for one in known) for seed in sorted(seeds)}
    return summary_of(means, known[0].seeds)


def _is_incomplete(table: Summaries) -> bool:
    return any(
        one is not None and len(one.values) < one.seeds
        for row in table.values()
        for one in row.values()
    )


def _order(row: dict[str, Summary | None], cases: list[str], sign: float) -> tuple[bool, float]:
    """The complete ones by their mean, then the others by the mean of what they have."""
    whole = row[MEAN]
    if whole:
        return False, -sign * whole.mean
    known = [one.mean for case in cases if (one := row[case])]
    return True, -sign * fmean(known) if known else math.inf


def _bold(table: Summaries, columns: list[str], sign: float) -> frozenset[tuple[int, int]]:
    bold: set[tuple[int, int]] = set()
    for place, column in enumerate(columns, 1):
        complete = {
            row: one
            for row, by_case in enumerate(table.values())
            if (one := by_case[column])
            and one.deviation is not None
            and len(one.values) == one.seeds
        }
        if len(complete) < 2:
            continue
        best = max(complete.values(), key=lambda one: sign * one.mean)
        bold |= {(row, place) for row, one in complete.items() if _is_level_with(one, best)}
    return frozenset(bold)


def _is_level_with(one: Summary, best: Summary) -> bool:
    return one is best or abs(one.mean - best.mean) < max(one.deviation or 0, best.deviation or 0)


def _picture(table: Summaries, columns: list[str], metric: str, remark: str) -> Figure:
    across = min(4, len(columns))
    down = math.ceil(len(columns) / across)
    longest = max(map(len, table))
    width = 0.6 + 0.085 * longest + 2.5 * across
    remark += " Dashed: chance." if chance_level(metric) is not None else ""
    figure = new_figure(width, 0.9 + down * (0.75 + 0.27 * len(table)), remark)
    panels = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    for panel, column in zip(panels.flat, columns, strict=False):
        _fill(panel, table, column, chance_level(metric))
    for panel in panels.flat[len(columns) :]:
        panel.set_visible(False)
    for panel in panels.flat[len(columns) - across : len(columns)]:
        panel.tick_params(labelbottom=True)
    panels[0, 0].set_yticks(range(len(table)), list(table))
    panels[0, 0].set_ylim(len(table) - 0.5, -0.5)
    figure.supxlabel(heading(metric), fontsize=11)
    return figure


def _fill(panel: Axes, table: Summaries, column: str, level: float | None) -> None:
    """A point with bars for each method, and a line at chance level."""
    panel.set_title(column, fontweight="bold" if column == MEAN else "normal")
    panel.grid(visible=True, axis="both")
    if level is not None:
        panel.axvline(level, color=FAINT, linestyle="--", linewidth=1.2)
    for place, row in enumerate(table.values()):
        one = row[column]
        if one is None:
            continue
        panel.errorbar(
            one.mean,
            place,
            xerr=one.deviation,
            fmt="o",
            color=INK if column == MEAN else colour(0),
            markersize=6,
            capsize=3,
            elinewidth=1.4,
        )
