"""One line of progress on the terminal, and nothing anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Report: TypeAlias = Callable[[int, str], None]
"""Called with the steps done so far and a short note (such as the loss)."""

_shown: ContextVar[bool] = ContextVar("progress_shown", default=False)


@contextmanager
def progress_line(stage: str, total: int, enabled: bool = True) -> Iterator[Report]:
    """Show one line while the block runs: stage, bar, steps, note, time left.

    Nothing is shown unless `enabled` and standard error is a terminal, nor inside another
    progress line. The line goes away when the block ends.

    Args:
        stage: what is being done.
        total: steps to do.
        enabled: False to show nothing.

    Yields:
        The function to call after some steps.
    """
    console = Console(stderr=True)
    if _shown.get() or not (enabled and console.is_terminal):
        yield lambda _done, _note: None
        return
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    outside = _shown.set(True)
    try:
        with bar:
            task = bar.add_task(stage, total=total, note="")
            yield lambda done, note: bar.update(task, completed=done, note=note)
    finally:
        _shown.reset(outside)
