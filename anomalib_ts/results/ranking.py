"""Ranks, wins and losses, and the Pareto front: comparisons that need no statistics library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray


def ranks(values: FloatArray) -> FloatArray:
    """Rank the methods on each series; 1 is best, ties share the mean of their ranks.

    Args:
        values: `(methods, series)`, finite, higher is better.

    Returns:
        `(methods, series)`, in [1, methods]; each column sums to `methods (methods + 1) / 2`.
    """
    better = (values[None] > values[:, None]).sum(axis=1)
    equal = (values[None] == values[:, None]).sum(axis=1)
    ranked: FloatArray = better + (equal + 1) / 2
    return ranked


def wins(values: FloatArray) -> NDArray[np.int64]:
    """On how many series each method beats each other.

    Args:
        values: `(methods, series)`, finite, higher is better.

    Returns:
        `(methods, methods)`; `[a, b]` counts where a is above b, so losses are the transpose.
    """
    counted: NDArray[np.int64] = (values[:, None] > values[None]).sum(axis=2, dtype=np.int64)
    return counted


def pareto_front(values: FloatArray, seconds: FloatArray) -> NDArray[np.bool_]:
    """Which methods no other beats in both accuracy and time.

    Args:
        values: `(methods,)`, higher is better; NaN: never on the front.
        seconds: `(methods,)`, lower is better; NaN: never on the front.

    Returns:
        `(methods,)`; of methods equal in both, each is on the front.
    """
    as_good = (values[None] >= values[:, None]) & (seconds[None] <= seconds[:, None])
    better = (values[None] > values[:, None]) | (seconds[None] < seconds[:, None])
    beaten = (as_good & better).any(axis=1)
    front: NDArray[np.bool_] = ~beaten & np.isfinite(values) & np.isfinite(seconds)
    return front
