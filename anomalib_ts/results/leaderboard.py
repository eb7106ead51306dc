"""The table of stored results: a row for each data set, protocol and detector."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean, stdev

import numpy as np
from rich.console import Group

from anomalib_ts.metrics.registry import REGISTRY
from anomalib_ts.results.comparison import quoted_values
from anomalib_ts.results.entries import Entry, Method, Series, entries
from anomalib_ts.results.formats import Grid, as_latex_table, as_markdown_table, best_in_bold
from anomalib_ts.results.published import PublishedTable
from anomalib_ts.results.record import Record
from anomalib_ts.results.terminal import tables

COLUMNS = ("auroc", "aupr", "pauc")
"""The metrics that a table shows unless asked for others."""

QUOTED = "quoted"
"""Stands in the place of the protocol of a quoted method, which is its authors' own."""


@dataclass(frozen=True)
class Row:
    """One detector on one data set under one protocol: means over its cases.

    Attributes:
        data, protocol, detector: what was run; the detector with its changed settings.
        cases: number of cases.
        metrics: for each metric, the mean over the cases on which it is defined, each averaged
            over its seeds first.
        deviations: standard deviation of that mean over the seeds, where there are several.
        covered: for each metric, the number of cases that went into the mean.
        undefined: number of cases without any metric because a class is missing.
        failed: number of cases that failed with at least one seed.
        seeds: number of seeds; 0 for quoted methods.
        fit_seconds, score_seconds: summed over the cases, averaged over the seeds; None where
            nothing was timed.
        peak_memory_mb: the largest; None where it was not measured.
        source: the published table that a quoted row comes from; empty for our own.
    """

    data: str
    protocol: str
    detector: str
    cases: int
    metrics: dict[str, float]
    deviations: dict[str, float]
    covered: dict[str, int]
    undefined: int
    failed: int
    seeds: int
    fit_seconds: float | None
    score_seconds: float | None
    peak_memory_mb: float | None
    source: str = ""


def leaderboard(
    records: Iterable[Record], metric: str = "auroc", published: Sequence[PublishedTable] = ()
) -> list[Row]:
    """One row a data set, protocol and detector; within a data set the best by `metric` first.

    Args:
        records: stored results; those of a detector's older versions are left out.
        metric: what ranks.
        published: tables whose methods are quoted beside ours, on the series that are ours.
    """
    return leaderboard_of(entries(records).kept, metric, published)


def leaderboard_of(
    kept: Sequence[Entry], metric: str = "auroc", published: Sequence[PublishedTable] = ()
) -> list[Row]:
    """The same from entries, for those who have them already."""
    groups: defaultdict[tuple[str, Method], list[Entry]] = defaultdict(list)
    for entry in kept:
        groups[entry.series.data, entry.method].append(entry)
    rows = [_row(data, method, group) for (data, method), group in groups.items()]
    series = sorted({entry.series for entry in kept})
    for table in published:
        rows += _quoted_rows(table, series)
    sign = 1.0 if metric not in REGISTRY or REGISTRY[metric].higher_is_better else -1.0
    return sorted(rows, key=lambda row: _order(row, metric, sign))


def _order(row: Row, metric: str, sign: float) -> tuple[str, bool, float, str, str]:
    value = row.metrics.get(metric)
    return row.data, value is None, -sign * (value or 0.0), row.protocol, row.detector


def _row(data: str, method: Method, group: list[Entry]) -> Row:
    records = [entry.record for entry in group]
    by_case: defaultdict[str, list[Record]] = defaultdict(list)
    for entry in group:
        by_case[entry.series.case].append(entry.record)
    values: defaultdict[str, list[float]] = defaultdict(list)
    for case in by_case.values():
        for key in {key for record in case for key in record.metrics}:
            values[key].append(fmean(r.metrics[key] for r in case if key in r.metrics))
    seeds = len({record.unit.seed for record in records})
    return Row(
        data=data,
        protocol=method.protocol,
        detector=method.name,
        cases=len(by_case),
        metrics={key: fmean(found) for key, found in sorted(values.items())},
        deviations={key: _deviation(records, key) for key in sorted(values)},
        covered={key: len(found) for key, found in sorted(values.items())},
        undefined=sum(all(r.undefined and not r.metrics for r in c) for c in by_case.values()),
        failed=sum(any(r.status != "ok" for r in case) for case in by_case.values()),
        seeds=seeds,
        fit_seconds=_total([r.fit_seconds for r in records], seeds),
        score_seconds=_total([r.score_seconds for r in records], seeds),
        peak_memory_mb=max((r.peak_memory_mb for r in records if r.peak_memory_mb), default=None),
    )


def _quoted_rows(table: PublishedTable, series: list[Series]) -> list[Row]:
    metric = table.layout.metric
    values = quoted_values(table, series)
    rows = []
    for data in dict.fromkeys(one.data for one in series):
        columns = [i for i, one in enumerate(series) if one.data == data]
        for method, found in zip(table.methods, values[:, columns], strict=True):
            known = found[np.isfinite(found)]
            if not len(known):
                continue
            row = Row(
                data=data,
                protocol=QUOTED,
                detector=method.name,
                cases=len(columns),
                metrics={metric: float(known.mean())},
                deviations={},
                covered={metric: len(known)},
                undefined=0,
                failed=0,
                seeds=0,
                fit_seconds=None,
                score_seconds=None,
                peak_memory_mb=None,
                source=method.source,
            )
            rows.append(row)
    return rows


