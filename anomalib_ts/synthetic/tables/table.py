"""Labelled tables of numbers and symbols, which generators make and measures compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalib_ts.core.names import nearest
from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import InputError

IntArray = NDArray[np.int64]

MOST_LABELS = 200
"""More than this many different labels are taken for a mistake: a column of numbers, say."""


@dataclass(frozen=True)
class Schema:
    """What all tables that are compared have in common.

    Attributes:
        columns: names, without the label's.
        symbols: of each column the symbols that it may hold, in the order of their codes; None
            for a column of numbers.
        whole: of each column whether all its numbers are whole.
        label: name of the label's column.
        labels: the labels, in the order of their codes.
    """

    columns: tuple[str, ...]
    symbols: tuple[tuple[str, ...] | None, ...]
    whole: tuple[bool, ...]
    label: str
    labels: tuple[str, ...]

    @classmethod
    def of(cls, frames: Sequence[pd.DataFrame], label: str, names: Sequence[str] = ()) -> Schema:
        """The schema of the first table's columns, symbols and labels as all of them have them.

        >>> import pandas as pd
        >>> Schema.of([pd.DataFrame({"size": [1.5, 2], "flag": ["a", "b"], "y": [0, 1]})], "y")
        Schema(columns=('size', 'flag'), symbols=(None, ('a', 'b')), whole=(False, True), label='y',
            labels=('0', '1'))

        Args:
            frames: real tables; symbols and labels get codes in the order of first appearance.
            label: the column that holds the label.
            names: what messages call the tables.

        Raises:
            InputError: the tables differ in their columns, or have none but the label's; that is
                not there, holds numbers that are not whole, one
                value or more than `MOST_LABELS`.
        """
        names = names or ["the table"] * len(frames)
        columns = [str(column) for column in frames[0].columns]
        if label not in columns:
            raise InputError(f"{names[0]} has no column {label!r}; {nearest(label, columns)}")
        if len(columns) == 1:
            raise InputError(f"{names[0]} has no column but the label's, so nothing to compare")
        both = pd.concat(
            [_columns_of(frame, columns, name) for frame, name in zip(frames, names, strict=True)]
        )
        labels = _texts(both[label])
        if _is_numeric(both[label]) and (both[label].dropna() % 1 != 0).any():
            raise InputError(
                f"the column {label!r} holds numbers that are not whole; choose a column of classes"
            )
        if not 2 <= len(labels) <= MOST_LABELS:
            raise InputError(
                f"the column {label!r} has {len(labels)} different labels; a label needs 2 to "
                f"{MOST_LABELS}: choose a column of classes"
            )
        kept = [column for column in columns if column != label]
        numeric = [_is_numeric(both[column]) for column in kept]
        return cls(
            columns=tuple(kept),
            symbols=tuple(
                None if is_number else _texts(both[column])
                for column, is_number in zip(kept, numeric, strict=True)
            ),
            whole=tuple(
                not is_number or bool((both[column] % 1 == 0).all())
                for column, is_number in zip(kept, numeric, strict=True)
            ),
            label=label,
            labels=labels,
        )

    def read(self, frame: pd.DataFrame, name: str) -> Table:
        """A table of this schema.

        Args:
            frame: columns in any order.
            name: what messages call it.

        Raises:
            InputError: it lacks a column or has one too many, a cell is empty, not finite or no
                number, or a symbol or label is unknown.
        """
        frame = _columns_of(frame, [*self.columns, self.label], name)
        if not len(frame):
            raise InputError(f"{name} has no rows")
        values = np.empty((len(frame), len(self.columns)))
        for place, (column, symbols) in enumerate(zip(self.columns, self.symbols, strict=True)):
            cells = frame[column]
            values[:, place] = (
                _numbers(cells, name) if symbols is None else _codes(cells, symbols, name)
            )
        return Table(self, values, _codes(frame[self.label], self.labels, name))

    def nearest_legal(self, values: FloatArray) -> FloatArray:
        """Values rounded to what a table can hold: codes in range, whole numbers where all are."""
        legal = values.copy()
        for place, (symbols, whole) in enumerate(zip(self.symbols, self.whole, strict=True)):
            if whole:
                legal[:, place] = np.rint(legal[:, place])
            if symbols is not None:
                legal[:, place] = legal[:, place].clip(0, len(symbols) - 1)
        return legal


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of one schema.

    Attributes:
        schema: of the columns.
        values: `(n, c)`, symbols as their codes.
        labels: `(n,)` codes of the labels.
    """

    schema: Schema
    values: FloatArray
    labels: IntArray

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: NDArray[Any]) -> Table:
        """The rows at these places, or where a mask is true."""
        return replace(self, values=self.values[rows], labels=self.labels[rows])

    def frame(self) -> pd.DataFrame:
        """The table with its symbols and labels as text, as it is written to a file."""
        columns: dict[str, Any] = {}
        for place, name in enumerate(self.schema.columns):
            symbols, values = self.schema.symbols[place], self.values[:, place]
            if symbols is not None:
                columns[name] = np.array(symbols, dtype=object)[values.astype(np.int64)]
            else:
                columns[name] = values.astype(np.int64) if self.schema.whole[place] else values
        columns[self.schema.label] = np.array(self.schema.labels, dtype=object)[self.labels]
        return pd.DataFrame(columns)


