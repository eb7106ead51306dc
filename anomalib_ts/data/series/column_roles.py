"""What each column of a table is: time, label, a channel, or left out, and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.data.series.column_contents import (
    LOOK,
    are_classes,
    is_switch,
    maybe_classes,
    maybe_counters,
    maybe_switches,
    only_rises,
    rises_evenly,
    tells_labels,
)
from anomalib_ts.data.series.column_names import (
    Named,
    listed,
    shown,
)
from anomalib_ts.data.series.label_columns import LabelColumns
from anomalib_ts.data.series.open_columns import SAMPLE, Chosen, Roles, TestPart
from anomalib_ts.data.series.text_table import TextTable, to_numbers
from anomalib_ts.data.series.time_columns import TimeColumns
from anomalib_ts.errors import InputError


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


class _Decision(LabelColumns, TimeColumns):
    def __init__(self, table: TextTable, chosen: Chosen, test: TestPart | None) -> None:
        super().__init__(table, chosen, test)
        self.values = self._positions(chosen.value_columns, "value_columns")
        if self.follows is not None:
            self.values = self._followed(self.follows)
        self._exclude()
        self._find_ignored()
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

    def _find_channels(self) -> None:
        self._leave_out_empty()
        self._leave_out_text()
        self._leave_out_indices()
        head = self._head(max(8, LOOK // max(1, len(self.free))))
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
            elif is_switch(numbers):
                switches.append(position)
            elif only_rises(numbers):
                rising.append(position)
            elif self.roles.label is not None and are_classes(numbers):
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
        return any(str(cell).strip()[:1].isalpha() for cell in cells.head(SAMPLE * SAMPLE))

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