def _total(seconds: list[float | None], seeds: int) -> float | None:
    known = [value for value in seconds if value is not None]
    return sum(known) / seeds if known else None


def _deviation(records: list[Record], key: str) -> float:
    by_seed: defaultdict[int, list[float]] = defaultdict(list)
    for record in records:
        if key in record.metrics:
            by_seed[record.unit.seed].append(record.metrics[key])
    means = [fmean(values) for values in by_seed.values()]
    return stdev(means) if len(means) > 1 else 0.0


def columns(metric: str) -> list[str]:
    """The metrics of a table that is ranked by `metric`."""
    return list(dict.fromkeys([metric, *COLUMNS]))


def only(row: Row, metrics: Sequence[str]) -> Row:
    """The row with these metrics only, in this order."""
    return replace(
        row,
        metrics={key: row.metrics[key] for key in metrics if key in row.metrics},
        deviations={key: row.deviations[key] for key in metrics if key in row.deviations},
        covered={key: row.covered[key] for key in metrics if key in row.covered},
    )


def grid(rows: list[Row], metrics: Iterable[str] = COLUMNS) -> Grid:
    """The rows as texts, ready for a table."""
    shown = [key for key in metrics if any(key in row.metrics for row in rows)]
    header = ["data", "protocol", "detector", *map(title, shown)]
    header += ["cases", "fit s", "score s", "peak MB"]
    cells = [
        [
            row.data,
            f"{row.protocol}, {row.source}" if row.source else row.protocol,
            row.detector,
            *(_cell(row, key) for key in shown),
            coverage(max(row.covered.values(), default=0), row.cases, row.failed, row.undefined),
            number(row.fit_seconds, 1),
            number(row.score_seconds, 1),
            number(row.peak_memory_mb, 0),
        ]
        for row in rows
    ]
    return Grid(header, cells, text_columns=3)


def as_table(rows: list[Row], width: int, metrics: Iterable[str] = COLUMNS) -> Group:
    """The rows for a terminal of `width` letters; what does not fit beside comes below."""
    parts = tables(grid(rows, metrics), width)
    return Group(*parts[:1], *(part for piece in parts[1:] for part in ("", piece)))


def as_markdown(rows: list[Row], metrics: Iterable[str] = COLUMNS) -> str:
    """The rows as a Markdown table; the best value of each data set is bold."""
    shown = list(metrics)
    return as_markdown_table(best_in_bold(grid(rows, shown), _scores(rows, shown)))


def as_latex(rows: list[Row], metrics: Iterable[str] = COLUMNS) -> str:
    """The rows as a LaTeX `tabular` for the package booktabs; the best values are bold."""
    shown = list(metrics)
    return as_latex_table(best_in_bold(grid(rows, shown), _scores(rows, shown)))


def as_csv(rows: list[Row]) -> str:
    """The rows with all their metrics as CSV."""
    keys = sorted({key for row in rows for key in row.metrics})
    plain = [f for f in Row.__dataclass_fields__ if f not in ("metrics", "deviations", "covered")]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*plain, *keys, *(f"{key} cases" for key in keys)])
    for row in rows:
        values = [getattr(row, name) for name in plain]
        covered = [row.covered.get(key, 0) for key in keys]
        writer.writerow([*values, *(row.metrics.get(key, "") for key in keys), *covered])
    return buffer.getvalue()


def as_json(rows: list[Row]) -> str:
    """The rows as a JSON list."""
    return json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False)


def title(metric: str) -> str:
    """How a metric is headed."""
    return {"auroc": "AUROC", "aupr": "AUPR", "pauc": "pAUC"}.get(metric, metric)


def number(value: float | None, digits: int) -> str:
    """A number as text, `-` where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def coverage(covered: int, cases: int, failed: int, undefined: int) -> str:
    """`26/27 1 failed`: cases that went into the mean, of all; then why the others did not."""
    reasons = [f"{n} {why}" for n, why in ((failed, "failed"), (undefined, "undef.")) if n]
    return " ".join([f"{covered}/{cases}", *reasons])


def _cell(row: Row, key: str) -> str:
    if key not in row.metrics:
        return "-"
    value = f"{row.metrics[key]:.3f}"
    return f"{value} ±{row.deviations[key]:.3f}" if row.seeds > 1 else value


def _scores(rows: list[Row], metrics: list[str]) -> dict[int, list[tuple[str, float | None]]]:
    """For each column of `grid` that holds a metric: the data set and the goodness of each row."""
    shown = [key for key in metrics if any(key in row.metrics for row in rows)]
    found: dict[int, list[tuple[str, float | None]]] = {}
    for place, key in enumerate(shown, start=3):
        sign = 1.0 if key not in REGISTRY or REGISTRY[key].higher_is_better else -1.0
        values = [row.metrics.get(key) for row in rows]
        found[place] = [
            (row.data, None if value is None else sign * value)
            for row, value in zip(rows, values, strict=True)
        ]
    return found
