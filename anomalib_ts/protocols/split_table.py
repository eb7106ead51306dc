"""A split as a table of recordings: who trained, who set the threshold and who was tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anomalib_ts.core.cells import csv_text
from anomalib_ts.core.recording import Recording

COLUMNS = ("part", "label", "machine_id", "name")


def split_table(parts: Mapping[str, Sequence[Recording]]) -> str:
    """The recordings of each part of a split, as CSV text with a line each."""
    rows = [
        [part, recording.label, recording.machine_id, recording.name]
        for part, recordings in parts.items()
        for recording in recordings
    ]
    return csv_text([COLUMNS, *rows])
