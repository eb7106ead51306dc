"""Digests that tell whether data has changed."""

from __future__ import annotations

import hashlib
import json
import time
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from anomalib_ts.core.files import check_regular
from anomalib_ts.errors import DataNotFoundError, InputError

_SETTLED = 2 * 10**9
"""Nanoseconds after which a file's stamp is trusted: no clock of a file system is as coarse."""


class Content(NamedTuple):
    """The bytes of a file, and their SHA-256 (64 hex digits)."""

    data: bytes
    digest: str


def read_content(path: str | Path) -> Content:
    """Read a file whole, once, so that its digest is that of what is made of it.

    Raises:
        OSError: it is not there or cannot be read.
    """
    data = Path(path).read_bytes()
    return Content(data, hashlib.sha256(data).hexdigest())


def text_digest(*parts: object) -> str:
    """SHA-256 (64 hex digits) of the parts' representations, in this order."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def file_digest(path: str | Path, algorithm: Literal["sha256", "md5"] = "sha256") -> str:
    """SHA-256 (64 hex digits) of a file's bytes; MD5 is for what publishers give no other of.

    Raises:
        DataNotFoundError: there is no such file.
        InputError: it is no regular file, or cannot be read.
    """
    check_regular(path)
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(
                file, partial(hashlib.new, algorithm, usedforsecurity=False)
            ).hexdigest()
    except FileNotFoundError:
        raise DataNotFoundError(f"there is no file {path}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


class FileDigests:
    """Digests of files, each taken once as long as the file stays as it is.

    A file is known again by its place on the disk, size and times, which include the time of its
    last change in any way; one that changed within the last seconds is always read anew, since a
    second change may leave the same stamp.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], str] = {}

    def of(self, path: Path) -> str:
        """As `file_digest`."""
        found = check_regular(path)
        stamp = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if abs(time.time_ns() - found.st_ctime_ns) < _SETTLED:
            return file_digest(path)
        if stamp not in self._known:
            self._known[stamp] = file_digest(path)
        return self._known[stamp]


def digest(content: Any) -> str:
    """SHA-256 of a JSON-like value, independent of the order of keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
