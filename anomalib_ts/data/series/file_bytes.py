"""A user's file read once: unpacked on the way, bounded, and fingerprinted by the bytes read."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from anomalib_ts.errors import DataNotFoundError, InputError

COMPRESSED = (".gz", ".bz2", ".xz", ".zip")
"""Suffixes behind which a text file is packed."""

_PLAIN_BYTES = 256 * 2**20
_LARGEST_RATIO = 100
_DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError)


@dataclass(frozen=True)
class OpenFile:
    """A file that is being read.

    Attributes:
        stream: its content, unpacked.
    """

    stream: BinaryIO
    _bytes: _HashingFile

    def digest(self) -> str:
        """SHA-256 (64 hex digits) of the bytes on disk, read to their end."""
        return self._bytes.digest()


@contextmanager
def open_once(path: Path, unpack: bool = True) -> Iterator[OpenFile]:
    """Open a file whose content and digest come from one pass over its bytes.

    Args:
        path: the file.
        unpack: whether what is packed (by its suffix) is unpacked.

    Raises:
        DataNotFoundError: there is no such file.
        InputError: it cannot be read, is no regular file, is damaged where it is packed, or
            unpacks to far more than numbers can be packed to.
    """
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is no regular file")
        with path.open("rb", buffering=0) as file:
            hashing = _HashingFile(file)
            raw = io.BufferedReader(hashing, 2**18)
            suffix = path.suffix.lower() if unpack else ""
            stream: Any = raw
            if suffix in COMPRESSED:
                bounded = _BoundedFile(_unpacked(raw, suffix, path), path, path.stat().st_size)
                stream = io.BufferedReader(bounded, 2**18)
            yield OpenFile(stream, hashing)
    except FileNotFoundError:
        raise DataNotFoundError(f"there is no file {path}") from None
    except _DAMAGED as error:
        raise InputError(f"{path} cannot be read: {error}") from None


def largest_unpacked(packed: int) -> int:
    """Most bytes that a file of so many bytes may unpack to: measured numbers pack worse."""
    return max(_PLAIN_BYTES, _LARGEST_RATIO * packed)


def _unpacked(raw: Any, suffix: str, path: Path) -> Any:
    if suffix == ".gz":
        return gzip.GzipFile(fileobj=raw)
    if suffix == ".bz2":
        return bz2.BZ2File(raw)
    if suffix == ".xz":
        return lzma.LZMAFile(raw)
    archive = zipfile.ZipFile(io.BytesIO(raw.read()))
    members = [
        info
        for info in archive.infolist()
        if not info.is_dir() and not info.filename.startswith("__MACOSX/")
    ]
    if len(members) != 1:
        raise InputError(f"{path} holds {len(members)} files; a packed table is one, unpack it")
    return archive.open(members[0])


class _HashingFile(io.RawIOBase):
    """A raw file that hashes what is read from it."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        count = self._file.readinto(buffer)
        self._hash.update(memoryview(buffer)[:count])
        return count

    def digest(self) -> str:
        while chunk := self._file.read(2**20):
            self._hash.update(chunk)
        return self._hash.hexdigest()


class _BoundedFile(io.RawIOBase):
    """What is unpacked from a file, up to a bound: no small file may fill the memory."""

    def __init__(self, file: Any, path: Path, packed: int) -> None:
        self._file = file
        self._path = path
        self._left = largest_unpacked(packed)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._file.read(len(buffer))
        self._left -= len(chunk)
        if self._left < 0:
            raise InputError(
                f"{self._path} unpacks to more than {_LARGEST_RATIO} times its size, as no table "
                "of measurements does; unpack it yourself if it is one"
            )
        buffer[: len(chunk)] = chunk
        return len(chunk)
