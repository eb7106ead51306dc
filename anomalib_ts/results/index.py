"""A copy of the records of a large store in one file, which saves opening a hundred thousand.

It is only a cache: a record is taken from it if its own file has the same inode, size, and times of
change to the nanosecond as when it was copied, and was not changed within the last seconds before
that. Whoever writes a file, copies it here, or unpacks it gives it another time of change
(`st_ctime`, which no program can set), so the copy cannot stand for something else. It may be
deleted at any time. Small stores have none, and failures are always read from their own files.

    RESULTS/.index      a line that says how it is laid out; then, for each folder of records, a
                        SHA-256 and JSON: the folder, values that several records share, the records
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Set
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from anomalib_ts.core.files import atomic_write
from anomalib_ts.results.record import Record
from anomalib_ts.results.unit_key import Unit

NAME = ".index"
LAYOUT = 1
"""Raised whenever what a line holds changes, or what `Record.read` accepts."""

FEWEST = 1000
"""Records of a store that has an index."""

SETTLED_NS = 3_000_000_000
"""A file that was changed just now may change again within the same tick of the clock."""

_UNIT = tuple(Unit.__dataclass_fields__)
_RECORD = tuple(name for name in Record.__dataclass_fields__ if name != "unit")
_REST = tuple(name for name in _RECORD if name != "metrics")
_SHARED = {*_UNIT, "status", "undefined", "judged", "error", "decides", "versions"} - {
    "seed",
    "version",
}
"""Fields whose values many records have in common: each is written once a folder."""

Stamp = tuple[int, int, int, int]
"""Inode, size, and times of modification and of change."""


class Cached(NamedTuple):
    """A file's record as it was when its file had this stamp."""

    stamp: Stamp
    record: Record


class Index:
    """The index of a store, read along a walk through its folders in their order, and renewed.

    Args:
        root: the results folder.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / NAME
        self._lines = _lines(self._path)
        self._next = next(self._lines, None)
        self._now = time.time_ns()
        self._spool = tempfile.SpooledTemporaryFile(max_size=1_000_000)  # noqa: SIM115
        self._records = 0
        self._missed = 0
        self._is_whole = True
        self._known: Set[str] = frozenset()

    def folder(self, name: str, shared: dict[str, Any]) -> dict[str, Cached]:
        """What is known of the files of a folder.

        Args:
            name: `data set/detector`; folders are asked for in ascending order.
            shared: values by their text; equal ones become one object, see `Store`.
        """
        self._known = frozenset()
        place = name.split("/")  # folder by folder, as they are walked through
        while self._next is not None and self._next[0].split("/") < place:
            self._next = next(self._lines, None)
        if self._next is None or self._next[0] != name:
            return {}
        try:
            known = _decoded(self._next[1], shared)
            self._known = known.keys()
            return known
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            return {}  # laid out in another way; the records' own files are there

    def note(self, name: str, found: dict[str, Cached], missed: set[str]) -> None:
        """Note what is in a folder now, and which of its records had to be read."""
        kept = {
            file: cached
            for file, cached in found.items()
            if cached.record.status == "ok" and self._is_settled(cached.stamp)
        }
        new = len(missed & kept.keys())
        self._records += len(kept)
        self._missed += new
        if self._next is not None and new == 0 and kept.keys() == self._known:
            text = self._next[1]
        else:
            text = _encoded(name, kept)
        try:
            self._spool.write(_line(text))
        except OSError:  # a full disk
            self._is_whole = False

    def commit(self) -> None:
        """Write the index anew if that is worth it; where that is not possible, do without."""
        is_worth_it = self._records >= FEWEST and self._missed * 50 >= self._records
        # A folder that may only be read, or a full disk, is no reason to fail.
        with self._spool, suppress(OSError):
            if not (is_worth_it and self._is_whole):
                return
            self._spool.seek(0)
            with atomic_write(self._path) as file:
                file.write(_HEADER)
                while part := self._spool.read(1_000_000):
                    file.write(part)

    def _is_settled(self, stamp: Stamp) -> bool:
        return max(stamp[2:]) < self._now - SETTLED_NS


_HEADER = json.dumps([LAYOUT, _UNIT, _RECORD]).encode() + b"\n"


def _line(text: bytes) -> bytes:
    return sha256(text).hexdigest().encode() + b" " + text + b"\n"


def _lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """Each folder's name and line; nothing from the first line on that is not as it was written."""
    try:
        if not path.is_file():
            return
        with path.open("rb") as file:
            if file.readline(len(_HEADER) + 1) != _HEADER:
                return
            for line in file:
                checksum, _, text = line.rstrip(b"\n").partition(b" ")
                if sha256(text).hexdigest().encode() != checksum:
                    return
                yield json.loads(text[: text.index(b'"', 2) + 1] + b"]")[0], text
    except (OSError, ValueError, IndexError):
        return


def _encoded(folder: str, found: dict[str, Cached]) -> bytes:
    shared: dict[str, int] = {}
    values: list[Any] = []

    def place(value: Any) -> int:
        text = repr(value)
        if text not in shared:
            shared[text] = len(values)
            values.append(value)
        return shared[text]

    def column(name: str, owners: list[Any]) -> list[Any]:
        found = [vars(owner)[name] for owner in owners]
        return [place(value) for value in found] if name in _SHARED else found

    records = [cached.record for cached in found.values()]
    content = [
        folder,
        values,
        list(found),
        [cached.stamp for cached in found.values()],
        [column(name, [record.unit for record in records]) for name in _UNIT],
        [column(name, records) for name in _REST],
        [place(list(record.metrics)) for record in records],
        [list(record.metrics.values()) for record in records],
    ]
    return json.dumps(content, separators=(",", ":")).encode()


def _decoded(text: bytes, shared: dict[str, Any]) -> dict[str, Cached]:
    _, given, files, stamps, of_unit, rest, keys, metrics = json.loads(text)
    values = [shared.setdefault(repr(value), value) for value in given]
    units = _made(Unit, _UNIT, of_unit, values)
    records = _made(Record, _REST, rest, values)
    found: dict[str, Cached] = {}
    for file, stamp, record, unit, names, known in zip(
        files, stamps, records, units, keys, metrics, strict=True
    ):
        vars(record).update(unit=unit, metrics=dict(zip(values[names], known, strict=True)))
        found[file] = Cached(tuple(stamp), record)
    return found


def _made(
    target: type[Any], names: tuple[str, ...], columns: list[list[Any]], values: list[Any]
) -> list[Any]:
    """Objects from a column for each of their fields, without the checks of a constructor."""
    full = [
        [values[place] for place in column] if name in _SHARED else column
        for name, column in zip(names, columns, strict=True)
    ]
    found = []
    for row in zip(*full, strict=True):
        one = object.__new__(target)
        vars(one).update(zip(names, row, strict=True))
        found.append(one)
    return found
