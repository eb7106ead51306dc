"""What training data were like, so that data of another kind does not go unnoticed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.data.base import Case
from anomalib_ts.data.digests import case_digest
from anomalib_ts.errors import AnomalibTsWarning, InputError
from anomalib_ts.protocols.hold_out import hold_out_recordings
from anomalib_ts.saved.values import storable

SEVERAL = 5
"""Of so many recordings some are held back as a whole; of fewer, a part of each."""

OUTSIDE = 0.5
"""A channel is warned of if more than this share of its points lies outside of training."""

FAR = 1.0
"""Beyond the training range by so many of its widths, a value is in another unit, or wrong."""

OTHER_PERIOD = 0.01
"""Sampling periods that differ by more than this share are warned of."""


@storable
@dataclass(frozen=True, eq=False)
class Healthy:
    """Facts about the recordings that a model was fitted on.

    Attributes:
        names: `(c,)` of the channels, None where they have none.
        low, high: `(c,)` the smallest and largest value of each channel.
        period: seconds between two points; None if unknown, or if recordings differ.
        points: how many there were.
        recordings: how many there were.
        source: what the first of them was called.
        digest: SHA-256 of all of them.
        first, last: the time of the first and of the last point as texts; empty if unknown.
    """

    names: tuple[str, ...] | None
    low: FloatArray
    high: FloatArray
    period: float | None
    points: int
    recordings: int
    source: str
    digest: str
    first: str = ""
    last: str = ""

    @classmethod
    def of(cls, recordings: Sequence[Recording], *, normal_only: bool = False) -> Self:
        """The facts of at least one recording; without labelled anomalies if wanted."""
        names = next((r.channel_names for r in recordings if r.channel_names is not None), None)
        ordered = [recording.ordered_like(names, "another recording") for recording in recordings]
        lows, highs = [], []
        for recording in ordered:
            values = recording.values
            if normal_only and not recording.is_anomalous_throughout:
                values = values[~recording.anomalous_points]
            lows.append(values.min(axis=0).astype(np.float64))
            highs.append(values.max(axis=0).astype(np.float64))
        times = [recording.times for recording in recordings if recording.times is not None]
        return cls(
            names=names,
            low=np.min(lows, axis=0),
            high=np.max(highs, axis=0),
            period=common_period(recordings),
            points=sum(map(len, recordings)),
            recordings=len(recordings),
            source=recordings[0].name,
            digest=case_digest(Case("", test=tuple(recordings))),
            first=str(times[0][0]) if times else "",
            last=str(times[-1][-1]) if times else "",
        )

    def check_channels(self, recording: Recording) -> None:
        """Compare the channels of a recording with those of training.

        Raises:
            InputError: some are missing, or others are there; the message names them.
        """
        if self.names is None or recording.channel_names is None:
            return
        missing = [name for name in self.names if name not in recording.channel_names]
        others = [name for name in recording.channel_names if name not in self.names]
        if missing or others:
            facts = [
                *([f"lacks the channels {_listed(missing)}"] if missing else []),
                *([f"has {_listed(others)}, which training had not"] if others else []),
            ]
            raise InputError(
                f"{recording.name} {' and '.join(facts)}; rename its columns, or leave some out "
                "with data.exclude_columns"
            )

    def warn_of_differences(self, recording: Recording) -> None:
        """Warn of channels in another unit or range than in training, and of another period."""
        item = recording.ordered_like(self.names, "the training data")
        for channel in range(min(item.channels, len(self.low))):
            if remark := self._remark(item.values[:, channel], channel):
                called = item.channel_name(channel)
                warnings.warn(f"{item.name}: {called} {remark}", AnomalibTsWarning, stacklevel=3)
        given = item.sampling_period
        if given and self.period and abs(given / self.period - 1) > OTHER_PERIOD:
            warnings.warn(
                f"{item.name} has a point every {given:g} s, training had one every "
                f"{self.period:g} s; resample it",
                AnomalibTsWarning,
                stacklevel=3,
            )

    def _remark(self, values: NDArray[np.floating], channel: int) -> str:
        low, high = float(self.low[channel]), float(self.high[channel])
        width = high - low
        if width == 0:
            return ""  # every change of it is scored as one
        far = (values < low - FAR * width) | (values > high + FAR * width)
        ranges = f"{values.min():.4g} to {values.max():.4g}, in training {low:.4g} to {high:.4g}"
        if far.mean() > OUTSIDE:
            return f"has values of {ranges}: is it in another unit?"
        if ((values < low) | (values > high)).mean() > OUTSIDE:
            return f"lies outside of what training has shown: {ranges}"
        return ""

    def check(self, channels: int, names: tuple[str, ...] | None) -> None:
        """Compare what a file says with its detector.

        Raises:
            InputError: they differ.
        """
        arrays = (self.low, self.high)
        fit = all(type(a) is np.ndarray and a.shape == (channels,) for a in arrays)
        if not fit or self.names != names or not (self.low <= self.high).all():
            raise InputError("its ranges are not those of its channels")
        if self.period is not None and not (type(self.period) is float and self.period > 0):
            raise InputError("its sampling period is none")


def split_healthy(
    recordings: Sequence[Recording], share: float
) -> tuple[tuple[Recording, ...], tuple[Recording, ...]]:
    """What a detector is fitted on, and what is held back for its threshold.

    Raises:
        InputError: there is too little of either.
    """
    normal = [recording for recording in recordings if not recording.is_anomalous_throughout]
    if len(normal) >= SEVERAL:
        return hold_out_recordings(recordings, share)
    train, held = [r for r in recordings if r.is_anomalous_throughout], []
    for recording in normal:
        cut = round(len(recording) * (1 - share))
        if not 0 < cut < len(recording):
            raise InputError(f"{recording.name}: {len(recording)} points are too few to hold back")
        train.append(recording[:cut])
        held.append(recording[cut:])
    if not held:
        raise InputError("no recording is healthy, so that there is nothing to set a threshold on")
    return tuple(train), tuple(held)


def common_period(recordings: Sequence[Recording]) -> float | None:
    """Seconds between two points of all recordings; None if unknown, or if they differ."""
    periods = {recording.sampling_period for recording in recordings}
    known = [period for period in periods if period is not None]
    if not known or None in periods:
        return None
    return float(known[0]) if max(known) / min(known) - 1 <= OTHER_PERIOD else None


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown
