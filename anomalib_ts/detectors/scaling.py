"""Standardised channels: the one place where values lose their units, for every detector."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.errors import AnomalibTsWarning
from anomalib_ts.saved.values import storable

Scaling: TypeAlias = Literal["channel", "common"]

STRAIGHT = 1000.0
"""Standardised values keep their size up to here and grow logarithmically beyond."""

ROUNDING = 8.0
"""So many rounding errors at a channel's level are what counts as a change of a constant one."""

CHUNK_VALUES = 2**20
"""Values held in double precision at a time."""


@dataclass(frozen=True, eq=False)
class ChannelScaler:
    """Takes a mean from every channel and divides it by a scale, both learnt in training.

    All arithmetic is in double precision; what comes out has no unit and fits into float32,
    whatever the level and the unit of a channel. The scale is the standard deviation in training
    (with `common` scaling the root mean square of all channels' deviations). A channel that was
    constant has no deviation: its scale is a few rounding errors at its level, so that every
    change of it is far outside what training has shown, whatever the constant.

    Beyond 1,000 deviations a standardised value z becomes `1000 (1 + ln(z / 1000))`, and likewise
    below: larger stays larger, and squares do not overflow.

    Attributes:
        mean: `(c,)`.
        scale: `(c,)`, > 0.
        unit: what a squared standardised value is multiplied with, squared, to be in the squared
            unit of the data: the common deviation; 1 where each channel has its own.
    """

    mean: FloatArray
    scale: FloatArray
    unit: float = 1.0

    @classmethod
    def fit(cls, recordings: Sequence[Recording], scaling: Scaling = "channel") -> Self:
        """Learn from the points of some recordings that are not labelled anomalous.

        A channel that varies by no more than rounding at its level is warned of.
        """
        mean, deviation, level = _moments(recordings)
        resolution = np.finfo(_coarsest(recordings)).eps * level
        _warn_of_rounding(recordings[0], deviation, resolution)
        varies = deviation > 0
        unit = 1.0
        if scaling == "common" and varies.any():
            largest = deviation.max()
            share = np.square(deviation[varies] / largest)
            unit = float(largest * np.sqrt(share.mean()))
            deviation = np.where(varies, unit, 0.0)
        constant = np.maximum(ROUNDING * resolution, np.finfo(np.float64).tiny)
        return cls(mean, np.where(varies, deviation, constant), unit)

    def transform(self, recordings: Sequence[Recording]) -> tuple[Recording, ...]:
        """Standardised copies (float32) that share no memory with anything else.

        They lie one after another in one block of memory, so that `Windows` need not join them.
        """
        ends = np.cumsum([len(recording) for recording in recordings])
        block = np.empty((ends[-1], len(self.mean)), dtype=np.float32)
        for recording, end in zip(recordings, ends, strict=True):
            part = block[end - len(recording) : end]
            for chunk, values in _chunks(recording):
                part[chunk] = self._standardise(values)
        block.setflags(write=False)
        return tuple(
            replace(recording, values=block[end - len(recording) : end])
            for recording, end in zip(recordings, ends, strict=True)
        )

    def _standardise(self, values: FloatArray) -> FloatArray:
        with np.errstate(over="ignore"):
            z = (values - self.mean) / self.scale
        # An infinite quotient is one of a change in a channel that was constantly 0.
        size = np.minimum(np.abs(z), np.finfo(np.float64).max)
        if size.max() <= STRAIGHT:
            return z
        beyond = STRAIGHT * (1 + np.log(np.maximum(size, STRAIGHT) / STRAIGHT))
        bent: FloatArray = np.where(size > STRAIGHT, np.sign(z) * beyond, z)
        return bent

    def inverse(self, values: NDArray[Any]) -> FloatArray:
        """Standardised values `(..., c)` in the unit of the data again, finite.

        >>> scaler = ChannelScaler(mean=np.array([20.0]), scale=np.array([0.5]))
        >>> scaler.inverse(scaler.transform([Recording([21.0, 900.0])])[0].values).round(2)
        array([[ 21.],
               [900.]])
        """
        z = values.astype(np.float64)
        size = np.abs(z)
        with np.errstate(over="ignore"):
            straight = STRAIGHT * np.exp(np.maximum(size, STRAIGHT) / STRAIGHT - 1)
            undone = np.where(size > STRAIGHT, np.sign(z) * straight, z) * self.scale + self.mean
        largest = np.finfo(np.float64).max
        restored: FloatArray = np.clip(undone, -largest, largest)
        return restored


storable(ChannelScaler)


def _moments(recordings: Sequence[Recording]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean, standard deviation and largest absolute value `(c,)` of the normal points."""
    count = 0
    low, negative_high = np.full((2, recordings[0].channels), np.inf)
    for values in _normal_values(recordings):
        count += len(values)
        low = np.minimum(low, values.min(axis=0))
        negative_high = np.minimum(negative_high, -values.max(axis=0))
    high = -negative_high
    # Sums of what lies in [-1, 1] lose little to rounding, and overflow for no unit.
    middle, half = low / 2 + high / 2, high / 2 - low / 2
    reach = np.where(half > 0, half, 1.0)
    total, squares = np.zeros((2, recordings[0].channels))
    for values in _normal_values(recordings):
        total += ((values - middle) / reach).sum(axis=0)
    inner = total / count
    for values in _normal_values(recordings):
        squares += np.square((values - middle) / reach - inner).sum(axis=0)
    constant = low == high
    mean = np.where(constant, low, middle + reach * inner)
    deviation = np.where(constant, 0.0, reach * np.sqrt(squares / count))
    return mean, deviation, np.maximum(np.abs(low), np.abs(high))


def _normal_values(recordings: Sequence[Recording]) -> Iterator[FloatArray]:
    """The points not labelled anomalous; all points where all are, so that there are moments."""
    some = any(not recording.anomalous_points.all() for recording in recordings)
    for recording in recordings:
        normal = ~recording.anomalous_points if some and recording.is_labelled else None
        for chunk, values in _chunks(recording):
            kept = values if normal is None else values[normal[chunk]]
            if len(kept):
                yield kept


def _chunks(recording: Recording) -> Iterator[tuple[slice, FloatArray]]:
    points = max(1, CHUNK_VALUES // recording.channels)
    for start in range(0, len(recording), points):
        chunk = slice(start, start + points)
        yield chunk, recording.values[chunk].astype(np.float64, copy=False)


def _coarsest(recordings: Sequence[Recording]) -> Any:
    """The data type of the recordings that has the largest rounding errors."""
    types: list[Any] = [recording.values.dtype for recording in recordings]
    return min(types, key=lambda one: one.itemsize)


def _warn_of_rounding(
    recording: Recording, deviation: FloatArray, resolution: NDArray[np.float64]
) -> None:
    lost = np.flatnonzero((deviation > 0) & (deviation < 2 * resolution))
    if len(lost):
        named = ", ".join(recording.channel_name(int(channel)) for channel in lost[:5])
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        warnings.warn(
            f"in training {named}{more} varied by no more than rounding errors at that level "
            f"({recording.values.dtype}), so small changes cannot be told from them; subtract the "
            "level before, in a finer data type",
            AnomalibTsWarning,
            stacklevel=4,
        )
