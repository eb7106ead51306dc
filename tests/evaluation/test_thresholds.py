"""Thresholds: quantiles, gamma distributions, and when the one stands in for the other."""

import numpy as np
import pytest
from scipy import stats

from anomalib_ts.errors import AnomalibTsWarning, ConfigError
from anomalib_ts.evaluation.thresholds import Gamma, GammaThreshold, QuantileThreshold


def gamma_scores(n=2000, shape=4.0, scale=2.5, seed=0):
    return np.random.default_rng(seed).gamma(shape, scale, size=n)


def test_quantile_of_known_scores():
    assert QuantileThreshold(0.9).fit(np.arange(11.0)) == pytest.approx(9.0)


@pytest.mark.parametrize("kind", [QuantileThreshold, GammaThreshold])
@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, 99.0])
def test_a_level_outside_0_to_1_is_refused(kind, level):
    with pytest.raises(ConfigError, match=r"must lie in \(0, 1\)"):
        kind(level)


@pytest.mark.parametrize(("shape", "scale"), [(0.7, 3.0), (4.0, 2.5), (60.0, 1e-4), (9.0, 1e6)])
def test_the_parameters_of_simulated_gammas_are_found(shape, scale):
    gamma = Gamma.fit(gamma_scores(20_000, shape, scale))
    assert gamma.shape == pytest.approx(shape, rel=0.05)
    assert gamma.scale == pytest.approx(scale, rel=0.05)


def test_the_fit_is_scipys_with_the_location_at_zero():
    scores = gamma_scores(300)
    shape, _, scale = stats.gamma.fit(scores, floc=0)
    gamma = Gamma.fit(scores)
    assert (gamma.shape, gamma.scale) == pytest.approx((shape, scale), rel=1e-6)


def test_quantile_and_distance_of_an_exponential_distribution():
    exponential = Gamma(shape=1.0, scale=2.0)
    assert exponential.quantile(0.99) == pytest.approx(-2 * np.log(0.01))
    # One score at the median: the empirical distribution jumps from 0 to 1 where the other is .5.
    assert exponential.distance(np.array([2 * np.log(2)])) == pytest.approx(0.5)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_the_false_alarm_rate_on_new_scores_is_what_the_level_promises(level):
    new = gamma_scores(50_000, seed=1)
    threshold = GammaThreshold(level).fit(gamma_scores())
    assert np.mean(new > threshold) == pytest.approx(1 - level, rel=0.2)


def test_a_gamma_varies_less_than_the_empirical_quantile():
    samples = [gamma_scores(100, seed=seed) for seed in range(40)]
    fitted = np.std([GammaThreshold(0.99).fit(scores) for scores in samples])
    empirical = np.std([QuantileThreshold(0.99).fit(scores) for scores in samples])
    assert fitted < 0.7 * empirical


@pytest.mark.parametrize(
    ("scores", "problem"),
    [
        (gamma_scores(29), "only 29, of at least 30"),
        (np.append(gamma_scores(), 0.0), "the lowest is 0, and all must be positive"),
        (np.append(gamma_scores(), -1.5), "the lowest is -1.5"),
        (np.full(50, 3.0), "all are 3"),
        (np.concatenate([gamma_scores(200), 100 + gamma_scores(200)]), "distance is 0.[2-9].*0.1;"),
        (np.concatenate([gamma_scores(20), 1000 + gamma_scores(20)]), "above 0.22;"),
    ],
)
def test_scores_without_a_gamma_get_their_empirical_quantile_and_a_warning(scores, problem):
    with pytest.warns(AnomalibTsWarning, match=problem):
        threshold, gamma = GammaThreshold(0.9).fit_with_gamma(scores)
    assert gamma is None
    assert threshold == np.quantile(scores, 0.9)


def test_thirty_gamma_scores_are_enough():
    threshold, gamma = GammaThreshold(0.9).fit_with_gamma(gamma_scores(30))
    assert gamma is not None
    assert threshold == gamma.quantile(0.9)
