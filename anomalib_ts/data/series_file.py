"""Reading one series from one file of a user's own: delimited text or NPZ."""

from __future__ import annotations

import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.data.gaps import fill_gaps
from anomalib_ts.data.text_table import TextTable, read_text_table
from anomalib_ts.data.timestamps import even_grid, spread_labels, spread_values
from anomalib_ts.errors import AnomalibTsWarning, DataNotFoundError, InputError
from anomalib_ts.names import nearest
from anomalib_ts.recording import FloatArray, Recording

_LABEL_NAMES = ("label", "anomaly", "is_anomaly")
_TIME_NAMES = ("timestamp", "datetime", "date", "time")


@dataclass(frozen=True)
class SeriesReader:
    """How to read a series from a file; the settings are those of `CsvFile`."""

    value_columns: list[int | str] | None = None
    label_column: int | str | None = None
    timestamp_column: int | str | None = None
    delimiter: str | None = None
    header: bool | None = None
    max_gap: int = 5

    def read(self, path: Path) -> tuple[Recording, Recording | None]:
        """The series in a file, and the training part that an NPZ file may hold.

        Raises:
            DataNotFoundError: there is no such file.
            InputError: the file cannot be used; the message says where and why.
        """
        if path.suffix.lower() == ".npz":
            return self._read_npz(path)
        return self._read_text(path), None

    def _read_text(self, path: Path) -> Recording:
        table = read_text_table(path, self.delimiter, self.header)
        channels, label = self._roles(table)
        values = np.stack([table.numbers(channel) for channel in channels], axis=1)
        labels = None if label is None else table.labels(label)
        period = None
        if self.timestamp_column is not None:
            position = table.position(self.timestamp_column)
            grid, period = even_grid(table, position, self.max_gap)
            values = spread_values(values, grid)
            labels = None if labels is None else spread_labels(labels, grid)
        values = fill_gaps(values, self.max_gap, str(path))
        return Recording(values, labels=labels, name=path.name, sampling_period=period)

    def _roles(self, table: TextTable) -> tuple[list[int], int | None]:
        """Positions of the value columns, and of the label column if there is one."""
        chosen = [table.position(column) for column in self.value_columns or []]
        label = self._label_position(table, chosen)
        if label in chosen:
            raise InputError(
                f"{table.path}: column {table.columns[label]!r} is named both as a value and as "
                "the label, and a detector must not see labels"
            )
        if chosen:
            return chosen, label
        reserved = {*_named(table, _LABEL_NAMES + _TIME_NAMES), label}
        if self.timestamp_column is not None:
            reserved.add(table.position(self.timestamp_column))
        free = [i for i in range(len(table.columns)) if i not in reserved]
        if not free:
            raise InputError(
                f"{table.path}: of its columns {', '.join(table.columns)} none is left for values; "
                "name one with value_columns"
            )
        if label is None and not table.has_header and len(free) > 1:
            _warn_of_unnamed_labels(table, free[-1])
        return free, label

    def _label_position(self, table: TextTable, chosen: list[int]) -> int | None:
        if self.label_column is not None:
            return table.position(self.label_column)
        found = [i for i in _named(table, _LABEL_NAMES) if i not in chosen]
        if len(found) > 1:
            names = " and ".join(table.columns[i] for i in found)
            raise InputError(
                f"{table.path}: the columns {names} both look like labels; choose one with "
                "label_column"
            )
        return found[0] if found else None

    def _read_npz(self, path: Path) -> tuple[Recording, Recording | None]:
        if self.label_column is not None or self.timestamp_column is not None:
            raise InputError(
                f"{path}: label_column and timestamp_column are for text files; an NPZ file holds "
                "arrays 'values', 'labels' and 'train'"
            )
        arrays = _load_arrays(path)
        values = self._channels(arrays["values"], f"{path}: values")
        test = Recording(values, labels=arrays.get("labels"), name=path.name)
        if "train" not in arrays:
            return test, None
        train = self._channels(arrays["train"], f"{path}: train")
        return test, Recording(train, name=f"{path.name}: train")

    def _channels(self, array: NDArray[Any], name: str) -> FloatArray:
        if array.ndim not in {1, 2} or len(array) < 2 or array.dtype.kind not in "biuf":
            raise InputError(
                f"{name} must be numbers of shape (points,) or (points, channels) with at least "
                f"two points, not {array.dtype} of shape {array.shape}"
            )
        columns = array[:, None] if array.ndim == 1 else array
        if self.value_columns is not None:
            try:
                columns = columns[:, [int(column) for column in self.value_columns]]
            except (ValueError, IndexError):
                raise InputError(
                    f"{name} has {columns.shape[1]} channels; value_columns={self.value_columns} "
                    "must be indices from 0"
                ) from None
        return fill_gaps(columns, self.max_gap, name)


def _load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as opened, np.load(opened) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise DataNotFoundError(f"there is no file {path}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise InputError(f"{path} cannot be read as NPZ: {error}") from None
    if "values" not in arrays:
        raise InputError(f"{path} has no array 'values'; {nearest('values', list(arrays))}")
    return arrays


def _named(table: TextTable, names: tuple[str, ...]) -> list[int]:
    return [i for i, column in enumerate(table.columns) if column.strip().lower() in names]


def _warn_of_unnamed_labels(table: TextTable, position: int) -> None:
    if np.isin(table.numbers(position), (0, 1)).all():
        warnings.warn(
            f"{table.path} has no header, and its last column, {position}, holds only 0 and 1; it "
            f"is taken for a channel. If these are labels, say label_column={position}",
            AnomalibTsWarning,
            stacklevel=2,
        )
