"""What the jobs of one command came to, handed from the processes that ran them to the caller.

Hydra's launchers return nothing from a job, and a job may run on another machine; the results
folder is what they share.
"""

from __future__ import annotations

import json
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from anomalib_ts.files import atomic_write
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store, read_record


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

    def write(self, job: int, records: list[Path], error: str = "") -> None:
        """Note where a job's records lie, or why there are none."""
        note = {"records": [str(path.absolute()) for path in records], "error": error}
        with atomic_write(self.folder / f"{job}.json") as file:
            file.write(json.dumps(note).encode())

    def collect(self) -> tuple[list[Record], list[str]]:
        """All records, each once, and all errors; the notes are removed."""
        notes = [json.loads(path.read_text()) for path in sorted(self.folder.glob("*.json"))]
        shutil.rmtree(self.folder, ignore_errors=True)
        paths = dict.fromkeys(Path(path) for note in notes for path in note["records"])
        records = [record for path in paths if (record := read_record(path))]
        return records, [note["error"] for note in notes if note["error"]]
