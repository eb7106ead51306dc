"""What an attack has to solve: which points it may move, how far, and what it wants of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.scaling import ChannelScaler
from anomalib_ts.detectors.streaming import Margins
from anomalib_ts.errors import InputError

if TYPE_CHECKING:
    from anomalib_ts.detectors.deep.score_function import ScoreFunction

Goal: TypeAlias = Literal["hide", "raise", "both"]

Wanted: TypeAlias = NDArray[np.int8]
"""`(n,)`: 1 for points whose score is to rise, -1 to fall, 0 for points that stay as they are."""

Values: TypeAlias = NDArray[Any]


def wanted_of(goal: Goal, recording: Recording) -> Wanted:
    """What an attacker who knows the labels wants of each point.

    >>> wanted_of("both", Recording([5.0, 9.0, 5.0], labels=[0, 1, 0])).tolist()
    [1, -1, 1]

    Args:
        goal: `hide` lowers the scores of the anomalous points, `raise` raises those of the normal
            ones, `both` does both.
        recording: labelled.

    Raises:
        InputError: it has no labels.
    """
    if not recording.is_labelled:
        raise InputError(
            f"{recording.name} has no labels, so there is no telling which scores an attacker "
            "would lower and which he would raise; attack labelled data"
        )
    anomalous = recording.anomalous_points
    wanted = np.where(anomalous, -int(goal != "raise"), int(goal != "hide"))
    return wanted.astype(np.int8)


@dataclass(frozen=True, eq=False)
class TrainingRange:
    """What the size of an attack is measured in, learnt from training recordings.

    >>> TrainingRange.of([Recording([[0.0], [2.0]])]).deviation.tolist()
    [1.0]

    Attributes:
        deviation: `(c,)` standard deviation of each channel, see `ChannelScaler`.
        low, high: `(c,)` smallest and largest value.
    """

    deviation: FloatArray
    low: FloatArray
    high: FloatArray

    @classmethod
    def of(cls, train: Sequence[Recording]) -> Self:
        """Of the points of some recordings that are not labelled anomalous."""
        return cls(
            ChannelScaler.fit(train).scale,
            np.min([one.values.min(axis=0) for one in train], axis=0).astype(np.float64),
            np.max([one.values.max(axis=0) for one in train], axis=0).astype(np.float64),
        )


@dataclass(frozen=True, eq=False)
class Problem:
    """An attack on one recording, of one size.

    Attributes:
        detector: fitted.
        recording: what is attacked, unlabelled, n points of c channels.
        wanted: see `Wanted`.
        radius: `(c,)` by how much a value may change at most.
        low, high: `(n, c)` what each value may be, in the recording's data type.
    """

    detector: Detector
    recording: Recording
    wanted: Wanted
    radius: FloatArray
    low: Values
    high: Values

    @classmethod
    def of(
        cls,
        detector: Detector,
        recording: Recording,
        wanted: Wanted,
        known: TrainingRange,
        epsilon: float,
        *,
        clip: bool,
    ) -> Self:
        """The problem whose values change by at most `epsilon` training deviations.

        Args:
            detector: fitted.
            recording: to attack.
            wanted: of its points.
            known: the deviations.
            epsilon: size of the attack.
            clip: whether no value may leave the training range, or, where it lies outside already,
                get further away from it.
        """
        values = recording.values
        radius = epsilon * known.deviation
        free = (wanted != 0)[:, None]
        exact = values.astype(np.float64)
        low, high = exact - radius, exact + radius
        if clip:
            low = np.minimum(np.maximum(low, known.low), exact)
            high = np.maximum(np.minimum(high, known.high), exact)
        low, high = _within(low, values, up=True), _within(high, values, up=False)
        bare = recording.without_labels()
        return cls(
            detector,
            bare,
            wanted,
            radius,
            np.where(free, np.minimum(low, values), values),
            np.where(free, np.maximum(high, values), values),
        )

    def projected(self, values: Values) -> Values:
        """The nearest values that are allowed."""
        clipped: Values = np.clip(values.astype(self.low.dtype), self.low, self.high)
        return clipped

    def attacked(self, values: Values) -> Recording:
        """The recording with other values."""
        return replace(self.recording, values=values)

    def gains(self, values: Values) -> FloatArray:
        """`(n,)` how well each point's score serves the attacker: the score, or its negative."""
        scores: FloatArray = self.wanted * self.detector.score(self.attacked(values))
        return scores

    @cached_property
    def function(self) -> ScoreFunction | None:
        """The scores as torch can differentiate them; None where they have no gradient."""
        return self.detector.score_function(self.recording)

    @cached_property
    def margins(self) -> Margins | None:
        """How far a score reaches."""
        return self.detector.margins()

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """`(s,)` where segments begin that every other one of can be changed independently.

        What is changed in a segment moves scores in it and in its neighbours, no further. One
        segment where a score may depend on the whole recording.
        """
        n = len(self.recording)
        if self.margins is None:
            return np.zeros(1, dtype=np.int64)
        length = self.margins.before + self.margins.after + 1
        length = -(-length // self.margins.step) * self.margins.step
        return np.arange(0, n, length, dtype=np.int64)

    @cached_property
    def segment(self) -> NDArray[np.int64]:
        """`(n,)` the number of each point's segment."""
        lengths = np.diff(self.starts, append=len(self.recording))
        return np.repeat(np.arange(len(self.starts)), lengths)

    def own_gains(self, gains: FloatArray) -> FloatArray:
        """`(s,)` the summed gains of the points of each segment."""
        return np.asarray(np.add.reduceat(gains, self.starts))

    def near_gains(self, gains: FloatArray) -> FloatArray:
        """`(s,)` the summed gains of all points that a change in each segment can move."""
        total = np.concatenate([[0.0], np.cumsum(gains)])
        first, last = self._reached
        return np.asarray(total[last] - total[first])

    def near(self, segments: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """`(n,)` the points that a change in some of the segments `(s,)` can move."""
        edges = np.zeros(len(self.recording) + 1, dtype=np.int64)
        first, last = self._reached
        np.add.at(edges, first[segments], 1)
        np.add.at(edges, last[segments], -1)
        return np.cumsum(edges[:-1]) > 0

    @cached_property
    def _reached(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the points begin and end, `(s,)` each, that a change in a segment can move."""
        n = len(self.recording)
        before, after = (self.margins.before, self.margins.after) if self.margins else (n, n)
        ends = np.append(self.starts[1:], n)
        return np.maximum(self.starts - after, 0), np.minimum(ends + before, n)


class Best:
    """The best of the values that an attack has come by.

    Segment by segment, the values with the best gains of its own points; and the best as a whole,
    since segments that share windows may not go together.
    """

    def __init__(self, problem: Problem, values: Values, gains: FloatArray) -> None:
        self._problem = problem
        self._own = problem.own_gains(gains)
        self._total = float(gains.sum())
        self._mixed, self._whole = values.copy(), values

    def offer(self, values: Values, gains: FloatArray) -> None:
        """Take what is better of other values."""
        own = self._problem.own_gains(gains)
        better = own > self._own
        self._own = np.where(better, own, self._own)
        chosen = better[self._problem.segment]
        self._mixed[chosen] = values[chosen]
        total = float(gains.sum())
        if total > self._total:
            self._total, self._whole = total, values.copy()

    def candidates(self) -> list[Values]:
        """What may be the best."""
        return [self._whole, self._mixed]


def best_of(problem: Problem, candidates: Sequence[Values]) -> Values:
    """The values that serve the attacker best, by the detector's own scores; of equals the first.

    Args:
        problem: the attack.
        candidates: at least one.
    """
    totals = [float(problem.gains(values).sum()) for values in candidates]
    return candidates[int(np.argmax(totals))]


def _within(bound: FloatArray, values: Values, *, up: bool) -> Values:
    """A bound in the values' data type that is no wider than it was."""
    rounded = bound.astype(values.dtype)
    towards = np.array(np.inf if up else -np.inf, dtype=values.dtype)
    wider = rounded < bound if up else rounded > bound
    return np.where(wider, np.nextafter(rounded, towards), rounded)
