"""Digests of many files, remembered so that unchanged files are not read again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from pathlib import Path

from anomalib_ts.data.digests import file_digest
from anomalib_ts.files import atomic_write

_SETTLED = 2.0  # seconds: a file changed more recently may change again within one clock tick

_Stamp = tuple[int, int]  # size in bytes, time of the last change in ns
_Entry = tuple[_Stamp, str]


class DigestMemo:
    """SHA-256 of files by size and time of change, kept in a JSON file.

    Two processes may share it: the file is replaced whole, so at worst one forgets what the other
    has learnt.

    Args:
        path: of the JSON file; a damaged one is started anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def digests(self, files: Sequence[Path], pool: Executor) -> list[str]:
        """SHA-256 (64 hex digits) of each file, in order.

        Raises:
            DataNotFoundError: a file is not there.
        """
        known = self._load()
        entries = list(pool.map(lambda file: _entry(file, known), files))
        fresh = dict(zip(map(str, files), entries, strict=True))
        if fresh != {name: known.get(name) for name in fresh}:
            self._save(known | fresh)
        return [digest for _, digest in entries]

    def _load(self) -> dict[str, _Entry]:
        try:
            entries = json.loads(self._path.read_text())
            return {str(name): ((int(s), int(t)), str(digest)) for name, s, t, digest in entries}
        except (OSError, ValueError, TypeError):
            return {}

    def _save(self, entries: dict[str, _Entry]) -> None:
        settled = [
            (name, *stamp, digest)
            for name, (stamp, digest) in _existing(entries.items())
            if time.time() - stamp[1] / 1e9 > _SETTLED
        ]
        with atomic_write(self._path) as file:
            file.write(json.dumps(settled).encode())


def _existing(entries: Iterable[tuple[str, _Entry]]) -> list[tuple[str, _Entry]]:
    return [(name, entry) for name, entry in entries if Path(name).exists()]


def _entry(file: Path, known: dict[str, _Entry]) -> _Entry:
    try:
        status = file.stat()
    except FileNotFoundError:
        return (0, 0), file_digest(file)  # which raises with a message of its own
    stamp = (status.st_size, status.st_mtime_ns)
    remembered = known.get(str(file))
    if remembered and remembered[0] == stamp:
        return remembered
    return stamp, file_digest(file)
