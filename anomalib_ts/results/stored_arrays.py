"""What results keep as arrays: scores and scored cases, read back only if whole and unaltered."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.parser_turn import parser_turn
from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import DamagedResultError
from anomalib_ts.results.index import Stamp
from anomalib_ts.results.left_out import printable_path

SMALL = 1_000_000
"""Bytes of a file that is read at once."""

REMEDY = "the same `anomalib-ts run` command runs the unit again"

_BY_RECORDING = ("names", "machine_ids", "domains", "kinds")

_BY_POINT = ("labels", "values", "times", "ignored")

_TORN = (
    OSError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    MemoryError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy raises on files that are not what they were."""


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an NPZ file."""
    try:
        if not path.is_file():
            raise ValueError("it is no plain file")
        # A small file at once: NumPy asks for a dozen pieces, which takes longer.
        small = path.stat().st_size <= SMALL
        source = io.BytesIO(path.read_bytes()) if small else path
        with parser_turn(), np.load(source, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except _TORN as error:
        why = " ".join(str(error).split())[:100] or type(error).__name__
        raise damaged(path, f"unreadable: {why}") from None


def is_case(arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Whether these are the arrays of a `GroundTruth`, of lengths that fit together."""
    lengths = arrays.get("lengths")
    if lengths is None or lengths.ndim != 1 or lengths.dtype.kind not in "iu":
        return False
    recordings, points = len(lengths), int(lengths.sum())
    wanted = dict.fromkeys(_BY_RECORDING, recordings)
    wanted |= {name: points for name in _BY_POINT if name in arrays}
    wanted |= {"record_labels": recordings} if "record_labels" in arrays else {}
    found = {name: array.shape[:1] for name, array in arrays.items()}
    return all(found.get(name) == (length,) for name, length in wanted.items())


def arrays_digest(arrays: Mapping[str, Any]) -> str:
    """SHA-256 over names, types, shapes and values of arrays."""
    found = sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        if array.dtype.kind in "biuf":
            found.update(array.reshape(-1).view(np.uint8).data)  # without a copy
        else:
            found.update(array.tobytes())
    return found.hexdigest()


def scores_digest(scores: FloatArray) -> str:
    """The digest of the scores `(n,)` of one record."""
    return arrays_digest({"scores": np.asarray(scores, dtype=np.float64)})


def stamp(path: str | Path) -> Stamp:
    """What changes about a file when it is written anew."""
    return stamp_of(os.stat(path))  # noqa: PTH116 - a Path for each of 100,000 takes its time


def stamp_of(found: os.stat_result) -> Stamp:
    """The same of a file that was looked at already."""
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def digest_of(path: Path) -> str:
    """The digest of the arrays in a file, which is read only once as long as it stays the same."""
    try:
        current = stamp(path)
    except OSError as error:
        raise damaged(path, f"unreadable: {error.strerror or error}") from None
    return _digest_at(str(path), current)


@lru_cache(maxsize=1024)
def _digest_at(path: str, stamp: Stamp) -> str:
    del stamp  # it is what makes another file another entry
    return arrays_digest(read_arrays(Path(path)))


def exists(path: Path) -> bool:
    """Whether anything is there, be it a link to nowhere."""
    return os.path.lexists(path)


def damaged(path: Path, why: str) -> DamagedResultError:
    """The error that says so, and what to do."""
    return DamagedResultError(f"{printable_path(str(path))} is damaged ({why}); {REMEDY}")
