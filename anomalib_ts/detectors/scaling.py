"""Mean and scale of every channel, from training data only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anomalib_ts.recording import FloatArray, Recording

RELATIVE_FLOOR = 1e-4
"""A channel's scale is at least this part of its largest absolute training value."""


def channel_moments(recordings: Sequence[Recording]) -> tuple[FloatArray, FloatArray]:
    """Mean and scale of every channel over all points of some recordings.

    The scale is the standard deviation, but at least 1e-4 of the largest absolute value, so that
    the rounding noise of a constant channel is not blown up; a channel of zeros has scale 1.

    Returns:
        `(c,)` means and `(c,)` scales, all scales > 0.
    """
    count = sum(len(recording) for recording in recordings)
    mean = _sum_channels(recordings, 0.0, 1) / count
    deviation = np.sqrt(_sum_channels(recordings, mean, 2) / count)
    largest = np.max([np.abs(recording.values).max(axis=0) for recording in recordings], axis=0)
    return mean, safe_scale(deviation, largest)


def safe_scale(deviation: FloatArray, largest: FloatArray) -> FloatArray:
    """Standard deviations `(c,)` with the floor that `channel_moments` describes."""
    floored = np.maximum(deviation, RELATIVE_FLOOR * largest.astype(np.float64))
    return np.where(floored > 0, floored, 1.0)


def _sum_channels(
    recordings: Sequence[Recording], mean: FloatArray | float, power: int
) -> FloatArray:
    """The sum over all points of `(values - mean) ** power`, `(c,)` in float64."""
    sums = [
        ((recording.values.astype(np.float64) - mean) ** power).sum(axis=0)
        for recording in recordings
    ]
    return np.asarray(np.sum(sums, axis=0))
