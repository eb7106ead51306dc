"""The threshold of alarms from scores of healthy data that a detector was not fitted on.

What is promised is either a number of false alarms a day, where alarms are counted as the rule
counts them (delays, merging), or a share of points above the threshold. Three ways lead there:

* `empirical`: what the held-back scores showed; it promises nothing rarer than they can show.
* `gamma`: all scores are taken for gamma distributed, and near exceedances for one alarm (the
  extremal index).
* `pot`, peaks over threshold: the highest score of each would-be alarm over a high level follows a
  generalised Pareto distribution (Pickands 1975; Coles, An introduction to statistical modeling of
  extreme values, 2001, chapter 4). It goes beyond what was seen, and is the default.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.deploy.alarms import AlarmRule, find_alarms
from anomalib_ts.deploy.target import AlarmTarget
from anomalib_ts.errors import InputError
from anomalib_ts.evaluation.thresholds import GammaThreshold, QuantileThreshold
from anomalib_ts.saved.values import storable

MOST_SCORES = 200_000
"""Held-back scores that a model keeps, the last ones."""

FEWEST_SCORES = 30
"""No threshold is set on fewer."""

WANTED_PEAKS = 30
"""A level of `pot` is as high as leaves so many peaks over it, if any does."""

FEWEST_PEAKS = 3
"""No tail is fitted to fewer peaks; so few say little more than how high they are."""

COUNTED = 8
"""So many alarms on held-back data are counted rather than worked out from a tail."""

SHAPE_PRIOR = 0.1
"""Standard deviation of the shape of a tail before it was seen; its mean is 0.

