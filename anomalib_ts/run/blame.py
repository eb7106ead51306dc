"""Asks a fitted detector which channels its highest scores come from, in bounded time and space.

That must be done while the detector is there; which scores are of interest is not known by then
(no label, no threshold), so it is asked about the highest ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.plain import plain_text
from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.detectors.base import Detector
from anomalib_ts.results.blamed import MOST_ROWS, Blamed

MOST_PEAKS = 12
"""Of one recording."""

LONGEST = 64
"""Points of a peak's stretch; a steady fault looks the same in all of them."""

RESCORED = 2
"""For the answer, at most so many times as many points are scored as were scored before."""

FEW = 20_000
"""So many points are always scored for it, if need be."""

Span = tuple[int, int]


@dataclass(frozen=True)
class _Asked:
    """A stretch `start` to `stop` of a recording, and how high it is scored."""

    recording: int
    start: int
    stop: int
    height: float


def blame(
    detector: Detector,
    recordings: Sequence[Recording],
    scores: Sequence[FloatArray],
    counted: Sequence[Span | None],
    *,
    whole: bool,
) -> tuple[Blamed, str]:
    """Which channels the highest scores come from.

    Args:
        detector: fitted.
        recordings: that it scored.
        scores: `(n,)` of each.
        counted: of each, the points that count in the result; None for none of them.
        whole: whether recordings are judged as a whole (clips), so that each is one stretch.

    Returns:
        The table, its points counted over all recordings; none for a single channel and from a
        detector that cannot say. And why the detector failed to say so, which is no reason to do
        without its scores; empty if it did not.
    """
    try:
        if not detector.capabilities.blames_channels or recordings[0].channels == 1:
            return Blamed.none(), ""
        return _blame(detector, recordings, scores, counted, whole=whole), ""
    except BaseException as error:
        return Blamed.none(), plain_text(error) or type(error).__name__


def _blame(
    detector: Detector,
    recordings: Sequence[Recording],
    scores: Sequence[FloatArray],
    counted: Sequence[Span | None],
    *,
    whole: bool,
) -> Blamed:
    asked = [
        one
        for number, span in enumerate(counted)
        if span is not None
        for one in _stretches(detector, number, scores[number], span, whole=whole)
    ]
    asked = sorted(asked, key=lambda one: -one.height)[:MOST_ROWS]
    budget = max(FEW, RESCORED * sum(stop - start for start, stop in filter(None, counted)))
    begins = np.cumsum([0, *map(len, recordings)])
    found = []
    for place, one in enumerate(asked):
        budget -= _cost(detector, len(recordings[one.recording]), one)
        if budget < 0 and place:
            break
        parts = _parts(detector, recordings[one.recording], one)
        stretch = begins[one.recording] + np.array([[one.start, one.stop]])
        found.append(Blamed(stretch.astype(np.int64), parts[None]))
    return Blamed.joined(found)


def _parts(detector: Detector, recording: Recording, asked: _Asked) -> NDArray[np.float32]:
    """`(c,)` mean contributions, in the order of the recording's channels."""
    # Of the base class, since an override could do without what it sees to.
    parts = Detector.contributions(detector, recording, slice(asked.start, asked.stop))
    mean = parts.mean(axis=0)
    names, given = detector.channel_names_, recording.channel_names
    if names is not None and given is not None:
        mean = mean[[names.index(name) for name in given]]
    largest = float(np.finfo(np.float32).max)
    found: NDArray[np.float32] = np.clip(mean, -largest, largest).astype(np.float32)
    return found


def _cost(detector: Detector, points: int, asked: _Asked) -> int:
    """Points that are scored for the answer."""
    margins = Detector.margins(detector)
    piece = slice(0, points)
    if margins is not None:
        piece = margins.piece(asked.start, asked.stop, points)
    return (piece.stop - piece.start) * detector.contribution_cost()


def _stretches(
    detector: Detector, number: int, scores: FloatArray, counted: Span, *, whole: bool
) -> list[_Asked]:
    start, stop = counted
    part = scores[start:stop]
    if whole:
        return [_Asked(number, start, stop, float(part.mean()))]
    margins = Detector.margins(detector)
    reach = 0 if margins is None else margins.before + margins.after
    apart = max(reach, len(part) // 100)
    found = peaks(part, apart)
    return [
        _Asked(number, start + one.start, start + one.stop, float(part[one].max())) for one in found
    ]


def peaks(scores: FloatArray, apart: int) -> list[slice]:
    """The stretches around the highest of `(n,)` scores, the highest first.

    A stretch goes on to both sides while scores are above the middle between its peak and the
    median, and no further than half of `LONGEST`.

    >>> peaks(np.array([0.0, 1, 9, 7, 1, 0, 0, 5, 0, 0, 0]), apart=2)
    [slice(2, 4, None), slice(7, 8, None)]

    Args:
        scores: of one recording.
        apart: points between two stretches, at least.
    """
    usual = float(np.median(scores))
    left = scores.astype(np.float64, copy=True)
    found: list[slice] = []
    while len(found) < MOST_PEAKS:
        peak = int(left.argmax())
        if not left[peak] > usual:
            break
        low, high = max(0, peak - LONGEST // 2), min(len(scores), peak + LONGEST // 2)
        above = left[low:high] > (scores[peak] + usual) / 2
        below = np.flatnonzero(~above) + low
        start = int(below[below < peak].max(initial=low - 1)) + 1
        stop = int(below[below > peak].min(initial=high))
        found.append(slice(start, stop))
        left[max(0, start - apart) : stop + apart] = -np.inf
    return found
