"""Results on disk: one small file a unit, whole or not there, found again by what was run.

    RESULTS/<data set>/<detector>/<case>-s<seed>-<key>.json   the record, with a checksum
                                  ... .scores.npz             the score of every point
                                  ... .png                    the plot
    RESULTS/<data set>/cases/<case>-<key>.npz                 what was scored: labels, values
                              ... .csv                        which clips trained and were tested

The files are the truth; there is no index to lose.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from anomalib_ts.errors import AnomalibTsError, DataNotFoundError
from anomalib_ts.files import atomic_write
from anomalib_ts.recording import FloatArray
from anomalib_ts.results.record import Record, Unit, digest

_RECORDS = "[!.]*/*/*.json"

KEY_LENGTH = 12
"""Hexadecimal digits of the key in file names: 48 bits, no clash in a million units."""


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
        name = f"{_slug(unit.case)}-{digest(decides)[:KEY_LENGTH]}.npz"
        return self.folder / _slug(unit.data) / "cases" / name

    def find(self, unit: Unit) -> Record | None:
        """The unit's record; None if there is none or the file is torn, altered or foreign."""
        record = read_record(self.path(unit))
        return record if record and record.unit.key == unit.key else None

    def save(self, record: Record, scores: FloatArray | None = None) -> None:
        """Write a record, after the scores if there are any, so that it never promises too much."""
        if scores is not None:
            self._write(self.path(record.unit, ".scores.npz"), lambda f: np.savez(f, scores=scores))
        self._write(self.path(record.unit), lambda f: f.write(record.to_json().encode()))

    def scores(self, unit: Unit) -> FloatArray:
        """The stored score of every point, `(n,)`; several recordings stand one after another.

        Raises:
            DataNotFoundError: they were not stored.
        """
        path = self.path(unit, ".scores.npz")
        if not path.is_file():
            raise DataNotFoundError(f"no scores at {path}; run again with save_scores=true")
        with np.load(path, allow_pickle=False) as file:
            return np.asarray(file["scores"], dtype=np.float64)

    def save_case(self, unit: Unit, arrays: dict[str, Any], split: str = "") -> None:
        """Keep what a case was scored against, once for all detectors.

        Args:
            unit: one that was run on the case.
            arrays: of the ground truth.
            split: the clips of the split as CSV text; empty if there is none to keep.
        """
        path = self.case_path(unit)
        if split and not path.with_suffix(".csv").exists():
            self._write(path.with_suffix(".csv"), lambda f: f.write(split.encode()))
        if not path.exists():
            self._write(path, lambda f: np.savez_compressed(f, **arrays))

    def case(self, unit: Unit) -> dict[str, Any]:
        """What `save_case` kept.

        Raises:
            DataNotFoundError: nothing was kept.
        """
        path = self.case_path(unit)
        if not path.is_file():
            raise DataNotFoundError(f"no stored case at {path}; run again with save_scores=true")
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}

    def records(self) -> Iterator[Record]:
        """All readable records, in the order of their paths."""
        for path in sorted(self.folder.glob(_RECORDS)):
            if record := read_record(path):
                yield record

    def lock(self, unit: Unit) -> FileLock:
        """A lock that one process at a time can hold for this unit, released when it dies."""
        folder = self.folder / ".locks"
        self._make(folder)
        return FileLock(folder / f"{unit.key[:KEY_LENGTH]}.lock")

    def check_writable(self) -> None:
        """Fail now rather than after hours of work.

        Raises:
            AnomalibTsError: the folder cannot be created or written.
        """
        self._make(self.folder)
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise AnomalibTsError(f"cannot write to the results folder {self.folder}")

    def _make(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AnomalibTsError(f"cannot create the results folder {folder}: {error}") from None

    def _write(self, path: Path, write: Any) -> None:
        try:
            with atomic_write(path) as file:
                _ = write(file)
        except OSError as error:
            raise AnomalibTsError(f"cannot write the result {path}: {error}") from error


def existing_store(folder: str | Path) -> Store:
    """The store in a folder that holds at least one result.

    Raises:
        DataNotFoundError: it does not.
    """
    store = Store(folder)
    if not any(read_record(path) for path in store.folder.glob(_RECORDS)):
        raise DataNotFoundError(
            f"no results in {folder}; `anomalib-ts run results={folder}` makes some"
        )
    return store


def read_record(path: Path) -> Record | None:
    """The record in a file; None if it is missing, torn or altered."""
    try:
        return Record.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def _slug(name: str) -> str:
    """A file name that reads like `name` on every system."""
    return re.sub(r"[^A-Za-z0-9._@+-]+", "_", name).strip("._") or "_"
