"""What all kinds of figure share: checked before the first unit, drawn after the last."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anomalib_ts.core.cells import csv_text, markdown
from anomalib_ts.core.files import atomic_write
from anomalib_ts.errors import AnomalibTsError, ConfigError
from anomalib_ts.results.formats import Grid, as_latex_table, as_markdown_table
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store
from anomalib_ts.settings.config import Settings, checked, create
from anomalib_ts.views.figures.style import applied

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from anomalib_ts.run.job import Job

FORBIDDEN = set('/\\:*?"<>|')
"""What no file name may hold on some system."""


@dataclass(frozen=True)
class Drawn:
    """A figure that is not written yet.

    Attributes:
        grid: what the picture shows, as a table.
        remarks: what a reader must know of it: seeds, units that are left out.
        rows: what it is made of, one dictionary with the same keys a row.
        picture: as matplotlib has it.
    """

    grid: Grid
    remarks: list[str]
    rows: list[dict[str, Any]]
    picture: Figure


@dataclass(frozen=True)
class Written:
    """A figure in files.

    Attributes:
        grid, remarks: see `Drawn`.
        paths: the PNG, the CSV, the Markdown and the LaTeX file.
    """

    grid: Grid
    remarks: list[str]
    paths: list[Path]


@dataclass(frozen=True)
class StudyFigure(ABC):
    """A kind of figure, with its settings.

    Attributes:
        name: of its files in the results folder, without a suffix.
    """

    name: str

    def __post_init__(self) -> None:
        if not self.name or self.name.startswith(".") or FORBIDDEN & set(self.name):
            raise ConfigError(f"figure.name: {self.name!r} cannot be the name of a file")

    @abstractmethod
    def check(self, job: Job) -> None:
        """Refuse, before anything is run, what the results of a job cannot give.

        Raises:
            ConfigError: a setting or a metric that the figure shows does not exist.
        """

    @abstractmethod
    def draw(self, store: Store, records: Sequence[Record]) -> Drawn:
        """Make the figure.

        Args:
            store: where the scores of the records lie.
            records: at least one; those that failed are counted and left out.

        Raises:
            AnomalibTsError: there is nothing to show; the message says why.
        """


def planned_figure(settings: Settings, job: Job) -> Settings:
    """The settings of a figure, checked against the job whose results it is to show.

    Raises:
        ConfigError: a setting is unknown or of the wrong type, or see `StudyFigure.check`.
    """
    plan = checked(settings, "figure")
    figure: StudyFigure = create(plan, "figure")
    figure.check(job)
    return plan


def write_figure(settings: Settings, store: Store, records: Sequence[Record]) -> Written:
    """Draw a figure and write it into the results folder, in place of one of the same name.

    Args:
        settings: as `planned_figure` gave them.
        store: the results.
        records: of the command that just ended.

    Raises:
        AnomalibTsError: there is nothing to show, or a file cannot be written.
    """
    figure: StudyFigure = create(settings, "figure")
    kinds = ("png", "csv", "md", "tex")
    png, table, text, latex = (store.folder / f"{figure.name}.{kind}" for kind in kinds)
    with applied():
        drawn = figure.draw(store, records)
        picture = io.BytesIO()
        drawn.picture.savefig(picture, format="png")
    notes = "".join(f"\n{markdown(remark)}\n" for remark in drawn.remarks)
    rows = csv_text([list(drawn.rows[0]), *(row.values() for row in drawn.rows)])
    _write(png, picture.getvalue())
    _write(table, rows.encode())
    _write(text, f"{as_markdown_table(drawn.grid)}{notes}".encode())
    _write(latex, as_latex_table(drawn.grid).encode())
    return Written(drawn.grid, drawn.remarks, [png, table, text, latex])


def _write(path: Path, content: bytes) -> None:
    try:
        with atomic_write(path) as file:
            file.write(content)
    except OSError as error:
        raise AnomalibTsError(f"cannot write the figure {path}: {error}") from error
