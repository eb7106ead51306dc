"""What happens to missing points: short gaps are filled and counted, long ones refused."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anomalib_ts.errors import AnomalibTsWarning, ConfigError, InputError
from anomalib_ts.recording import FloatArray


def fill_gaps(values: ArrayLike, max_gap: int = 5, name: str = "values") -> FloatArray:
    """Fill runs of NaN of up to `max_gap` points, and warn of how many points were filled.

    Inside a series each channel is interpolated linearly in its own gaps; at the ends the nearest
    value is repeated.

    Args:
        values: `(n,)` or `(n, c)`; NaN marks a missing value.
        max_gap: longest run of missing points that is filled, in points; 0 fills nothing.
        name: what messages call the series.

    Returns:
        A copy as float64 of the same shape, without NaN.

    Raises:
        InputError: a gap is longer than `max_gap`, or a channel holds no value at all.
        ConfigError: `max_gap` is negative.
    """
    if max_gap < 0:
        raise ConfigError(f"max_gap must be at least 0, not {max_gap}")
    filled = np.array(values, dtype=np.float64)
    columns = filled[:, None] if filled.ndim == 1 else filled
    missing = np.isnan(columns)
    channels = np.flatnonzero(missing.any(axis=0)).tolist()
    for channel in channels:
        _check_channel(missing[:, channel], channel, max_gap, name)
        known = np.flatnonzero(~missing[:, channel])
        holes = np.flatnonzero(missing[:, channel])
        columns[holes, channel] = np.interp(holes, known, columns[known, channel])
    if channels:
        warnings.warn(
            f"{name}: filled {int(missing.sum())} missing values of {len(columns) * len(missing.T)}"
            f" by linear interpolation (channels {', '.join(map(str, channels))})",
            AnomalibTsWarning,
            stacklevel=2,
        )
    return filled


def _check_channel(missing: NDArray[np.bool_], channel: int, max_gap: int, name: str) -> None:
    if missing.all():
        raise InputError(
            f"{name}: channel {channel} holds no number, all {len(missing)} points are missing; "
            "leave this channel out"
        )
    edges = np.flatnonzero(np.diff(missing, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - starts))
    length = int(ends[longest] - starts[longest])
    if length > max_gap:
        raise InputError(
            f"{name}: points {starts[longest]} to {ends[longest] - 1} of channel {channel} are "
            f"missing, and a gap of {length} is longer than max_gap={max_gap}; cut the series "
            "there, leave the channel out, fill the gap yourself or raise max_gap"
        )
