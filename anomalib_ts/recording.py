"""The one item that every part of the package exchanges: a multi-channel sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anomalib_ts.errors import InputError

FloatArray: TypeAlias = NDArray[np.float64]
LabelArray: TypeAlias = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Recording:
    """A sensor series, a machine sound's spectrogram or a row of features, as one sequence.

    A sensor series of n points is `(n, 1)`; a clip's log-mel spectrogram is `(frames, mels)`; a
    row of 41 features is `(1, 41)`.

    Args:
        values: `(n, c)` finite numbers, n >= 1 points of c >= 1 channels; `(n,)` is taken as
            one channel. Stored as read-only float32.
        labels: `(n,)` of 0 (normal) and 1 (anomalous), one a point, or None.
        label: 0 or 1 for the recording as a whole (a sound clip), or None.
        name: what messages and results call it.
        sampling_period: seconds between two points, or None if unknown.
        machine_id: the machine that was recorded, where a data set tells machines apart.
        domain: recording conditions (`source` or `target` in DCASE 2021 and later).
        kind: what kind of anomaly it is, where a data set tells kinds apart.

    Raises:
        InputError: the values are empty, not numeric, not finite or of a wrong shape, or the
            labels do not fit them.
    """

    values: NDArray[Any]
    labels: NDArray[Any] | None = None
    label: int | None = None
    name: str = "recording"
    sampling_period: float | None = None
    machine_id: str = ""
    domain: str = ""
    kind: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _checked_values(self.values, self.name))
        if self.labels is not None:
            object.__setattr__(self, "labels", _checked_labels(self.labels, len(self), self.name))
        if self.label not in (None, 0, 1):
            raise InputError(f"{self.name}: the record label must be 0 or 1, not {self.label!r}")

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, part: slice) -> Recording:
        """The stretch `part` of the recording (a view of the same memory)."""
        if not isinstance(part, slice):
            raise TypeError(f"a recording is cut with a slice, not {part!r}; its points: .values")
        if not len(self.values[part]):
            raise InputError(f"{self.name}: the stretch {part} holds no point")
        labels = None if self.labels is None else self.labels[part]
        return replace(self, values=self.values[part], labels=labels)

    @property
    def channels(self) -> int:
        """Number of channels, c."""
        return int(self.values.shape[1])

    def without_labels(self) -> Recording:
        """The same recording with nothing in it that says where or what the anomalies are."""
        return replace(self, labels=None, label=None, kind="")


RecordingLike: TypeAlias = Recording | ArrayLike


def as_recording(data: RecordingLike, name: str = "recording") -> Recording:
    """Wrap an array `(n,)` or `(n, c)` as a recording; a recording is returned as it is."""
    if isinstance(data, Recording):
        return data
    return Recording(cast(NDArray[Any], data), name=name)


def as_recordings(data: RecordingLike | Sequence[RecordingLike]) -> tuple[Recording, ...]:
    """Wrap what a user may train on: an array, a recording, or a list of either.

    A list of plain numbers is one series, a list of arrays or recordings is several.

    Raises:
        InputError: there is nothing in it.
    """
    if isinstance(data, Sequence) and not isinstance(data, str):
        if not len(data):
            raise InputError("no training data: the list of recordings is empty")
        if any(isinstance(item, Recording | np.ndarray) for item in data):
            return tuple(as_recording(item, f"recording {i}") for i, item in enumerate(data))
    return (as_recording(cast(RecordingLike, data)),)


def _checked_values(values: Any, name: str) -> NDArray[np.float32]:
    try:
        given = np.asarray(values)
        if given.dtype.kind in "cmM":
            raise TypeError(f"they are {given.dtype}")
        given = given if given.dtype == np.float32 else given.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{name}: the values are not numbers: {error}") from None
    if given.ndim == 1:
        given = given[:, None]
    if given.ndim != 2 or not given.size:
        raise InputError(
            f"{name}: values must be (points, channels) with at least one of each, "
            f"not an array of shape {np.shape(values)}"
        )
    with np.errstate(over="ignore"):
        array = np.array(given, dtype=np.float32, copy=None if _is_immutable(given) else True)
    if not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise InputError(
            f"{name}: point {row}, channel {column} is {given[row, column]}; values must be finite "
            "float32. Fill or drop such points first (anomalib_ts.data.fill_gaps mends short gaps)"
        )
    array.setflags(write=False)
    return array


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


def _checked_labels(labels: Any, n: int, name: str) -> LabelArray:
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
