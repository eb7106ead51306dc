"""Answers of a unit of several fits, kept until it ends: one that was killed goes on after them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from anomalib_ts.core.files import atomic_write
from anomalib_ts.errors import AnomalibTsError

if TYPE_CHECKING:
    from anomalib_ts.results.unit_key import Unit
    from anomalib_ts.run.task import Answer, Task


@dataclass(frozen=True)
class KeptAnswers:
    """Files with one answer each.

    Attributes:
        place: where the answer of a unit's fit with that number lies, from 0; another place for
            each `Unit.key`, so that an answer is never taken for that of other data or settings.
    """

    place: Callable[[Unit, int], Path]

    def find(self, unit: Unit, number: int, task: Task) -> Answer | None:
        """The kept answer to a task; None if there is none that is whole."""
        from anomalib_ts.run.answer_file import read_answer  # noqa: PLC0415 - only units of many fits

        try:
            with self.place(unit, number).open("rb") as file:
                return read_answer(file, task)
        except OSError:
            return None

    def keep(self, unit: Unit, number: int, answer: Answer) -> None:
        """Keep an answer.

        Raises:
            AnomalibTsError: the file cannot be written.
        """
        from anomalib_ts.run.answer_file import write_answer  # noqa: PLC0415

        path = self.place(unit, number)
        try:
            with atomic_write(path) as file:
                write_answer(answer, file)
        except OSError as error:
            raise AnomalibTsError(f"cannot write {path}: {error}") from error

    def forget(self, unit: Unit) -> None:
        """Remove the answers of a unit that has ended."""
        for number in count():
            path = self.place(unit, number)
            if not path.exists():
                return
            path.unlink()
