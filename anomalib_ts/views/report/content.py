"""Everything a report shows, worked out from stored records before any of it is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.results.comparison import Common, Comparison, compare
from anomalib_ts.results.entries import Entries, Method, Series, unattacked
from anomalib_ts.results.published import PublishedTable
from anomalib_ts.results.ranking import wins
from anomalib_ts.results.robustness import UnderAttack, under_attack
from anomalib_ts.results.standings import Standing, standings
from anomalib_ts.results.statistics import CriticalDifference, critical_difference
from anomalib_ts.views.report.failures import Failure, failures
from anomalib_ts.views.report.provenance import (
    ShownSettings,
    data_settings,
    method_settings,
    versions,
)


@dataclass(frozen=True)
class HeatCell:
    """A method on a data set.

    Attributes:
        value: the mean; None if there is none.
        heat: where it lies among all cells, 0 (worst) to 1 (best).
        best: whether it is the best of several methods that have a value on all its series.
        note: coverage, where another method may have a value on more series.
    """

    value: float | None
    heat: float
    best: bool
    note: str


@dataclass(frozen=True)
class Duel:
    """One method against another on the common series; p is Holm-adjusted."""

    wins: int
    ties: int
    losses: int
    p: float


@dataclass(frozen=True, eq=False)
class Content:
    """What the page's template is filled with.

    Attributes:
        metric: key of the metric that ranks.
        lines: one a method, best first.
        comparison, common: the matrix behind them.
        cd: ranks and groups; None where there is too little to compare.
        data_sets: names, in the order of the heat map's columns.
        heat: a row a line, a cell a data set.
        duels: `(methods, methods)` in the order of `cd.order`; None on the diagonal.
        statuses: number of units by how they ended.
        failures, methods, data, versions: see their modules.
        seeds: number of different seeds.
        remarks: what is left out, a sentence each.
        attacks: what became of the methods under attack; everything else is without.
    """

    metric: str
    lines: list[Standing]
    comparison: Comparison
    common: Common
    cd: CriticalDifference | None
    data_sets: list[str]
    heat: list[list[HeatCell]]
    duels: list[list[Duel | None]]
    statuses: dict[str, int]
    failures: list[Failure]
    methods: list[ShownSettings]
    data: list[ShownSettings]
    versions: list[tuple[str, list[tuple[str, int]]]]
    seeds: int
    remarks: list[str]
    attacks: list[UnderAttack]

    @property
    def only_protocol(self) -> str:
        """The protocol of all results, which then need not be named with each; else empty."""
        protocols = {line.method.protocol for line in self.lines if not line.method.source}
        return protocols.pop() if len(protocols) == 1 else ""

    def label(self, method: Method) -> str:
        """A method in one short text, with its protocol if there are several."""
        alone = self.only_protocol and not method.source
        return method.name if alone else method.label


def content(
    found: Entries,
    metric: str,
    published: Sequence[PublishedTable] = (),
    left_out: Sequence[str] = (),
) -> Content:
    """What a report of these results shows.

    Args:
        found: the results.
        metric: what ranks.
        published: tables to quote.
        left_out: sentences about results that could not be read.

    Raises:
        InputError: a published table holds another metric, or none of the series.
    """
    kept = unattacked(found.kept)
    comparison = compare(kept, metric, published)
    lines = standings(kept, comparison)
    common = comparison.common()
    cd = critical_difference(common)
    data_sets = sorted({entry.series.data for entry in kept})
    return Content(
        metric=metric,
        lines=lines,
        comparison=comparison,
        common=common,
        cd=cd,
        data_sets=data_sets,
        heat=_heat(lines, data_sets, comparison.series, common.sign),
        duels=_duels(common, cd) if cd else [],
        statuses=dict(Counter(entry.record.status for entry in kept).most_common()),
        failures=failures(kept),
        methods=method_settings(kept),
        data=data_settings(kept),
        versions=versions(kept),
        seeds=len({entry.record.unit.seed for entry in kept}),
        remarks=[*left_out, *found.remarks],
        attacks=under_attack(found.kept, metric),
    )


def _heat(
    lines: Sequence[Standing], data_sets: list[str], series: Sequence[Series], sign: float
) -> list[list[HeatCell]]:
    cases = Counter(data for data, _ in series)
    values: FloatArray = np.array(
        [[sign * line.by_data.get(data, np.nan) for data in data_sets] for line in lines]
    )
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    whole = np.array(
        [[line.covered_by_data.get(data, 0) == cases[data] for data in data_sets] for line in lines]
    )
    compared = np.where(whole, values, np.nan)
    rows = []
    for line, goodness in zip(lines, values, strict=True):
        row = []
        for data, column, value in zip(data_sets, compared.T, goodness.tolist(), strict=True):
            covered = line.covered_by_data.get(data, 0)
            cell = HeatCell(
                value=line.by_data.get(data),
                heat=float((value - low) / ((high - low) or 1.0)) if np.isfinite(value) else 0.0,
                best=covered == cases[data] and _is_best(value, column),
                note="" if covered == cases[data] else f"{covered}/{cases[data]}",
            )
            row.append(cell)
        rows.append(row)
    return rows


def _is_best(value: float, column: FloatArray) -> bool:
    """Whether no other value is better, if there is another one."""
    known = column[np.isfinite(column)]
    return len(known) > 1 and bool(value >= known.max())


def _duels(common: Common, cd: CriticalDifference) -> list[list[Duel | None]]:
    won = wins(common.goodness)
    series = len(common.series)
    return [
        [
            None
            if a == b
            else Duel(
                wins=int(won[a, b]),
                ties=series - int(won[a, b]) - int(won[b, a]),
                losses=int(won[b, a]),
                p=float(cd.p[a, b]),
            )
            for b in cd.order
        ]
        for a in cd.order
    ]
