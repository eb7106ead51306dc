"""What each column of a table is: time, label, a channel, or left out, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.data.series.column_contents import (
    like_labels,
    maybe_classes,
    maybe_counters,
    maybe_switches,
    only_rises,
    rises_evenly,
    tells_labels,
    two_values,
)
from anomalib_ts.data.series.column_names import Named, listed, named, shown
from anomalib_ts.data.series.dates import Times, read_times
from anomalib_ts.data.series.text_table import TextTable, to_numbers
from anomalib_ts.errors import InputError

NONE = "none"
"""Instead of a column: there is none, whatever its name says."""

_LOOK = 2_000_000
"""Cells in the quick look at the first rows of all columns."""
_SAMPLE = 100
_FEW = 8
"""Any measurement may have two values in so few points."""
_LABEL_NAMES = {Named.LABEL, Named.LABELS, Named.CHANGES, Named.MAYBE_LABEL, Named.NORMAL}
_TIME_NAMES = (Named.TIME, Named.TIMES, Named.MAYBE_TIME)
_DATE = re.compile(r"\s*\d{1,4}[-./]\d{1,2}[-./]\d{1,4}")


@dataclass(frozen=True)
class Chosen:
    """Which columns a user named; the settings are those of `CsvFile`."""

    value_columns: list[int | str] | None = None
    label_column: int | str | None = None
    timestamp_column: int | str | None = None
    exclude_columns: list[int | str] | None = None
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
        time: of the time stamps, or None.
        times: what was read from that column.
        left_out: all others, and why.
        remarks: what was guessed and should be known.
    """

    channels: list[int] = field(default_factory=list)
    label: int | None = None
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
        reasons: dict[str, list[str]] = {}
        for position, why in self.left_out.items():
            reasons.setdefault(why, []).append(names[position])
        parts += [f"left out {listed(found)} ({why})" for why, found in reasons.items()]
        return "; ".join(parts)


def find_roles(table: TextTable, chosen: Chosen, test: TestPart | None = None) -> Roles:
    """Decide what each column of a table is.

    What the user named comes first. Then names decide, however spelled: labels and time. Of what
    is left, text is left out, as are columns that count (row numbers), those that follow the
    labels, and those named like labels or an index; a column of two values beside others is used
    with a remark, since labels look like a switch. All others are channels.

    Args:
        table: what was read.
        chosen: what the user named.
        test: for a training part, what the columns of the test part are; the same are taken.

    Raises:
        InputError: a named column is not there or has two roles, two columns are labels, or no
            channel is left; the message names them.
    """
    return _Decision(table, chosen, test).roles


