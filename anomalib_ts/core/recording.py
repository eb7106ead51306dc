"""The one item that every part of the package exchanges: a multi-channel sequence."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anomalib_ts.core.array_kinds import BEYOND_WHOLE, LARGEST_WHOLE, is_array_like, unwrapped
from anomalib_ts.errors import AnomalibTsWarning, InputError, ValueKindError

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
        object.__setattr__(self, "values", _checked_values(self.values, self.name))
        if self.labels is not None:
            object.__setattr__(self, "labels", _checked_labels(self.labels, len(self), self.name))
        if self.ignored is not None:
            object.__setattr__(
                self, "ignored", _checked_ignored(self.ignored, len(self), self.name)
            )
        object.__setattr__(self, "label", _checked_label(self.label, self.name))
        if self.channel_names is not None:
            names = _checked_names(self.channel_names, self.channels, self.name)
            object.__setattr__(self, "channel_names", names)
        if self.times is not None:
            object.__setattr__(self, "times", _checked_times(self.times, len(self), self.name))

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


def _checked_values(values: Any, name: str) -> NDArray[Any]:
    given = _numeric(values, name)
    if given.ndim == 1:
        given = given[:, None]
    if given.ndim != 2 or not given.size:
        raise InputError(
            f"{name}: values must be (points, channels) with at least one of each, "
            f"not an array of shape {np.shape(values)}{_no_features(given)}"
        )
    array = np.array(given, copy=None if _is_immutable(given) else True)
    if not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise InputError(
            f"{name}: point {row}, channel {column} is {array[row, column]}; values must be "
            "finite, not NaN or inf. Fill or drop such points first (anomalib_ts.data.fill_gaps "
            "mends short gaps)"
        )
    array.setflags(write=False)
    return array


def _no_features(given: NDArray[Any]) -> str:
    """What scikit-learn says of an array without columns, as its tools expect it."""
    if given.ndim != 2 or given.shape[1]:
        return ""
    return f", 0 feature(s) (shape={given.shape}) while a minimum of 1 is required."


def _numeric(values: Any, name: str) -> NDArray[Any]:
    """The values as float32 or float64, whichever holds them; masked ones are NaN.

    Raises:
        InputError: they are not real numbers, or float64 cannot tell them apart.
    """
    try:
        given = np.asarray(unwrapped(values, name).values)
        if given.dtype.kind == "c":
            raise TypeError(f"they are {given.dtype}. Complex data not supported")
        if given.dtype.kind in "mMSU":
            raise TypeError(f"they are {given.dtype}")
        exact = given.dtype.kind in "biuf" and np.can_cast(given.dtype, np.float32)
        with np.errstate(over="ignore"):
            numbers = given.astype(np.float32 if exact else np.float64, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        kind = ValueKindError if isinstance(error, TypeError) else InputError
        raise kind(f"{name}: the values are not numbers: {error}") from None
    if given.dtype.kind in "iuO" and given.itemsize == 8 and numbers.size:
        _refuse_large(given, numbers, name)
    return numbers


def _refuse_large(given: NDArray[Any], numbers: NDArray[Any], name: str) -> None:
    large = np.abs(numbers) > LARGEST_WHOLE
    pairs = zip(given[large].tolist(), numbers[large].tolist(), strict=True)
    if any(isinstance(whole, int) and whole != number for whole, number in pairs):
        raise InputError(f"{name}: {BEYOND_WHOLE}")


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(names[:20]) + more


def _is_immutable(array: NDArray[Any]) -> bool:
    """Whether nobody can write to the memory: it is another recording's, so it can be shared.

    A read-only view (as pandas gives them) may still belong to an array that can be written to.
    """
    owner: Any = array
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return False
        owner = owner.base
    return owner is None


def _checked_label(label: Any, name: str) -> int | None:
    if label is None:
        return None
    if np.ndim(label) or np.ma.is_masked(label) or label not in (0, 1):
        raise InputError(f"{name}: the record label must be 0 or 1, not {label!r}")
    return int(label)


def _refuse_masked(array: Any, what: str, name: str) -> None:
    """A masked label or time is unknown; NumPy would give the number that is under the mask."""
    if np.ma.is_masked(array):
        at = int(np.argmax(np.ma.getmaskarray(array)))
        raise InputError(f"{name}: the {what} of point {at} is masked; leave such points out")


def _checked_labels(labels: Any, n: int, name: str) -> LabelArray:
    _refuse_masked(labels, "label", name)
    array = np.asarray(labels)
    if array.shape != (n,):
        raise InputError(f"{name}: {n} points need labels of shape ({n},), not {array.shape}")
    bad = ~np.isin(array, (0, 1))
    if bad.any():
        at = int(np.argmax(bad))
        raise InputError(
            f"{name}: the label of point {at} is {array[at]}; labels must be 0 (normal) or "
            "1 (anomalous)"
        )
    checked = array.astype(np.int8)
    checked.setflags(write=False)
    return checked


def _checked_ignored(ignored: Any, n: int, name: str) -> NDArray[np.bool_]:
    array = np.asarray(ignored)
    if np.ma.is_masked(ignored) or array.shape != (n,) or not np.isin(array, (0, 1)).all():
        raise InputError(
            f"{name}: `ignored` must be ({n},) of 0 and 1, one a point, not {array.dtype} of shape "
            f"{array.shape}"
        )
    checked = array.astype(np.bool_)
    checked.setflags(write=False)
    return checked


def _checked_names(names: Any, channels: int, name: str) -> tuple[str, ...]:
    if isinstance(names, str) or not all(isinstance(one, str) for one in names):
        raise InputError(f"{name}: channel_names must be texts, one a channel, not {names!r}")
    checked = tuple(names)
    if len(checked) != channels:
        raise InputError(f"{name}: {channels} channels, but {len(checked)} channel names")
    doubled = [one for one in checked if checked.count(one) > 1] if channels < 4096 else []
    if doubled or len(set(checked)) != channels:
        raise InputError(f"{name}: two channels have the same name {doubled[:1]}; rename one")
    return checked


def _refuse_beyond_nanoseconds(given: NDArray[Any], stored: NDArray[Any], name: str) -> None:
    """NumPy wraps round what 64 bits of nanoseconds do not hold, from 1677 to 2262."""
    days = given.astype("datetime64[D]")
    wrong = days != stored.astype("datetime64[D]")
    wrong &= ~np.isnat(days)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise InputError(
            f"{name}: the time of point {at}, {given[at]}, is beyond the years 1678 to 2261 that "
            "time stamps in nanoseconds hold; give seconds as numbers"
        )


def _checked_times(times: Any, n: int, name: str) -> NDArray[Any]:
    _refuse_masked(times, "time", name)
    array = np.asarray(times)
    if array.shape != (n,):
        raise InputError(f"{name}: {n} points need times of shape ({n},), not {array.shape}")
    if array.dtype.kind == "M":
        given, array = array, array.astype("datetime64[ns]")
        missing = np.isnat(array)
        _refuse_beyond_nanoseconds(given, array, name)
    elif array.dtype.kind in "iuf":
        array = array.astype(np.float64)
        missing = ~np.isfinite(array)
    else:
        raise InputError(f"{name}: times must be datetime64 or seconds, not {array.dtype}")
    if missing.any():
        raise InputError(f"{name}: the time of point {int(np.argmax(missing))} is missing")
    falls = ~(array[1:] > array[:-1])
    if falls.any():
        at = int(np.argmax(falls)) + 1
        raise InputError(
            f"{name}: the time of point {at}, {array[at]}, does not come after the one before, "
            f"{array[at - 1]}; sort the points by time and drop doubles"
        )
    array.setflags(write=False)
    return array
