"""The one item that every part of the package exchanges: a multi-channel sequence."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anomalib_ts.core.array_kinds import is_array_like, unwrapped
from anomalib_ts.core.recording_parts import (
    checked_ignored,
    checked_label,
    checked_labels,
    checked_names,
    checked_times,
    checked_values,
)
from anomalib_ts.errors import AnomalibTsWarning, InputError

FloatArray: TypeAlias = NDArray[np.float64]
LabelArray: TypeAlias = NDArray[np.int8]

ODD_SHAPE = 4
"""An array of so many times more channels than points may well have them the wrong way round."""


@dataclass(frozen=True, eq=False)
class Recording:
    """A sensor series, a machine sound's spectrogram or a row of features, as one sequence.

    A sensor series of n points is `(n, 1)`; a clip's log-mel spectrogram is `(frames, mels)`; a
    row of 41 features is `(1, 41)`.

    Labels may be given for points (`labels`), for the whole recording (`label`) or for both. What
    was labelled itself has that label; what was not takes it from the other level: without
    `labels`, all points are as the recording is (`anomalous_points`), and without a `label` a
    recording is anomalous if any of its points is (`is_anomalous`). Without either, everything
    counts as normal.

    >>> from anomalib_ts import Recording
    >>> pump = Recording([[1.5, 20.0], [1.7, 21.0]], channel_names=("flow", "heat"), labels=[0, 1])
    >>> len(pump), pump.channels, pump.is_anomalous
    (2, 2, True)
    >>> len(pump[1:])
    1

    Args:
        values: `(n, c)` finite numbers, n >= 1 points of c >= 1 channels; `(n,)` is taken as
            one channel. Stored read-only in the precision they come in: float32 where that holds
            every number exactly (float16, integers of up to 16 bits), else float64.
        labels: `(n,)` of 0 (normal) and 1 (anomalous), one a point, or None.
        label: 0 or 1 for the recording as a whole (a sound clip), or None.
        name: what messages and results call it.
        sampling_period: seconds between two points, or None if unknown.
        channel_names: c different texts, or None where the channels have no names. A detector
            matches the channels it scores to those it was fitted on by name.
        times: `(n,)` rising time stamps, one a point: datetime64 (stored in nanoseconds; UTC
            where the source has UTC offsets), or numbers that count seconds; None if unknown.
        machine_id: the machine that was recorded, where a data set tells machines apart.
        domain: recording conditions (`source` or `target` in DCASE 2021 and later).
        kind: what kind of anomaly it is, where a data set tells kinds apart.
        ignored: `(n,)` of 0 and 1, or None. Points of 1 are scored, but count in no metric of
            points and set no threshold: a missing reading, an outage, an unknown label.

    Raises:
        InputError: the values are empty, not numeric, not finite or of a wrong shape, or the
            labels, names or times do not fit them.
    """

    values: NDArray[Any]
    labels: NDArray[Any] | None = None
    label: int | None = None
    name: str = "recording"
    sampling_period: float | None = None
    channel_names: tuple[str, ...] | None = None
    times: NDArray[Any] | None = None
    machine_id: str = ""
    domain: str = ""
    kind: str = ""
    ignored: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", checked_values(self.values, self.name))
        if self.labels is not None:
            object.__setattr__(self, "labels", checked_labels(self.labels, len(self), self.name))
        if self.ignored is not None:
            object.__setattr__(self, "ignored", checked_ignored(self.ignored, len(self), self.name))
        object.__setattr__(self, "label", checked_label(self.label, self.name))
        if self.channel_names is not None:
            names = checked_names(self.channel_names, self.channels, self.name)
            object.__setattr__(self, "channel_names", names)
        if self.times is not None:
            object.__setattr__(self, "times", checked_times(self.times, len(self), self.name))

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, part: slice) -> Recording:
        """The stretch `part` of the recording (a view of the same memory)."""
        if not isinstance(part, slice):
            raise TypeError(f"a recording is cut with a slice, not {part!r}; its points: .values")
        if not len(self.values[part]):
            raise InputError(f"{self.name}: the stretch {part} holds no point")
        labels = None if self.labels is None else self.labels[part]
        times = None if self.times is None else self.times[part]
        ignored = None if self.ignored is None else self.ignored[part]
        values = self.values[part]
        return replace(self, values=values, labels=labels, times=times, ignored=ignored)

    @property
    def channels(self) -> int:
        """Number of channels, c."""
        return int(self.values.shape[1])

    @property
    def is_labelled(self) -> bool:
        """Whether anything says which of its points are anomalous."""
        return self.labels is not None or self.label is not None

    @property
    def anomalous_points(self) -> NDArray[np.bool_]:
        """`(n,)` whether a point is labelled anomalous.

        The labels of points say it where there are any, else the label of the whole recording;
        what has no label counts as normal.

        >>> Recording([5.0, 9.0, 5.0], labels=[0, 1, 0]).anomalous_points.tolist()
        [False, True, False]
        >>> Recording([5.0, 9.0, 5.0], label=1).anomalous_points.tolist()
        [True, True, True]
        """
        if self.labels is not None:
            return self.labels.astype(np.bool_)
        return np.full(len(self), self.label == 1)

    @property
    def ignored_points(self) -> NDArray[np.bool_]:
        """`(n,)` whether a point counts in no metric and sets no threshold.

        >>> Recording([5.0, -1.0], ignored=[0, 1]).ignored_points.tolist()
        [False, True]
        """
        return np.zeros(len(self), np.bool_) if self.ignored is None else self.ignored

    @property
    def is_anomalous(self) -> bool:
        """Whether the recording as a whole is labelled anomalous.

        Its own label says it where it has one, else whether any of its points is labelled
        anomalous; what has no label counts as normal.

        >>> Recording([5.0, 9.0, 5.0], labels=[0, 1, 0]).is_anomalous
        True
        >>> Recording([5.0, 9.0, 5.0], label=0).is_anomalous
        False
        """
        if self.label is not None:
            return self.label == 1
        return bool(self.anomalous_points.any())

    @property
    def is_anomalous_throughout(self) -> bool:
        """Whether there is no normal point in it, see `anomalous_points`."""
        return bool(self.anomalous_points.all())

    def channel_name(self, channel: int) -> str:
        """What a message calls a channel: its name, or its number from 0.

        >>> Recording([1.0]).channel_name(0)
        'channel 0'
        >>> Recording([1.0], channel_names=("flow",)).channel_name(0)
        "channel 'flow'"
        """
        named = None if self.channel_names is None else self.channel_names[channel]
        return f"channel {channel}" if named is None else f"channel {named!r}"

    def without_labels(self) -> Recording:
        """The same recording with nothing in it that says where or what the anomalies are.

        >>> Recording([1.0], label=1, kind="bearing").without_labels().is_labelled
        False
        """
        return replace(self, labels=None, label=None, kind="", ignored=None)

    def ordered_like(self, names: tuple[str, ...] | None, whose: str) -> Recording:
        """The recording with its channels in the order of `names`, where both have names.

        >>> pump = Recording([[1.5, 20.0]], channel_names=("flow", "heat"))
        >>> pump.ordered_like(("heat", "flow"), "the training data").values.tolist()
        [[20.0, 1.5]]

        Args:
            names: channel names to match, or None to leave the order as it is.
            whose: what messages call these names, such as `the training data`.

        Raises:
            InputError: the recording's channels have other names.
        """
        if names is None or self.channel_names is None or names == self.channel_names:
            return self
        if set(names) != set(self.channel_names):
            raise InputError(
                f"{self.name} has the channels {_listed(self.channel_names)}, but {whose} had "
                f"{_listed(names)}; rename or choose its columns so that the names agree"
            )
        place = {name: i for i, name in enumerate(self.channel_names)}
        values = self.values[:, [place[name] for name in names]]
        values.setflags(write=False)
        return replace(self, values=values, channel_names=names)


RecordingLike: TypeAlias = Recording | ArrayLike


def as_recording(data: RecordingLike, name: str = "recording") -> Recording:
    """Wrap values as a recording; a recording is returned as it is.

    >>> as_recording([1.0, 2.0, 3.0]).values.shape
    (3, 1)

    Args:
        data: `(n,)` or `(n, c)`: a list, a NumPy array, a torch tensor, a pandas or polars Series
            or DataFrame, an xarray DataArray. The names of a table's columns become the channels'
            names, an index of times their times; masked and null values are missing.
        name: what messages call it.

    Raises:
        InputError: these are no finite numbers of that shape.
    """
    if isinstance(data, Recording):
        return data
    values, names, times = unwrapped(data, name)
    recording = Recording(values, name=name, channel_names=names, times=times)
    if names is None and recording.channels >= ODD_SHAPE * len(recording) > ODD_SHAPE:
        warnings.warn(
            f"{name} has {len(recording)} points of {recording.channels} channels, fewer points "
            "than channels; values are (points, channels), so transpose them if this is not meant",
            AnomalibTsWarning,
            stacklevel=3,
        )
    return recording


def as_recordings(data: RecordingLike | Sequence[RecordingLike]) -> tuple[Recording, ...]:
    """Wrap what a user may train on: values, a recording, or a list of either.

    A list of plain numbers is one series, a list of arrays, tables or recordings is several.

    >>> len(as_recordings([1.0, 2.0])), len(as_recordings([np.zeros(3), np.zeros(5)]))
    (1, 2)

    Raises:
        InputError: there is nothing in it.
    """
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        if not len(data):
            raise InputError("no training data: the list of recordings is empty")
        if any(isinstance(item, Recording) or is_array_like(item) for item in data):
            return tuple(as_recording(item, f"recording {i}") for i, item in enumerate(data))
    return (as_recording(cast(RecordingLike, data)),)


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(names[:20]) + more
