"""How long a window is: points that a user has set, or one period of some recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import find_period

WindowLength: TypeAlias = int | Literal["period"]

FALLBACK = 125
"""Points where there is no period; TSB-UAD's published table was made with it."""


PUBLISHED_SHARE = 0.05
"""Of a series' points, what TSB-UAD's windows have at most: nowhere written, but 25 rows of the
table with longer periods agree with it (benchmarks/baselines)."""


def window_length(
    window: WindowLength, recordings: Sequence[Recording], *, published: bool = False
) -> int:
    """Points a window: as set, or the period of the longest of some recordings.

    The period of several channels is the median of theirs. A window is no longer than the
    recording; as published, than a twentieth of it.

    >>> wave = Recording(np.sin(2 * np.pi * np.arange(1000) / 50))
    >>> window_length("period", [wave, wave[:60]]), window_length(8, [wave])
    (50, 8)
    >>> window_length("period", [Recording(np.arange(400.0))])
    125

    Args:
        window: points, or `period`.
        recordings: at least one: those of the training, unless a published fault is repeated.
        published: whether it is to be the window of TSB-UAD's table.
    """
    if window != "period":
        return int(window)
    longest = max(recordings, key=len)
    periods = [find_period(channel, FALLBACK) for channel in longest.values.T]
    most = max(1, int((PUBLISHED_SHARE if published else 1) * len(longest)))
    return min(int(np.median(periods)), most)
