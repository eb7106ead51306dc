"""Settings for all tests: one thread for numeric libraries, and where real data may lie."""

import logging
import os
import signal
import warnings
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

# A shell that starts the tests in the background has them ignore Ctrl-C, which some raise.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest

SHARED = Path(os.environ.get("ANOMALIB_TS_SHARED", Path(__file__).parents[2] / "shared"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first, so that both processes end at about the same time."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data; tests that use it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no real data at {SHARED}; set ANOMALIB_TS_SHARED")
    return SHARED


_LOGGERS = [logging.getLogger(name) for name in (None, "hydra", "anomalib_ts")]
_SHOW_WARNING = warnings.showwarning


@pytest.fixture(autouse=True)
def _logging_of_a_fresh_process():
    """The command line sets up logging for its process; here every test starts without.

    Before a test, too: a fixture of a whole module or session may have run the command line.
    """
    _forget_logging()
    yield
    _forget_logging()


def _forget_logging() -> None:
    for logger in _LOGGERS:
        own = [handler for handler in logger.handlers if _is_pytests(handler)]
        logger.handlers[:], logger.propagate, logger.disabled = own, True, False
        level = logging.WARNING if logger.parent is None else logging.NOTSET
        if logger.level != level:  # else each test would have all loggers forget what they found
            logger.setLevel(level)
    warnings.showwarning = _SHOW_WARNING


def _is_pytests(handler: logging.Handler) -> bool:
    return type(handler).__module__.startswith("_pytest.")
