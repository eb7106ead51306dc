"""The picture of scored data: sensors, score, threshold and alarms over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from anomalib_ts.core.files import atomic_write
from anomalib_ts.deploy.alarms import alarm_mask
from anomalib_ts.deploy.tables import ScoredRecording
from anomalib_ts.views.case.series import draw_series

DPI = 110


def draw_scored(path: Path, parts: Sequence[ScoredRecording], threshold: float, title: str) -> Path:
    """Draw recordings one after another into a PNG file: whole, and their alarms in detail."""
    times = [part.recording.times for part in parts]
    known = [one for one in times if one is not None]
    figure = draw_series(
        np.concatenate([part.recording.values for part in parts]),
        np.concatenate([alarm_mask(part.alarms, len(part.scores)) for part in parts]),
        np.concatenate([part.scores for part in parts]),
        threshold,
        title,
        names=parts[0].recording.channel_names,
        times=np.concatenate(known) if len(known) == len(parts) else None,
        marks="alarm",
    )
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=DPI)
    return path
