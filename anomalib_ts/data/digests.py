"""The digest that tells whether the data of a case has changed."""

from __future__ import annotations

import hashlib

import numpy as np

from anomalib_ts.data.base import Case


def case_digest(case: Case) -> str:
    """SHA-256 (64 hex digits) of all values, labels, marks, channel names and times of a case."""
    digest = hashlib.sha256()
    for part in (case.train, case.test):
        digest.update(f"{len(part)} recordings".encode())
        for recording in part:
            values, times = recording.values, recording.times
            digest.update(f"{values.shape} {values.dtype} {recording.label}".encode())
            digest.update(repr(recording.channel_names).encode("utf-8", "surrogatepass"))
            digest.update(np.ascontiguousarray(values).data)
            if recording.labels is not None:
                digest.update(b"labels")
                digest.update(recording.labels.tobytes())
            if recording.ignored is not None:
                digest.update(b"ignored")
                digest.update(recording.ignored.tobytes())
            if times is not None:
                digest.update(f"times {times.dtype}".encode())
                digest.update(times.tobytes())
    return digest.hexdigest()
