"""What the jobs of one command are at and came to, told to the process that waits for them.

Hydra's launchers return nothing from a job, and a job may run on another machine; the results
folder is what they share.
"""

from __future__ import annotations

import json
import shutil
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from anomalib_ts.files import atomic_write
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store, read_record


@dataclass
class JobNote:
    """One job's note, written anew whenever something happens.

    Attributes:
        path: the note's file.
        records: paths of the finished units' records.
        total: units of the job, 0 while unknown.
        bad: finished units whose status is not ok.
        running: the unit at work, as text.
        error: why the job as a whole could not be run.
    """

    path: Path
    records: list[str] = field(default_factory=list)
    total: int = 0
    bad: int = 0
    running: str = ""
    error: str = ""

    def started(self, unit: str, total: int) -> None:
        """Note what is at work."""
        self.running, self.total = unit, total
        self._write()

    def finished(self, path: Path, ok: bool) -> None:
        """Note a unit's record."""
        self.records.append(str(path.absolute()))
        self.bad += not ok
        self.running = ""
        self._write()

    def failed(self, error: str) -> None:
        """Note why there will be no more records."""
        self.error, self.running = error, ""
        self._write()

    @classmethod
    def read(cls, path: Path) -> Self:
        """The note in a file."""
        return cls(path, **json.loads(path.read_text()))

    def _write(self) -> None:
        content = asdict(self)
        del content["path"]
        with atomic_write(self.path) as file:
            file.write(json.dumps(content).encode())


@dataclass(frozen=True)
class Notes:
    """A short-lived folder with one note a job.

    Attributes:
        folder: below the results folder, absolute.
    """

    folder: Path

    @classmethod
    def new(cls, results: str | Path) -> Self:
        """Notes for one command.

        Raises:
            AnomalibTsError: the results folder cannot be written.
        """
        store = Store(Path(results).absolute())
        store.check_writable()
        return cls(store.folder / ".runs" / uuid.uuid4().hex)

    def job(self, number: int) -> JobNote:
        """The note of one job, empty."""
        return JobNote(self.folder / f"{number}.json")

    def all(self) -> list[JobNote]:
        """All notes so far, in the order of the jobs."""
        paths = sorted(self.folder.glob("*.json"), key=lambda path: int(path.stem))
        return [JobNote.read(path) for path in paths]

    def collect(self) -> tuple[list[Record], list[str]]:
        """All records, each once, and all errors; the notes are removed."""
        notes = self.all()
        shutil.rmtree(self.folder, ignore_errors=True)
        paths = dict.fromkeys(Path(path) for note in notes for path in note.records)
        records = [record for path in paths if (record := read_record(path))]
        return records, [note.error for note in notes if note.error]
