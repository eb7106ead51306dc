"""What a command shows when its jobs have ended: figures, tables, clips."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from anomalib_ts.cli.progress_view import failure_lines
from anomalib_ts.core.console import console
from anomalib_ts.errors import AnomalibTsError
from anomalib_ts.results.leaderboard import COLUMNS, leaderboard
from anomalib_ts.results.leaderboard_table import as_table
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store

if TYPE_CHECKING:
    from anomalib_ts.cli.notes import CommandResults
    from anomalib_ts.settings.config import Settings

log = logging.getLogger(__name__)

SHOWN_CLIPS = 5
"""A single run ends with so many of the most anomalous clips."""

SHOWN_METRICS = 8
"""A table shows so many metrics unless it is told which."""


def present(
    outcome: CommandResults, metrics: object, verdict: Sequence[str], *, elsewhere: bool
) -> list[str]:
    """Show what a command came to.

    Args:
        outcome: of all its jobs, with records.
        metrics: what the configuration asks for: `default`, `full` or a list of names.
        verdict: lines to end with.
        elsewhere: whether the jobs ran where their messages were not seen on this terminal.

    Returns:
        Why a figure could not be drawn; the results are stored in any case.
    """
    folders = list(dict.fromkeys(outcome.folders))
    missing = []
    if outcome.figures and len(folders) > 1:
        missing = ["a figure needs all results in one folder, and these jobs have several"]
    elif outcome.figures:
        missing = _draw_figures(Store(folders[0]), outcome.figures, outcome.records)
    if missing or not outcome.figures:
        show_tables(outcome, metrics)
    if elsewhere:
        for path, record in zip(outcome.paths, outcome.records, strict=True):
            if record.status != "ok":
                for line in failure_lines(record, path):
                    log.error("%s", line)
    if not outcome.figures and not outcome.sweep:
        _show_clips(Store(folders[0]), outcome.records)
    if verdict:
        console().print("", *map(Text, verdict), sep="\n", soft_wrap=True)
    return missing


def show_tables(outcome: CommandResults, metrics: object) -> None:
    """The leaderboard of the command's records; one for each results folder if it has several."""
    shown = console()
    folders = list(dict.fromkeys(outcome.folders))
    for folder in folders:
        records = [r for r, f in zip(outcome.records, outcome.folders, strict=True) if f == folder]
        shown.print()
        if len(folders) > 1:
            shown.print(Text(str(folder), style="bold"), soft_wrap=True)
        keys = shown_metrics(metrics, records)
        shown.print(as_table(leaderboard(records), shown.width, keys))
        left = len({key for record in records for key in record.metrics}) - len(keys)
        if left > 0 and keys != list(COLUMNS):
            shown.print(Text(f"{left} more metrics: anomalib-ts leaderboard --columns NAMES"))


def shown_metrics(asked: object, records: Sequence[Record]) -> list[str]:
    """The metrics of a table: those asked for, as far as the records have them, or the first few.

    Args:
        asked: `default`, `full`, a name or a list of names.
        records: what the table is about.
    """
    if asked == "default" or not isinstance(asked, str | list):
        return list(COLUMNS)
    there = {key: None for record in records for key in record.metrics}
    if asked == "full":
        from anomalib_ts.metrics.registry import REGISTRY  # noqa: PLC0415

        known = [key for key in REGISTRY if key in there]
        return list(dict.fromkeys([*COLUMNS, *known]))[:SHOWN_METRICS]
    names = [asked] if isinstance(asked, str) else [str(name) for name in asked]
    return [name for name in names if name in there] or list(COLUMNS)


def _draw_figures(store: Store, figures: list[Settings], records: list[Record]) -> list[str]:
    """Draw what was planned, if there are results; returns why one could not be drawn."""
    shown = console()
    errors: list[str] = []
    for settings in figures:
        from anomalib_ts.views.figures import tables, write_figure  # noqa: PLC0415

        try:
            figure = write_figure(settings, store, records)
        except AnomalibTsError as error:
            errors.append(f"figure {settings['name']}: {error}")
            continue
        for table in tables(figure.grid, shown.width):
            shown.print("", table, sep="\n")
        shown.print("", *map(Text, figure.remarks), sep="\n")
        shown.print(Text(f"figure: {', '.join(map(str, figure.paths))}"), soft_wrap=True)
    return errors


def _show_clips(store: Store, records: list[Record]) -> None:
    """The most anomalous clips that the chosen detector found, where a single case has several."""
    from anomalib_ts.views.clip_table import as_text  # noqa: PLC0415
    from anomalib_ts.views.clips import rank_unit  # noqa: PLC0415

    if len({record.unit.case for record in records}) > 1:
        return  # six such tables are no summary; `anomalib-ts clips` shows them
    if ranked := rank_unit(store, records[0]):
        console().print("", as_text(ranked, SHOWN_CLIPS), sep="\n")
