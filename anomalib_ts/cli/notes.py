"""What the jobs of one command are at and came to, told to the process that waits for them.

Hydra's launchers return nothing from a job, and a job may run on another machine; the results
folder is what they share.
"""

from __future__ import annotations

import json
import shutil
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

from anomalib_ts.core.files import claim_folder
from anomalib_ts.results.record import Record
from anomalib_ts.results.record_files import read_record
from anomalib_ts.results.store import Store

SWEEP_FILE = "multirun.yaml"
"""What Hydra writes into the results folder of a multirun."""


@dataclass
class JobNote:
    """One job's note: a line of JSON for whatever happens.

    Attributes:
        path: the note's file.
        sweep: whether the job is one of a multirun.
        results: its results folder; empty while unknown.
        records: paths of the finished units' records.
        total: units of the job, 0 while unknown.
        bad: finished units whose status is not ok.
        running: the unit at work, as text.
        error: why the job as a whole could not be run.
        figure: settings of the figure that is to show the results; empty for none.
    """

    path: Path
    sweep: bool = False
    results: str = ""
    records: list[str] = field(default_factory=list)
    total: int = 0
    bad: int = 0
    running: str = ""
    error: str = ""
    figure: dict[str, Any] = field(default_factory=dict)

    def began(self, sweep: bool) -> None:
        """Note that the job is at work, and whether it is one of a multirun."""
        self._write(sweep=sweep)

    def stores_in(self, folder: str) -> None:
        """Note the job's results folder."""
        self._write(results=folder)

    def planned(self, figure: dict[str, Any]) -> None:
        """Note the figure that the command is to end with."""
        self._write(figure=figure)

    def started(self, unit: str, total: int) -> None:
        """Note what is at work."""
        self._write(running=unit, total=total)

    def finished(self, path: Path, ok: bool) -> None:
        """Note a unit's record."""
        self._write(record=str(path.absolute()), ok=ok)

    def failed(self, error: str) -> None:
        """Note why there will be no more records."""
        self._write(error=error)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The note in a file; a last line that is still being written is left out."""
        note = cls(path)
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                note._take(json.loads(line))
        return note

    def _take(self, event: dict[str, Any]) -> None:
        self.sweep = event.get("sweep", self.sweep)
        self.results = event.get("results", self.results)
        self.total = event.get("total", self.total)
        self.error = event.get("error", self.error)
        self.running = event.get("running", "")
        self.figure = event.get("figure", self.figure)
        if "record" in event:
            self.records.append(event["record"])
            self.bad += not event["ok"]

    def _write(self, **event: Any) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")


class CommandResults(NamedTuple):
    """What a command came to: all records, errors and planned figures, each once.

    Attributes:
        records: of its units.
        paths, folders: of each record, its file and its results folder.
        errors: why jobs as a whole could not be run.
        figures: settings of the figures that are to show the results.
        sweep: whether it was a multirun.
        lost: whether a record that was noted cannot be read.
    """

    records: list[Record]
    paths: list[Path]
    folders: list[str]
    errors: list[str]
    figures: list[dict[str, Any]]
    sweep: bool
    lost: bool


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
        folder = store.folder / ".runs" / uuid.uuid4().hex
        claim_folder(folder)  # which removes what killed commands left
        return cls(folder)

    def job(self, number: int) -> JobNote:
        """The note of one job, empty."""
        return JobNote(self.folder / f"{number}.jsonl")

    def all(self) -> list[JobNote]:
        """All notes so far, in the order of the jobs."""
        paths = sorted(self.folder.glob("*.jsonl"), key=lambda path: int(path.stem))
        return [JobNote.read(path) for path in paths]

    def collect(self) -> CommandResults:
        """What all jobs came to; the notes are removed, and folders that hold nothing else."""
        notes = self.all()
        self._remove()
        noted = {Path(path): note.results for note in notes for path in note.records}
        found = {path: record for path in noted if (record := read_record(path))}
        figures = [note.figure for note in notes if note.figure]
        return CommandResults(
            records=list(found.values()),
            paths=list(found),
            folders=[noted[path] for path in found],
            errors=list(dict.fromkeys(note.error for note in notes if note.error)),
            figures=[one for place, one in enumerate(figures) if one not in figures[:place]],
            sweep=any(note.sweep for note in notes),
            lost=len(found) < len(noted),
        )

    def _remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        results = self.folder.parents[1]
        with suppress(OSError):  # other commands have notes there, or results
            self.folder.parent.rmdir()
            if [path.name for path in results.iterdir()] == [SWEEP_FILE]:
                (results / SWEEP_FILE).unlink()
            results.rmdir()
