"""Results on disk: one small file a unit, whole or not there, found again by what was run.

    RESULTS/<data set>/<detector>/<case>-s<seed>-<key>.json   the record, with a checksum
                                  ... .scores.npz             the score of every point
                                  ... .png                    the plot
    RESULTS/<data set>/cases/<case>-<key>.npz                 what was scored: labels, values
                              ... .csv                        which clips trained and were tested

The files are the truth. A large store also has a copy of its records in one file, which may be
deleted at any time, see `anomalib_ts.results.index`.
"""

from __future__ import annotations

import io
import logging
import os
import re
import stat
import tempfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from anomalib_ts.core.digests import digest
from anomalib_ts.core.files import atomic_write
from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import AnomalibTsError, DamagedResultError, DataNotFoundError
from anomalib_ts.results.index import Cached, Index, Stamp
from anomalib_ts.results.record import Record, Unit
from anomalib_ts.results.schema import UnreadableRecordError

log = logging.getLogger(__name__)

KEY_LENGTH = 12
"""Hexadecimal digits of the key in file names: 48 bits, no clash in a million units."""

LONGEST_NAME = 200
"""Letters of a case or data set in a file name; what is added stays below the usual 255."""

LARGEST_RECORD = 16_000_000
"""Bytes; texts in records are bounded, so that none comes near it."""

SMALL = 1_000_000
"""Bytes of a file that is read at once."""

REMEDY = "the same `anomalib-ts run` command runs the unit again"


class LeftOut:
    """Stored results that cannot be used, by the reason.

    Args:
        what: is not done with them.
    """

    def __init__(self, what: str = "left out") -> None:
        self._what = what
        self._found: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, kind: str, detail: str) -> None:
        """Note one: the reason in a word or two, and the file with what is the matter with it."""
        self._found[kind].append(detail)

    @property
    def count(self) -> int:
        """Number of results."""
        return sum(map(len, self._found.values()))

    def __str__(self) -> str:
        """One line: how many, why, and the first of each reason."""
        kinds = [
            f"{len(files)} {kind} ({'first: ' if len(files) > 1 else ''}{files[0]})"
            for kind, files in self._found.items()
        ]
        what = "1 result is" if self.count == 1 else f"{self.count} results are"
        return f"{what} {self._what}: {'; '.join(kinds)}"


