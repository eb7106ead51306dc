"""Results on disk: one small file a unit, whole or not there, found again by what was run.

    RESULTS/<data set>/<detector>/<case>-s<seed>-<key>.json   the record, with a checksum
                                  ... .scores.npz             the scores, and channels behind them
                                  ... .png                    the plot
    RESULTS/<data set>/cases/<case>-<key>.npz                 what was scored: labels, values
                              ... .csv                        which clips trained and were tested

The files are the truth. A large store also has a copy of its records in one file, which may be
deleted at any time, see `anomalib_ts.results.index`.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import IO, Any

import numpy as np
from filelock import FileLock

from anomalib_ts.core.digests import digest
from anomalib_ts.core.files import atomic_write, try_writing
from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import AnomalibTsError, DamagedResultError, DataNotFoundError
from anomalib_ts.results.blamed import Blamed
from anomalib_ts.results.index import Cached, Index
from anomalib_ts.results.left_out import LeftOut, printable_path
from anomalib_ts.results.record import Record
from anomalib_ts.results.record_files import load_record, load_stamped, slim
from anomalib_ts.results.schema import UnreadableRecordError
from anomalib_ts.results.stored_arrays import (
    REMEDY,
    arrays_digest,
    damaged,
    digest_of,
    exists,
    is_case,
    read_arrays,
    scores_digest,
    stamp,
)
from anomalib_ts.results.unit_key import Unit

log = logging.getLogger(__name__)

KEY_LENGTH = 12
"""Hexadecimal digits of the key in file names: 48 bits, no clash in a million units."""

LONGEST_NAME = 200
"""Letters of a case or data set in a file name; what is added stays below the usual 255."""


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
            log.warning("%s is %s; the unit is run again", printable_path(str(path)), error)
            return None
        return record if record.unit.key == unit.key else None

    def save(
        self, record: Record, scores: FloatArray | None = None, blamed: Blamed | None = None
    ) -> Record:
        """Write a record, after the scores if there are any, so that it never promises too much.

        Args:
            record: of the unit.
            scores: `(n,)` of every point.
            blamed: which channels the highest of them come from, kept beside them.

        Returns:
            The record as it was written: with the digest of its scores.
        """
        if scores is not None:
            path = self.path(record.unit, ".scores.npz")
            arrays: dict[str, Any] = {"scores": scores} | (blamed.arrays() if blamed else {})
            self._write(path, lambda f: np.savez(f, **arrays))
            record = replace(record, scores_digest=scores_digest(scores))
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
        if not exists(path):
            raise DamagedResultError(
                f"no scores at {path}: not kept, or lost; run again with save_scores=true"
            )
        array = read_arrays(path).get("scores")
        if array is None or array.ndim != 1 or array.dtype.kind not in "fiu":
            raise damaged(path, "no scores are in it")
        scores = np.asarray(array, dtype=np.float64)
        if not np.isfinite(scores).all():
            raise damaged(path, "scores are not finite")
        if expected and scores_digest(scores) != expected:
            raise damaged(path, "altered since the unit was run")
        return scores

    def blamed(self, record: Record) -> Blamed:
        """Which channels the highest scores of a record come from.

        None of them where the detector cannot say, or nobody asked (in stores of before).

        Raises:
            DamagedResultError: it cannot be read, or is something else.
        """
        path = self.path(record.unit, ".scores.npz")
        if not record.scores or not exists(path):
            return Blamed.none()
        arrays = read_arrays(path)
        found = Blamed.from_arrays(arrays)
        if not found.fits(len(arrays.get("scores", ()))):
            raise damaged(path, "its contributions of channels are none")
        return found

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
            intact = exists(path) and digest_of(path) == wanted
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
        if not exists(path):
            raise DamagedResultError(
                f"no case at {path}: not kept, or lost; run again with save_scores=true"
            )
        arrays = read_arrays(path)
        if not is_case(arrays):
            raise damaged(path, "its parts do not fit together")
        if expected and arrays_digest(arrays) != expected:
            raise damaged(path, "altered since the unit was run")
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
            raise damaged(path, f"it has {len(scores)} scores of {points} points")
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
            raise damaged(path, f"{len(scores)} scores of {record.points} points")
        path = self.case_path(record.unit)
        if not exists(path):
            raise DamagedResultError(f"no case at {path}: it is lost; {REMEDY}")
        if digest_of(path) != record.case_digest and record.case_digest:
            raise damaged(path, "altered since the unit was run")
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
                if cached is None or cached.stamp != stamp(path):
                    missed.add(file)
                    cached = Cached(*load_stamped(path))
                    slim(cached.record, shared)
            except FileNotFoundError:
                continue  # removed while this goes on; or a link to nowhere
            except UnreadableRecordError as error:
                kind, _, why = str(error).partition(": ")
                left_out.add(kind, f"{printable_path(path)}: {why}")
            except OSError as error:
                left_out.add("unreadable", f"{printable_path(path)}: {error.strerror or error}")
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
            try_writing(self.folder)
        except OSError as error:
            raise AnomalibTsError(
                f"cannot write to the results folder {self.folder}: {error.strerror or error}"
            ) from None

    def remove_if_unused(self) -> None:
        """Remove the folder if no result is in it: nothing came of the run that made it."""
        passing = {".locks", "multirun.yaml"}  # which Hydra writes
        with suppress(OSError):
            if {path.name for path in self.folder.iterdir()} <= passing:
                rmtree(self.folder, ignore_errors=True)

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


def _names(folder: str | Path, left_out: LeftOut) -> list[str]:
    """What is in a folder, sorted, hidden names apart; nothing if it is no folder."""
    try:
        with os.scandir(folder) as found:
            return sorted(entry.name for entry in found if not entry.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        left_out.add("unreadable", f"{printable_path(str(folder))}: {error.strerror or error}")
        return []


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


def _slug(name: str) -> str:
    """A file name that reads like `name` on every system; of a long one the start and a digest."""
    plain = re.sub(r"[^A-Za-z0-9._@+-]+", "_", name).strip("._") or "_"
    if len(plain) <= LONGEST_NAME:
        return plain
    return f"{plain[: LONGEST_NAME - KEY_LENGTH - 1]}-{digest(name)[:KEY_LENGTH]}"
