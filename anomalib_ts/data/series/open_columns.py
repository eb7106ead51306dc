"""The columns of a table whose role is not decided yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.data.series.column_names import (
    Named,
    listed,
    named,
    shown,
)
from anomalib_ts.data.series.dates import Times
from anomalib_ts.data.series.text_table import TextTable, to_numbers
from anomalib_ts.errors import InputError

NONE = "none"
"""Instead of a column: there is none, whatever its name says."""


@dataclass(frozen=True)
class Chosen:
    """Which columns a user named; the settings are those of `CsvFile`."""

    value_columns: list[int | str] | None = None
    label_column: int | str | None = None
    timestamp_column: int | str | None = None
    exclude_columns: list[int | str] | None = None
    ignored_column: int | str | None = None
    date_format: str | None = None


@dataclass(frozen=True)
class TestPart:
    """What the columns of the test part are, for its training part to follow.

    Attributes:
        channels: their names.
        left_out: names of columns that are no channels there.
    """

    channels: Sequence[str]
    left_out: frozenset[str]


@dataclass
class Roles:
    """What each column of a table is, by position.

    Attributes:
        channels: in their order.
        label: of the labels, or None.
        ignored: of the marks of points that count in no metric, or None.
        time: of the time stamps, or None.
        times: what was read from that column.
        left_out: all others, and why.
        remarks: what was guessed and should be known.
    """

    channels: list[int] = field(default_factory=list)
    label: int | None = None
    ignored: int | None = None
    time: int | None = None
    times: Times | None = None
    left_out: dict[int, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def in_words(self, table: TextTable) -> str:
        """One line that says what each column was taken for, bounded in length."""
        names = table.columns
        parts = [f"channels {listed([names[i] for i in self.channels])}"]
        parts += [] if self.time is None else [f"time {shown(names[self.time])}"]
        parts += [] if self.label is None else [f"label {shown(names[self.label])}"]
        parts += [] if self.ignored is None else [f"ignored points {shown(names[self.ignored])}"]
        reasons: dict[str, list[str]] = {}
        for position, why in self.left_out.items():
            reasons.setdefault(why, []).append(names[position])
        parts += [f"left out {listed(found)} ({why})" for why, found in reasons.items()]
        return "; ".join(parts)


def is_none(column: int | str, table: TextTable) -> bool:
    """Whether the user said that there is no such column."""
    return str(column).lower() == NONE and str(column) not in table.columns


SAMPLE = 100
"""Rows that show what a column holds."""


class OpenColumns:
    """A table, what the user chose, and which of its columns have no role yet.

    Args:
        table: what was read.
        chosen: what the user named.
        test: for a training part, what the columns of the test part are.

    Attributes:
        roles: what has been decided.
        free: positions of the columns that have no role.
        values: of those that are named as channels.
        follows: the test part, where the columns have names to compare.
    """

    def __init__(self, table: TextTable, chosen: Chosen, test: TestPart | None) -> None:
        self.table = table
        self.chosen = chosen
        self.roles = Roles()
        kinds = [named(name) for name in table.columns] if table.has_header else []
        self.kinds = kinds or [Named.NOTHING] * len(table.columns)
        self.dtypes = [dtype.kind for dtype in table.frame.dtypes]
        self.free = list(range(len(table.columns)))
        self.follows = None if test is None or not table.has_header else test
        self.values: list[int] = []

    def _open(self) -> list[int]:
        """Columns that have no role yet and are not named as values."""
        values = set(self.values)
        return [i for i in self.free if i not in values]

    def _twice(self, position: int, how: str) -> InputError:
        return InputError(
            f"{self.table.path}: column {self.table.columns[position]!r} is named both {how}"
        )

    def _leave_out(self, positions: Sequence[int], why: str) -> None:
        gone = set(positions)
        self.free = [i for i in self.free if i not in gone]
        self.roles.left_out |= dict.fromkeys(positions, why)

    def _remark(self, positions: Sequence[int], what: str) -> None:
        if positions:
            names = listed([self.table.columns[i] for i in positions])
            self.roles.remarks.append(f"column{'s' * (len(positions) > 1)} {names} {what}")

    def _take(self, position: int) -> int:
        self.free.remove(position)
        return position

    def _numbers(self, position: int) -> FloatArray:
        """A column for a look at it: what is no number is NaN."""
        column: Any = self.table.frame.iloc[:, position]
        return to_numbers(column, self.table.decimal)
