"""Scores of points as they come: equal to those of the whole recording, in bounded memory.

A detector says how far a score reaches (`Margins`). Of the points so far, only as many are kept as
the next scores reach back to; each block is scored together with those, and the scores that no
later point can change are given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.array_kinds import unwrapped
from anomalib_ts.core.recording import FloatArray, Recording, RecordingLike
from anomalib_ts.errors import InputError

PIECE = 8192
"""Points of a block that are scored at a time, so that a long block takes no more memory."""


@dataclass(frozen=True)
class Margins:
    """The points that a score depends on: what a recording can be cut to without changing it.

    >>> Margins.centred(5)
    Margins(before=2, after=2, shortest=5, step=1)

    Attributes:
        before: points before the scored one.
        after: points after it, which is the delay of its score.
        shortest: a piece with fewer points is scored otherwise (a window, if it is filled up);
            unless the whole recording is as short.
        step: a piece begins at a multiple of it, as the windows of a stride do.
    """

    before: int
    after: int
    shortest: int = 1
    step: int = 1

    @classmethod
    def centred(cls, window: int) -> Self:
        """For windows of stride 1 whose score goes to the point at their centre."""
        return cls(window // 2, (window - 1) // 2, window)

    @classmethod
    def overlapping(cls, window: int, stride: int = 1) -> Self:
        """For the mean of all windows that hold a point.

        With a stride, the last window of a recording lies between the others, and what it holds is
        known only when a window more has come.
        """
        return cls(window - 1, window - 1 if stride == 1 else window, window, stride)

    def piece(self, start: int, stop: int, points: int) -> slice:
        """Of so many points, those that the scores of `start` to `stop` depend on.

        >>> Margins(before=3, after=2, shortest=9, step=4).piece(10, 12, points=100)
        slice(4, 16, None)
        """
        first = max(0, start - self.before)
        last = min(points, max(stop + self.after, first + self.shortest))
        first = max(0, min(first, last - self.shortest))
        return slice(first - first % self.step, last)


class Stream:
    """Takes points or blocks as they come, and gives scores as soon as nothing can change them.

    >>> from anomalib_ts import MovingMean
    >>> values = np.random.default_rng(0).standard_normal((100, 2))
    >>> detector = MovingMean(window=5).fit(values)
    >>> stream = detector.stream()
    >>> stream.delay, stream.push(values[:60]).shape, stream.push(values[60]).shape
    (2, (58,), (1,))
    >>> rest = np.concatenate([stream.push(values[61:]), stream.finish()])
    >>> bool(np.allclose(rest, detector.score(values)[59:]))
    True

    Made by `Detector.stream`. All scores of `push` and `finish`, end to end, are those that
    `Detector.score` gives to the whole recording, but for rounding.

    Attributes:
        delay: points that must come after one before its score is given; 0 for causal detectors.
        shortest: so many points are waited for before the first score, unless the stream ends.
        received: points so far.
        scored: points whose score has been given.
    """

    def __init__(
        self,
        score: Callable[[Recording], FloatArray],
        prepare: Callable[[Recording], Recording],
        margins: Margins,
        channels: int,
        channel_names: tuple[str, ...] | None,
    ) -> None:
        self._score, self._prepare, self._margins = score, prepare, margins
        self._channels, self._channel_names = channels, channel_names
        self._kept: Recording | None = None
        self._first = 0  # the number of the first point kept
        self._finished = False
        self.received = self.scored = 0

    @property
    def delay(self) -> int:
        """See the class."""
        return self._margins.after

    @property
    def shortest(self) -> int:
        """See the class."""
        return self._margins.shortest if self._margins.after else 1

    def push(self, points: RecordingLike) -> FloatArray:
        """Take the next points.

        Args:
            points: a block as `Detector.score` takes it, `(n, c)` or, of one channel, `(n,)`; or
                one point: `(c,)` in the order of the training data, or a number. Of machine ids
                the first counts.

        Returns:
            `(m,)` the next scores, m >= 0.

        Raises:
            InputError: the channels are not those of the training data, or the stream is finished.
            ContractError: the detector returned something else than finite scores.
        """
        if self._finished:
            raise InputError("this stream is finished; begin another one with `stream()`")
        block = self._block(points)
        parts = [
            self._add(self._prepare(block[start : start + PIECE]))
            for start in range(0, len(block), PIECE)
        ]
        return np.concatenate(parts)

    def finish(self) -> FloatArray:
        """End the recording here.

        Returns:
            `(m,)` the scores that are still missing.
        """
        self._finished = True
        return self._scores_before(self.received)

    def _block(self, points: RecordingLike) -> Recording:
        if isinstance(points, Recording):
            return replace(points, times=None)
        values, names, _ = unwrapped(points, "block")
        size = np.shape(values)
        if size == () or (len(size) == 1 and size[0] == self._channels > 1):
            values, names = np.reshape(values, (1, self._channels)), self._channel_names
        return Recording(values, name="block", channel_names=names)

    def _add(self, given: Recording) -> FloatArray:
        kept = given if self._kept is None else self._of(self._kept.values, given.values)
        self._kept = kept
        self.received += len(given)
        if len(kept) < self.shortest:
            return np.empty(0)
        return self._scores_before(self.received - self._margins.after)

    def _scores_before(self, end: int) -> FloatArray:
        """The missing scores of the points before number `end`; forgets what no later one needs."""
        if end <= self.scored or self._kept is None:
            return np.empty(0)
        scores = self._score(self._kept)[self.scored - self._first : end - self._first].copy()
        self.scored = end
        needed = min(end - self._margins.before, self.received - self._margins.shortest)
        first = max(self._first, needed - needed % self._margins.step)
        if first > self._first:
            self._kept, self._first = self._of(self._kept.values[first - self._first :]), first
        return scores

    def _of(self, *parts: NDArray[np.float32]) -> Recording:
        """A recording as the first one was, with these values."""
        assert self._kept is not None
        values = np.concatenate(parts)
        values.setflags(write=False)  # so that a recording takes them as they are
        return replace(self._kept, values=values)
