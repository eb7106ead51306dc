"""Reference data that lies beside the repository, where it is there."""

import os
from pathlib import Path

import pytest

SHARED = Path(
    os.environ.get("ANOMALIB_TS_SHARED", Path(__file__).resolve().parents[2].parent / "shared")
)


def shared_path(relative):
    """The path of a shared file or folder; skips the test where it is absent."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"reference data {relative} is not at {SHARED} (set ANOMALIB_TS_SHARED)")
    return path
