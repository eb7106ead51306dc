"""What the command line writes: tables to standard output, everything else to standard error."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import Any

from rich.console import Console

from anomalib_ts.errors import AnomalibTsWarning


def console() -> Console:
    """Standard output; wide enough for tables when it is a pipe or a file."""
    return Console(width=None if sys.stdout.isatty() else 160, highlight=False, soft_wrap=False)


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
        sys.stderr.write(self.format(record) + "\n")
