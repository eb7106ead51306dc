"""What happens to missing points: short gaps are filled and counted, long ones refused."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.core.runs import runs
from anomalib_ts.data.series.column_names import listed, shown
from anomalib_ts.errors import AnomalibTsWarning, ConfigError, InputError


def fill_gaps(
    values: ArrayLike,
    max_gap: int = 5,
    name: str = "values",
    channel_names: Sequence[str] | None = None,
) -> FloatArray:
    """Fill runs of NaN of up to `max_gap` points, and warn of how many points were filled.

    Inside a series each channel is interpolated linearly in its own gaps; at the ends the nearest
    value is repeated.

    >>> from anomalib_ts.data import fill_gaps
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # it says how many points were filled
    ...     fill_gaps([1.0, float("nan"), 3.0]).tolist()
    [1.0, 2.0, 3.0]

    Args:
        values: `(n,)` or `(n, c)`; NaN marks a missing value, as does the mask of a masked array.
        max_gap: longest run of missing points that is filled, in points; 0 fills nothing.
        name: what messages call the series.
        channel_names: c names for messages; None counts channels from 0.

    Returns:
        A copy as float64 of the same shape, without NaN.

    Raises:
        InputError: a gap is longer than `max_gap`, or a channel holds no value at all.
        ConfigError: `max_gap` is negative.
    """
    if isinstance(values, np.ma.MaskedArray):
        masked: Any = values.astype(np.float64)
        filled = np.array(masked.filled(np.nan))
    else:
        filled = np.array(values, dtype=np.float64)
    columns = filled[:, None] if filled.ndim == 1 else filled
    fill_in_place(columns, max_gap, name, channel_names)
    return filled


def fill_in_place(
    columns: FloatArray, max_gap: int, name: str, channel_names: Sequence[str] | None = None
) -> None:
    """As `fill_gaps`, for `(n, c)` values that are written to."""
    if max_gap < 0:
        raise ConfigError(f"max_gap must be at least 0, not {max_gap}")
    counts = np.array([np.isnan(column).sum() for column in columns.T])
    channels = np.flatnonzero(counts).tolist()
    for channel in channels:
        column = columns[:, channel]
        missing = np.isnan(column)
        called = f"{channel}" if channel_names is None else shown(channel_names[channel])
        _check_channel(missing, called, max_gap, name)
        known, holes = np.flatnonzero(~missing), np.flatnonzero(missing)
        column[holes] = np.interp(holes, known, column[known])
    if len(channels):
        called = listed([str(i) if channel_names is None else channel_names[i] for i in channels])
        warnings.warn(
            f"{name}: filled {counts.sum()} missing values of {columns.size}"
            f" by linear interpolation (channels {called})",
            AnomalibTsWarning,
            stacklevel=3,
        )


def _check_channel(missing: NDArray[np.bool_], channel: str, max_gap: int, name: str) -> None:
    if missing.all():
        raise InputError(
            f"{name}: channel {channel} holds no number, all {len(missing)} points are missing; "
            "leave this channel out"
        )
    starts, ends = runs(missing)
    longest = int(np.argmax(ends - starts))
    length = int(ends[longest] - starts[longest])
    if length > max_gap:
        others = such("longest", int((ends - starts > max_gap).sum()), "gaps")
        raise InputError(
            f"{name}: points {starts[longest]} to {ends[longest] - 1} of channel {channel} are "
            f"missing, and a gap of {length} is longer than max_gap={max_gap}{others}; cut the "
            "series there, leave the channel out, fill the gap yourself or raise max_gap"
        )


def such(which: str, count: int, what: str) -> str:
    """That what an error names is one of several; empty where it is the only one."""
    return f" (the {which} of {count} such {what})" if count > 1 else ""
