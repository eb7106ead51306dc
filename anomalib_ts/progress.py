"""One line of progress on the terminal, and nothing anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console
from rich.errors import LiveError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Report: TypeAlias = Callable[[int, str], None]
"""Called with the steps done so far and a short note (such as the loss)."""


@contextmanager
def progress_line(stage: str, total: int, enabled: bool = True) -> Iterator[Report]:
    """Show one line while the block runs: stage, bar, steps, note, time left.

    Nothing is shown unless `enabled` and standard error is a terminal, nor inside another live
    display. The line goes away when the block ends.

    Args:
        stage: what is being done.
        total: steps to do.
        enabled: False to show nothing.

    Yields:
        The function to call after some steps.
    """
    console = Console(stderr=True)
    if not (enabled and console.is_terminal):
        yield _silent
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    try:
        bar.start()
    except LiveError:
        yield _silent
        return
    task = bar.add_task(stage, total=total, note="")
    try:
        yield lambda done, note: bar.update(task, completed=done, note=note)
    finally:
        bar.stop()


def _silent(_done: int, _note: str) -> None:
    pass
