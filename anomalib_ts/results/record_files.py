"""Files of records: read safely, with a bound on their size, and with what they share kept once."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anomalib_ts.results.index import Stamp
from anomalib_ts.results.record import Record
from anomalib_ts.results.schema import UnreadableRecordError
from anomalib_ts.results.stored_arrays import (
    stamp_of,
)

LARGEST_RECORD = 16_000_000
"""Bytes; texts in records are bounded, so that none comes near it."""


def load_record(path: str | Path) -> Record:
    """The record in a file.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read.
        UnreadableRecordError: it holds no record that this version can use.
    """
    return load_stamped(path)[1]


def load_stamped(path: str | Path) -> tuple[Stamp, Record]:
    """A record and the stamp of its file, both of the same file whatever replaces it."""
    text, found = _content(path)
    written = datetime.fromtimestamp(found.st_mtime, UTC).isoformat()
    return stamp_of(found), Record.read(text, written)


def read_record(path: Path) -> Record | None:
    """The record in a file; None if it is missing, torn, altered or of a later version."""
    try:
        return load_record(path)
    except (OSError, UnreadableRecordError):
        return None


_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""A pipe in the place of a file must not be waited for."""


def _content(path: str | Path) -> tuple[bytes, os.stat_result]:
    """The bytes of a regular file of bearable size, and what the system says of it."""
    handle = os.open(path, _OPEN)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise UnreadableRecordError("damaged: no plain file")
        if found.st_size > LARGEST_RECORD:
            raise UnreadableRecordError(f"damaged: of {found.st_size / 1e6:.0f} MB")
        parts = []
        while part := os.read(handle, LARGEST_RECORD):
            parts.append(part)
        return b"".join(parts), found
    finally:
        os.close(handle)


_SHARED = ("detector_settings", "data_settings", "protocol_settings", "threshold", "attack")

_NAMES = ("detector", "data", "case", "protocol", "variant", "fingerprint")


def slim(record: Record, shared: dict[str, Any]) -> Record:
    """The record, with what it has in common with others in memory once.

    Settings that are equal become one object, so that whoever compares them need not look inside.
    """
    unit = vars(record.unit)
    for name in _SHARED:
        unit[name] = shared.setdefault(repr(unit[name]), unit[name])
    for name in _NAMES:
        unit[name] = shared.setdefault(unit[name], unit[name])
    own = vars(record)
    for name in ("judged", "versions", "undefined"):
        own[name] = shared.setdefault(repr(own[name]), own[name])
    for name in ("metrics", "fitted"):
        own[name] = {shared.setdefault(key, key): value for key, value in own[name].items()}
    return record
