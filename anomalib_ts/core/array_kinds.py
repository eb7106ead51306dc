"""What a Python user may hand in as values: arrays and tables of many libraries.

No library is imported for it: an object is recognised by what it offers, so pandas, polars, torch
or xarray need not be installed, nor are they loaded where nobody uses them.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.errors import InputError

LARGEST_WHOLE = 2.0**53
"""Up to here float64 holds every whole number."""

BEYOND_WHOLE = (
    "whole numbers beyond 2^53 differ by less than float64 can hold; subtract their first value "
    "before, in whole numbers"
)


class Unwrapped(NamedTuple):
    """Values with the names and times that came with them.

    Attributes:
        values: `(n,)` or `(n, c)` as NumPy takes them; missing ones are NaN.
        channel_names: `(c,)` of a table whose columns have texts for names, else None.
        times: `(n,)` datetime64 of a table or array that is indexed by time, else None.
    """

    values: Any
    channel_names: tuple[str, ...] | None = None
    times: NDArray[Any] | None = None


def unwrapped(data: Any, name: str) -> Unwrapped:
    """Take an array or a table apart.

    Args:
        data: numbers in a list, a NumPy array (masked ones too), a pandas or polars Series or
            DataFrame, a torch tensor, an xarray DataArray, or whatever NumPy can convert.
        name: what messages call the data.

    Raises:
        InputError: it is a kind of object that holds no such values; the message says which.
    """
    _refuse_others(data, name)
    if isinstance(data, np.ndarray | list | tuple | int | float):
        return Unwrapped(_without_mask(data))
    if hasattr(data, "detach"):  # a tensor of torch, perhaps with a gradient, on a GPU, in bfloat16
        if str(data.layout) != "torch.strided":
            raise InputError(f"{name}: a sparse tensor is not taken; give its .to_dense()")
        plain = data.detach().cpu()
        return Unwrapped((plain.float() if plain.dtype.itemsize < 4 else plain).numpy())
    if hasattr(data, "dims") and hasattr(data, "coords"):  # xarray
        return _from_xarray(data)
    if hasattr(data, "columns") and hasattr(data, "to_numpy"):  # a DataFrame of pandas or polars
        return Unwrapped(_table_values(data, name), _column_names(data), _index_times(data))
    if hasattr(data, "to_numpy"):  # a Series of either
        return Unwrapped(_table_values(data, name), None, _index_times(data))
    return Unwrapped(_as_numpy(data, name))


def is_array_like(item: Any) -> bool:
    """Whether an item of a list is a recording's values rather than a number or a row of them."""
    shape = getattr(item, "shape", None)
    return (isinstance(shape, tuple) and len(shape) > 0) or hasattr(item, "to_numpy")


def _refuse_others(data: Any, name: str) -> None:
    kind = f"{type(data).__module__.partition('.')[0]}.{type(data).__qualname__}"
    if hasattr(data, "toarray"):  # scipy.sparse, of which some are mappings
        raise InputError(f"{name}: a sparse {kind} is not taken; give {kind}.toarray()")
    if isinstance(data, str | bytes | Mapping | Set) or data is None:
        raise InputError(
            f"{name}: the values are not numbers but a {kind.removeprefix('builtins.')}; give an "
            "array of shape (points,) or (points, channels), or read a file with "
            "anomalib_ts.data.CsvFile"
        )
    if hasattr(data, "data_vars"):
        raise InputError(f"{name}: an {kind} holds several arrays; choose one of them")
    if hasattr(data, "collect") and hasattr(data, "lazy"):
        raise InputError(f"{name}: a {kind} holds no values yet; give its .collect()")


def _without_mask(data: Any) -> Any:
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        return np.ma.filled(data.astype(np.float64), np.nan)
    return data


def _table_values(table: Any, name: str) -> Any:
    """The numbers of a DataFrame or Series, its missing cells as NaN."""
    types: Any = getattr(table, "dtypes", None)
    kinds = list(types) if isinstance(types, list) or hasattr(types, "tolist") else [table.dtype]
    plain = all(isinstance(kind, np.dtype) and kind.kind != "O" for kind in kinds)
    _refuse_lost_digits(table, name)
    if plain or not hasattr(table, "iloc"):  # polars gives NaN for its nulls by itself
        return table.to_numpy()
    try:
        return table.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: the values are not numbers: {error}") from None


def _column_names(table: Any) -> tuple[str, ...] | None:
    """The names of a table's columns as texts; None where they are just numbered in order."""
    names = list(table.columns)
    return None if names == list(range(len(names))) else tuple(map(str, names))


def _refuse_lost_digits(table: Any, name: str) -> None:
    """Refuse whole numbers in a table that float64 cannot tell from their neighbours."""
    for column in _columns(table):
        known: NDArray[Any] = column.to_numpy()
        if known.dtype.kind in "iu" and known.dtype.itemsize == 8:
            large = known[np.abs(known.astype(np.float64)) > LARGEST_WHOLE]
            if (large.astype(np.float64).astype(object) != large.astype(object)).any():
                raise InputError(f"{name}: {BEYOND_WHOLE}")


def _columns(table: Any) -> list[Any]:
    """The whole-number columns of a DataFrame or Series of pandas or polars, without gaps."""
    if hasattr(table, "get_columns"):
        columns = list(table.get_columns())
    elif hasattr(table, "columns") and hasattr(table, "items"):
        columns = [column for _, column in table.items()]
    else:
        columns = [table] if hasattr(table, "dtype") else []
    whole = [one for one in columns if str(one.dtype).lower() in ("int64", "uint64")]
    return [one.dropna() if hasattr(one, "dropna") else one.drop_nulls() for one in whole]


def _index_times(table: Any) -> NDArray[Any] | None:
    index: Any = getattr(table, "index", None)
    if not hasattr(index, "to_numpy") or getattr(index.dtype, "kind", "") != "M":
        return None
    utc = index.tz_convert("UTC").tz_localize(None) if index.tz is not None else index
    return np.asarray(utc.to_numpy())


def _from_xarray(data: Any) -> Unwrapped:
    names, times = None, None
    along = [data.coords[dim].values if dim in data.coords else None for dim in data.dims]
    if along and along[0] is not None and along[0].dtype.kind == "M":
        times = along[0]
    if len(along) > 1 and along[1] is not None and along[1].dtype.kind in "UO":
        names = tuple(map(str, along[1]))
    return Unwrapped(data.values, names, times)


def _as_numpy(data: Any, name: str) -> Any:
    if not hasattr(data, "__array__") and not hasattr(data, "__len__"):
        if hasattr(data, "__dlpack__"):
            return np.from_dlpack(data)
        raise InputError(
            f"{name}: a {type(data).__qualname__} cannot be taken for values; give an array of "
            "shape (points,) or (points, channels)"
        )
    try:
        return np.asarray(data)
    except Exception as error:
        raise InputError(
            f"{name}: NumPy cannot convert a {type(data).__qualname__}: {error}; convert it to a "
            "NumPy array before"
        ) from None
