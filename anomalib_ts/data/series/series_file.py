"""Reading one series from one file of a user's own: a table or NPZ."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.data.series.channel_order import same_channels
from anomalib_ts.data.series.column_contents import unresolved
from anomalib_ts.data.series.column_names import listed
from anomalib_ts.data.series.column_roles import find_roles, unique_names
from anomalib_ts.data.series.doubtful_channels import doubtful_channels
from anomalib_ts.data.series.gaps import fill_in_place
from anomalib_ts.data.series.npz_file import NpzArrays, read_npz
from anomalib_ts.data.series.open_columns import NONE, Chosen, Roles, TestPart
from anomalib_ts.data.series.stored_table import EXCEL, PARQUET, read_stored_table
from anomalib_ts.data.series.text_layout import TextLayout
from anomalib_ts.data.series.text_table import AS_FOUND, TextTable, read_text_table
from anomalib_ts.data.series.timestamps import Grid, even_grid
from anomalib_ts.errors import AnomalibTsWarning, InputError

_LOG = logging.getLogger(__name__)
ALL_FOUND = Chosen()
"""No column was named by the user."""


@dataclass(frozen=True)
class Series:
    """What one file holds.

    Attributes:
        test: the series.
        train: the training part that an NPZ file may hold.
        digest: SHA-256 of the very bytes that were read.
        left_out: names of the columns that are no channels.
    """

    test: Recording
    train: Recording | None
    digest: str
    left_out: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SeriesReader:
    """How to read a series from a file; the settings are those of `CsvFile`."""

    chosen: Chosen = ALL_FOUND
    layout: TextLayout = AS_FOUND
    max_gap: int = 5

    def read(self, path: Path, test: Series | None = None) -> Series:
        """The series in a file.

        One line of the log says what each column was taken for, and a warning what of it was
        guessed.

        Args:
            path: the file.
            test: for a training part, the series that will be scored; the same channels in the
                same order are taken from the file.

        Raises:
            DataNotFoundError: there is no such file.
            InputError: the file cannot be used; the message says where and why.
        """
        suffix = path.suffix.lower()
        if suffix == ".npz":
            found = self._from_arrays(path, read_npz(path))
        elif suffix in PARQUET + EXCEL:
            found = self._from_table(read_stored_table(path, self.layout), test)
        else:
            found = self._from_table(read_text_table(path, self.layout), test)
        return found if test is None else replace(found, test=same_channels(found.test, test.test))

    def _from_table(self, table: TextTable, test: Series | None) -> Series:
        names = None if test is None else test.test.channel_names
        part = None if test is None or names is None else TestPart(names, test.left_out)
        roles = find_roles(table, self.chosen, part)
        _LOG.info("%s: %s", table.path, roles.in_words(table))
        values = table.matrix(roles.channels)
        labels = None if roles.label is None else table.labels(roles.label)
        ignored = None if roles.ignored is None else table.ignored(roles.ignored)
        remarks = table.remarks + roles.remarks
        called = None
        if table.has_header:
            unique = unique_names(table.columns)
            called = tuple(unique[i] for i in roles.channels)
            doubled = [
                name
                for i, name in zip(roles.channels, called, strict=True)
                if name != table.columns[i]
            ]
            if doubled:
                remarks.append(f"names come twice; columns are called {listed(doubled)}")
        coarse = np.flatnonzero(unresolved(values))
        if len(coarse):
            which = listed([called[i] if called else str(roles.channels[i]) for i in coarse])
            remarks.append(
                f"channel {which} varies by less than float32 resolves at its level; all digits "
                "are kept (float64), but see whether it is a measurement at all"
            )
        times = period = None
        if roles.time is not None:
            times = _checked_times(table, roles)
            position = roles.time
            grid = even_grid(
                times,
                self.max_gap,
                lambda row: table.place(row, position),
                lambda row: table.cell(row, position),
            )
            period, remarks = grid.period, remarks + [grid.remark] * bool(grid.remark)
            values, times = grid.spread_values(values), grid.spread_times(times)
            labels = None if labels is None else grid.spread_labels(labels)
            ignored = None if ignored is None else grid.spread_labels(ignored)
        if test is not None and names is not None and called is None:
            remarks.append("it has no header; its columns are matched to the test part by position")
        _warn(table.path, remarks)
        fill_in_place(values, self.max_gap, str(table.path), called)
        values.setflags(write=False)  # so that it need not be copied
        recording = Recording(
            values,
            labels=labels,
            name=table.path.name,
            sampling_period=period,
            channel_names=called,
            times=times,
            ignored=ignored,
        )
        left_out = frozenset(table.columns[i] for i in roles.left_out)
        return Series(recording, None, table.digest, left_out)

    def _from_arrays(self, path: Path, found: NpzArrays) -> Series:
        for setting in ("label_column", "timestamp_column", "ignored_column"):
            column = getattr(self.chosen, setting)
            if column is not None and str(column).lower() != NONE:
                raise InputError(
                    f"{path}: {setting} is for text files; an NPZ file holds arrays 'values', "
                    "'labels', 'ignored', 'times', 'channel_names' and 'train'"
                )
        arrays = found.arrays
        values, names = self._channels(arrays["values"], found, f"{path}: values")
        others = f"; left out {listed(found.others)}" if found.others else ""
        _LOG.info(
            "%s: channels %s; also there: %s%s",
            path,
            listed(names or [str(i) for i in range(values.shape[1])]),
            listed([name for name in arrays if name != "values"]) or "nothing",
            others,
        )
        labels = arrays.get("labels") if self.chosen.label_column is None else None
        if self.chosen.value_columns is None and values.shape[1] > 1:
            known = labels if labels is not None and labels.shape == (len(values),) else None
            numeric = known is not None and known.dtype.kind in "biuf"
            told = known.astype(np.float64) if known is not None and numeric else None
            _warn(path, doubtful_channels(values, names, told))
        ignored = arrays.get("ignored") if self.chosen.ignored_column is None else None
        times = arrays.get("times") if self.chosen.timestamp_column is None else None
        period = None
        if times is not None:
            times, grid = self._grid(path, times, len(values))
            period = grid.period
            values, times = grid.spread_values(values), grid.spread_times(times)
            labels = None if labels is None else _spread(labels, grid, path, "labels")
            ignored = None if ignored is None else _spread(ignored, grid, path, "ignored")
            _warn(path, [grid.remark] * bool(grid.remark))
        fill_in_place(values, self.max_gap, f"{path}: values", names)
        values.setflags(write=False)
        test = Recording(
            values,
            labels=labels,
            name=path.name,
            channel_names=None if names is None else tuple(names),
            times=times,
            sampling_period=period,
            ignored=ignored,
        )
        if "train" not in arrays:
            return Series(test, None, found.digest)
        part, _ = self._channels(arrays["train"], found, f"{path}: train")
        fill_in_place(part, self.max_gap, f"{path}: train", names)
        part.setflags(write=False)
        train = Recording(part, name=f"{path.name}: train", channel_names=test.channel_names)
        return Series(test, train, found.digest)

    def _grid(self, path: Path, times: NDArray[Any], points: int) -> tuple[NDArray[Any], Grid]:
        checked = Recording(np.zeros(max(1, len(np.atleast_1d(times)))), name=f"{path}: times")
        if times.shape != (points,):
            raise InputError(f"{path}: {points} points need times ({points},), not {times.shape}")
        stamps = replace(checked, times=times).times
        assert stamps is not None
        grid = even_grid(
            stamps, self.max_gap, lambda row: f"{path}: times: {row}", lambda row: f"{stamps[row]}"
        )
        return stamps, grid

    def _channels(
        self, array: NDArray[Any], found: NpzArrays, name: str
    ) -> tuple[FloatArray, list[str] | None]:
        """The chosen channels of an array as float64 of one's own, and their names."""
        if array.ndim not in {1, 2} or len(array) < 2 or array.dtype.kind not in "biuf":
            raise InputError(
                f"{name} must be numbers of shape (points,) or (points, channels) with at least "
                f"two points, not {array.dtype} of shape {array.shape}"
            )
        columns = array[:, None] if array.ndim == 1 else array
        names = found.channel_names
        if names is not None and len(names) != columns.shape[1]:
            raise InputError(f"{name} has {columns.shape[1]} channels, but {len(names)} names")
        out = set(_indices(self.chosen.exclude_columns, columns.shape[1], names, name, "exclude"))
        chosen = _indices(self.chosen.value_columns, columns.shape[1], names, name, "value")
        if self.chosen.value_columns is None:
            chosen = list(range(columns.shape[1]))
        kept = [i for i in chosen if i not in out]
        if not kept:
            raise InputError(f"{name}: no channel is left")
        part = columns[:, kept]
        if part.dtype.kind in "iu":
            part = Recording(part, name=name).values  # refuses what float64 cannot hold
        values = np.array(part, dtype=np.float64)
        return values, None if names is None else [names[i] for i in kept]


