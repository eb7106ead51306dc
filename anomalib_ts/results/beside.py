"""Our results beside published ones of the same method: series by series, and data set by data set.

A leaderboard quotes the methods of a published table as rows of their own (`--published`); here
each of ours stands beside the figure that was published for it, which shows how true it is.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import NamedTuple

import numpy as np
from rich.console import Group
from rich.text import Text

from anomalib_ts.core.cells import csv_text
from anomalib_ts.results.comparison import quoted_values
from anomalib_ts.results.entries import Entry, Method, Series
from anomalib_ts.results.formats import Grid, as_latex_table, as_markdown_table
from anomalib_ts.results.published import PublishedTable
from anomalib_ts.results.terminal import tables

CLOSE = (0.02, 0.05)
"""Differences up to which results count as equal, in the table of agreement."""


class Pair(NamedTuple):
    """One of our methods and a published one, on one series or over a data set.

    Attributes:
        data, case: where; for a published table without series the case is empty.
        method: ours.
        quoted: theirs, with where it was published.
        ours, published: the values.
        seeds: how many ours is the mean of.
        cases: how many series it is over; 1 for a single one.
        all_cases: how many series of the data set our method was run on.
    """

    data: str
    case: str
    method: Method
    quoted: Method
    ours: float
    published: float
    seeds: int
    cases: int = 1
    all_cases: int = 1

    @property
    def difference(self) -> float:
        """Ours minus theirs."""
        return self.ours - self.published


@dataclass(frozen=True)
class Beside:
    """What can be set side by side, and what cannot.

    Attributes:
        series: one pair a series and method; empty for a table of whole data sets.
        data_sets: one pair a data set and method, each over the same series on both sides.
        metric: key of the metric.
        source: where the others' values were published.
        remarks: what has no counterpart, a line each.
    """

    series: list[Pair]
    data_sets: list[Pair]
    metric: str
    source: str
    remarks: list[str]


def beside(entries: Sequence[Entry], table: PublishedTable) -> Beside:
    """Set results beside a published table.

    Methods are matched by config name (see `Layout.ours`), series by name (see
    `PublishedTable.normalised`). Ours are means over the seeds that have a value.
    """
    metric = table.layout.metric
    by_method: defaultdict[Method, defaultdict[Series, list[Entry]]]
    by_method = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        by_method[entry.method][entry.series].append(entry)
    pairs: list[Pair] = []
    data_sets: list[Pair] = []
    strange: list[str] = []
    unmeasured: list[str] = []
    for method, by_series in by_method.items():
        row = table.row_of(next(iter(by_series.values()))[0].record.unit.detector)
        if row is None:
            strange.append(method.label)
            continue
        found = _pairs(method, by_series, table, row)
        if not found and np.isfinite(quoted_values(table, list(by_series))[row]).any():
            unmeasured.append(method.label)
        data_sets += _by_data_set(found, by_series)
        pairs += found
    by_name = sorted(pairs, key=lambda pair: (pair.data, pair.case, pair.method))
    lines = _remarks(by_method, pairs, strange, unmeasured, table)
    if not table.layout.file:  # its values are of whole data sets, and so is each pair
        by_name = []
    data_sets.sort(key=lambda pair: (pair.data, pair.method))
    return Beside(by_name, data_sets, metric, table.layout.source, lines)


def _pairs(
    method: Method,
    by_series: dict[Series, list[Entry]],
    table: PublishedTable,
    row: int,
) -> list[Pair]:
    series = list(by_series)
    theirs = quoted_values(table, series)[row].tolist()
    found = []
    for one, published in zip(series, theirs, strict=True):
        records = [entry.record for entry in by_series[one]]
        known = [
            r.metrics[table.layout.metric] for r in records if table.layout.metric in r.metrics
        ]
        if known and np.isfinite(published):
            pair = Pair(*one, method, table.methods[row], fmean(known), published, len(known))
            found.append(pair)
    return found


def _by_data_set(pairs: Sequence[Pair], by_series: Iterable[Series]) -> list[Pair]:
    groups: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.data].append(pair)
    counts: defaultdict[str, int] = defaultdict(int)
    for series in by_series:
        counts[series.data] += 1
    return [
        group[0]._replace(
            case="",
            ours=fmean(pair.ours for pair in group),
            published=fmean(pair.published for pair in group),
            seeds=min(pair.seeds for pair in group),
            cases=len(group),
            all_cases=counts[data],
        )
        for data, group in groups.items()
    ]


def _remarks(
    methods: Iterable[Method],
    pairs: Sequence[Pair],
    strange: Sequence[str],
    unmeasured: Sequence[str],
    table: PublishedTable,
) -> list[str]:
    source = table.layout.source
    lines = [f"Ours minus the {table.layout.metric} published by {source}, on the same series."]
    if not table.layout.file:
        lines = [
            f"The {table.layout.metric} published by {source} is over whole data sets, ours over "
            "the series that were run."
        ]
    if strange:
        lines.append(f"Without a counterpart in {source}: {', '.join(sorted(strange))}.")
    if unmeasured:
        lines.append(
            f"Without a value of {table.layout.metric} on the series that {source} has: "
            f"{', '.join(sorted(unmeasured))}; `anomalib-ts evaluate RESULTS --metrics "
            f"{table.layout.metric}` computes it where there are stored scores."
        )
    matched = {pair.method for pair in pairs}
    told = {*strange, *unmeasured}
    without = [m.label for m in methods if m not in matched and m.label not in told]
    if without:
        lines.append(f"On no series that {source} has: {', '.join(sorted(without))}.")
    known = {pair.quoted for pair in pairs}
    theirs = [method.name for method in table.methods if method not in known]
    if theirs:
        lines.append(f"Published, and not run here: {', '.join(theirs)}.")
    return lines


def agreement(pairs: Sequence[Pair]) -> Grid:
    """For each method, how far it lies from what was published: over the series, in absolute terms.

    The 90 % quantile is that of the differences' sizes; `within` counts the series on which they
    are at most that large.
    """
    groups: defaultdict[tuple[Method, Method], list[float]] = defaultdict(list)
    for pair in pairs:
        groups[pair.method, pair.quoted].append(abs(pair.difference))
    header = ["method", "published", "series", "median", "90 %", *(f"within {c:g}" for c in CLOSE)]
    cells = []
    for (method, quoted), sizes in sorted(groups.items()):
        shares = [f"{np.mean(np.array(sizes) <= close):.0%}" for close in CLOSE]
        quantiles = [f"{np.quantile(sizes, level):.3f}" for level in (0.5, 0.9)]
        cells.append([method.label, quoted.name, f"{len(sizes)}", *quantiles, *shares])
    return Grid(header, cells, text_columns=2)


def grid(pairs: Sequence[Pair]) -> Grid:
    """A line a pair: where, which method, ours, theirs and the difference."""
    whole = any(not pair.case for pair in pairs)
    header = ["data", *([] if whole else ["case"]), "method", "published as", "ours", "published"]
    header += ["difference", "seeds", *(["cases"] if whole else [])]
    cells = [
        [
            pair.data,
            *([] if whole else [pair.case]),
            pair.method.label,
            pair.quoted.name,
            f"{pair.ours:.3f}",
            f"{pair.published:.3f}",
            f"{pair.difference:+.3f}",
            f"{pair.seeds}",
            *([f"{pair.cases}/{pair.all_cases}"] if whole else []),
        ]
        for pair in pairs
    ]
    return Grid(header, cells, text_columns=3 if whole else 4)


def _grids(found: Beside) -> list[tuple[str, Grid]]:
    titled = [("By series", grid(found.series)), ("By data set", grid(found.data_sets))]
    if found.series:
        titled.append(("Agreement over series", agreement(found.series)))
    return [(title, one) for title, one in titled if one.cells]


def as_table(found: Beside, width: int) -> Group:
    """The tables for a terminal of `width` letters; what does not fit beside comes below."""
    parts: list[object] = []
    for title, one in _grids(found):
        parts.append(Text(f"\n{title}", style="bold"))
        parts += [piece for table in tables(one, width) for piece in (table, "")]
    return Group(*parts, *map(Text, found.remarks))  # type: ignore[arg-type]


def as_markdown(found: Beside) -> str:
    """The tables as Markdown."""
    return _written(found, as_markdown_table, "## {}\n\n{}\n")


def as_latex(found: Beside) -> str:
    r"""The tables as LaTeX `tabular`s for the package booktabs."""
    return _written(found, as_latex_table, "% {}\n{}\n", "% ")


def _written(found: Beside, write: Callable[[Grid], str], layout: str, before: str = "") -> str:
    blocks = [layout.format(title, write(one)) for title, one in _grids(found)]
    return "".join([*blocks, *(f"{before}{line}\n" for line in found.remarks)])


def as_csv(found: Beside) -> str:
    """A line a series and method, or a data set where the table has no series."""
    rows = _plain(found)
    header = list(rows[0]) if rows else ["data"]
    return csv_text([header, *(row.values() for row in rows)])


def as_json(found: Beside) -> str:
    """All of it as JSON."""
    content = asdict(found) | {
        "series": _plain(found),
        "data_sets": [_row(pair) for pair in found.data_sets],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)


def _plain(found: Beside) -> list[dict[str, object]]:
    return [_row(pair) for pair in found.series or found.data_sets]


def _row(pair: Pair) -> dict[str, object]:
    return {
        "data": pair.data,
        "case": pair.case,
        "method": pair.method.name,
        "protocol": pair.method.protocol,
        "published_method": pair.quoted.name,
        "source": pair.quoted.source,
        "ours": pair.ours,
        "published": pair.published,
        "difference": pair.difference,
        "seeds": pair.seeds,
        "cases": pair.cases,
    }
