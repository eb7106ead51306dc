"""Detectors by data sets, each mean beside the figure that was published for it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from anomalib_ts.errors import UndefinedMetricError
from anomalib_ts.evaluation.machines import chance_level
from anomalib_ts.results.entries import Method, Series, entries, unattacked
from anomalib_ts.results.formats import Grid, best_in_bold
from anomalib_ts.results.leaderboard import Row, leaderboard_of
from anomalib_ts.results.leaderboard_table import title
from anomalib_ts.results.published import PublishedTable, read_published
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store
from anomalib_ts.views.figures.base import Drawn, StudyFigure
from anomalib_ts.views.figures.style import colour, new_figure
from anomalib_ts.views.figures.values import check_value
from anomalib_ts.views.palette import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anomalib_ts.run.job import Job

QUOTED = "quoted"
MOST_DATA_SETS = 12
"""More panels cannot be read."""


class Line(NamedTuple):
    """A line of the table.

    Attributes:
        label: the method as published, if it was, and ours.
        protocol: what trained; `quoted` where nothing was run.
        ours: our means by data set.
        published: theirs.
    """

    label: str
    protocol: str
    ours: dict[str, Row]
    published: dict[str, float]


@dataclass(frozen=True)
class Published(StudyFigure):
    """Detectors by data sets: means over series, and beside each what was published for it.

    Lines are in the order of the published table. Its methods that were not run are there too,
    marked as quoted, and detectors of ours that it does not have come last.

    Attributes:
        name: of the files.
        table: a published table, by name or path, see `place_of`; it also says which metric.
    """

    name: str = "published"
    table: str = "fastflow1d_paper"

    def check(self, job: Job) -> None:
        """Refuse a table that cannot be read, or whose metric the job does not compute."""
        metric = read_published(self.table).layout.metric
        check_value(metric, job.metrics.get("metrics", "default"), "figure.table")

    def draw(self, store: Store, records: Sequence[Record]) -> Drawn:
        """A panel a data set, and a line of the table a method."""
        del store
        table = read_published(self.table)
        metric = table.layout.metric
        lines = _lines(records, table)
        data = _in_order({name for line in lines for name in line.ours}, table)
        if not any(metric in row.metrics for line in lines for row in line.ours.values()):
            raise UndefinedMetricError(f"nothing to draw: no unit of {len(records)} has {metric}")
        notes = _remarks(records, table)
        shown = data[:MOST_DATA_SETS]
        if len(data) > len(shown):
            notes.append(f"The picture shows the first {len(shown)} of {len(data)} data sets.")
        return Drawn(
            grid=_grid(lines, data, metric),
            remarks=notes,
            rows=[row for line in lines for row in _rows(line, data, table)],
            picture=_picture(lines, shown, metric),
        )


def _lines(records: Sequence[Record], table: PublishedTable) -> list[Line]:
    kept = unattacked(entries(records).kept)
    rows = leaderboard_of(kept, table.layout.metric, [table])
    theirs: defaultdict[str, dict[str, float]] = defaultdict(dict)
    ours: defaultdict[Method, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        if row.source:
            theirs[row.detector][row.data] = row.metrics[table.layout.metric]
        else:
            ours[Method(row.detector, row.protocol)][row.data] = row
    places = {entry.method: table.row_of(entry.record.unit.detector) for entry in kept}
    found = []
    for place, quoted in enumerate(table.methods):
        run = sorted(method for method in ours if places[method] == place)
        found += [
            Line(
                f"{quoted.name}: {method.name}", method.protocol, ours[method], theirs[quoted.name]
            )
            for method in run
        ]
        if not run:
            found.append(Line(quoted.name, QUOTED, {}, theirs[quoted.name]))
    strange = sorted(method for method in ours if places[method] is None)
    return [*found, *(Line(one.name, one.protocol, ours[one], {}) for one in strange)]


def _in_order(data: Iterable[str], table: PublishedTable) -> list[str]:
    """Data sets as the published table has them, then the others."""
    known: dict[str, int] = {}
    for place, series in enumerate(table.series):
        known.setdefault(table.normalised(series).data, place)
    places = {name: table.normalised(Series(name, "")).data for name in data}
    return sorted(places, key=lambda name: (known.get(places[name], len(table.series)), name))


def _grid(lines: Sequence[Line], data: Sequence[str], metric: str) -> Grid:
    pairs = [name for one in data for name in (one, QUOTED)]
    header = [title(metric), "protocol", *pairs, "seeds", "cases", "seconds"]
    cells = []
    for line in lines:
        values = [
            text
            for name in data
            for text in (_ours(line.ours.get(name), metric), _number(line.published.get(name)))
        ]
        cells.append([line.label, line.protocol, *values, *_totals(line, metric)])
    goodness = {
        2 + 2 * i: [("", _value(line.ours.get(name), metric)) for line in lines]
        for i, name in enumerate(data)
    }
    return best_in_bold(Grid(header, cells, text_columns=2), goodness)


def _totals(line: Line, metric: str) -> list[str]:
    """Seeds, coverage and seconds over all data sets."""
    rows = list(line.ours.values())
    if not rows:
        return ["-", "-", "-"]
    covered = sum(row.covered.get(metric, 0) for row in rows)
    seeds = sorted({row.seeds for row in rows})
    seconds = sum((row.fit_seconds or 0) + (row.score_seconds or 0) for row in rows)
    spread = "-".join(map(str, dict.fromkeys((seeds[0], seeds[-1]))))
    return [spread, f"{covered}/{sum(row.cases for row in rows)}", f"{seconds:.1f}"]


def _ours(row: Row | None, metric: str) -> str:
    """`0.790 ±0.003 (26/27)`: the spread where there are seeds, the coverage where it lacks."""
    if row is None or metric not in row.metrics:
        return "-" if row is None else f"- (0/{row.cases})"
    text = f"{row.metrics[metric]:.3f}"
    if row.seeds > 1:
        text += f" ±{row.deviations[metric]:.3f}"
    whole = row.covered[metric] == row.cases
    return text if whole else f"{text} ({row.covered[metric]}/{row.cases})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _value(row: Row | None, metric: str) -> float | None:
    return None if row is None else row.metrics.get(metric)


def _rows(line: Line, data: Sequence[str], table: PublishedTable) -> list[dict[str, Any]]:
    metric = table.layout.metric
    found = []
    for name in data:
        row = line.ours.get(name)
        seconds = (row.fit_seconds or 0) + (row.score_seconds or 0) if row else ""
        found.append(
            {
                "data": name,
                "method": line.label,
                "protocol": line.protocol,
                "metric": metric,
                "ours": row.metrics.get(metric, "") if row else "",
                "deviation": row.deviations.get(metric, "") if row and row.seeds > 1 else "",
                "published": line.published.get(name, ""),
                "source": table.layout.source,
                "seeds": row.seeds if row else "",
                "covered": row.covered.get(metric, 0) if row else "",
                "cases": row.cases if row else "",
                "failed": row.failed if row else "",
                "seconds": seconds,
            }
        )
    return found


def _remarks(records: Sequence[Record], table: PublishedTable) -> list[str]:
    source = table.layout.source
    over = "the same series" if table.layout.file else "the whole data set, whichever part is here"
    lines = [
        f"Mean {title(table.layout.metric)} over the series of a data set, ours and, as quoted "
        f"from {source}, that of {over}. `{QUOTED}` as protocol: not run here."
    ]
    seeds = sorted({record.unit.seed for record in records})
    lines.append(
        f"± is the standard deviation over {len(seeds)} seeds."
        if len(seeds) > 1
        else f"One seed ({seeds[0]}): the spread between seeds is not known."
    )
    failed = [record for record in records if record.status != "ok"]
    if failed:
        first = failed[0].unit
        lines.append(
            f"{len(failed)} of {len(records)} units failed, first {first.detector} on {first.case}."
        )
    return lines


def _picture(lines: Sequence[Line], data: Sequence[str], metric: str) -> Figure:
    across = min(4, len(data))
    down = math.ceil(len(data) / across)
    labels = [line.label if line.ours else f"{line.label} ({QUOTED})" for line in lines]
    labels = [
        f"{label} · {line.protocol}" if line.ours else label
        for label, line in zip(labels, lines, strict=True)
    ]
    width = 0.6 + 0.085 * max(map(len, labels)) + 2.6 * across
    remark = "Filled: ours. Open: published." + (" Dashed: chance." if chance_level(metric) else "")
    figure = new_figure(width, 0.9 + down * (0.75 + 0.27 * len(lines)), remark)
    panels = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    for panel, name in zip(panels.flat, data, strict=False):
        _fill(panel, lines, name, metric)
    for panel in panels.flat[len(data) :]:
        panel.set_visible(False)
    for panel in panels.flat[len(data) - across : len(data)]:
        panel.tick_params(labelbottom=True)
    panels[0, 0].set_yticks(range(len(lines)), labels)
    panels[0, 0].set_ylim(len(lines) - 0.5, -0.5)
    figure.supxlabel(title(metric), fontsize=11)
    return figure


def _fill(panel: Axes, lines: Sequence[Line], name: str, metric: str) -> None:
    """For each method a filled point with bars, an open one, and a line between them."""
    panel.set_title(name)
    panel.grid(visible=True, axis="both")
    if (level := chance_level(metric)) is not None:
        panel.axvline(level, color=FAINT, linestyle="--", linewidth=1.2)
    for place, line in enumerate(lines):
        row = line.ours.get(name)
        value, published = _value(row, metric), line.published.get(name)
        if value is not None and published is not None:
            panel.plot([value, published], [place, place], color=FAINT, linewidth=1.4, zorder=1)
        if published is not None:
            panel.plot(published, place, "D", color=INK, markerfacecolor="white", markersize=6)
        if row is not None and value is not None:
            spread = row.deviations[metric] if row.seeds > 1 else None
            panel.errorbar(
                value, place, xerr=spread, fmt="o", color=colour(0), markersize=6, capsize=3
            )