def _checked_times(table: TextTable, roles: Roles) -> NDArray[Any]:
    assert roles.time is not None
    assert roles.times is not None
    if roles.times.unread.any():
        row = int(np.argmax(roles.times.unread))
        place = table.place(row, roles.time)
        if table.frame.isna().iat[row, roles.time]:
            raise InputError(f"{place}: the timestamp is missing; add it or drop the line")
        raise InputError(
            f"{place}: {table.cell(row, roles.time)!r} cannot be read as a date; correct it, name "
            "the format with date_format, or say timestamp_column=none"
        )
    return roles.times.stamps


def _spread(labels: NDArray[Any], grid: Grid, path: Path, what: str) -> NDArray[Any]:
    if labels.shape != grid.positions.shape:
        points = len(grid.positions)
        raise InputError(
            f"{path}: {points} points need {what} of shape ({points},), not {labels.shape}"
        )
    return grid.spread_labels(labels)


def _warn(path: Path, remarks: list[str]) -> None:
    if remarks:
        warnings.warn(f"{path}: {'; '.join(remarks)}", AnomalibTsWarning, stacklevel=2)


def _indices(
    columns: list[int | str] | None, channels: int, names: list[str] | None, name: str, what: str
) -> list[int]:
    """Positions of chosen channels, by name or index."""
    found = []
    for column in columns or []:
        if names is not None and str(column) in names:
            found.append(names.index(str(column)))
            continue
        try:
            found.append(range(channels).index(int(column)))
        except ValueError:
            known = f" or of {listed(names)}" if names else ""
            raise InputError(
                f"{name} has {channels} channels; {what}_columns={columns} must be indices "
                f"from 0{known}"
            ) from None
    if len(set(found)) < len(found):
        raise InputError(f"{name}: {what}_columns={columns} names a channel twice")
    return found
