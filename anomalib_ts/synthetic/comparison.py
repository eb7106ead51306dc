"""Generated tables held beside real rows and beside what trivial generators make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from anomalib_ts.errors import ConfigError, InputError, UndefinedMetricError
from anomalib_ts.synthetic.judges.judge import Judge, Seen
from anomalib_ts.synthetic.measures.marginals import column_distances
from anomalib_ts.synthetic.measures.registry import MEASURES, Measure, Sides, View
from anomalib_ts.synthetic.tables.space import Space
from anomalib_ts.synthetic.tables.table import Table

REAL = "real half"
"""Other real rows in the place of generated ones: what a measure makes of perfect data."""

FEWEST_ROWS = 20
"""Real rows in each half, and generated rows."""

EXPECTED = 5
"""Rows of a label in a table, by its share of real ones, from which none is no chance."""

CLEARLY = 3.0
"""Standard deviations of the values that draws of real rows have."""


@dataclass(frozen=True)
class Finding:
    """The values of one measure, one for each draw; none where it is undefined.

    Attributes:
        measure: which.
        values: by the name of the table, `REAL` among them.
    """

    measure: Measure
    values: Mapping[str, tuple[float, ...]]

    def mean(self, name: str) -> float | None:
        """The mean over draws of one table's values; None where the measure is undefined."""
        return float(np.mean(self.values[name])) if self.values[name] else None

    def deviation(self, name: str) -> float | None:
        """By how many standard deviations of the real draws a table is worse than their mean.

        Negative where it is better. None where the measure is undefined.
        """
        real, mean = self.values[REAL], self.mean(name)
        if mean is None or not real:
            return None
        worse = mean - float(np.mean(real))
        if self.measure.better != "low":
            worse = -worse if self.measure.better == "high" else abs(worse)
        spread = float(np.std(real, ddof=1)) if len(real) > 1 else 0.0
        return worse / max(spread, 1e-6)

    def sees(self, name: str) -> bool:
        """Whether the measure tells a table from real rows, for the worse.

        Its mean must be worse than every draw of real rows, and clearly so.
        """
        deviation, mean = self.deviation(name), self.mean(name)
        if deviation is None or mean is None or deviation <= CLEARLY:
            return False
        low, high = min(self.values[REAL]), max(self.values[REAL])
        beyond = {"high": mean < low, "low": mean > high, "as real": not low <= mean <= high}
        return beyond[self.measure.better]


@dataclass(frozen=True)
class Comparison:
    """What all measures say of some tables.

    Attributes:
        findings: by the measure's key.
        rows: in each sample that is compared.
        draws: of samples.
        worst_columns: of each table, the three that differ most from real ones, with distances.
        remarks: what should be known, in words.
    """

    findings: Mapping[str, Finding]
    rows: int
    draws: int
    worst_columns: Mapping[str, list[tuple[str, float]]]
    remarks: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """What can be stored as JSON: every value of every draw."""
        values = {key: dict(found.values) for key, found in self.findings.items()}
        return {
            "values": values,
            "rows": self.rows,
            "draws": self.draws,
            "worst_columns": dict(self.worst_columns),
            "remarks": self.remarks,
        }


def compare(
    judge: Judge,
    train: Table,
    real: Table,
    fakes: Mapping[str, Table],
    *,
    draws: int = 5,
    most: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Measure tables against real rows, and other real rows in the same way.

    In each draw the real rows are shuffled and cut into two halves of equal size; as many rows of
    each table are drawn. Tables and the second half are compared with the first.

    Args:
        judge: fitted on `train`.
        train: what the generator learnt from.
        real: rows that it has not seen.
        fakes: tables by name.
        draws: how often; the spread over draws of real rows says what chance does.
        most: rows in a sample; the smallest table may set it lower.
        seed: of the draws.

    Raises:
        ConfigError: fewer than two draws.
        InputError: a table has too few rows, or is named like the real half.
    """
    if draws < 2:
        raise ConfigError(f"draws must be at least 2, not {draws}")
    n = min(most, len(real) // 2, *map(len, fakes.values()))
    if n < FEWEST_ROWS or REAL in fakes:
        raise InputError(
            f"{n} rows to compare are too few: {2 * FEWEST_ROWS} real and {FEWEST_ROWS} generated "
            "ones are needed at least"
        )
    space = Space(train)
    views = {name: _view(table, space, judge) for name, table in fakes.items()}
    whole, unseen = _view(real, space, judge), np.empty((len(train), 0))
    learnt = View(train, space.points(train), unseen, unseen)  # no measure asks a judge about it
    values: dict[str, dict[str, list[float]]] = {
        key: {name: [] for name in (REAL, *fakes)} for key in MEASURES
    }
    for draw in range(draws):
        for name, sides in _sides(whole, learnt, views, n, (seed, draw)):
            for key, measure in MEASURES.items():
                try:
                    values[key][name].append(measure.of(sides))
                except UndefinedMetricError:
                    continue
    return Comparison(
        {k: Finding(MEASURES[k], {t: tuple(v) for t, v in by.items()}) for k, by in values.items()},
        n,
        draws,
        {name: _worst_columns(real, table) for name, table in fakes.items()},
        _remarks(whole, train, fakes),
    )


def _sides(
    real: View, train: View, fakes: Mapping[str, View], n: int, seed: tuple[int, int]
) -> Iterator[tuple[str, Sides]]:
    """One draw: the second real half and each table against the first half."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(real))
    first = real.take(order[:n])
    holdout = real.take(np.concatenate([order[:n], order[2 * n :]]))
    yield REAL, Sides(first, real.take(order[n : 2 * n]), train, holdout, seed[1])
    for name, fake in fakes.items():
        drawn = fake.take(rng.permutation(len(fake))[:n])
        yield name, Sides(first, drawn, train, holdout, seed[1])


def _view(table: Table, space: Space, judge: Judge) -> View:
    seen = judge.look(table)
    return View(table, space.points(table), seen.probabilities, seen.features)


def _worst_columns(real: Table, table: Table) -> list[tuple[str, float]]:
    distances = column_distances(real, table)
    order = np.argsort(-distances)[:3].tolist()
    return [(real.schema.columns[place], float(distances[place])) for place in order]


def _remarks(real: View, train: Table, fakes: Mapping[str, Table]) -> list[str]:
    seen = Seen(real.probabilities, real.features)
    accuracy = seen.accuracy(real.table.labels)
    remarks = [f"the judge gives {accuracy:.1%} of the real rows their label"]
    if seen.labels_given() == 1:
        remarks.append(
            "degenerate: the judge gives all real rows one label, so its scores (IS, both FID, "
            "label agreement) mean nothing; train it longer or choose another"
        )
    names = real.table.schema.labels
    shares = np.bincount(real.table.labels, minlength=len(names)) / len(real)
    for name, table in fakes.items():
        there = np.bincount(table.labels, minlength=len(names))
        missing = np.flatnonzero((shares * len(table) >= EXPECTED) & (there == 0))
        if len(missing):
            listed = ", ".join(names[label] for label in missing[:5])
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            remarks.append(f"{name} has no row labelled {listed}{more}")
    known = {row.tobytes() for row in train.values + 0.0}
    share = np.mean([row.tobytes() in known for row in real.table.values + 0.0])
    if share > 0.01:
        remarks.append(f"{share:.1%} of the real rows stand in the training table, too")
    return remarks
