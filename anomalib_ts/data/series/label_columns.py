"""Which column of a table holds labels, and which says that points do not count."""

from __future__ import annotations

import numpy as np

from anomalib_ts.data.series.column_contents import (
    like_labels,
)
from anomalib_ts.data.series.column_names import (
    LABEL_NAMES,
    Named,
    shown,
)
from anomalib_ts.data.series.open_columns import (
    OpenColumns,
    is_none,
)
from anomalib_ts.errors import InputError


class LabelColumns(OpenColumns):
    """Finds the labels, and leaves out what else is named like them."""

    def _find_label(self) -> None:
        column = self.chosen.label_column
        open_ = self._open()
        if column is None:
            self._guess_label(open_)
        elif not is_none(column, self.table):
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

    def _find_ignored(self) -> None:
        column = self.chosen.ignored_column
        if column is None or is_none(column, self.table):
            return
        if self.follows is not None and str(column) not in self.table.columns:
            return
        position = self.table.position(column)
        if position in self.values or position not in self.free:
            raise self._twice(position, "as ignored_column and as something else")
        self.roles.ignored = self._take(position)

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
        named_so = [i for i in positions if self.kinds[i] in LABEL_NAMES]
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
