"""Timestamps of a text table: checked, and turned into positions on an even grid."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.data.text_table import TextTable
from anomalib_ts.errors import InputError
from anomalib_ts.recording import FloatArray


def even_grid(table: TextTable, position: int, max_gap: int) -> tuple[NDArray[np.intp], float]:
    """Where each row of a table stands on a grid of even steps.

    The step is the median distance of two rows in time. A row that comes k steps after the one
    before leaves k - 1 positions empty; smaller unevenness is rounded away.

    Args:
        table: at least two rows.
        position: index of the timestamp column: dates in text, or numbers that count seconds.
        max_gap: most positions in a row that may stay empty.

    Returns:
        `(rows,)` rising positions from 0, and the step in seconds.

    Raises:
        InputError: a timestamp is missing or unreadable, comes twice or before the one above, or
            a gap is longer than `max_gap`; the message says the line.
    """
    seconds = _seconds(table, position)
    distances = np.diff(seconds)
    if (distances <= 0).any():
        row = int(np.argmax(distances <= 0)) + 1
        problem, remedy = (
            ("is the same as the one before", "drop or merge such rows")
            if seconds[row] == seconds[row - 1]
            else ("is earlier than the one before", "sort the file by time")
        )
        raise InputError(
            f"{table.place(row, position)}: the timestamp {_cell(table, row, position)} {problem}; "
            f"{remedy}"
        )
    period = float(np.median(distances))
    steps = np.maximum(1, np.rint(distances / period))
    longest = int(np.argmax(steps))
    if steps[longest] - 1 > max_gap:
        raise InputError(
            f"{table.place(longest + 1, position)}: between {_cell(table, longest, position)} and "
            f"{_cell(table, longest + 1, position)} there are {steps[longest] - 1:.0f} points "
            f"missing at one point every {period:g} s, more than max_gap={max_gap}; cut the series "
            "there, resample it, raise max_gap, or leave timestamp_column out if the points are "
            "not meant to be evenly spaced"
        )
    return np.concatenate([[0], np.cumsum(steps)]).astype(np.intp), period


def spread_values(values: FloatArray, grid: NDArray[np.intp]) -> FloatArray:
    """Put the rows of `(n, c)` values at their grid positions, with NaN between them."""
    spread = np.full((grid[-1] + 1, values.shape[1]), np.nan)
    spread[grid] = values
    return spread


def spread_labels(labels: FloatArray, grid: NDArray[np.intp]) -> FloatArray:
    """Put `(n,)` labels at their grid positions; between two rows 1 only if both are 1."""
    at = np.arange(grid[-1] + 1)
    before = np.searchsorted(grid, at, side="right") - 1
    behind = np.searchsorted(grid, at, side="left")
    return labels[before] * labels[behind]


def _seconds(table: TextTable, position: int) -> FloatArray:
    """Seconds since the first row; subtracted as dates, where a float would lose digits."""
    import pandas as pd  # noqa: PLC0415

    column = table.frame.iloc[:, position]
    missing = column.isna().to_numpy()
    if missing.any():
        place = table.place(int(np.argmax(missing)), position)
        raise InputError(f"{place}: the timestamp is missing; add it or drop the line")
    if pd.api.types.is_numeric_dtype(column):
        return table.numbers(position)
    times = pd.to_datetime(column, errors="coerce", format="ISO8601", utc=True)
    if times.isna().any():
        with warnings.catch_warnings():
            # Pandas tells of formats it has to guess; what it cannot read is an error below.
            warnings.simplefilter("ignore", UserWarning)
            times = pd.to_datetime(column, errors="coerce", utc=True)
    unreadable = times.isna().to_numpy()
    if unreadable.any():
        row = int(np.argmax(unreadable))
        raise InputError(
            f"{table.place(row, position)}: {column.iloc[row]!r} cannot be read as a date"
        )
    return np.asarray((times - times.iloc[0]).dt.total_seconds(), dtype=np.float64)


def _cell(table: TextTable, row: int, position: int) -> str:
    return str(table.frame.iloc[row, position])