A normal prior, as hydrologists use one for floods (Martins and Stedinger, Water Resources Research,
2000). benchmarks/plant_day has what it does.
"""

LEVELS = (0.995, 0.99, 0.98, 0.95, 0.9, 0.8)
"""Quantiles of the held-back scores that `pot` tries as its level, the highest first."""

_DAY = 86400.0


@storable
@dataclass(frozen=True, eq=False)
class HeldBack:
    """Scores of healthy data that the detector was not fitted on.

    >>> import numpy as np
    >>> from anomalib_ts.deploy.calibration import HeldBack
    >>> from anomalib_ts.deploy.target import AlarmTarget
    >>> scores = np.random.default_rng(0).exponential(size=14400).astype(np.float32)
    >>> healthy = HeldBack(scores, (14400,), period=60.0)
    >>> 7.5 < healthy.rule(AlarmTarget(per_day=0.5)).threshold < 8.5  # ln(1440 / 0.5) is 7.97
    True

    Attributes:
        scores: `(n,)` float32, recording after recording.
        lengths: points of each recording.
        period: seconds between two points; None if unknown.
        source: what they are of; empty for a part of the data that the model was made of.
    """

    scores: NDArray[np.float32]
    lengths: tuple[int, ...]
    period: float | None = None
    source: str = ""

    @classmethod
    def of(cls, parts: list[FloatArray], period: float | None, source: str = "") -> HeldBack:
        """The last `MOST_SCORES` of the scores of some recordings.

        Raises:
            InputError: there are too few.
        """
        kept: list[FloatArray] = []
        room = MOST_SCORES
        for part in reversed(parts):
            kept.insert(0, part[max(0, len(part) - room) :])
            room -= len(kept[0])
        kept = [part for part in kept if len(part)]
        count = sum(map(len, kept))
        if count < FEWEST_SCORES:
            raise InputError(
                f"only {count} points of healthy data were held back, and a threshold needs "
                f"{FEWEST_SCORES}; give more data, hold back more, or set the threshold yourself"
            )
        largest = float(np.finfo(np.float32).max)
        scores = np.clip(np.concatenate(kept), -largest, largest).astype(np.float32)
        return cls(scores, tuple(map(len, kept)), period, source)

    def check(self) -> None:
        """Whether the scores are what `of` makes.

        Raises:
            InputError: they are not.
        """
        whole = all(type(length) is int and length > 0 for length in self.lengths)
        if self.period is not None and not (type(self.period) is float and self.period > 0):
            raise InputError("its sampling period is none")
        if (
            type(self.scores) is not np.ndarray
            or self.scores.dtype != np.float32
            or not whole
            or self.scores.shape != (sum(self.lengths),)
            or not np.isfinite(self.scores).all()
            or type(self.source) is not str
        ):
            raise InputError("its held-back scores are none")

    @property
    def days(self) -> float:
        """How long they last; NaN if the sampling period is unknown."""
        return math.nan if self.period is None else len(self.scores) * self.period / _DAY

    def rule(self, target: AlarmTarget) -> AlarmRule:
        """The rule that keeps what is promised, as far as the held-back scores tell.

        Raises:
            InputError: they cannot tell: too few, or of unknown sampling period.
        """
        if target.value is not None:
            return self._with(target.value, target)
        find = {"pot": _pot, "gamma": _gamma, "empirical": _empirical}[target.method]
        return self._with(find(self, target), target)

    def alarms(self, rule: AlarmRule) -> int:
        """How many alarms the held-back scores would have raised."""
        return sum(len(find_alarms(part, rule)) for part in self._parts(self.scores))

    def expected_per_day(self, target: AlarmTarget, rule: AlarmRule) -> float | None:
        """False alarms a day to expect; None if that cannot be told.

        Counted where there are enough or the threshold is not far out, else by the tail over a
        high level.
        """
        if self.period is None:
            return None
        count = self.alarms(rule)
        if count >= COUNTED:
            return count / self.days
        try:
            tail = _tail(self, target)
        except InputError:
            return count / self.days
        return count / self.days if rule.threshold < tail.level else tail.per_day(rule.threshold)

    def _with(self, threshold: float, target: AlarmTarget) -> AlarmRule:
        middle = float(np.median(self.scores))
        release = None
        if target.hysteresis < 1 and threshold > middle:
            release = middle + target.hysteresis * (threshold - middle)
        return AlarmRule(threshold, release, target.shortest, target.merge)

    def _parts(self, scores: NDArray[np.float32]) -> list[FloatArray]:
        cuts = np.cumsum(self.lengths)[:-1]
        return [part.astype(np.float64) for part in np.split(scores, cuts)]

    def lasting(self, shortest: int) -> FloatArray:
        """`(n,)` the lowest of each `shortest` scores in a row.

        An alarm that needs so many points above a threshold is one point of these above it.
        """
        parts = []
        for part in self._parts(self.scores):
            if len(part) >= shortest:
                windows = np.lib.stride_tricks.sliding_window_view(part, shortest)
                parts.append(windows.min(axis=1))
        if not parts:
            raise InputError(f"no held-back recording lasts {shortest} points")
        return np.concatenate(parts)

    def peaks(self, level: float, target: AlarmTarget) -> FloatArray:
        """The highest lasting score of each alarm that a threshold of `level` would raise."""
        rule = self._with(level, target)
        found = []
        for part in self._parts(self.scores):
            for alarm in find_alarms(part, rule):
                stretch = part[alarm.start : alarm.stop]
                windows = np.lib.stride_tricks.sliding_window_view(stretch, target.shortest)
                found.append(float(windows.min(axis=1).max()))
        return np.array(found)


@dataclass(frozen=True)
class Tail:
    """A generalised Pareto distribution of peaks over a level.

    Attributes:
        level: that the peaks are over.
        shape: xi; 0 is the exponential distribution, below 0 there is a highest score.
        scale: sigma > 0.
        rate: peaks over the level a day; or the share of points over it.
    """

    level: float
    shape: float
    scale: float
    rate: float

    @classmethod
    def fit(cls, peaks: FloatArray, level: float, rate: float) -> Tail:
        """The likeliest tail for peaks over a level, if shapes near 0 are likelier beforehand.

        A far threshold depends on the shape most, and few peaks say least of it: without the
        prior, half of a day of scores promised a tenth of the alarms that then came.

        Raises:
            InputError: there are too few, or all are alike.
        """
        from scipy import optimize, stats  # noqa: PLC0415 - what scoring need not wait for

        excess = peaks - level
        unit = float(excess.mean()) if len(excess) else 0.0
        if len(excess) < FEWEST_PEAKS or not unit > 0 or np.ptp(excess) == 0:
            raise InputError(
                f"the held-back scores have {len(excess)} different peaks over a high level, and "
                f"pot needs {FEWEST_PEAKS}; hold back more data (--hold-back), or use "
                "--method empirical"
            )

        def surprise(given: FloatArray) -> float:
            shape, scale = float(given[0]), float(np.exp(given[1]))
            likelihood = stats.genpareto.logpdf(excess / unit, shape, scale=scale).sum()
            cost = float((shape / SHAPE_PRIOR) ** 2 / 2 - likelihood)
            return cost if math.isfinite(cost) else 1e12

        shape, log_scale = optimize.minimize(surprise, [0.01, 0.0], method="Nelder-Mead").x
        return cls(level, float(shape), float(np.exp(log_scale)) * unit, rate)

    def threshold(self, rate: float) -> float:
        """The score that peaks are over `rate` times a day."""
        from scipy import stats  # noqa: PLC0415

        share = min(1.0, rate / self.rate)
        return self.level + float(stats.genpareto.isf(share, self.shape, scale=self.scale))

    def per_day(self, threshold: float) -> float:
        """How often peaks are over a score of at least the level."""
        from scipy import stats  # noqa: PLC0415

        over = max(0.0, threshold - self.level)
        return self.rate * float(stats.genpareto.sf(over, self.shape, scale=self.scale))


def poisson_upper(count: int, share: float = 0.95) -> float:
    """The largest mean number of alarms that goes with `count` seen ones.

    >>> from anomalib_ts.deploy.calibration import poisson_upper
    >>> round(poisson_upper(0), 2)  # the rule of three
    3.0
    """
    from scipy import stats  # noqa: PLC0415

    return float(stats.chi2.ppf(share, 2 * count + 2)) / 2


def _tail(healthy: HeldBack, target: AlarmTarget) -> Tail:
    """The tail of would-be alarms over the highest level that leaves enough of them."""
    if healthy.period is None:
        raise InputError(
            "the sampling period of the data is unknown, so alarms a day cannot be told; give a "
            "false-alarm rate, or data with times"
        )
    lasting = healthy.lasting(target.shortest)
    best: tuple[float, FloatArray] | None = None
    for share in LEVELS:
        level = float(np.quantile(lasting, share))
        peaks = healthy.peaks(level, target)
        if best is None or len(peaks) > len(best[1]):
            best = level, peaks
        if len(peaks) >= WANTED_PEAKS:
            break
    assert best is not None
    return Tail.fit(best[1], best[0], len(best[1]) / healthy.days)


def _pot(healthy: HeldBack, target: AlarmTarget) -> float:
    if target.per_day is not None:
        tail = _tail(healthy, target)
        if target.per_day >= tail.rate:  # so many that they were seen
            return _empirical(healthy, target)
        return tail.threshold(target.per_day)
    assert target.rate is not None
    lasting = healthy.lasting(target.shortest)
    for share in LEVELS:
        level = float(np.quantile(lasting, share))
        over = lasting[lasting > level]
        if len(over) >= WANTED_PEAKS and 1 - share > target.rate:
            return Tail.fit(over, level, len(over) / len(lasting)).threshold(target.rate)
    return QuantileThreshold(1 - target.rate).fit(lasting)


def _gamma(healthy: HeldBack, target: AlarmTarget) -> float:
    lasting = healthy.lasting(target.shortest)
    rate = target.rate
    if target.per_day is not None:
        tail = _tail(healthy, target)
        if target.per_day >= tail.rate:
            return _empirical(healthy, target)
        share = float((lasting > tail.level).mean())
        per_day = _DAY / (healthy.period or math.nan)
        rate = target.per_day / per_day * (share * per_day / tail.rate)
    assert rate is not None
    return GammaThreshold(1 - rate).fit(lasting)


def _empirical(healthy: HeldBack, target: AlarmTarget) -> float:
    lasting = healthy.lasting(target.shortest)
    if target.rate is not None:
        if target.rate * len(lasting) < 1:
            raise InputError(
                f"{len(lasting)} held-back points cannot show a rate of {target.rate:g}; use "
                "method pot, or hold back more data"
            )
        return QuantileThreshold(1 - target.rate).fit(lasting)
    assert target.per_day is not None
    if healthy.period is None:
        _tail(healthy, target)  # says why not
    allowed = target.per_day * healthy.days
    if allowed < 1:
        raise InputError(
            f"{healthy.days:.3g} days of held-back data cannot show {target.per_day:g} alarms a "
            "day; use method pot, or hold back more data"
        )
    levels = np.unique(lasting)

    def count(place: int) -> int:
        return healthy.alarms(healthy._with(float(levels[place]), target))

    # From above, where there is no alarm: far below, they merge into a single one.
    low = high = best = len(levels) - 1
    most = 0
    while (alarms := count(low)) <= allowed:
        if alarms > most:
            best, most = low, alarms
        if low == 0:  # no threshold raises more than it may
            return float(levels[best])
        high, low = low, max(0, low - 1 - (len(levels) - low) // 16)
    while high - low > 1:  # alarms hardly ever become more as the threshold rises
        middle = (low + high) // 2
        low, high = (low, middle) if count(middle) <= allowed else (middle, high)
    return float(levels[high])
