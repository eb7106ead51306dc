"""Which channels a score comes from, for detectors whose score is no sum over channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from anomalib_ts.core.recording import FloatArray, Recording


def by_replacement(score: Callable[[Recording], FloatArray], recording: Recording) -> FloatArray:
    """By how much each score falls when a channel is replaced by its training mean.

    >>> pump = Recording(np.array([[0.0, 0.0], [3.0, 1.0]]))
    >>> by_replacement(lambda recording: abs(recording.values).max(axis=1), pump).tolist()
    [[0.0, 0.0], [2.0, 0.0]]

    Args:
        score: takes a standardised recording to its scores `(n,)`.
        recording: standardised, so that the training mean of every channel is 0.

    Returns:
        `(n, c)`.
    """
    before = score(recording)
    falls = np.empty(recording.values.shape)
    for channel in range(recording.channels):
        values = recording.values.copy()
        values[:, channel] = 0
        falls[:, channel] = before - score(replace(recording, values=values))
    return falls
