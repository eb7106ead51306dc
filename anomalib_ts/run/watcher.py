"""Who follows the progress of a job."""

from __future__ import annotations

from anomalib_ts.results.record import Record
from anomalib_ts.results.unit_key import Unit


class Watcher:
    """Is told what a job does; does nothing itself."""

    def started(self, unit: Unit, done: int, total: int) -> None:
        """A unit starts, after `done` of `total` units."""

    def finished(self, record: Record, stored: bool, done: int, total: int) -> None:
        """A unit is done, or had been (`stored`)."""
