"""Decision thresholds, fitted on the scores of normal training data only."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

import numpy as np

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import AnomalibTsWarning, ConfigError

FEWEST_SCORES = 30
"""A gamma distribution is not fitted to fewer scores."""

WORST_FIT = 0.1
"""Largest accepted Kolmogorov-Smirnov distance between many scores and their gamma distribution."""

CHANCE = 1.36
"""This over the root of their number is the distance that 1 in 20 samples of a gamma exceeds."""


@dataclass(frozen=True)
class Threshold(ABC):
    """A rule that turns scores of normal data into a decision threshold.

    A threshold decides on what the labels are given for: on clips where whole recordings are
    labelled, else on points.

    >>> from anomalib_ts.evaluation.thresholds import QuantileThreshold, Threshold
    >>> isinstance(QuantileThreshold(level=0.9), Threshold)
    True

    Attributes:
        level: in (0, 1); on data like the data it was fitted on a share of 1 - level lies above.
        held_out: the share of the normal training recordings, in [0, 1), that a detector does not
            train on, so that the threshold is fitted on scores of data that are new to it; 0 to
            fit it on the training data.

    Raises:
        ConfigError: a share is out of range.
    """

    level: float
    held_out: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ConfigError(f"threshold level must lie in (0, 1), not {self.level}")
        if not 0 <= self.held_out < 1:
            raise ConfigError(f"threshold.held_out must lie in [0, 1), not {self.held_out}")

    @abstractmethod
    def fit(self, scores: FloatArray) -> float:
        """The threshold for scores `(n,)` of normal data; what scores above it is an alarm."""


@dataclass(frozen=True)
class QuantileThreshold(Threshold):
    """The empirical quantile of the scores; for the settings see `Threshold`.

    >>> import numpy as np
    >>> from anomalib_ts.evaluation.thresholds import QuantileThreshold
    >>> QuantileThreshold(level=0.9).fit(np.arange(11.0))
    9.0
    """

    level: float = 0.995

    def fit(self, scores: FloatArray) -> float:
        """The empirical quantile of scores `(n,)` of normal data."""
        return float(np.quantile(scores, self.level))


@dataclass(frozen=True)
class GammaThreshold(Threshold):
    """The quantile of a gamma distribution fitted to the scores; for the settings see `Threshold`.

    Squared errors are roughly gamma distributed, and a fitted tail varies less from sample to
    sample than the few highest scores. Where the scores cannot be gamma distributed (some are not
    positive, or there are fewer than 30) or are not (Kolmogorov-Smirnov distance above 0.1), the
    empirical quantile takes its place, with a warning. Fewer than 185 scores may be further from
    it, by chance: up to 1.36 over the root of their number.

    >>> import numpy as np
    >>> from anomalib_ts.evaluation.thresholds import GammaThreshold
    >>> scores = np.random.default_rng(0).gamma(2.0, 1.0, 1000)
    >>> 6.0 < GammaThreshold(level=0.99).fit(scores) < 7.2  # that of the distribution is 6.64
    True
    """

    level: float = 0.99

    def fit(self, scores: FloatArray) -> float:
        """The quantile of the fitted distribution; see `fit_with_gamma` for that, too."""
        return self.fit_with_gamma(scores)[0]

    def fit_with_gamma(self, scores: FloatArray) -> tuple[float, Gamma | None]:
        """The threshold, and the distribution it comes from; None for the empirical quantile."""
        scores = np.asarray(scores, dtype=np.float64)
        gamma, problem = _usable_gamma(scores)
        if gamma is None:
            warnings.warn(
                f"no gamma distribution fits the normal scores: {problem}; the threshold is "
                f"their empirical {self.level:g} quantile",
                AnomalibTsWarning,
                stacklevel=2,
            )
            return float(np.quantile(scores, self.level)), None
        return gamma.quantile(self.level), gamma


@dataclass(frozen=True)
class Gamma:
    """A gamma distribution of positive scores.

    >>> from anomalib_ts.evaluation.thresholds import Gamma
    >>> round(Gamma(shape=2.0, scale=1.0).quantile(0.99), 2)
    6.64

    Attributes:
        shape: k > 0.
        scale: theta > 0, in the unit of the scores; the mean is k theta.
    """

    shape: float
    scale: float

    @classmethod
    def fit(cls, scores: FloatArray) -> Self:
        """The most likely distribution for scores `(n,)`, all positive and not all equal."""
        from scipy import stats  # noqa: PLC0415 - half a second that checking a level need not take

        unit = float(scores.mean())
        shape, _, scale = stats.gamma.fit(scores / unit, floc=0)
        return cls(float(shape), float(scale) * unit)

    def quantile(self, level: float) -> float:
        """The score that a share of `level` lies below."""
        from scipy import stats  # noqa: PLC0415

        return float(stats.gamma.ppf(level, self.shape, scale=self.scale))

    def distance(self, scores: FloatArray) -> float:
        """Kolmogorov-Smirnov distance from scores `(n,)`: 0 is a perfect fit, 1 the worst."""
        from scipy import stats  # noqa: PLC0415

        return float(stats.kstest(scores, stats.gamma(self.shape, scale=self.scale).cdf).statistic)


def _usable_gamma(scores: FloatArray) -> tuple[Gamma | None, str]:
    """A distribution that fits, or why there is none."""
    if len(scores) < FEWEST_SCORES:
        return None, f"there are only {len(scores)}, of at least {FEWEST_SCORES}"
    lowest = scores.min()
    if lowest <= 0:
        return None, f"the lowest is {lowest:g}, and all must be positive"
    if lowest == scores.max():
        return None, f"all are {lowest:g}"
    gamma = Gamma.fit(scores)
    distance, limit = gamma.distance(scores), max(WORST_FIT, CHANCE / math.sqrt(len(scores)))
    if distance > limit:
        return None, f"the Kolmogorov-Smirnov distance is {distance:.2f}, above {limit:.2g}"
    return gamma, ""