def at_most(table: Table, most: int, rng: np.random.Generator, *, first: int = 0) -> Table:
    """Rows drawn so that no label has more than `most`, or `first` if it is the first label.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"a": range(9), "y": list("ppppppqqq")})
    >>> table = Schema.of([frame], "y").read(frame, "rows")
    >>> at_most(table, 2, np.random.default_rng(0), first=4).labels.tolist()
    [0, 0, 0, 0, 1, 1]

    Args:
        table: to draw from.
        most: rows of a label.
        rng: of the draw.
        first: the most for the label of code 0, often the largest by far; 0 for `most`.
    """
    kept = []
    for label in np.unique(table.labels):
        rows = rng.permutation(np.flatnonzero(table.labels == label))
        kept.append(rows[: first if first and label == 0 else most])
    return table.take(np.sort(np.concatenate(kept)))


def _columns_of(frame: pd.DataFrame, columns: list[str], name: str) -> pd.DataFrame:
    named = frame.set_axis([str(column) for column in frame.columns], axis=1)
    missing = [column for column in columns if column not in named]
    more = [column for column in named if column not in columns]
    if missing or more:
        what = f"lacks the column {missing[0]!r}" if missing else f"has a column {more[0]!r} more"
        raise InputError(f"{name} {what}; all tables must have the same columns")
    return named[columns]


def _is_numeric(cells: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells))


def _texts(cells: pd.Series[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_as_text(cells.dropna()).unique()))


def _as_text(cells: pd.Series[Any]) -> pd.Series[Any]:
    """Symbols as text: 1 and 1.0 are the same label."""
    if pd.api.types.is_float_dtype(cells) and (cells.dropna() % 1 == 0).all():
        cells = cells.astype("Int64")
    return cells.astype("string")


def _numbers(cells: pd.Series[Any], name: str) -> FloatArray:
    numbers: FloatArray = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
    bad = ~np.isfinite(numbers)
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(
            f"{name}, row {row + 1}, column {cells.name!r}: {str(cells.iloc[row])!r} is no "
            "finite number; mend or leave out the row"
        )
    return numbers


def _codes(cells: pd.Series[Any], symbols: tuple[str, ...], name: str) -> IntArray:
    place = {symbol: code for code, symbol in enumerate(symbols)}
    texts = _as_text(cells)
    codes = texts.map(place)
    if codes.isna().any():
        unknown = sorted(set(texts[codes.isna()].dropna())) or ["an empty cell"]
        raise InputError(
            f"{name}, column {cells.name!r}: {', '.join(map(repr, unknown[:5]))} "
            f"{'is' if len(unknown) == 1 else 'are'} not in the real tables, which have "
            f"{', '.join(symbols[:8])}{', ...' if len(symbols) > 8 else ''}"
        )
    return np.array(codes, dtype=np.int64)
