"""Series in NumPy's NPZ files, read without pickle and without trust in what their headers say."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from anomalib_ts.core.names import nearest
from anomalib_ts.core.parser_turn import parser_turn
from anomalib_ts.data.series.file_bytes import largest_unpacked, open_once
from anomalib_ts.errors import InputError

_KNOWN = ("values", "labels", "ignored", "train", "channel_names", "times")
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


@dataclass(frozen=True)
class NpzArrays:
    """What an NPZ file holds.

    Attributes:
        arrays: those of `values`, `labels`, `ignored`, `train`, `channel_names` and `times` there
            are.
        others: names of the arrays that are not looked at.
        digest: SHA-256 of the very bytes that were read.
    """

    arrays: dict[str, NDArray[Any]]
    others: list[str]
    digest: str

    @property
    def channel_names(self) -> list[str] | None:
        """Names of the channels, if there are any."""
        names = self.arrays.get("channel_names")
        return None if names is None else [str(name) for name in names]


def read_npz(path: Path) -> NpzArrays:
    """Read the arrays of an NPZ file.

    Raises:
        DataNotFoundError: there is no such file.
        InputError: it is damaged, holds objects, unpacks to far more than its size, or has no
            array `values`.
    """
    with open_once(path, unpack=False) as opened:
        content = opened.stream.read()
        digest = opened.digest()
    try:
        with parser_turn(), zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            unpacked = sum(members[name].file_size for name in _KNOWN if name in members)
            if unpacked > largest_unpacked(len(content)):
                raise InputError(f"it would unpack to {unpacked} bytes, far beyond its size")
            arrays = {name: _array(archive, members[name]) for name in _KNOWN if name in members}
    except Exception as error:  # whatever zipfile, zlib and numpy make of a damaged file
        raise InputError(f"{path} cannot be read as NPZ: {error}") from None
    if "values" not in arrays:
        raise InputError(f"{path} has no array 'values'; {nearest('values', list(members))}")
    _check_names(arrays.get("channel_names"), path)
    return NpzArrays(arrays, [name for name in members if name not in _KNOWN], digest)


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """One array, after its header was compared with the bytes that are there."""
    with archive.open(member) as file:
        version = npy.read_magic(file)
        if version not in _HEADERS:
            raise InputError(f"{member.filename} has the format version {version}")
        shape, _, dtype = _HEADERS[version](file)
        if dtype.hasobject:
            raise InputError(f"{member.filename} holds Python objects, not numbers")
        stated = int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize
        if stated != member.file_size - file.tell():
            raise InputError(f"{member.filename} says {stated} bytes, but does not hold as many")
    with archive.open(member) as file:
        return np.asarray(npy.read_array(file, allow_pickle=False))


def _check_names(names: NDArray[Any] | None, path: Path) -> None:
    if names is not None and (names.ndim != 1 or names.dtype.kind != "U"):
        raise InputError(
            f"{path}: channel_names must be a list of texts, not {names.dtype} of shape "
            f"{names.shape}"
        )
