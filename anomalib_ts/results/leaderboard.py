"""The table of stored results: a row for each data set, protocol, detector and attack."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import TypeVar

import numpy as np

from anomalib_ts.metrics.registry import sign_of
from anomalib_ts.results.comparison import quoted_values
from anomalib_ts.results.entries import Entry, Method, Series, entries
from anomalib_ts.results.published import PublishedTable
from anomalib_ts.results.record import Record

log = logging.getLogger(__name__)

T = TypeVar("T")

COLUMNS = ("auroc", "aupr", "pauc")
"""The metrics that a table shows unless asked for others."""

QUOTED = "quoted"
"""Stands in the place of the protocol of a quoted method, which is its authors' own."""

UNRANKED = "unranked"
UNRANKED_REMARK = (
    f"{UNRANKED}: not over all cases on which another row of the data set has a value, and so not "
    "to be compared with it; --common compares all rows on the cases that all of them have"
)
NO_LABELS_AT_ALL = "no labels"


@dataclass(frozen=True)
class Row:
    """One detector on one data set under one protocol: means over its cases.

    Attributes:
        data, protocol, detector: what was run; the detector with its changed settings, and with
            the rules it was judged by where they are not the same in all rows.
        cases: number of cases.
        metrics: for each metric, the mean over the cases on which it is defined, each averaged
            over its seeds first.
        deviations: standard deviation of that mean over the seeds, where there are several.
        covered: for each metric, the number of cases that went into the mean.
        undefined: number of labelled cases without any metric because a class is missing.
        failed: number of cases that failed with at least one seed.
        seeds: number of seeds; 0 for quoted methods.
        fit_seconds, score_seconds: summed over the cases, averaged over the seeds; None where
            nothing was timed.
        peak_memory_mb: the largest; None where it was not measured.
        source: the published table that a quoted row comes from; empty for our own.
        unlabelled: number of cases whose data has no labels.
        without: for each metric, the number of labelled cases that did not fail and have no value.
        comparable: the metrics whose mean is over all cases on which any row of the data set has a
            value: only rows over the same cases are ranked and compared.
        attack: what the test data went through, in words; empty for nothing. Rows under different
            attacks are not ranked together.
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
    unlabelled: int = 0
    without: dict[str, int] = field(default_factory=dict)
    comparable: tuple[str, ...] = ()
    attack: str = ""


_Values = dict[str, dict[str, float]]
"""For each metric, the value of each case on which it is defined."""


def leaderboard(
    records: Iterable[Record],
    metric: str = "auroc",
    published: Sequence[PublishedTable] = (),
    *,
    common: bool = False,
) -> list[Row]:
    """One row a data set, protocol and detector; within a data set the best by `metric` first.

    Rows that lack a case on which another row has a value come after those that lack none. A
    warning tells of results that no longer count.

    Args:
        records: stored results; those that no longer count are left out, see `sort_results`.
        metric: what ranks.
        published: tables whose methods are quoted beside ours, on the series that are ours.
        common: whether to leave out the cases on which not all rows of a data set have a value.
    """
    found = entries(records)
    for remark in found.remarks:
        log.warning("%s", remark)
    return leaderboard_of(found.kept, metric, published, common=common)


def leaderboard_of(
    kept: Sequence[Entry],
    metric: str = "auroc",
    published: Sequence[PublishedTable] = (),
    *,
    common: bool = False,
) -> list[Row]:
    """The same from entries, for those who have them already."""
    groups: defaultdict[str, defaultdict[Method, list[Entry]]]
    groups = defaultdict(lambda: defaultdict(list))
    for entry in kept:
        groups[entry.series.data][entry.method].append(entry)
    sign = sign_of(metric)
    rows = []
    for data, by_method in groups.items():
        found = _rows(data, by_method, metric, published, common=common)
        rows += sorted(found, key=lambda row: _order(row, metric, sign))
    return sorted(rows, key=lambda row: (row.data, bool(row.attack)))


def _rows(
    data: str,
    by_method: Mapping[Method, list[Entry]],
    metric: str,
    published: Sequence[PublishedTable],
    *,
    common: bool,
) -> list[Row]:
    """The rows of one data set."""
    own = {method: _values(group) for method, group in by_method.items()}
    series = sorted({entry.series for group in by_method.values() for entry in group})
    quoted = [
        (table.layout.metric, method, found)
        for table in published
        for method, found in _quoted(table, series, own.values())
    ]
    everything = [*own.values(), *({key: found} for key, _, found in quoted)]
    if common:
        chosen = _common_cases(everything, metric)
        if not chosen:
            log.warning("%s is left out: there is no case on which all rows have %s", data, metric)
        by_method = {
            method: [entry for entry in group if entry.series.case in chosen]
            for method, group in by_method.items()
        }
        own = {method: _values(group) for method, group in by_method.items()}
        quoted = [
            (key, method, {case: v for case, v in found.items() if case in chosen})
            for key, method, found in quoted
        ]
        series = [one for one in series if one.case in chosen]
        everything = [*own.values(), *({key: found} for key, _, found in quoted)]
    wanted = {
        key: {case for values in everything for case in values.get(key, ())}
        for key in {key for values in everything for key in values}
    }
    rows = [
        _row(data, method, group, own[method], wanted)
        for method, group in by_method.items()
        if group
    ]
    return rows + [
        replace(
            _quoted_row(method, key, found),
            data=data,
            cases=len(series),
            comparable=(key,) if found.keys() == wanted[key] else (),
        )
        for key, method, found in quoted
        if found
    ]


def _common_cases(everything: Iterable[_Values], metric: str) -> set[str]:
    """The cases on which all those have a value that have one on any."""
    found = [set(values[metric]) for values in everything if values.get(metric)]
    return set.intersection(*found) if found else set()


def _order(row: Row, metric: str, sign: float) -> tuple[str, bool, bool, float, str, str]:
    value = row.metrics.get(metric)
    apart = metric not in row.comparable
    goodness = sign * (value or 0.0)
    return row.attack, value is None, apart, -goodness, row.protocol, row.detector


def _values(group: Iterable[Entry]) -> _Values:
    found: defaultdict[str, defaultdict[str, list[float]]]
    found = defaultdict(lambda: defaultdict(list))
    for _, series, record in group:
        for key, value in record.metrics.items():
            found[key][series.case].append(value)
    return {
        key: {case: fmean(values) for case, values in sorted(by_case.items())}
        for key, by_case in sorted(found.items())
    }


def _row(
    data: str,
    method: Method,
    group: list[Entry],
    values: _Values,
    wanted: Mapping[str, set[str]],
) -> Row:
    records = [entry.record for entry in group]
    by_case: defaultdict[str, list[Record]] = defaultdict(list)
    for entry in group:
        by_case[entry.series.case].append(entry.record)
    seeds = len({record.unit.seed for record in records})
    unlabelled = {c for c, found in by_case.items() if all(r.unlabelled for r in found)}
    failed = {c for c, found in by_case.items() if any(r.status != "ok" for r in found)}
    judged = by_case.keys() - unlabelled
    return Row(
        data=data,
        protocol=method.protocol,
        detector=method.name,
        cases=len(by_case),
        metrics={key: fmean(found.values()) for key, found in values.items()},
        deviations={key: _deviation(records, key) for key in values},
        covered={key: len(found) for key, found in values.items()},
        undefined=sum(
            all(r.undefined and not r.metrics for r in found)
            for case, found in by_case.items()
            if case in judged
        ),
        failed=len(failed),
        seeds=seeds,
        fit_seconds=_total([r.fit_seconds for r in records], seeds),
        score_seconds=_total([r.score_seconds for r in records], seeds),
        peak_memory_mb=max((r.peak_memory_mb for r in records if r.peak_memory_mb), default=None),
        unlabelled=len(unlabelled),
        without={
            key: len(judged - failed - values.get(key, {}).keys())
            for key in sorted({key for r in records for key in (*r.metrics, *r.undefined)})
        },
        comparable=tuple(key for key, found in values.items() if found.keys() == wanted[key]),
        attack=_attack(method, records),
    )


def _attack(method: Method, records: Sequence[Record]) -> str:
    """The attack, with the kind that was made in its place where there was no gradient."""
    made = {r.attacked_by for r in records if r.attacked_by} - {method.attack.partition(" ")[0]}
    return ", ".join([method.attack, *(f"by {kind}" for kind in sorted(made))])


def _quoted(
    table: PublishedTable, series: Sequence[Series], own: Iterable[_Values]
) -> list[tuple[Method, dict[str, float]]]:
    """What a table has on our series: on those on which we have a value, if there is any."""
    metric = table.layout.metric
    ours = {case for values in own for case in values.get(metric, ())}
    chosen = [one for one in series if one.case in ours] or list(series)
    values = quoted_values(table, chosen)
    return [
        (method, {one.case: v for one, v in zip(chosen, found, strict=True) if np.isfinite(v)})
        for method, found in zip(table.methods, values.tolist(), strict=True)
    ]


def _quoted_row(method: Method, metric: str, found: dict[str, float]) -> Row:
    """The row of a quoted method, as far as it does not depend on our rows."""
    return Row(
        data="",
        protocol=QUOTED,
        detector=method.name,
        cases=0,
        metrics={metric: fmean(found.values())},
        deviations={},
        covered={metric: len(found)},
        undefined=0,
        failed=0,
        seeds=0,
        fit_seconds=None,
        score_seconds=None,
        peak_memory_mb=None,
        source=method.source,
    )


def _total(seconds: list[float | None], seeds: int) -> float | None:
    known = [value for value in seconds if value is not None]
    return sum(known) / seeds if known else None


def _deviation(records: list[Record], key: str) -> float:
    """Of the mean over the seeds, on the cases on which all seeds have a value.

    A seed that lacks a case has another mean for that alone, which says nothing of seeds.
    """
    by_seed: defaultdict[int, dict[tuple[str, str], float]] = defaultdict(dict)
    for record in records:
        if key in record.metrics:
            by_seed[record.unit.seed][record.unit.data, record.unit.case] = record.metrics[key]
    shared = set.intersection(*(set(found) for found in by_seed.values())) if by_seed else set()
    means = [fmean(found[case] for case in shared) for found in by_seed.values() if shared]
    return float(np.std(means, ddof=1)) if len(means) > 1 else 0.0


def columns(metric: str) -> list[str]:
    """The metrics of a table that is ranked by `metric`."""
    return list(dict.fromkeys([metric, *COLUMNS]))


def only(row: Row, metrics: Sequence[str]) -> Row:
    """The row with these metrics only, in this order."""

    def chosen(values: Mapping[str, T]) -> dict[str, T]:
        return {key: values[key] for key in metrics if key in values}

    return replace(
        row,
        metrics=chosen(row.metrics),
        deviations=chosen(row.deviations),
        covered=chosen(row.covered),
        without=chosen(row.without),
        comparable=tuple(key for key in row.comparable if key in metrics),
    )
