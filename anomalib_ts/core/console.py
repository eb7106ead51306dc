"""What the command line writes: tables to standard output, everything else to standard error."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from anomalib_ts.core.streams import printable
from anomalib_ts.errors import AnomalibTsWarning


class SafeConsole(Console):
    """A console on which text is only text.

    `[m³/h]` is no markup, and nothing that a name or a message holds reaches the terminal as a
    control character.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **settings)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """See rich's `Console.render`."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))


def console() -> SafeConsole:
    """Standard output; wide enough for tables when it is a pipe or a file."""
    return SafeConsole(width=None if sys.stdout.isatty() else 160, soft_wrap=False)


def log_to_terminal(level: int = logging.INFO) -> None:
    """Show the package's log on standard error, one plain line a message."""
    logger = logging.getLogger("anomalib_ts")
    if not logger.handlers:
        logger.addHandler(_StandardErrorHandler())
        logger.propagate = False
    logger.setLevel(level)
    show: Any = _show_own_warning  # it is called with positions only
    warnings.showwarning = show


def _show_own_warning(message: Warning | str, category: type[Warning], *where: Any) -> None:
    """Of all warnings, the ones for users; what libraries tell programmers is left out."""
    del where
    if issubclass(category, AnomalibTsWarning):
        logging.getLogger("anomalib_ts").warning("warning: %s", message)


class _StandardErrorHandler(logging.Handler):
    """Writes to whatever standard error is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(printable(self.format(record)) + "\n")
