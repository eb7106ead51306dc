"""Bootstrap confidence intervals of a metric: over the points of a series, or over series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.core.runs import IntArray
from anomalib_ts.errors import InputError, UndefinedMetricError
from anomalib_ts.metrics.evaluation import evaluate
from anomalib_ts.metrics.scored import ScoredSeries


@dataclass(frozen=True)
class Interval:
    """A value with its percentile bootstrap interval.

    >>> from anomalib_ts.metrics import Interval
    >>> Interval(0.8, 0.7, 0.9).undefined
    0

    Attributes:
        value: The metric of the data itself.
        low: Lower end of the interval.
        high: Upper end of the interval.
        undefined: Number of resamples on which the metric had no value; they are left out, so the
            interval is of little use if they are many.
    """

    value: float
    low: float
    high: float
    undefined: int = 0


def bootstrap_series(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    metric: str = "auroc",
    *,
    block_length: float,
    window: int | None = None,
    threshold: float | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Interval of a metric of one series, by stationary block bootstrap over its points.

    Neighbouring points depend on each other, so blocks are drawn: each begins anywhere, is of
    geometric length and wraps around the end (Politis and Romano 1994, "The stationary
    bootstrap"). Range metrics see segments cut at the joints; their intervals are approximate.

    >>> import numpy as np
    >>> from anomalib_ts.metrics import bootstrap_series
    >>> labels = np.repeat([0, 1, 0], [40, 20, 40])
    >>> scores = labels + np.random.default_rng(0).normal(0, 1, 100)
    >>> found = bootstrap_series(labels, scores, block_length=5, resamples=50)
    >>> found.low < found.value < found.high
    True

    Args:
        labels: `(n,)`, 0 = normal, 1 = anomalous.
        scores: `(n,)`, finite, higher = more anomalous.
        metric: Key of one metric.
        block_length: Mean length of the blocks in points, >= 1; longer than segments and than the
            reach of the score's autocorrelation.
        window: As in `evaluate`.
        threshold: As in `evaluate`.
        level: Coverage of the interval, in (0, 1).
        resamples: Number of bootstrap samples.
        seed: Seed of the resampling.

    Returns:
        The interval; it covers sampling of this series only, not of detectors or seeds.

    Raises:
        InputError: Unusable data, or a setting out of range.
        UndefinedMetricError: The metric is undefined on the series, or on every resample.
    """
    if not block_length >= 1:
        raise InputError(f"block_length is a number of points >= 1, not {block_length}")
    _check(level, resamples)
    series = ScoredSeries(labels, scores)
    value = evaluate(series.labels, series.scores, metric, window, threshold)[metric]
    random = np.random.default_rng(seed)
    drawn: list[float] = []
    for _ in range(resamples):
        index = _stationary_index(random, len(series), block_length)
        sample = series.labels[index], series.scores[index]
        drawn += evaluate(*sample, metric, window, threshold, undefined="omit").values()
    if not drawn:
        raise UndefinedMetricError(
            f"{metric} is undefined on all {resamples} resamples; use longer blocks or more of them"
        )
    return _interval(value, np.array(drawn), level, undefined=resamples - len(drawn))


def bootstrap_mean(
    values: npt.ArrayLike, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """Interval of the mean of one metric over the series of a data set, by plain bootstrap.

    >>> from anomalib_ts.metrics import bootstrap_mean
    >>> found = bootstrap_mean([0.6, 0.8, 0.7, 0.9], resamples=50)
    >>> round(found.value, 3), found.low < 0.75 < found.high
    (0.75, True)

    Args:
        values: `(series,)` the metric of each series, finite.
        level: Coverage of the interval, in (0, 1).
        resamples: Number of bootstrap samples.
        seed: Seed of the resampling.

    Raises:
        InputError: No values, values that are not finite, or a setting out of range.
    """
    _check(level, resamples)
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not len(array) or not np.isfinite(array).all():
        raise InputError("bootstrap_mean needs a non-empty list of finite values, one a series")
    random = np.random.default_rng(seed)
    means = np.array(
        [array[random.integers(0, len(array), len(array))].mean() for _ in range(resamples)]
    )
    return _interval(float(array.mean()), means, level, undefined=0)


def _stationary_index(random: np.random.Generator, n: int, block_length: float) -> IntArray:
    """`(n,)` indices in blocks of geometric length, each beginning anywhere."""
    begins = random.random(n) < 1 / block_length
    begins[0] = True
    places = np.flatnonzero(begins)
    lengths = np.diff(places, append=n)
    offsets = np.repeat(random.integers(0, n, len(places)) - places, lengths)
    index: IntArray = (np.arange(n) + offsets) % n
    return index


def _interval(value: float, drawn: FloatArray, level: float, undefined: int) -> Interval:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), undefined)


def _check(level: float, resamples: int) -> None:
    if not 0 < level < 1:
        raise InputError(f"level is a coverage in (0, 1), such as 0.95, not {level}")
    if resamples < 1:
        raise InputError(f"resamples must be positive, not {resamples}")
