"""The picture of scored data: sensors, score, threshold and alarms over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from anomalib_ts.core.files import atomic_write
from anomalib_ts.deploy.alarms import alarm_mask
from anomalib_ts.deploy.tables import ScoredRecording
from anomalib_ts.results.blamed import Blamed
from anomalib_ts.views.case.series import draw_series

DPI = 110


def draw_scored(path: Path, parts: Sequence[ScoredRecording], threshold: float, title: str) -> Path:
    """Draw recordings one after another into a PNG file: whole, and their alarms in detail.

    The channels that alarms come from are framed, and named above the details.
    """
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
        blamed=blamed_rows(parts),
    )
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=DPI)
    return path


def blamed_rows(parts: Sequence[ScoredRecording]) -> Blamed:
    """The alarms of recordings one after another, and the share of each channel in them."""
    stretches: list[tuple[int, int]] = []
    shares: list[list[float]] = []
    begin = 0
    for part in parts:
        channels = range(part.recording.channels)
        names = part.recording.channel_names or [f"channel {c}" for c in channels]
        for alarm, found in zip(part.alarms, part.blamed, strict=False):  # none if nobody can say
            if found:
                # What is left over belongs to those that are not named, each with less than these.
                rest = (1 - sum(found.values())) / max(1, len(names) - len(found))
                stretches.append((begin + alarm.start, begin + alarm.stop))
                shares.append([found.get(name, rest) for name in names])
        begin += len(part.scores)
    if not stretches:
        return Blamed.none()
    return Blamed(np.array(stretches, dtype=np.int64), np.array(shares))
