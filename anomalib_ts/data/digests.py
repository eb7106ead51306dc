"""Digests that tell whether data has changed."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Literal

from anomalib_ts.data.base import Case
from anomalib_ts.errors import DataNotFoundError


def text_digest(*parts: object) -> str:
    """SHA-256 (64 hex digits) of the parts' representations, in this order."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def file_digest(path: str | Path, algorithm: Literal["sha256", "md5"] = "sha256") -> str:
    """SHA-256 (64 hex digits) of a file's bytes; MD5 is for what publishers give no other of.

    Raises:
        DataNotFoundError: there is no such file.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(
                file, partial(hashlib.new, algorithm, usedforsecurity=False)
            ).hexdigest()
    except FileNotFoundError:
        raise DataNotFoundError(f"there is no file {path}") from None


def case_digest(case: Case) -> str:
    """SHA-256 (64 hex digits) of all values and labels of a case."""
    digest = hashlib.sha256()
    for part in (case.train, case.test):
        digest.update(f"{len(part)} recordings".encode())
        for recording in part:
            digest.update(f"{recording.values.shape} {recording.label}".encode())
            digest.update(recording.values.tobytes())
            if recording.labels is not None:
                digest.update(recording.labels.tobytes())
    return digest.hexdigest()
