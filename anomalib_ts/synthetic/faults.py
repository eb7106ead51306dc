"""Faults planted into real rows, to find out which measure sees which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from anomalib_ts.synthetic.generators.references import Bootstrap, Marginals
from anomalib_ts.synthetic.tables.table import IntArray, Table

Fault = Callable[[Table, Table, np.random.Generator], Table]
"""Takes real rows and the training table to rows that have the fault."""


def _noise(rows: Table, train: Table, rng: np.random.Generator) -> Table:
    """Each number moves by a tenth of the ranks, so that no column by itself looks odd."""
    values = rows.values.copy()
    for place in _numbers(rows):
        known = np.sort(train.values[:, place])
        ranks = np.searchsorted(known, values[:, place]) / len(known)
        moved = (ranks + rng.normal(scale=0.1, size=len(rows))).clip(0, 1 - 1e-9)
        values[:, place] = known[(moved * len(known)).astype(np.int64)]
    return replace(rows, values=values)


def _shuffled(rows: Table, _: Table, rng: np.random.Generator) -> Table:
    return replace(rows, values=rng.permuted(rows.values, axis=0))


def _shuffled_by_label(rows: Table, _: Table, rng: np.random.Generator) -> Table:
    return Marginals(seed=0).fit(rows).sample(rows.labels, int(rng.integers(2**31)))


def _collapse(rows: Table, _: Table, rng: np.random.Generator) -> Table:
    """One row a label, again and again."""
    values = rows.values.copy()
    for label in np.unique(rows.labels):
        mine = np.flatnonzero(rows.labels == label)
        values[mine] = rows.values[rng.choice(mine)]
    return replace(rows, values=values)


def _narrow(rows: Table, _: Table, rng: np.random.Generator) -> Table:
    """Half of each label's rows, those nearest to its median, twice."""
    del rng
    kept = []
    deviation = rows.values.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)
    for label in np.unique(rows.labels):
        mine = np.flatnonzero(rows.labels == label)
        middle = np.median(rows.values[mine], axis=0)
        order = np.argsort(np.abs((rows.values[mine] - middle) / scale).sum(axis=1), kind="stable")
        kept.append(np.resize(mine[order[: -(-len(mine) // 2)]], len(mine)))
    return rows.take(np.concatenate(kept))


def _missing_label(rows: Table, _: Table, rng: np.random.Generator) -> Table:
    """The second most frequent label does not occur; other rows stand in its place."""
    second = np.argsort(-np.bincount(rows.labels), kind="stable")[1]
    others = np.flatnonzero(rows.labels != second)
    return rows.take(rng.choice(others, len(rows)))


def _copied(rows: Table, train: Table, rng: np.random.Generator) -> Table:
    known = rows.labels[np.isin(rows.labels, train.labels)]
    return Bootstrap(seed=0).fit(train).sample(known, int(rng.integers(2**31)))


def _copied_nearly(rows: Table, train: Table, rng: np.random.Generator) -> Table:
    """Training rows, one number of each changed by a thousandth, and by 1 where all are whole."""
    copies = _copied(rows, train, rng)
    whole = np.array(rows.schema.whole)
    numbers = _numbers(rows)
    places = rng.choice(numbers[~whole[numbers]] if not whole.all() else numbers, len(copies))
    values, at = copies.values.copy(), np.arange(len(copies))
    values[at, places] = values[at, places] * 1.001 + np.where(whole[places], 1, 1e-6)
    return replace(copies, values=values)


def _shifted(rows: Table, train: Table, _: np.random.Generator) -> Table:
    """A number that varies, moved by its standard deviation."""
    values, place = rows.values.copy(), _busiest(train)
    values[:, place] += train.values[:, place].std()
    return replace(rows, values=values)


def _other_unit(rows: Table, train: Table, _: np.random.Generator) -> Table:
    values, place = rows.values.copy(), _busiest(train)
    values[:, place] *= 1000
    return replace(rows, values=values)


def _wrong_category(rows: Table, _: Table, rng: np.random.Generator) -> Table:
    """A fifth of the rows have any symbol in the column that has most of them."""
    sizes = [len(symbols or ()) for symbols in rows.schema.symbols]
    place, wrong = int(np.argmax(sizes)), rng.random(len(rows)) < 0.2
    values = rows.values.copy()
    values[wrong, place] = rng.integers(sizes[place], size=wrong.sum())
    return replace(rows, values=values)


def _wrong_labels(rows: Table, _: Table, rng: np.random.Generator) -> Table:
    """A fifth of the rows carry the label of another."""
    wrong = np.flatnonzero(rng.random(len(rows)) < 0.2)
    labels = rows.labels.copy()
    labels[wrong] = rng.permutation(labels[wrong])
    return replace(rows, labels=labels)


def _odd_rows(rows: Table, train: Table, rng: np.random.Generator) -> Table:
    """In two rows of a hundred every number is ten times the greatest."""
    values, odd = rows.values.copy(), rng.random(len(rows)) < 0.02
    numbers = _numbers(rows)
    values[np.ix_(odd, numbers)] = 10 * train.values[:, numbers].max(axis=0) + 1
    return replace(rows, values=values)


FAULTS: dict[str, Fault] = {
    "noise": _noise,
    "columns shuffled": _shuffled,
    "columns shuffled in labels": _shuffled_by_label,
    "one row a label": _collapse,
    "typical half only": _narrow,
    "a label missing": _missing_label,
    "training rows copied": _copied,
    "copied but for a hair": _copied_nearly,
    "one column shifted": _shifted,
    "one column in another unit": _other_unit,
    "wrong category in 20 %": _wrong_category,
    "labels swapped in 20 %": _wrong_labels,
    "2 % odd rows": _odd_rows,
}
"""By name; see `planted`."""


def planted(name: str, rows: Table, train: Table, seed: int = 0) -> Table:
    """Real rows with one of `FAULTS`.

    >>> import numpy as np
    >>> import pandas as pd
    >>> from anomalib_ts.synthetic.tables.table import Schema
    >>> frame = pd.DataFrame({"size": [1.0, 2.0, 5.0, 6.0], "y": ["a", "a", "b", "b"]})
    >>> rows = Schema.of([frame], "y").read(frame, "rows")
    >>> planted("one row a label", rows, rows).frame()["size"].nunique()
    2

    Args:
        name: of the fault.
        rows: real rows that neither train nor are compared with.
        train: the training table, with a column of numbers and one of symbols at least.
        seed: of what is drawn.
    """
    made = FAULTS[name](rows, train, np.random.default_rng(seed))
    return replace(made, values=rows.schema.nearest_legal(made.values))


def _numbers(table: Table) -> IntArray:
    return np.flatnonzero([symbols is None for symbols in table.schema.symbols])


def _busiest(train: Table) -> int:
    """The column of numbers with most different values."""
    places: list[int] = _numbers(train).tolist()
    return max(places, key=lambda place: len(np.unique(train.values[:, place])))
