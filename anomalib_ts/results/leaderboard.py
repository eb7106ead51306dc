"""Tables made from stored records; pure Python, so that looking at results stays instant."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import fmean, stdev

from rich.table import Table

from anomalib_ts.results.record import Record

COLUMNS = ("auroc", "aupr", "pauc")
"""The metrics that a table shows unless asked for others."""


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
        seeds: number of seeds.
        fit_seconds, score_seconds: summed over the cases, averaged over the seeds.
        peak_memory_mb: the largest.
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
    fit_seconds: float
    score_seconds: float
    peak_memory_mb: float


def leaderboard(records: Iterable[Record], metric: str = "auroc") -> list[Row]:
    """One row a data set, protocol and detector; within a data set the best by `metric` first."""
    groups: defaultdict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        unit = record.unit
        name = f"{unit.detector} ({unit.variant})" if unit.variant else unit.detector
        groups[unit.data, unit.protocol, name].append(record)
    rows = [_row(*key, group) for key, group in groups.items()]
    return sorted(rows, key=lambda r: (r.data, r.protocol, -r.metrics.get(metric, -1.0)))


def _row(data: str, protocol: str, detector: str, records: list[Record]) -> Row:
    by_case: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_case[record.unit.case].append(record)
    seeds = {record.unit.seed for record in records}
    values: defaultdict[str, list[float]] = defaultdict(list)
    for case in by_case.values():
        for key in {key for record in case for key in record.metrics}:
            values[key].append(fmean(r.metrics[key] for r in case if key in r.metrics))
    return Row(
        data=data,
        protocol=protocol,
        detector=detector,
        cases=len(by_case),
        metrics={key: fmean(found) for key, found in sorted(values.items())},
        deviations={key: _deviation(records, key) for key in sorted(values)},
        covered={key: len(found) for key, found in sorted(values.items())},
        undefined=sum(all(r.undefined and not r.metrics for r in c) for c in by_case.values()),
        failed=sum(any(r.status != "ok" for r in case) for case in by_case.values()),
        seeds=len(seeds),
        fit_seconds=sum(r.fit_seconds or 0.0 for r in records) / len(seeds),
        score_seconds=sum(r.score_seconds or 0.0 for r in records) / len(seeds),
        peak_memory_mb=max((r.peak_memory_mb or 0.0 for r in records), default=0.0),
    )


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


def as_table(rows: list[Row], metrics: Iterable[str] = COLUMNS) -> Table:
    """The rows for a terminal."""
    shown = [key for key in metrics if any(key in row.metrics for row in rows)]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("data", "protocol", "detector"):
        table.add_column(name, overflow="fold")
    for name in (*(_title(key) for key in shown), "cases", "fit s", "score s", "peak MB"):
        table.add_column(name, justify="right", no_wrap=True)
    previous = ""
    for row in rows:
        table.add_section() if previous not in ("", row.data) else None
        previous = row.data
        table.add_row(
            row.data,
            row.protocol,
            row.detector,
            *(_cell(row, key) for key in shown),
            _coverage(row),
            f"{row.fit_seconds:.1f}",
            f"{row.score_seconds:.1f}",
            f"{row.peak_memory_mb:.0f}",
        )
    return table


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


def _title(key: str) -> str:
    return {"auroc": "AUROC", "aupr": "AUPR", "pauc": "pAUC"}.get(key, key)


def _cell(row: Row, key: str) -> str:
    if key not in row.metrics:
        return "-"
    value = f"{row.metrics[key]:.3f}"
    return f"{value} ±{row.deviations[key]:.3f}" if row.seeds > 1 else value


def _coverage(row: Row) -> str:
    """`26/27`: cases that went into the mean, of all; then why the others did not."""
    covered = max(row.covered.values(), default=0)
    reasons = [f"{n} {why}" for n, why in ((row.failed, "failed"), (row.undefined, "undef.")) if n]
    return " ".join([f"{covered}/{row.cases}", *reasons])
