"""The picture of a scored recording, for notebooks and scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anomalib_ts.core.recording import FloatArray, Recording, RecordingLike, as_recording
from anomalib_ts.core.runs import run_slices
from anomalib_ts.errors import InputError
from anomalib_ts.results.blamed import Blamed
from anomalib_ts.views.case.series import Picture, draw_series

_WHOLE = (int, np.integer)


class Span(Protocol):
    """Points from `start` to `stop`, which is not included: an `Alarm`, a slice."""

    @property
    def start(self) -> int:
        """The first point."""

    @property
    def stop(self) -> int:
        """The point after the last one."""


def plot(
    recording: RecordingLike,
    scores: ArrayLike,
    threshold: float | None = None,
    alarms: ArrayLike | Sequence[Span] | None = None,
    contributions: ArrayLike | None = None,
    *,
    title: str | None = None,
) -> Picture:
    """Draw a recording, its scores, the threshold and the alarms over time.

    Each sensor has a lane of its own, scaled by what is seen of it; more than eight are an image.
    Where the recording has times, they are below. With contributions, the sensors that an alarm
    comes from are framed, and named with their shares above the details, as in the picture that
    `anomalib-ts score` draws. A notebook shows what is returned, `plot(...).savefig("pump.png")`
    writes a file.

    >>> import numpy as np
    >>> from anomalib_ts import MovingMean, Recording, plot
    >>> wave = np.sin(np.arange(600) / 5)[:, None] * [1.0, 80.0]
    >>> wave[500:502, 1] = 300
    >>> pump = Recording(wave, channel_names=("flow", "heat"))
    >>> detector = MovingMean(window=9).fit(pump[:300])
    >>> scores = detector.score(pump)
    >>> shares = detector.contributions(pump)
    >>> figure = plot(pump, scores, threshold=9.0, alarms=scores > 9.0, contributions=shares)
    >>> len(figure.axes)  # the whole above, the alarm in detail below
    4
    >>> figure.axes[2].get_title()
    'the alarm: heat 100 %'

    Args:
        recording: what was scored, `(n, c)`.
        scores: `(n,)`, finite.
        threshold: a line, if given.
        alarms: `(n,)` of 0 and 1, as `detector.predict` gives them, or a list of alarms; without,
            the points that the recording's labels call anomalous are marked.
        contributions: `(n, c)` as `detector.contributions(recording)` gives them, channels in the
            order of the recording; of what is marked, or of scores above the threshold where
            nothing is to be.
        title: above the picture; None for the recording's name.

    Raises:
        InputError: the scores, alarms or contributions do not fit the recording.
    """
    item = as_recording(recording)
    checked = _numbers(scores, "scores")
    if checked.shape != (len(item),) or not np.isfinite(checked).all():
        raise InputError(
            f"plot: scores must be {len(item)} finite numbers, one a point of {item.name}, not an "
            f"array of shape {checked.shape}"
        )
    marked = None
    if alarms is not None:
        marked = _mask(alarms, len(item))
    elif item.is_labelled:
        marked = item.anomalous_points.astype(np.int8)
    return draw_series(
        item.values,
        marked,
        checked,
        threshold,
        item.name if title is None else title,
        names=item.channel_names,
        times=item.times,
        marks="true anomaly" if alarms is None else "alarm",
        blamed=_blamed(contributions, item, _pointed_at(marked, checked, threshold)),
    )


def _pointed_at(
    marked: NDArray[np.int8] | None, scores: FloatArray, threshold: float | None
) -> list[slice]:
    """The stretches whose channels are of interest."""
    if marked is not None:
        return run_slices(marked == 1)
    return [] if threshold is None else run_slices(scores > threshold)


def _blamed(contributions: Any, item: Recording, stretches: list[slice]) -> Blamed | None:
    if contributions is None:
        return None
    parts = _numbers(contributions, "contributions")
    if parts.shape != item.values.shape or not np.isfinite(parts).all():
        raise InputError(
            f"plot: contributions must be finite, of shape {item.values.shape} as the values of "
            f"{item.name}, not of shape {parts.shape}"
        )
    return Blamed.of(parts, stretches)


def _numbers(given: Any, what: str) -> FloatArray:
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"plot: {what} must be an array of numbers") from None


def _mask(alarms: Any, points: int) -> NDArray[np.int8]:
    """`(points,)` of 0 and 1."""
    spans = list(alarms)
    mask = np.zeros(points, dtype=np.int8)
    if all(hasattr(span, "start") and hasattr(span, "stop") for span in spans):
        for span in spans:
            whole = isinstance(span.start, _WHOLE) and isinstance(span.stop, _WHOLE)
            if not (whole and 0 <= span.start < span.stop <= points):
                raise InputError(
                    f"plot: an alarm from {span.start} to {span.stop} is none of {points} points"
                )
            mask[span.start : span.stop] = 1
        return mask
    given = np.asarray(spans)
    if given.shape != (points,) or not np.isin(given, (0, 1)).all():
        raise InputError(
            f"plot: alarms must be {points} times 0 or 1, or a list of alarms with start and stop"
        )
    return given.astype(np.int8)
