"""Fitted state as plain data: values, arrays and a few registered kinds, and nothing else.

JSON's own values stand for themselves; all else is an object with a `kind` (`KINDS`). Arrays lie
beside the tree and are referred to by name. What no kind is for is refused when it is saved, by
the name of the attribute, and what is no kind is refused when it is loaded.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.plain import type_name
from anomalib_ts.core.recording import Recording
from anomalib_ts.errors import ContractError, InputError
from anomalib_ts.settings.signatures import import_class
from anomalib_ts.settings.trust import check_origin

DEEPEST = 60
"""Levels of a tree, at most."""

T = TypeVar("T")

_storable: dict[str, type] = {}


def storable(kind: type[T]) -> type[T]:
    """Let objects of a dataclass stand in a model file; for what a fitted detector keeps.

    Its fields are stored, and it is made of them again by its constructor. A class whose settings
    are read from its source (see `anomalib_ts.settings.signatures`) is marked by a call after it.

    >>> from dataclasses import dataclass
    >>> from anomalib_ts.saved.values import Reader, Writer, storable
    >>> @storable
    ... @dataclass(frozen=True)
    ... class Band:
    ...     low: float
    ...     high: float
    >>> writer = Writer()
    >>> tree = writer.tree(Band(1.0, 2.0), "band_")
    >>> Reader(writer.arrays).value(tree)
    Band(low=1.0, high=2.0)
    """
    _storable[path_of(kind)] = kind
    return kind


def path_of(kind: type) -> str:
    """The dotted path of a class."""
    return f"{kind.__module__}.{kind.__qualname__}"


storable(Recording)


@dataclass
class Writer:
    """Turns values into a tree for JSON; the arrays in them gather in `arrays`."""

    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)

    def tree(self, value: Any, where: str, depth: int = 0) -> Any:
        """The tree of a value.

        Args:
            value: plain, an array, or of a registered kind.
            where: what messages call it, such as `IForest.forest_`.
            depth: of the tree above it.

        Raises:
            ContractError: it holds something that no kind is for.
        """
        if depth > DEEPEST:
            raise ContractError(f"{where} is nested too deeply for a model file, or holds itself")
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"kind": "number", "value": repr(value)}
        for name, is_one, write, _ in KINDS:
            if is_one(value):

                def inner(part: Any, what: str) -> Any:
                    return self.tree(part, f"{where}{what}", depth + 1)

                return {"kind": name, **write(value, inner, self)}
        raise ContractError(
            f"{where} is a {type_name(value)}, which a model file cannot hold: keep plain values, "
            "NumPy arrays, torch tensors, lists and dicts of them, or dataclasses marked with "
            "anomalib_ts.saved.values.storable; a network of one's own is told by overriding "
            "`_state` and `_restore`"
        )

    def add(self, array: NDArray[Any]) -> str:
        """Keep an array; the name that it has in the file."""
        name = str(len(self.arrays))
        self.arrays[name] = np.ascontiguousarray(array).reshape(array.shape)
        return name


@dataclass
class Reader:
    """Turns a tree back into the values it was made of.

    Attributes:
        arrays: of the file, by name.
        used: names of those that were referred to.
    """

    arrays: dict[str, NDArray[Any]]
    used: set[str] = field(default_factory=set)

    def value(self, tree: Any, depth: int = 0) -> Any:
        """The value of a tree.

        Raises:
            InputError: it is no tree that `Writer` makes.
        """
        if depth > DEEPEST:
            raise InputError("its values are nested too deeply")
        if tree is None or type(tree) in (bool, int, str, float):
            return tree
        if type(tree) is list:
            return [self.value(part, depth + 1) for part in tree]
        kind = tree.get("kind") if isinstance(tree, dict) else None
        for name, _, _, read in KINDS:
            if name == kind:
                return read(tree, lambda part: self.value(part, depth + 1), self)
        if kind == "number" and tree.get("value") in ("nan", "inf", "-inf"):
            return float(tree["value"])
        raise InputError(f"it holds a value of the unknown kind {str(kind)[:60]!r}")

    def array(self, name: Any) -> NDArray[Any]:
        """An array of the file, writable and one's own.

        Raises:
            InputError: there is none of that name.
        """
        if type(name) is not str or name not in self.arrays:
            raise InputError(f"its array {str(name)[:60]!r} is missing")
        self.used.add(name)
        return np.array(self.arrays[name])


Kind = tuple[
    str,
    Callable[[Any], bool],
    Callable[[Any, Callable[[Any, str], Any], Writer], Any],
    Callable[[dict[str, Any], Callable[[Any], Any], Reader], Any],
]


def _write_dict(value: Any, inner: Callable[[Any, str], Any], _: Writer) -> dict[str, Any]:
    return {
        "keys": [inner(key, " (a key)") for key in value],
        "values": [inner(part, f"[{key!r}]"[:80]) for key, part in value.items()],
    }


def _read_dict(tree: dict[str, Any], value: Callable[[Any], Any], _: Reader) -> dict[Any, Any]:
    return dict(zip(map(value, tree["keys"]), map(value, tree["values"]), strict=True))


def _write_items(value: Any, inner: Callable[[Any, str], Any], _: Writer) -> dict[str, Any]:
    return {"items": [inner(part, f"[{i}]") for i, part in enumerate(value)]}


def _read_tuple(tree: dict[str, Any], value: Callable[[Any], Any], _: Reader) -> tuple[Any, ...]:
    return tuple(value(part) for part in tree["items"])


def _read_list(tree: dict[str, Any], value: Callable[[Any], Any], _: Reader) -> list[Any]:
    return [value(part) for part in tree["items"]]


def _is_numeric(value: Any) -> bool:
    return type(value) is np.ndarray and value.dtype.kind in "biuf" and value.dtype.itemsize <= 8


def _write_array(value: Any, _: Any, writer: Writer) -> dict[str, Any]:
    """In its order: some of BLAS adds up differently where rows and columns are swapped."""
    turned = value.ndim > 1 and value.flags.f_contiguous and not value.flags.c_contiguous
    little = value.astype(value.dtype.newbyteorder("="), copy=False)
    return {"name": writer.add(little.T if turned else little), "turned": turned}


def _read_array(tree: dict[str, Any], _: Any, reader: Reader) -> NDArray[Any]:
    array = reader.array(tree["name"])
    return array.T if tree["turned"] else array


def _write_scalar(value: Any, _: Any, writer: Writer) -> dict[str, Any]:
    return {"name": writer.add(np.asarray(value))}


def _read_scalar(tree: dict[str, Any], _: Any, reader: Reader) -> Any:
    return reader.array(tree["name"])[()]


def _write_texts(value: Any, *_: Any) -> dict[str, Any]:
    return {"shape": list(value.shape), "items": value.ravel().tolist(), "dtype": value.dtype.str}


def _read_texts(tree: dict[str, Any], *_: Any) -> NDArray[Any]:
    items = [str(text) for text in tree["items"]]
    found = np.array(items, dtype=np.str_).reshape(tuple(map(int, tree["shape"])))
    dtype = np.dtype(tree["dtype"])
    return found.astype(dtype) if dtype.kind == "U" and dtype.itemsize < 2**16 else found


def _write_dates(value: Any, _: Any, writer: Writer) -> dict[str, Any]:
    return {"name": writer.add(value.view(np.int64)), "dtype": value.dtype.str}


def _read_dates(tree: dict[str, Any], _: Any, reader: Reader) -> NDArray[Any]:
    array, dtype = reader.array(tree["name"]), np.dtype(tree["dtype"])
    if array.dtype != np.int64 or dtype.kind not in "mM":
        raise InputError("its dates are none")
    return array.view(dtype)


def _write_table(value: Any, inner: Callable[[Any, str], Any], _: Writer) -> dict[str, Any]:
    names = value.dtype.names
    return {"columns": {name: inner(np.array(value[name]), f"[{name!r}]") for name in names}}


def _read_table(tree: dict[str, Any], value: Callable[[Any], Any], _: Reader) -> NDArray[Any]:
    columns = {str(name): value(part) for name, part in tree["columns"].items()}
    first = next(iter(columns.values()))
    table = np.empty(first.shape, [(name, array.dtype) for name, array in columns.items()])
    for name, array in columns.items():
        if array.shape != first.shape:
            raise InputError("columns of a table differ in length")
        table[name] = array
    return table


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _write_tensor(value: Any, inner: Callable[[Any, str], Any], _: Writer) -> dict[str, Any]:
    return {"array": inner(value.detach().cpu().numpy(), "")}


def _read_tensor(tree: dict[str, Any], value: Callable[[Any], Any], _: Reader) -> Any:
    import torch  # noqa: PLC0415

    return torch.from_numpy(np.array(value(tree["array"]), order="C"))


def _is_storable(value: Any) -> bool:
    return _storable.get(path_of(type(value))) is type(value)


def _write_object(value: Any, inner: Callable[[Any, str], Any], _: Writer) -> dict[str, Any]:
    parts = {one.name: inner(getattr(value, one.name), f".{one.name}") for one in fields(value)}
    return {"class": path_of(type(value)), "fields": parts}


def _read_object(tree: dict[str, Any], value: Callable[[Any], Any], _: Reader) -> Any:
    path = str(tree["class"])
    if path not in _storable:
        check_origin(path, "model", typed=False)
        try:
            import_class(path.rpartition(".")[0])
        except ImportError as error:
            raise InputError(f"it holds a {path}, which is not there: {error}") from None
    if path not in _storable:
        raise InputError(f"it holds a {path}, which is not marked as storable")
    return _storable[path](**{str(name): value(part) for name, part in tree["fields"].items()})


KINDS: list[Kind] = [
    ("dict", lambda value: type(value) is dict, _write_dict, _read_dict),
    ("list", lambda value: type(value) is list, _write_items, _read_list),
    ("tuple", lambda value: type(value) is tuple, _write_items, _read_tuple),
    ("array", _is_numeric, _write_array, _read_array),
    (
        "scalar",
        lambda value: isinstance(value, np.number | np.bool_) and value.dtype.kind in "biuf",
        _write_scalar,
        _read_scalar,
    ),
    (
        "texts",
        lambda value: type(value) is np.ndarray and value.dtype.kind == "U",
        _write_texts,
        _read_texts,
    ),
    (
        "dates",
        lambda value: type(value) is np.ndarray and value.dtype.kind in "mM",
        _write_dates,
        _read_dates,
    ),
    (
        "table",
        lambda value: type(value) is np.ndarray and value.dtype.names is not None,
        _write_table,
        _read_table,
    ),
    ("tensor", _is_tensor, _write_tensor, _read_tensor),
    ("object", _is_storable, _write_object, _read_object),
]
"""Name, whether a value is of the kind, how it is written and how it is read; first match wins."""
