"""Thresholds that keep what they promise: known answers, and data that was not seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from anomalib_ts.deploy import calibration
from anomalib_ts.deploy.alarms import find_alarms
from anomalib_ts.deploy.calibration import HeldBack, Tail, poisson_upper
from anomalib_ts.deploy.target import AlarmTarget, in_points, retargeted
from anomalib_ts.errors import ConfigError, InputError

DAY = 1440


def exponential(days, seed=0):
    return np.random.default_rng(seed).exponential(size=days * DAY)


def held_back(scores, period=60.0):
    return HeldBack.of([np.asarray(scores, float)], period)


@pytest.mark.parametrize("method", ["pot", "gamma", "empirical"])
@pytest.mark.parametrize("per_day", [1.0, 3.0])
def test_the_promise_is_kept_on_data_that_was_not_seen(method, per_day):
    healthy = held_back(exponential(30))
    rule = healthy.rule(AlarmTarget(per_day=per_day, method=method))
    seen = len(find_alarms(exponential(300, seed=1), rule)) / 300
    assert per_day / 1.6 < seen < per_day * 1.6


def test_pot_goes_beyond_what_was_seen():
    """Ten days say little of one alarm in a hundred; on average they are right all the same."""
    target = AlarmTarget(per_day=0.01)
    found = [held_back(exponential(10, seed)).rule(target).threshold for seed in range(9)]
    assert abs(np.median(found) - np.log(DAY / 0.01)) < 0.7  # the exact answer is 11.9
    assert found[0] > exponential(10, 0).max()


def test_empirical_does_not():
    healthy = held_back(exponential(5))
    with pytest.raises(InputError, match=r"5 days .* cannot show 0.1 alarms a day"):
        healthy.rule(AlarmTarget(per_day=0.1, method="empirical"))


@given(st.integers(0, 50), st.integers(1, 4), st.integers(0, 20), st.sampled_from([1.0, 0.5]))
@settings(max_examples=15, deadline=None)
def test_empirical_raises_at_most_what_it_may(seed, shortest, merge, hysteresis):
    healthy = held_back(exponential(2, seed))
    target = AlarmTarget(
        per_day=2.0, method="empirical", shortest=shortest, merge=merge, hysteresis=hysteresis
    )
    assert healthy.alarms(healthy.rule(target)) <= 4


@pytest.mark.parametrize("method", ["pot", "gamma", "empirical"])
def test_merging_does_not_lead_to_one_alarm_without_end(method):
    """At a low threshold all scores are one alarm, and that is fewer than any number promised."""
    healthy = held_back(exponential(30))
    highest = DAY / 31 / np.e  # of p (1 - p)^30, no threshold raises more
    for per_day, came in ((1.0, 1.0), (8.0, 8.0), (1000.0, highest)):
        target = AlarmTarget(per_day=per_day, method=method, merge=30)
        rule = healthy.rule(target)
        assert healthy.alarms(rule) / 30 == pytest.approx(came, rel=0.3)
        assert healthy.expected_per_day(target, rule) == pytest.approx(came, rel=0.3)


def test_alarms_of_a_low_threshold_are_counted():
    healthy = held_back(exponential(10))
    target = AlarmTarget(value=0.1, merge=30)
    assert healthy.expected_per_day(target, healthy.rule(target)) == pytest.approx(0.1)


@pytest.mark.parametrize("method", ["pot", "gamma", "empirical"])
def test_fewer_alarms_take_a_higher_threshold(method):
    healthy = held_back(exponential(10))
    thresholds = [
        healthy.rule(AlarmTarget(per_day=rate, method=method)).threshold for rate in (8, 4, 2, 1)
    ]
    assert thresholds == sorted(thresholds)
    assert thresholds[0] < thresholds[-1]


@pytest.mark.parametrize("method", ["pot", "gamma", "empirical"])
def test_a_rate_of_points(method):
    healthy = held_back(exponential(20))
    threshold = healthy.rule(AlarmTarget(rate=0.001, method=method)).threshold
    assert abs(threshold - np.log(1000)) < 0.5


def test_neighbours_count_as_one_alarm():
    """Each exceedance lasts ten points, which without the extremal index would be ten alarms."""
    slow = np.repeat(exponential(30)[: 30 * DAY // 10], 10)
    for method in ("pot", "gamma"):
        rule = held_back(slow).rule(AlarmTarget(per_day=1.0, method=method))
        assert abs(rule.threshold - np.log(DAY / 10)) < 1.0


def test_the_tail_of_known_peaks():
    peaks = 5 + stats.genpareto.rvs(0.2, scale=2.0, size=4000, random_state=0)
    tail = Tail.fit(peaks, 5.0, rate=10.0)
    assert abs(tail.shape - 0.2) < 0.05
    assert abs(tail.scale - 2.0) < 0.15
    assert tail.per_day(tail.threshold(0.3)) == pytest.approx(0.3)
    exact = 5 + stats.genpareto.isf(0.03, 0.2, scale=2.0)
    assert tail.threshold(0.3) == pytest.approx(exact, rel=0.05)


def test_the_unit_of_the_scores_does_not_matter():
    scores, target = exponential(10), AlarmTarget(per_day=0.1)
    once = held_back(scores).rule(target).threshold
    assert held_back(scores * 1e12).rule(target).threshold == pytest.approx(once * 1e12, rel=0.01)


def test_what_is_expected_is_what_was_asked_for():
    healthy = held_back(exponential(20))
    target = AlarmTarget(per_day=0.1)
    assert healthy.expected_per_day(target, healthy.rule(target)) == pytest.approx(0.1, rel=0.01)
    by_hand = AlarmTarget(value=float(np.quantile(healthy.scores, 0.99)))
    expected = healthy.expected_per_day(by_hand, healthy.rule(by_hand))
    assert expected == healthy.alarms(healthy.rule(by_hand)) / 20


def test_hysteresis_is_between_the_usual_score_and_the_threshold():
    healthy = held_back(exponential(2))
    rule = healthy.rule(AlarmTarget(value=5.0, hysteresis=0.5))
    assert rule.release == pytest.approx((np.median(healthy.scores) + 5.0) / 2)


def test_without_a_sampling_period_there_are_no_days():
    healthy = held_back(exponential(2), period=None)
    for method in ("pot", "gamma", "empirical"):
        with pytest.raises(InputError, match="sampling period"):
            healthy.rule(AlarmTarget(per_day=1.0, method=method))
    assert (
        healthy.expected_per_day(AlarmTarget(value=1.0), healthy.rule(AlarmTarget(value=1))) is None
    )


def test_scores_that_are_all_alike_have_no_tail():
    with pytest.raises(InputError, match="0 different peaks"):
        held_back(np.ones(DAY)).rule(AlarmTarget(per_day=0.1))


def test_too_few_are_refused():
    with pytest.raises(InputError, match="only 20 points"):
        held_back(np.arange(20.0))


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(calibration, "MOST_SCORES", 100)
    healthy = HeldBack.of([np.zeros(80), np.arange(70.0), np.arange(50.0)], 60.0)
    assert healthy.lengths == (50, 50)
    assert healthy.scores[0] == 20


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"per_day": 1.0, "rate": 0.1},
        {"per_day": 0.0},
        {"rate": 1.0},
        {"per_day": 1.0, "method": "magic"},
        {"per_day": 1.0, "hysteresis": 0.0},
        {"per_day": 1.0, "shortest": 0},
    ],
)
def test_targets_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigError):
        AlarmTarget(**wrong)


def test_one_way_to_set_the_threshold_ousts_the_other():
    target = retargeted(AlarmTarget(per_day=1.0, merge=3), rate=0.01, per_day=None)
    assert (target.per_day, target.rate, target.merge) == (None, 0.01, 3)


def test_points_and_durations():
    assert in_points("90s", 60.0, "x") == 2
    with pytest.raises(ConfigError, match="sampling period is unknown"):
        in_points("5min", None, "--merge")
    with pytest.raises(ConfigError, match="no number of points and no duration"):
        in_points("soon", 60.0, "--merge")


def test_no_alarm_in_a_while_still_leaves_some_possible():
    assert poisson_upper(0) == pytest.approx(-np.log(0.05))
    assert poisson_upper(5) == pytest.approx(10.513, abs=0.001)  # Garwood's table, one-sided
