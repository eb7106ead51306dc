"""Bootstrap intervals: reproducible, of the right width, and honest about undefined resamples."""

import numpy as np
import pytest

from anomalib_ts.errors import InputError, UndefinedMetricError
from anomalib_ts.metrics import bootstrap_mean, bootstrap_series, evaluate
from anomalib_ts.metrics.bootstrap import _stationary_index


def series(n=600, seed=0):
    random = np.random.default_rng(seed)
    labels = np.arange(n) % 60 < 15
    return labels, random.normal(size=n) + labels


def test_value_is_the_metric_and_lies_inside():
    labels, scores = series()
    interval = bootstrap_series(labels, scores, "auroc", block_length=30, resamples=200)
    assert interval.value == evaluate(labels, scores, "auroc")["auroc"]
    assert interval.low < interval.value < interval.high
    assert interval.undefined == 0
    again = bootstrap_series(labels, scores, "auroc", block_length=30, resamples=200)
    assert again == interval


def test_width_of_independent_points_is_that_of_the_hanley_mcneil_formula():
    random = np.random.default_rng(1)
    labels = random.random(800) < 0.3
    scores = random.normal(size=800) + labels
    interval = bootstrap_series(labels, scores, block_length=1, resamples=600)
    area, positive, negative = interval.value, labels.sum(), (~labels).sum()
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (positive - 1) * (first - area**2)
    variance += (negative - 1) * (second - area**2)
    expected = 2 * 1.96 * np.sqrt(variance / positive / negative)
    assert interval.high - interval.low == pytest.approx(expected, rel=0.15)


def test_longer_blocks_widen_the_interval_of_a_dependent_score():
    labels, _ = series(3000)
    noise = np.repeat(np.random.default_rng(2).normal(size=50), 60)
    widths = [
        np.subtract(*_ends(bootstrap_series(labels, noise, block_length=b, resamples=200)))
        for b in (1, 60)
    ]
    assert widths[1] > 1.5 * widths[0]


def _ends(interval):
    return interval.high, interval.low


def test_blocks_are_of_the_mean_length_and_wrap_around():
    random = np.random.default_rng(0)
    steps = np.concatenate([np.diff(_stationary_index(random, 500, 20)) for _ in range(50)])
    assert np.mean(steps % 500 != 1) == pytest.approx(1 / 20, rel=0.1)
    assert (steps == -499).any()
    counts = np.bincount(
        np.concatenate([_stationary_index(random, 20, 5) for _ in range(4000)]), minlength=20
    )
    assert counts == pytest.approx(np.full(20, 4000), rel=0.1)


def test_undefined_resamples_are_counted():
    labels, scores = np.zeros(50, dtype=bool), np.arange(50.0)
    labels[40:43] = True
    interval = bootstrap_series(labels, scores, block_length=25, resamples=100)
    assert 0 < interval.undefined < 100
    with pytest.raises(UndefinedMetricError):
        bootstrap_series(np.zeros(50), scores, block_length=5)


def test_mean_over_series():
    values = np.random.default_rng(3).normal(0.7, 0.1, size=100)
    interval = bootstrap_mean(values, resamples=4000)
    assert interval.value == values.mean()
    half = 1.96 * values.std() / 10
    assert interval.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.1 * half)
    narrow = bootstrap_mean(values, level=0.5, resamples=4000)
    assert interval.low < narrow.low < narrow.high < interval.high


def test_settings_are_checked():
    labels, scores = series(60)
    with pytest.raises(InputError, match="block_length"):
        bootstrap_series(labels, scores, block_length=0.5)
    with pytest.raises(InputError, match="level"):
        bootstrap_series(labels, scores, block_length=5, level=1.0)
    with pytest.raises(InputError, match="resamples"):
        bootstrap_mean([0.1], resamples=0)
    with pytest.raises(InputError, match="finite"):
        bootstrap_mean([0.1, float("nan")])
