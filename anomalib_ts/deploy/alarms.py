"""Alarms from scores: what raises one, what ends it, and what belongs to one and the same.

The rules are those of process alarms (ISA-18.2): an on-delay, an off-delay and a dead band.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.core.runs import runs
from anomalib_ts.errors import ConfigError, InputError
from anomalib_ts.saved.values import storable


@storable
@dataclass(frozen=True)
class AlarmRule:
    """When an alarm begins and ends.

    >>> from anomalib_ts.deploy.alarms import AlarmRule, find_alarms
    >>> [alarm.start for alarm in find_alarms([0.0, 5.0, 0.0, 0.0, 5.0, 5.0], AlarmRule(3.0))]
    [1, 4]
    >>> twice = AlarmRule(3.0, shortest=2)
    >>> [alarm.start for alarm in find_alarms([0.0, 5.0, 0.0, 5.0, 5.0], twice)]
    [3]

    Attributes:
        threshold: an alarm begins with scores above it.
        release: it goes on while scores are above this; None for the threshold itself. The
            distance of the two is the dead band (hysteresis).
        shortest: points in a row above the threshold that it takes (on-delay), at least 1.
        merge: points in a row at or below `release` that do not yet end it (off-delay); alarms so
            near to each other are one.

    Raises:
        ConfigError: a value is out of range.
    """

    threshold: float
    release: float | None = None
    shortest: int = 1
    merge: int = 0

    def __post_init__(self) -> None:
        if not np.isfinite(self.threshold):
            raise ConfigError(f"the threshold of alarms must be finite, not {self.threshold}")
        if self.release is not None and not self.release <= self.threshold:
            raise ConfigError(f"alarms cannot end above their threshold: {self.release}")
        if self.shortest < 1 or self.merge < 0:
            raise ConfigError("alarms take at least 1 point, and at least 0 points end one")

    @property
    def end_level(self) -> float:
        """Scores at or below it end an alarm."""
        return self.threshold if self.release is None else self.release


@dataclass(frozen=True)
class Alarm:
    """One alarm in `(n,)` scores.

    Attributes:
        start, stop: its points, `stop` not included.
        peak: the point of its highest score.
        score: that score.
    """

    start: int
    stop: int
    peak: int
    score: float


def find_alarms(scores: FloatArray | list[float], rule: AlarmRule) -> list[Alarm]:
    """The alarms that `(n,)` scores raise, in order.

    An alarm begins with the first of the points above the threshold that raised it, and ends
    with the last one above the release.

    Raises:
        InputError: the scores are not `(n,)`.
    """
    given = np.asarray(scores, dtype=np.float64)
    if given.ndim != 1:
        raise InputError(f"alarms take scores (n,), not an array of shape {given.shape}")
    begins, ends = runs(given > rule.threshold)
    raising = begins[ends - begins >= rule.shortest]
    starts, stops = _joined(*runs(given > rule.end_level), rule.merge)
    found = []
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        inside = raising[(raising >= start) & (raising < stop)] if len(raising) else raising
        if len(inside):
            first = int(inside[0])
            peak = first + int(given[first:stop].argmax())
            found.append(Alarm(first, stop, peak, float(given[peak])))
    return found


def alarm_mask(alarms: list[Alarm], points: int) -> NDArray[np.int8]:
    """`(points,)` 1 where there is an alarm, else 0."""
    mask = np.zeros(points, dtype=np.int8)
    for alarm in alarms:
        mask[alarm.start : alarm.stop] = 1
    return mask


@dataclass
class LiveAlarms:
    """The same rule, score by score as they come.

    >>> from anomalib_ts.deploy.alarms import AlarmRule, LiveAlarms
    >>> live = LiveAlarms(AlarmRule(3.0, shortest=2))
    >>> [live.push(score) for score in (0.0, 5.0, 5.0, 0.0)]
    [False, False, True, False]

    Attributes:
        rule: see `AlarmRule`.
        active: whether there is an alarm now.
        count: alarms so far.
    """

    rule: AlarmRule
    active: bool = False
    count: int = 0
    _above: int = field(default=0, repr=False)
    _below: int = field(default=0, repr=False)

    def push(self, score: float) -> bool:
        """Take the next score; whether there is an alarm now, as far as that can be known."""
        self._above = self._above + 1 if score > self.rule.threshold else 0
        self._below = 0 if score > self.rule.end_level else self._below + 1
        if self.active and self._below > self.rule.merge:
            self.active = False
        if not self.active and self._above >= self.rule.shortest:
            self.active = True
            self.count += 1
        return self.active and self._below == 0


def _joined(
    starts: NDArray[Any], stops: NDArray[Any], gap: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Runs that at most `gap` points lie between, made one."""
    apart = starts[1:] - stops[:-1] > gap
    first = np.concatenate([[True], apart]) if len(starts) else np.zeros(0, dtype=bool)
    last = np.concatenate([apart, [True]]) if len(starts) else np.zeros(0, dtype=bool)
    return starts[first], stops[last]
