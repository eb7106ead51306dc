"""Settings for all tests: one thread for numeric libraries, and where real data may lie."""

import logging
import os
import warnings
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import pytest

SHARED = Path(os.environ.get("ANOMALIB_TS_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data; tests that use it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no real data at {SHARED}; set ANOMALIB_TS_SHARED")
    return SHARED


@pytest.fixture(autouse=True)
def _logging_as_it_was():
    """The command line sets up logging for its process; here every test starts without."""
    loggers = [logging.getLogger(name) for name in (None, "hydra", "anomalib_ts")]
    before = [(list(logger.handlers), logger.propagate, logger.level) for logger in loggers]
    showwarning = warnings.showwarning
    yield
    for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)
    warnings.showwarning = showwarning
