"""What a person sees while jobs run: a line a finished unit, or one live view of a whole sweep."""

from __future__ import annotations

import logging
import shlex
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from anomalib_ts.cli.notes import JobNote, Notes
from anomalib_ts.core.streams import printable
from anomalib_ts.results.leaderboard import COLUMNS
from anomalib_ts.results.methods import attack_of
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store
from anomalib_ts.results.unit_key import Unit
from anomalib_ts.run.watcher import Watcher

log = logging.getLogger(__name__)

REFRESH_EVERY = 0.5
"""Seconds between two looks at the notes."""


class JobLog(Watcher):
    """Writes each unit of a job into its note and a line about it into the log.

    Attributes:
        computed: keys of the units that were not stored before.
    """

    def __init__(self, note: JobNote, store: Store) -> None:
        self.computed: set[str] = set()
        self._note = note
        self._store = store

    def started(self, unit: Unit, done: int, total: int) -> None:
        """Note the unit that is at work."""
        del done
        self._note.started(f"{unit.data} {unit.case} {unit.detector}", total)

    def finished(self, record: Record, stored: bool, done: int, total: int) -> None:
        """Note the unit's record, and log what it came to."""
        path = self._store.path(record.unit)
        self._note.finished(path, record.status == "ok")
        if not stored:
            self.computed.add(record.unit.key)
        unit = record.unit
        run = ", ".join(filter(None, [unit.detector, attack_of(unit), f"seed {unit.seed}"]))
        what = f"[{done}/{total}] {unit.data} {unit.case}  {run}: "
        if record.status != "ok":
            error, again = failure_lines(record, path)
            log.error("%s%s%s", what, error, stored_mark(ok=False) if stored else "")
            log.error("%s", again)
            return
        shown = [key for key in COLUMNS if key in record.metrics] or list(record.metrics)[:2]
        values = ", ".join(f"{key} {record.metrics[key]:.3f}" for key in shown)
        seconds = (record.fit_seconds or 0.0) + (record.score_seconds or 0.0)
        end = stored_mark(ok=True) if stored else f" ({seconds:.1f} s)"
        log.info("%s%s%s", what, values or "scored", end)


def stored_mark(*, ok: bool) -> str:
    """What tells a result that was stored before; a failure's cause may be gone by now."""
    return " (stored)" if ok else " (stored; retry=failed runs it again)"


def failure_lines(record: Record, path: Path) -> tuple[str, str]:
    """What a failed unit died of, and the command that shows it again."""
    where = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return (
        f"{record.status}: {record.error.get('message', '')}",
        f"    to see it again: anomalib-ts reproduce {shlex.quote(str(where))}",
    )


@contextmanager
def sweep_view(notes: Notes) -> Iterator[None]:
    """Show progress on a terminal while the block runs, if its jobs turn out to be a sweep's."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    stop = threading.Event()
    start = time.monotonic()
    live = Live(console=console, transient=True, refresh_per_second=4)

    def watch() -> None:
        while not stop.wait(REFRESH_EVERY):
            jobs = notes.all()
            if any(job.sweep for job in jobs):
                live.start()
                live.update(_picture(jobs, time.monotonic() - start))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        live.stop()


def _picture(jobs: list[JobNote], seconds: float) -> Table:
    done = sum(len(job.records) for job in jobs)
    total = sum(job.total for job in jobs)
    failed = sum(job.bad for job in jobs) + sum(bool(job.error) for job in jobs)
    running = [job.running for job in jobs if job.running]
    left = timedelta(seconds=round(seconds / done * (total - done))) if done else "?"
    view = Table.grid()
    view.add_row(f"{done}/{total} units of {len(jobs)} jobs so far, {failed} failed, {left} left")
    view.add_row(ProgressBar(total=max(total, 1), completed=done, width=60))
    for name in running:
        view.add_row(Text(printable(f"  {name}"), style="dim"))
    return view
