"""Digests of many files, remembered so that unchanged files are not read again."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import NamedTuple

from anomalib_ts.core.digests import Content, read_content
from anomalib_ts.core.files import atomic_write, check_regular
from anomalib_ts.errors import DataNotFoundError, InputError

_SETTLED = 2.0  # seconds: a file changed more recently may change again within one clock tick


class _Stamp(NamedTuple):
    """What changes whenever a file does.

    Size and time of change alone are no proof: a file that is moved in the place of another keeps
    its own, and tools set the time of change to what they like. Nobody can set `status_changed`.
    """

    inode: int
    size: int
    changed: int
    status_changed: int

    @classmethod
    def of(cls, file: Path) -> _Stamp:
        status = check_regular(file)
        return cls(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def settled(self) -> bool:
        """Whether the last change is so long ago that the next one gives another stamp."""
        return time.time() - max(self.changed, self.status_changed) / 1e9 > _SETTLED


class _Entry(NamedTuple):
    """A digest, and the stamp of the file it is of; None if that can't be trusted later on."""

    digest: str
    stamp: _Stamp | None


class DigestMemo:
    """SHA-256 of files by inode, size and times of change, kept in a JSON file.

    Two processes may share it: the file is replaced whole, so at worst one forgets what the other
    has learnt.

    Args:
        path: of the JSON file; a damaged one is started anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = self._load()
        self._fresh: dict[str, _Entry] = {}

    def digests(self, files: Sequence[Path], pool: Executor) -> list[str]:
        """SHA-256 (64 hex digits) of each file, in order; `save` keeps what was learnt.

        Raises:
            DataNotFoundError: a file is not there.
            InputError: a file may not be read.
        """
        return list(pool.map(lambda file: self.digest(file)[0], files))

    def digest(self, file: Path) -> tuple[str, Content | None]:
        """SHA-256 of one file and, where it had to be read for that, what it holds.

        Raises:
            DataNotFoundError: it is not there.
            InputError: it may not be read.
        """
        name = str(file.absolute())
        stamp = _Stamp.of(file)
        remembered = self._known.get(name)
        if remembered and remembered.stamp == stamp:
            self._fresh[name] = remembered
            return remembered.digest, None
        trusted = stamp.settled()
        content = _read(file)
        unchanged = trusted and _Stamp.of(file) == stamp
        self._fresh[name] = _Entry(content.digest, stamp if unchanged else None)
        return content.digest, content

    def save(self) -> None:
        """Write what was learnt, if anything.

        Raises:
            OSError: the JSON file cannot be written.
        """
        if self._fresh == {name: self._known.get(name) for name in self._fresh}:
            return
        settled = [
            (name, entry.stamp, entry.digest)
            for name, entry in (self._known | self._fresh).items()
            if entry.stamp is not None and Path(name).exists()
        ]
        with atomic_write(self._path) as file:
            file.write(json.dumps(settled).encode())

    def _load(self) -> dict[str, _Entry]:
        try:
            return {
                str(name): _Entry(str(digest), _Stamp(*map(int, stamp)))
                for name, stamp, digest in json.loads(self._path.read_text())
            }
        except (OSError, ValueError, TypeError):
            return {}


def _read(file: Path) -> Content:
    try:
        return read_content(file)
    except FileNotFoundError:
        raise DataNotFoundError(f"there is no file {file}") from None
    except OSError as error:
        raise InputError(
            f"{file}: cannot be read ({error.strerror or error}); mend its permissions or remove it"
        ) from None
