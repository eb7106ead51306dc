"""Channels of several recordings in one order."""

from __future__ import annotations

import warnings

from anomalib_ts.core.recording import Recording
from anomalib_ts.errors import AnomalibTsWarning, InputError


def alike(recordings: tuple[Recording, ...]) -> tuple[Recording, ...]:
    """Training recordings with their channels in one order.

    Raises:
        InputError: they differ in the number or the names of their channels.
    """
    channels = sorted({recording.channels for recording in recordings})
    if len(channels) > 1:
        raise InputError(f"training recordings differ in channels: {channels}")
    names = next((r.channel_names for r in recordings if r.channel_names is not None), None)
    return tuple(r.ordered_like(names, "another training recording") for r in recordings)


def warn_of_missing_names(recording: Recording, fitted: tuple[str, ...] | None) -> None:
    """Warn that channels are matched by position, where only one side has names for them."""
    if recording.channels > 1 and (recording.channel_names is None) != (fitted is None):
        which = "the training data" if fitted is None else recording.name
        warnings.warn(
            f"{which} has no channel names, so channels are matched by their position; give both "
            "names (as a DataFrame has them) or neither",
            AnomalibTsWarning,
            stacklevel=4,
        )
