"""A model file: a zip archive of two entries, one of JSON and one of arrays.

`model.json` holds a tree of plain values, `arrays.safetensors` the arrays that it refers to by
name. Neither format can hold code. Entries are stored as they are, not compressed, so that what is
read is never larger than the file. ZIP's checksums tell damage.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.files import atomic_write, check_regular
from anomalib_ts.errors import AnomalibTsError, DataNotFoundError, InputError

JSON, ARRAYS = "model.json", "arrays.safetensors"
"""The two entries, in this order."""

LARGEST_JSON = 64 * 2**20
"""Bytes of `model.json` that are read at most."""

_DATE = (1980, 1, 1, 0, 0, 0)  # the same model is the same file


def write_archive(
    path: str | Path, content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> Path:
    """Write a model file that is either whole or not there.

    Args:
        path: where to.
        content: what JSON can hold.
        arrays: of booleans, integers or floats, by name.

    Raises:
        AnomalibTsError: it cannot be written.
    """
    from safetensors.numpy import save  # noqa: PLC0415 - only who saves needs it

    text = json.dumps(content, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    try:
        with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
            for name, data in ((JSON, text.encode()), (ARRAYS, save(dict(arrays)))):
                archive.writestr(zipfile.ZipInfo(name, _DATE), data, zipfile.ZIP_STORED)
    except OSError as error:
        raise AnomalibTsError(f"cannot write the model {path}: {error}") from error
    return Path(path)


def read_archive(path: str | Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What `write_archive` was given.

    Raises:
        DataNotFoundError: there is no such file.
        InputError: it is no model file, or a damaged one.
    """
    try:
        if Path(path).exists():
            check_regular(path)
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise DataNotFoundError(f"there is no model {path}") from None
    except OSError as error:
        raise InputError(f"cannot read the model {path}: {error}") from None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_entries(archive.infolist())
            text, stored = archive.read(JSON), archive.read(ARRAYS)
        return _parsed(text), _arrays(stored)
    except InputError as error:
        raise InputError(f"{path} is no model file of anomalib_ts: {error}") from None
    except (zipfile.BadZipFile, NotImplementedError, ValueError, RuntimeError, EOFError) as error:
        raise InputError(f"{path} is no model file of anomalib_ts, or damaged: {error}") from None


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    if names != [JSON, ARRAYS]:
        shown = ", ".join(repr(name[:60]) for name in names[:5]) or "none"
        raise InputError(f"its entries must be {JSON} and {ARRAYS}, and are {shown}")
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise InputError(f"{entry.filename} is compressed, which entries of a model never are")
    if entries[0].file_size > LARGEST_JSON:
        raise InputError(f"{JSON} has {entries[0].file_size} bytes, more than {LARGEST_JSON}")


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        content = json.loads(
            text.decode("utf-8"),
            parse_constant=_refuse_constant,
            object_pairs_hook=_without_doubles,
        )
    except RecursionError:
        raise InputError(f"{JSON} is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{JSON} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{JSON} holds no object")
    return content


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice in one object")
    return found


def _arrays(stored: bytes) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError  # noqa: PLC0415
    from safetensors.numpy import load  # noqa: PLC0415

    try:
        return {name: np.asarray(array) for name, array in load(stored).items()}
    except (SafetensorError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{ARRAYS} cannot be read: {error}") from None
