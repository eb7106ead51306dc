"""Which column of a table holds the time."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.data.series.column_names import (
    TIME_NAMES,
    Named,
    shown,
)
from anomalib_ts.data.series.dates import Times, read_times
from anomalib_ts.data.series.open_columns import (
    SAMPLE,
    OpenColumns,
    is_none,
)

_DATE = re.compile(r"\s*\d{1,4}[-./]\d{1,2}[-./]\d{1,4}")


class TimeColumns(OpenColumns):
    """Finds the time, also in two columns, and leaves out what else is named like it."""

    def _find_time(self) -> None:
        column = self.chosen.timestamp_column
        if column is not None and not is_none(column, self.table):
            position = self.table.position(column)
            if position in self.values:
                raise self._twice(position, "as a value and as the time")
            if position not in self.free:
                raise self._twice(position, "as the time and as another role")
            self._use_time(position)
            return
        open_ = self._open()
        found = [i for i in open_ if self.kinds[i] in TIME_NAMES and self._readable(i)]
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
        stamps[np.isnan(seconds)] = np.datetime64("NaT", "ns")
        self.roles.time = self._take(day)
        self.roles.times = Times(stamps)
        self.roles.remarks += read[day].remarks
        self._leave_out([clock], "the clock of the time")
        self._remark([day, clock], "are taken together for the time")
        return True

    def _rank(self, position: int) -> int:
        kind = self.kinds[position]
        return TIME_NAMES.index(kind) if kind in TIME_NAMES else len(TIME_NAMES)

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
        column = self.table.frame.iloc[:SAMPLE, position]
        unread = self._times(position, SAMPLE).unread & column.notna().to_numpy()
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
        cells = self.table.frame.iloc[:, position].dropna().head(SAMPLE)
        dates = bool(len(cells)) and all(_DATE.match(str(cell)) for cell in cells)
        return dates and self._readable(position)

    def _is_measured(self, position: int) -> bool:
        """Whether a column that is only perhaps time is a measurement (`response_time`)."""
        kind = self.kinds[position]
        numeric = self.dtypes[position] in "iuf"
        return kind is Named.MAYBE_TIME and numeric and not self._rises(position)


def _are_days(stamps: NDArray[Any]) -> bool:
    """Whether stamps are dates without a clock time."""
    if stamps.dtype.kind != "M":
        return False
    return bool((np.isnat(stamps) | (stamps == stamps.astype("datetime64[D]"))).all())
