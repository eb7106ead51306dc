"""What a recording may consist of: each part is checked, made plain and read-only, or refused.

All raise InputError; `name` is what messages call the recording.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.array_kinds import BEYOND_WHOLE, LARGEST_WHOLE, unwrapped
from anomalib_ts.errors import InputError, ValueKindError

_FIRST_YEAR, _LAST_YEAR = 1678, 2261


def checked_values(values: Any, name: str) -> NDArray[Any]:
    """`(n, c)` finite numbers that nobody can write to, float32 where that holds them."""
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


def checked_label(label: Any, name: str) -> int | None:
    """0, 1 or None."""
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


def checked_labels(labels: Any, n: int, name: str) -> NDArray[np.int8]:
    """`(n,)` of 0 and 1."""
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


def checked_ignored(ignored: Any, n: int, name: str) -> NDArray[np.bool_]:
    """`(n,)` of truth values."""
    array = np.asarray(ignored)
    if np.ma.is_masked(ignored) or array.shape != (n,) or not np.isin(array, (0, 1)).all():
        raise InputError(
            f"{name}: `ignored` must be ({n},) of 0 and 1, one a point, not {array.dtype} of shape "
            f"{array.shape}"
        )
    checked = array.astype(np.bool_)
    checked.setflags(write=False)
    return checked


def checked_names(names: Any, channels: int, name: str) -> tuple[str, ...]:
    """One text a channel, no two alike."""
    if isinstance(names, str) or not all(isinstance(one, str) for one in names):
        raise InputError(f"{name}: channel_names must be texts, one a channel, not {names!r}")
    checked = tuple(names)
    if len(checked) != channels:
        raise InputError(f"{name}: {channels} channels, but {len(checked)} channel names")
    doubled = [one for one in checked if checked.count(one) > 1] if channels < 4096 else []
    if doubled or len(set(checked)) != channels:
        raise InputError(f"{name}: two channels have the same name {doubled[:1]}; rename one")
    return checked


def nanoseconds(times: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Time stamps as datetime64[ns], and which of them that cannot hold: these are NaT.

    It holds all of the years 1678 to 2261. Beyond, NumPy wraps round, and raises from 2.5 on.

    >>> stamps, beyond = nanoseconds(np.array(["1600-01-01", "2024-01-01"], dtype="datetime64[s]"))
    >>> stamps.astype("datetime64[D]").tolist(), beyond.tolist()
    ([None, datetime.date(2024, 1, 1)], [True, False])
    """
    years = times.astype("datetime64[Y]").astype(np.int64) + 1970
    beyond = ~np.isnat(times) & ((years < _FIRST_YEAR) | (years > _LAST_YEAR))
    held = np.where(beyond, np.datetime64("NaT", "s").astype(times.dtype), times)
    return held.astype("datetime64[ns]"), beyond


def checked_times(times: Any, n: int, name: str) -> NDArray[Any]:
    """`(n,)` rising, datetime64 in nanoseconds or seconds as float64."""
    _refuse_masked(times, "time", name)
    array = np.asarray(times)
    if array.shape != (n,):
        raise InputError(f"{name}: {n} points need times of shape ({n},), not {array.shape}")
    if array.dtype.kind == "M":
        given = array
        array, beyond = nanoseconds(given)
        if beyond.any():
            at = int(np.argmax(beyond))
            raise InputError(
                f"{name}: the time of point {at}, {given[at]}, is beyond the years {_FIRST_YEAR} "
                f"to {_LAST_YEAR} that time stamps in nanoseconds hold; give seconds as numbers"
            )
        missing = np.isnat(array)
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
