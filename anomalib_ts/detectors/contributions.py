"""Which channels a score comes from, for detectors whose score is no sum over channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray, Recording


def by_replacement(
    score: Callable[[Recording], FloatArray], recording: Recording, healthy: NDArray[np.float32]
) -> FloatArray:
    """By how much each score falls when a channel is replaced by healthy values of its own.

    Values and not their mean, since a channel that does not move may be an anomaly itself.

    >>> pump = Recording(np.array([[0.0, 0.0], [3.0, 1.0]]))
    >>> healthy = np.array([[0.5, 0.5], [-0.5, -0.5]], dtype=np.float32)
    >>> by_replacement(lambda recording: abs(recording.values).max(axis=1), pump, healthy).tolist()
    [[-0.5, -0.5], [2.0, 0.0]]

    Args:
        score: takes a standardised recording to its scores `(n,)`.
        recording: standardised.
        healthy: `(m, c)`, standardised; repeated where the recording is longer.

    Returns:
        `(n, c)`.
    """
    before = score(recording)
    falls = np.empty(recording.values.shape)
    for channel in range(recording.channels):
        values = recording.values.copy()
        values[:, channel] = np.resize(healthy[:, channel], len(values))
        falls[:, channel] = before - score(replace(recording, values=values))
    return falls
