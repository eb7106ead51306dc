"""How sure a ranking is: bootstrap intervals, rank tests and critical differences.

scipy is imported by the functions that need it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.metrics.bootstrap import Interval
from anomalib_ts.results.comparison import Common, mean_known
from anomalib_ts.results.ranking import ranks

ALPHA = 0.05
RESAMPLES = 2000


def interval_over_series(
    values: FloatArray, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Interval | None:
    """Percentile bootstrap interval of the mean over series: what other series might have given.

    Args:
        values: `(series,)`, NaN where there is no value; these are left out.
        level: coverage of the interval, in (0, 1).
        resamples: number of bootstrap samples.
        seed: of the resampling.

    Returns:
        The interval; None with fewer than two values, which say nothing about spread.
    """
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return None
    counts = _draws(len(known), resamples, seed)
    return _interval(float(known.mean()), counts @ known / len(known), level)


def interval_over_seeds(
    values: FloatArray, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Interval | None:
    """Percentile bootstrap interval of the same mean over the seeds, the series held fixed.

    With the usual handful of seeds it is rather too narrow: resampling cannot show more than was
    seen.

    Args:
        values: `(series, seeds)`, NaN where there is no value.
        level: coverage of the interval, in (0, 1).
        resamples: number of bootstrap samples.
        seed: of the resampling.

    Returns:
        The interval; None with fewer than two seeds.
    """
    ran = values[:, np.isfinite(values).any(axis=0)]
    ran = ran[np.isfinite(ran).any(axis=1)]
    if ran.shape[1] < 2:
        return None
    known = np.isfinite(ran).astype(np.float64)
    counts = _draws(ran.shape[1], resamples, seed)
    total, weight = counts @ np.where(known > 0, ran, 0.0).T, counts @ known.T
    drawn = np.full(total.shape, np.nan)
    np.divide(total, weight, out=drawn, where=weight > 0)
    return _interval(float(mean_known(mean_known(ran))), mean_known(drawn), level)


def friedman(values: FloatArray) -> tuple[float, float] | None:
    """Friedman's test that all methods rank alike (Friedman 1937), corrected for ties.

    Args:
        values: `(methods, series)`, finite.

    Returns:
        Chi-squared and p; None for fewer than three methods or two series, or if all are equal.
    """
    from scipy.stats import friedmanchisquare  # noqa: PLC0415

    if values.shape[0] < 3 or values.shape[1] < 2 or (values == values[:1]).all():
        return None
    result = friedmanchisquare(*values)
    return float(result.statistic), float(result.pvalue)


def wilcoxon_holm(values: FloatArray) -> FloatArray:
    """Wilcoxon's signed-rank test for each pair of methods, corrected by Holm's step-down.

    Differences of zero are left out (Wilcoxon's own treatment); a pair equal everywhere has p = 1.

    Args:
        values: `(methods, series)`, finite.

    Returns:
        `(methods, methods)` adjusted p, symmetric, 1 on the diagonal.
    """
    pairs = list(combinations(range(len(values)), 2))
    adjusted = holm(np.array([_wilcoxon(values[a], values[b]) for a, b in pairs]))
    p = np.ones((len(values), len(values)))
    for (a, b), value in zip(pairs, adjusted.tolist(), strict=True):
        p[a, b] = p[b, a] = value
    return p


def holm(p: FloatArray) -> FloatArray:
    """Adjust p-values `(n,)` for `n` tests (Holm 1979); the order is kept."""
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return adjusted


def nemenyi_distance(methods: int, series: int, alpha: float = ALPHA) -> float:
    """Nemenyi's critical difference of mean ranks (Demsar, JMLR 7, 2006).

    Args:
        methods: number of methods, at least 2.
        series: number of series, at least 1.
        alpha: chance of any false difference.
    """
    from scipy.stats import studentized_range  # noqa: PLC0415

    quantile = float(studentized_range.ppf(1 - alpha, methods, np.inf)) / np.sqrt(2)
    return float(quantile * np.sqrt(methods * (methods + 1) / (6 * series)))


@dataclass(frozen=True, eq=False)
class CriticalDifference:
    """What a critical-difference diagram shows.

    Attributes:
        order: `(m,)` indices of the methods, best mean rank first.
        mean_ranks: `(m,)` by method.
        p: `(m, m)` Holm-adjusted Wilcoxon p by method.
        cliques: runs of `order`, as (first, last), in which no pair differs significantly; none
            lies within another.
        nemenyi: Nemenyi's critical difference, for comparison.
        friedman: chi-squared and p, see `friedman`.
        series: number of series behind it.
        alpha: level of significance.
    """

    order: tuple[int, ...]
    mean_ranks: FloatArray
    p: FloatArray
    cliques: tuple[tuple[int, int], ...]
    nemenyi: float
    friedman: tuple[float, float] | None
    series: int
    alpha: float


def critical_difference(common: Common, alpha: float = ALPHA) -> CriticalDifference | None:
    """Rank the methods, and group those that the series cannot tell apart.

    Groups come from Wilcoxon's test with Holm's correction, since the mean-rank test of Nemenyi
    lets a pair's verdict depend on the other methods (Benavoli et al., JMLR 17, 2016).

    Returns:
        None for fewer than two methods or two series.
    """
    count, series = common.values.shape
    if count < 2 or series < 2:
        return None
    mean_ranks = ranks(common.goodness).mean(axis=1)
    order = np.argsort(mean_ranks, kind="stable")
    p = wilcoxon_holm(common.goodness)
    return CriticalDifference(
        order=tuple(order.tolist()),
        mean_ranks=mean_ranks,
        p=p,
        cliques=cliques(p[np.ix_(order, order)] >= alpha),
        nemenyi=nemenyi_distance(count, series, alpha),
        friedman=friedman(common.goodness),
        series=series,
        alpha=alpha,
    )


def cliques(alike: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """The longest runs of at least two methods in which all pairs are alike.

    Args:
        alike: `(m, m)`, symmetric, methods in the order of their ranks.

    Returns:
        (first, last) of each run, none within another.
    """
    found: list[tuple[int, int]] = []
    for first in range(len(alike)):
        last = first
        while last + 1 < len(alike) and alike[last + 1, first : last + 1].all():
            last += 1
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return tuple(found)


def _wilcoxon(a: FloatArray, b: FloatArray) -> float:
    from scipy.stats import wilcoxon  # noqa: PLC0415

    return 1.0 if (a == b).all() else float(wilcoxon(a, b).pvalue)


def _draws(n: int, resamples: int, seed: int) -> FloatArray:
    """`(resamples, n)`: how often each of n is drawn in each resample of n."""
    random = np.random.default_rng(seed)
    return random.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)


def _interval(value: float, drawn: FloatArray, level: float) -> Interval:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))