class _Decision:
    def __init__(self, table: TextTable, chosen: Chosen, test: TestPart | None) -> None:
        self.table = table
        self.chosen = chosen
        self.roles = Roles()
        kinds = [named(name) for name in table.columns] if table.has_header else []
        self.kinds = kinds or [Named.NOTHING] * len(table.columns)
        self.dtypes = [dtype.kind for dtype in table.frame.dtypes]
        self.free = list(range(len(table.columns)))
        self.values = self._positions(chosen.value_columns, "value_columns")
        self.follows = None if test is None or not table.has_header else test
        if self.follows is not None:
            self.values = self._followed(self.follows)
        self._exclude()
        self._find_label()
        self._find_time()
        if self.values:
            rest = self._open()
            if self.follows is not None and chosen.value_columns is None:
                self._refuse_more(self.follows, rest)
            self._leave_out(rest, "not chosen")
            self.roles.channels = self.values
        else:
            self._find_channels()
        if not self.roles.channels:
            raise InputError(
                f"{table.path}: of its columns {listed(table.columns)} none is left for values; "
                "name one with value_columns"
            )

    def _positions(self, columns: list[int | str] | None, setting: str) -> list[int]:
        found = [self.table.position(column) for column in columns or []]
        for i, position in enumerate(found):
            if position in found[:i]:
                raise InputError(
                    f"{self.table.path}: {setting} names the column "
                    f"{self.table.columns[position]!r} twice"
                )
        return found

    def _followed(self, test: TestPart) -> list[int]:
        """Positions of the test part's channels; an error if others are there."""
        own = unique_names(self.table.columns)
        places = {name: i for i, name in enumerate(own)}
        missing = [name for name in test.channels if name not in places]
        if missing:
            raise self._other_names(test, own, f"{shown(missing[0])} is missing")
        return [places[name] for name in test.channels]

    def _refuse_more(self, test: TestPart, rest: list[int]) -> None:
        """Refuse measurements that the test part has not; what it leaves out may be there."""
        names = self.table.columns
        more = [
            i
            for i in rest
            if names[i] not in test.left_out
            and self.kinds[i] in (Named.NOTHING, Named.TIME_PART)
            and self.dtypes[i] in "iuf"
            and not rises_evenly(self._numbers(i))
        ]
        if more:
            own = [names[i] for i in sorted([*self.values, *more])]
            raise self._other_names(test, own, f"{shown(names[more[0]])} is too many")

    def _other_names(self, test: TestPart, own: Sequence[str], what: str) -> InputError:
        return InputError(
            f"{self.table.path}: the series to score has the channels {listed(test.channels)}, "
            f"but its training part has {listed(own)}; {what}. Rename columns so that both have "
            "the same, or choose with value_columns or exclude_columns"
        )

    def _exclude(self) -> None:
        for column in self.chosen.exclude_columns or []:
            if self.follows is not None and str(column) not in self.table.columns:
                continue
            position = self.table.position(column)
            if position in self.values:
                raise self._twice(position, "as a value and in exclude_columns")
            if position in self.free:
                self._leave_out([position], "excluded")

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

    # --- labels

    def _find_label(self) -> None:
        column = self.chosen.label_column
        open_ = self._open()
        if column is None:
            self._guess_label(open_)
        elif not _is_none(column, self.table):
            if self.follows is not None and str(column) not in self.table.columns:
                return
            position = self.table.position(column)
            if position in self.values:
                raise self._twice(
                    position, "as a value and as the label, and a detector must not see labels"
                )
            if position not in self.free:
                raise self._twice(position, "as the label and in exclude_columns")
            self.roles.label = self._take(position)
        self._other_labels([i for i in open_ if i != self.roles.label])

    def _guess_label(self, positions: list[int]) -> None:
        certain = [i for i in positions if self.kinds[i] is Named.LABEL]
        if len(certain) > 1:
            names = " and ".join(self.table.columns[i] for i in certain)
            raise InputError(
                f"{self.table.path}: the columns {names} both look like labels; choose one with "
                "label_column (by index if they have the same name)"
            )
        if certain:
            self.roles.label = self._take(certain[0])
            return
        maybe = [
            i
            for i in positions
            if self.kinds[i] in (Named.LABELS, Named.MAYBE_LABEL)
            and set(np.unique(self._numbers(i))) <= {0, 1}
        ]
        if len(maybe) == 1:
            self.roles.label = self._take(maybe[0])
            name = self.table.columns[maybe[0]]
            self._remark(maybe, f"is taken for the labels; label_column={shown(name)!r} says so")

    def _other_labels(self, positions: list[int]) -> None:
        """Leave out what is named like labels, but for measurements that only share a word."""
        named_so = [i for i in positions if self.kinds[i] in _LABEL_NAMES]
        measured = [
            i
            for i in named_so
            if self.kinds[i] in (Named.MAYBE_LABEL, Named.NORMAL)
            and not np.isnan(numbers := self._numbers(i)).all()
            and not like_labels(numbers)
        ]
        self._remark(measured, "is named like labels, but used as a channel, since it varies")
        others = sorted(set(named_so) - set(measured))
        self._leave_out(others, "named like labels")
        if self.chosen.label_column is None:
            inverted = [i for i in others if self.kinds[i] is Named.NORMAL]
            others = [i for i in others if i not in inverted]
            self._remark(
                inverted,
                "says what is normal, not what is anomalous, and is left out; write a column of "
                "labels (1: anomalous) to use it",
            )
            self._remark(
                others,
                "is named like labels and left out; name it in label_column or value_columns to "
                "use it",
            )

    # --- time

    def _find_time(self) -> None:
        column = self.chosen.timestamp_column
        if column is not None and not _is_none(column, self.table):
            position = self.table.position(column)
            if position in self.values:
                raise self._twice(position, "as a value and as the time")
            if position not in self.free:
                raise self._twice(position, "as the time and as another role")
            self._use_time(position)
            return
        open_ = self._open()
        found = [i for i in open_ if self.kinds[i] in _TIME_NAMES and self._readable(i)]
        found += [i for i in open_ if i not in found and self._holds_dates(i)]
        if column is None:
            self._guess_time(found)
        gone = {self.roles.time, *self.roles.left_out}
        others = [
            i
            for i in open_
            if i not in gone and (self.kinds[i] in (Named.TIME, Named.TIMES) or i in found)
        ]
        moving = [i for i in others if self._is_measured(i)]
        self._remark(moving, "is named like a time, but used as a channel, since it does not rise")
        others = [i for i in others if i not in moving]
        unread = [i for i in others if i not in found]
        self._remark(unread, "is named like a time, but cannot be read as one, and is left out")
        self._leave_out(others, "like a time")

    def _guess_time(self, found: list[int]) -> None:
        """Use the first that is certainly time, else the first that rises."""
        if self._join_clock(found):
            return
        ranked = sorted(found, key=self._rank)
        certain = [i for i in ranked if self._rank(i) < 2]
        rising = [i for i in ranked if (len(ranked) > 1 or i not in certain) and self._rises(i)]
        pick = next((i for i in rising if i in certain), None)
        if pick is None:
            pick = next(iter(certain), next(iter(rising), None))
        if pick is None:
            return
        self._use_time(pick)
        if self.kinds[pick] is not Named.TIME:
            name = shown(self.table.columns[pick])
            self._remark([pick], f"is taken for the time; timestamp_column={name!r} says so")

    def _join_clock(self, found: list[int]) -> bool:
        """Use a column of days and one of clock times as one: `Datum;Uhrzeit`."""
        texts = [i for i in found if self.dtypes[i] not in "iufbM"]
        read = {i: self._times(i) for i in texts}
        days = [i for i, times in read.items() if _are_days(times.stamps)]
        clocks = [i for i, times in read.items() if times.stamps.dtype.kind == "f"]
        if len(days) != 1 or len(clocks) != 1:
            return False
        day, clock = days[0], clocks[0]
        seconds = read[clock].stamps
        since = np.where(np.isnan(seconds), 0, np.round(seconds * 1e9)).astype("timedelta64[ns]")
        stamps = read[day].stamps + since
        stamps[np.isnan(seconds)] = np.datetime64("NaT")
        self.roles.time = self._take(day)
        self.roles.times = Times(stamps)
        self.roles.remarks += read[day].remarks
        self._leave_out([clock], "the clock of the time")
        self._remark([day, clock], "are taken together for the time")
        return True

    def _rank(self, position: int) -> int:
        kind = self.kinds[position]
        return _TIME_NAMES.index(kind) if kind in _TIME_NAMES else len(_TIME_NAMES)

    def _use_time(self, position: int) -> None:
        self.roles.time = self._take(position)
        self.roles.times = self._times(position)
        self.roles.remarks += self.roles.times.remarks

    def _times(self, position: int, rows: int | None = None) -> Times:
        column = self.table.frame.iloc[:rows, position]
        return read_times(
            column,
            self.table.columns[position],
            self.chosen.date_format,
            self.table.decimal,
        )

    def _readable(self, position: int) -> bool:
        column = self.table.frame.iloc[:_SAMPLE, position]
        unread = self._times(position, _SAMPLE).unread & column.notna().to_numpy()
        return bool(column.notna().any()) and float(unread.mean()) < 0.5

    def _rises(self, position: int) -> bool:
        times = self._times(position)
        known = times.stamps[~times.unread]
        return bool((known[1:] > known[:-1]).all())

    def _holds_dates(self, position: int) -> bool:
        if self.dtypes[position] == "M":
            return True
        if self.dtypes[position] in "iufb":
            return False
        cells = self.table.frame.iloc[:, position].dropna().head(_SAMPLE)
        dates = bool(len(cells)) and all(_DATE.match(str(cell)) for cell in cells)
        return dates and self._readable(position)

    def _is_measured(self, position: int) -> bool:
        """Whether a column that is only perhaps time is a measurement (`response_time`)."""
        kind = self.kinds[position]
        numeric = self.dtypes[position] in "iuf"
        return kind is Named.MAYBE_TIME and numeric and not self._rises(position)

    # --- channels

    def _find_channels(self) -> None:
        self._leave_out_empty()
        self._leave_out_text()
        self._leave_out_indices()
        head = self._head(max(8, _LOOK // max(1, len(self.free))))
        whole = len(head) == len(self.table.frame)
        counters, switches, rising, classes = [], [], [], []
        worth = maybe_counters(head) | maybe_switches(head)
        if self.roles.label is not None:
            worth |= maybe_classes(head)
        if whole:
            worth &= ~(head == head[:1]).all(axis=0)
        for column in np.flatnonzero(worth).tolist():
            position = self.free[column]
            numbers = head[:, column] if whole else self._numbers(position)
            if rises_evenly(numbers):
                counters.append(position)
            elif _is_switch(numbers):
                switches.append(position)
            elif only_rises(numbers):
                rising.append(position)
            elif self.roles.label is not None and _are_classes(numbers):
                classes.append(position)
        self._decide_counters(counters)
        self._remark(
            rising,
            "only rises or only falls, as time and counters do, and is taken for a channel; if it "
            "is none, name it in timestamp_column or exclude_columns",
        )
        self._remark_parts_of_time()
        self._leave_out_telling(classes)
        self._decide_switches(switches)
        self.roles.channels = list(self.free)
        self.free = []

    def _head(self, rows: int) -> FloatArray:
        """The first rows of the columns that are left, which must be numbers."""
        mixed = [i for i in self.free if self.dtypes[i] not in "iufb"]
        for i in mixed:
            self.table.numbers(i)  # which raises where a cell is none
        look = self.table.frame.iloc[:rows, self.free]
        if not mixed:
            return np.asarray(look.to_numpy(np.float64))
        return np.stack([self._numbers(i)[:rows] for i in self.free], axis=1)

    def _leave_out_empty(self) -> None:
        """Columns without a name and a value: lines that end with a delimiter."""
        empty = [
            i
            for i in self.free
            if self.table.columns[i].startswith("Unnamed: ")
            and self.table.frame.iloc[:, i].isna().all()
        ]
        self._leave_out(empty, "empty")

    def _leave_out_text(self) -> None:
        text = [i for i in self.free if self.dtypes[i] not in "iufb" and self._is_text(i)]
        self._leave_out(text, "text")
        self._remark(text, "holds text and is left out")

    def _is_text(self, position: int) -> bool:
        """Whether it is a status or a note, not a column of numbers with mistakes in it."""
        column = self.table.frame.iloc[:, position]
        cells = column.dropna()
        if not len(cells) or not np.isnan(to_numbers(column, self.table.decimal)).all():
            return False
        return any(str(cell).strip()[:1].isalpha() for cell in cells.head(_SAMPLE * _SAMPLE))

    def _leave_out_indices(self) -> None:
        named_so = [i for i in self.free if self.kinds[i] in (Named.INDEX, Named.MAYBE_INDEX)]
        measured = [i for i in named_so if not self._is_index(i)]
        self._remark(measured, "is named like an index, but used as a channel, since it varies")
        indices = sorted(set(named_so) - set(measured))
        self._leave_out(indices, "named like an index")
        self._remark(indices, "is named like an index and left out; value_columns can name it")

    def _is_index(self, position: int) -> bool:
        numbers = self._numbers(position)
        known = numbers[~np.isnan(numbers)]
        if (known % 1).any():
            return False
        distinct = len(np.unique(known))
        return self.kinds[position] is Named.INDEX or distinct in (1, len(known))

    def _decide_counters(self, counters: list[int]) -> None:
        if counters and len(counters) == len(self.free):
            self._remark(counters, "rises evenly as a row number does, but nothing else is there")
            return
        self._leave_out(counters, "rises evenly")
        self._remark(
            counters,
            "rises evenly as row numbers and time do, and is left out; timestamp_column or "
            "value_columns can name it",
        )

    def _decide_switches(self, switches: list[int]) -> None:
        if len(switches) == len(self.free):
            return
        switches = self._leave_out_telling(switches)
        unlabelled = self.roles.label is None and self.chosen.label_column is None
        if not self.table.has_header and unlabelled and self.free[-1] in switches:
            last = switches.pop()
            self.roles.remarks.append(
                f"it has no header, and its last column, {last}, holds only two values; it is "
                f"taken for a channel. If these are labels, say label_column={last}"
            )
        self._remark(
            switches,
            "holds only two values, as labels do, and is taken for a channel; if it is none, name "
            "it in label_column or exclude_columns",
        )

    def _leave_out_telling(self, positions: list[int]) -> list[int]:
        """Leave out those that follow the labels; the others are returned."""
        if self.roles.label is None or len(positions) == len(self.free):
            return positions
        labels = self._numbers(self.roles.label)
        telling = [i for i in positions if tells_labels(self._numbers(i), labels)]
        self._leave_out(telling, "follows the labels")
        self._remark(telling, "follows the labels and is left out; value_columns can name it")
        return [i for i in positions if i not in telling]

    def _remark_parts_of_time(self) -> None:
        parts = [i for i in self.free if self.kinds[i] is Named.TIME_PART]
        self._remark(
            parts,
            "is named like a part of the time, and taken for a channel; exclude_columns can "
            "leave it out",
        )

    def _numbers(self, position: int) -> FloatArray:
        """A column for a look at it: what is no number is NaN."""
        column: Any = self.table.frame.iloc[:, position]
        return to_numbers(column, self.table.decimal)


def doubtful_channels(
    values: FloatArray, names: Sequence[str] | None, labels: FloatArray | None
) -> list[str]:
    """What to tell of channels `(n, c)` that come as an array and look as if they were none.

    Args:
        values: `(n, c)`.
        names: of the channels; None without.
        labels: `(n,)` of 0 and 1; None without.
    """
    called = [str(i) for i in range(values.shape[1])] if names is None else list(names)
    found: dict[str, list[str]] = {}
    for i in np.flatnonzero(_may_be_none(values, names, labels)).tolist():
        why = _doubt(values[:, i], Named.NOTHING if names is None else named(names[i]), labels)
        if why:
            found.setdefault(why, []).append(called[i])
    return [
        f"channel {listed(which)} {why}; if it is none, name it in exclude_columns"
        for why, which in found.items()
    ]


def _may_be_none(
    values: FloatArray, names: Sequence[str] | None, labels: FloatArray | None
) -> NDArray[np.bool_]:
    head = values[: max(_FEW, _LOOK // values.shape[1])]
    worth = maybe_counters(head) | maybe_switches(head)
    if names is not None:
        worth |= np.array([named(name) is not Named.NOTHING for name in names])
    return worth if labels is None else worth | maybe_classes(head)


def _doubt(column: FloatArray, kind: Named, labels: FloatArray | None) -> str:
    """What makes a channel doubtful; empty if nothing does."""
    switch = _is_switch(column)
    reasons = (
        ("is named like labels", kind in _LABEL_NAMES),
        ("is named like a time", kind in (Named.TIME, Named.TIMES)),
        ("is named like an index", kind is Named.INDEX),
        ("rises evenly as a row number does", rises_evenly(column)),
        ("only rises or only falls, as time and counters do", only_rises(column)),
        (
            "follows the labels",
            labels is not None
            and (switch or _are_classes(column))
            and tells_labels(column, labels),
        ),
        ("holds only two values, as labels do", switch),
    )
    return next((why for why, holds in reasons if holds), "")


def _is_switch(column: FloatArray) -> bool:
    """Whether a column holds 0 and 1 only, or two other values over more than a few points."""
    values = two_values(column)
    return values == (0, 1) or (values is not None and len(column) >= _FEW)


def _are_classes(column: FloatArray) -> bool:
    """Whether a column holds a few whole numbers over more than a few points."""
    return len(column) >= _FEW and like_labels(column)


def _are_days(stamps: NDArray[Any]) -> bool:
    """Whether stamps are dates without a clock time."""
    if stamps.dtype.kind != "M":
        return False
    return bool((np.isnat(stamps) | (stamps == stamps.astype("datetime64[D]"))).all())


def _is_none(column: int | str, table: TextTable) -> bool:
    return str(column).lower() == NONE and str(column) not in table.columns


def unique_names(names: Sequence[str]) -> list[str]:
    """The names with `.1`, `.2`, ... behind those that come again."""
    if len(set(names)) == len(names):
        return list(names)
    taken = set(names)
    seen: set[str] = set()
    unique = []
    for name in names:
        free, count = name, 0
        while free in seen or (count and free in taken):
            count += 1
            free = f"{name}.{count}"
        seen.add(free)
        unique.append(free)
    return unique