class Store:
    """The results below one folder.

    Args:
        folder: created with the first result.

    Raises:
        AnomalibTsError: on writing, if the folder cannot be written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def path(self, unit: Unit, suffix: str = ".json") -> Path:
        """Where a unit's file with that suffix lies, whether it exists or not."""
        name = f"{_slug(unit.case)}-s{unit.seed}-{unit.key[:KEY_LENGTH]}{suffix}"
        return self.folder / _slug(unit.data) / _slug(unit.detector) / name

    def case_path(self, unit: Unit) -> Path:
        """Where what a unit was scored against lies: one file for a case, protocol and split."""
        decides = [unit.fingerprint, unit.protocol_settings, unit.threshold.get("held_out", 0)]
        folder, slug = self.folder / _slug(unit.data) / "cases", _slug(unit.case)
        shared = folder / f"{slug}-{digest(decides)[:KEY_LENGTH]}.npz"
        if slug == unit.case:
            return shared
        # Two names may read alike in a file's name. Files of before that was minded stay in use.
        own = folder / f"{slug}-{digest([*decides, unit.case])[:KEY_LENGTH]}.npz"
        return shared if shared.exists() and not own.exists() else own

    def find(self, unit: Unit) -> Record | None:
        """The unit's record; None if there is none or the file is torn, altered or foreign.

        Raises:
            AnomalibTsError: a later version wrote it, or a folder is in its place.
        """
        path = self.path(unit)
        try:
            record = load_record(path)
        except FileNotFoundError:
            return None
        except (OSError, UnreadableRecordError) as error:
            if isinstance(error, UnreadableRecordError) and error.later:
                raise AnomalibTsError(
                    f"the result {path} was {error}; update anomalib-ts, or choose another folder "
                    "with results=FOLDER"
                ) from None
            _clear(path)
            log.warning("%s is %s; the unit is run again", _printable(str(path)), error)
            return None
        return record if record.unit.key == unit.key else None

    def save(self, record: Record, scores: FloatArray | None = None) -> Record:
        """Write a record, after the scores if there are any, so that it never promises too much.

        Returns:
            The record as it was written: with the digest of its scores.
        """
        if scores is not None:
            path = self.path(record.unit, ".scores.npz")
            self._write(path, lambda f: np.savez(f, scores=scores))
            record = replace(record, scores_digest=_scores_digest(scores))
        self._write(self.path(record.unit), lambda f: f.write(record.to_json().encode()))
        return record

    def scores(self, unit: Unit, expected: str = "") -> FloatArray:
        """The stored score of every point, `(n,)`; several recordings stand one after another.

        Args:
            unit: whose.
            expected: `Record.scores_digest`; empty takes what is there.

        Raises:
            DataNotFoundError: they are not there.
            DamagedResultError: they cannot be read, or are not those of the record.
        """
        path = self.path(unit, ".scores.npz")
        if not _exists(path):
            raise DamagedResultError(
                f"no scores at {path}: not kept, or lost; run again with save_scores=true"
            )
        array = _arrays(path).get("scores")
        if array is None or array.ndim != 1 or array.dtype.kind not in "fiu":
            raise _damaged(path, "no scores are in it")
        scores = np.asarray(array, dtype=np.float64)
        if not np.isfinite(scores).all():
            raise _damaged(path, "scores are not finite")
        if expected and _scores_digest(scores) != expected:
            raise _damaged(path, "altered since the unit was run")
        return scores

    def save_case(self, unit: Unit, arrays: Mapping[str, Any], dealt: str = "") -> str:
        """Keep what a case was scored against, once for all detectors.

        Args:
            unit: one that was run on the case.
            arrays: of the ground truth.
            dealt: which clips went where, as CSV text; empty if there is none to keep.

        Returns:
            The digest of the arrays.
        """
        path = self.case_path(unit)
        if dealt and not path.with_suffix(".csv").exists():
            self._write(path.with_suffix(".csv"), lambda f: f.write(dealt.encode()))
        wanted = arrays_digest(arrays)
        try:
            intact = _exists(path) and _digest_of(path) == wanted
        except DamagedResultError:
            intact = False
        if not intact:
            self._write(path, lambda f: np.savez_compressed(f, **arrays))
        return wanted

    def case(self, unit: Unit, expected: str = "") -> dict[str, Any]:
        """What `save_case` kept.

        Args:
            unit: one that was run on the case.
            expected: `Record.case_digest`; empty takes what is there.

        Raises:
            DataNotFoundError: nothing is there.
            DamagedResultError: it cannot be read, or is not what the record was judged against.
        """
        path = self.case_path(unit)
        if not _exists(path):
            raise DamagedResultError(
                f"no case at {path}: not kept, or lost; run again with save_scores=true"
            )
        arrays = _arrays(path)
        if not _is_case(arrays):
            raise _damaged(path, "its parts do not fit together")
        if expected and arrays_digest(arrays) != expected:
            raise _damaged(path, "altered since the unit was run")
        return arrays

    def scored(self, record: Record) -> tuple[dict[str, Any], FloatArray]:
        """What a record was judged by: the arrays of its case, and its scores.

        Raises:
            DataNotFoundError: they are not stored.
            DamagedResultError: they are not what they were when the unit was run.
        """
        case = self.case(record.unit, record.case_digest)
        scores = self.scores(record.unit, record.scores_digest)
        points = int(case["lengths"].sum())
        if len(scores) != points:
            path = self.path(record.unit, ".scores.npz")
            raise _damaged(path, f"it has {len(scores)} scores of {points} points")
        return case, scores

    def check(self, record: Record) -> FloatArray | None:
        """Make sure that what a record was judged by is what it was; a case is read only once.

        Returns:
            The scores; None if none were stored.

        Raises:
            DamagedResultError: it is not.
        """
        if not record.scores:
            return None
        scores = self.scores(record.unit, record.scores_digest)
        if not record.scores_digest and record.points not in (None, len(scores)):
            path = self.path(record.unit, ".scores.npz")
            raise _damaged(path, f"{len(scores)} scores of {record.points} points")
        path = self.case_path(record.unit)
        if not _exists(path):
            raise DamagedResultError(f"no case at {path}: it is lost; {REMEDY}")
        if _digest_of(path) != record.case_digest and record.case_digest:
            raise _damaged(path, "altered since the unit was run")
        return scores

    def records(self) -> Iterator[Record]:
        """All usable records, in the order of their paths; one warning tells of the others."""
        left_out = LeftOut()
        yield from self._scan(left_out)
        if left_out.count:
            log.warning("%s", left_out)

    def read(self) -> tuple[list[Record], LeftOut]:
        """The same at once, and the files that are left out, for those who show them."""
        left_out = LeftOut()
        return list(self._scan(left_out)), left_out

    def _scan(self, left_out: LeftOut) -> Iterator[Record]:
        """Walk through FOLDER/<data set>/<detector>/<unit>.json, sorted."""
        index, shared = Index(self.folder), dict[str, Any]()
        for data in _names(self.folder, left_out):
            for detector in _names(self.folder / data, left_out):
                yield from self._scan_folder(f"{data}/{detector}", index, shared, left_out)
        index.commit()

    def _scan_folder(
        self, name: str, index: Index, shared: dict[str, Any], left_out: LeftOut
    ) -> Iterator[Record]:
        folder = self.folder / name
        known, found, missed = index.folder(name, shared), dict[str, Cached](), set[str]()
        for file in _names(folder, left_out):
            if not file.endswith(".json"):
                continue
            path = f"{folder}{os.sep}{file}"
            try:
                cached = known.get(file)
                if cached is None or cached.stamp != _stamp(path):
                    missed.add(file)
                    cached = Cached(*_load(path))
                    _slim(cached.record, shared)
            except FileNotFoundError:
                continue  # removed while this goes on; or a link to nowhere
            except UnreadableRecordError as error:
                kind, _, why = str(error).partition(": ")
                left_out.add(kind, f"{_printable(path)}: {why}")
            except OSError as error:
                left_out.add("unreadable", f"{_printable(path)}: {error.strerror or error}")
            else:
                found[file] = cached
                yield cached.record
        index.note(name, found, missed)

    @contextmanager
    def lock(self, unit: Unit) -> Iterator[None]:
        """Hold a lock that one process at a time can hold for this unit; it is freed if it dies.

        Raises:
            AnomalibTsError: the lock cannot be written.
        """
        folder = self.folder / ".locks"
        self._make(folder)
        lock = FileLock(folder / f"{unit.key[:KEY_LENGTH]}.lock")
        try:
            lock.acquire()
        except OSError as error:
            raise AnomalibTsError(f"cannot write the lock {lock.lock_file}: {error}") from None
        try:
            yield
        finally:
            lock.release()

    def check_writable(self) -> None:
        """Fail now rather than after hours of work.

        Raises:
            AnomalibTsError: the folder cannot be created or written, or its disk is full.
        """
        self._make(self.folder)
        try:
            with tempfile.TemporaryFile(dir=self.folder) as file:
                file.write(bytes(4096))
                file.flush()
        except OSError as error:
            raise AnomalibTsError(
                f"cannot write to the results folder {self.folder}: {error.strerror or error}"
            ) from None

    def _make(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AnomalibTsError(f"cannot create the results folder {folder}: {error}") from None

    def _write(self, path: Path, write: Callable[[IO[bytes]], Any]) -> None:
        _clear(path)
        try:
            with atomic_write(path) as file:
                write(file)
        except OSError as error:
            raise AnomalibTsError(f"cannot write the result {path}: {error}") from error


def existing_store(folder: str | Path) -> Store:
    """The store in a folder that holds at least one result.

    Raises:
        DataNotFoundError: it does not; the message says what is damaged, if anything.
    """
    store, left_out = Store(folder), LeftOut()
    if next(store._scan(left_out), None) is None:
        damaged = f": {left_out}" if left_out.count else ""
        raise DataNotFoundError(
            f"no results in {folder}{damaged}; `anomalib-ts run results={folder}` makes some"
        )
    return store


def load_record(path: str | Path) -> Record:
    """The record in a file.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read.
        UnreadableRecordError: it holds no record that this version can use.
    """
    return _load(path)[1]


def _load(path: str | Path) -> tuple[Stamp, Record]:
    """A record and the stamp of its file, both of the same file whatever replaces it."""
    text, found = _content(path)
    written = datetime.fromtimestamp(found.st_mtime, UTC).isoformat()
    return _stamp_of(found), Record.read(text, written)


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


def _names(folder: str | Path, left_out: LeftOut) -> list[str]:
    """What is in a folder, sorted, hidden names apart; nothing if it is no folder."""
    try:
        with os.scandir(folder) as found:
            return sorted(entry.name for entry in found if not entry.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        left_out.add("unreadable", f"{_printable(str(folder))}: {error.strerror or error}")
        return []


_SHARED = ("detector_settings", "data_settings", "protocol_settings", "threshold", "attack")
_NAMES = ("detector", "data", "case", "protocol", "variant", "fingerprint")


def _slim(record: Record, shared: dict[str, Any]) -> Record:
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


_BY_RECORDING = ("names", "machine_ids", "domains", "kinds")
_BY_POINT = ("labels", "values", "times")
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


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an NPZ file."""
    try:
        if not path.is_file():
            raise ValueError("it is no plain file")
        # A small file at once: NumPy asks for a dozen pieces, which takes longer.
        small = path.stat().st_size <= SMALL
        with np.load(io.BytesIO(path.read_bytes()) if small else path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except _TORN as error:
        why = " ".join(str(error).split())[:100] or type(error).__name__
        raise _damaged(path, f"unreadable: {why}") from None


def _is_case(arrays: Mapping[str, NDArray[Any]]) -> bool:
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


def _scores_digest(scores: FloatArray) -> str:
    return arrays_digest({"scores": np.asarray(scores, dtype=np.float64)})


def _stamp(path: str | Path) -> Stamp:
    return _stamp_of(os.stat(path))  # noqa: PTH116 - a Path for each of 100,000 takes its time


def _stamp_of(found: os.stat_result) -> Stamp:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _digest_of(path: Path) -> str:
    """The digest of the arrays in a file, which is read only once as long as it stays the same."""
    try:
        stamp = _stamp(path)
    except OSError as error:
        raise _damaged(path, f"unreadable: {error.strerror or error}") from None
    return _digest_at(str(path), stamp)


@lru_cache(maxsize=1024)
def _digest_at(path: str, stamp: Stamp) -> str:
    del stamp  # it is what makes another file another entry
    return arrays_digest(_arrays(Path(path)))


def _exists(path: Path) -> bool:
    return os.path.lexists(path)


def _damaged(path: Path, why: str) -> DamagedResultError:
    return DamagedResultError(f"{_printable(str(path))} is damaged ({why}); {REMEDY}")


def _clear(path: Path) -> None:
    """Make way for a file where an empty folder is in its place.

    Raises:
        AnomalibTsError: the folder is not empty; it may hold something that matters.
    """
    if path.is_dir() and not path.is_symlink():
        try:
            path.rmdir()
        except OSError:
            raise AnomalibTsError(f"a folder is in the place of {path}; move it away") from None


def _printable(text: str) -> str:
    """A path in one line without what a terminal would act on."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _slug(name: str) -> str:
    """A file name that reads like `name` on every system; of a long one the start and a digest."""
    plain = re.sub(r"[^A-Za-z0-9._@+-]+", "_", name).strip("._") or "_"
    if len(plain) <= LONGEST_NAME:
        return plain
    return f"{plain[: LONGEST_NAME - KEY_LENGTH - 1]}-{digest(name)[:KEY_LENGTH]}"
