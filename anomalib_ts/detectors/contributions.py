"""Which channels a score comes from, for detectors whose score is no sum over channels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf

from anomalib_ts.core.recording import FloatArray, Recording

FLOOR = 1e-6
"""Added to every variance (of standardised values), for channels that never vary."""


def by_replacement(
    score_each: Callable[[Iterable[Recording]], Iterable[FloatArray]],
    recording: Recording,
    healthy: NDArray[np.float32],
) -> FloatArray:
    """By how much each score falls when a channel is replaced by what is healthy beside the others.

    That is what the other channels make one expect at that point (by linear regression), and the
    deviations from it that healthy data have one after another: without these, a channel that does
    not move may be an anomaly itself.

    >>> pump = Recording(np.array([[0.0, 0.0], [3.0, 1.0]]))
    >>> healthy = np.array([[0.5, 0.5], [-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5]], dtype=np.float32)
    >>> def largest(recordings):
    ...     return [abs(recording.values).max(axis=1) for recording in recordings]
    >>> by_replacement(largest, pump, healthy).tolist()
    [[-0.5, -0.5], [2.0, 0.0]]

    Args:
        score_each: takes standardised recordings to the scores `(n,)` of each.
        recording: standardised.
        healthy: `(m, c)`, standardised; repeated where the recording is longer.

    Returns:
        `(n, c)`.
    """
    mean, weights = _regressions(healthy)
    usual = (healthy - mean) @ weights
    expected = recording.values - (recording.values - mean) @ weights

    def with_each_replaced() -> Iterator[Recording]:
        yield recording
        for channel in range(recording.channels):
            values = recording.values.copy()
            deviations = np.resize(usual[:, channel], len(values))
            values[:, channel] = expected[:, channel] + deviations
            yield replace(recording, values=values)

    before, *after = score_each(with_each_replaced())
    return np.stack([before - one for one in after], axis=1)


def _regressions(healthy: NDArray[np.float32]) -> tuple[FloatArray, FloatArray]:
    """Mean `(c,)`, and weights `(c, c)` that take centred values to what the others leave open.

    Column i is that of the regression of channel i on all others: row i of the inverse covariance,
    divided by its diagonal. The covariance is shrunk (Ledoit and Wolf).
    """
    values = healthy.astype(np.float64)
    mean: FloatArray = values.mean(axis=0)
    if len(values) == 1:  # a model of before has the mean alone
        return mean, np.eye(len(mean))
    covariance, _ = ledoit_wolf(values)
    precision = np.linalg.inv(covariance + FLOOR * np.eye(len(mean)))
    return mean, precision / precision.diagonal()
