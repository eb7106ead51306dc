"""When alarms begin, end and are one: known answers, and the same rule score by score."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalib_ts.deploy.alarms import AlarmRule, LiveAlarms, alarm_mask, find_alarms
from anomalib_ts.errors import ConfigError, InputError


def spans(scores, **rule):
    alarms = find_alarms(np.array(scores, dtype=float), AlarmRule(3.0, **rule))
    return [(alarm.start, alarm.stop) for alarm in alarms]


def test_what_is_above_the_threshold_is_an_alarm():
    assert spans([0, 5, 5, 0, 4]) == [(1, 3), (4, 5)]
    assert spans([3, 3, 3]) == []
    assert spans([]) == []


def test_the_peak_is_the_highest_score():
    (alarm,) = find_alarms([0.0, 4.0, 9.0, 5.0, 0.0], AlarmRule(3.0))
    assert (alarm.peak, alarm.score) == (2, 9.0)


def test_it_takes_so_many_points_in_a_row():
    assert spans([5, 0, 5, 5, 0, 5, 5, 5], shortest=3) == [(5, 8)]
    assert spans([5, 5, 0, 5, 5], shortest=3, merge=1) == []  # on-delay before merging


def test_near_alarms_are_one():
    scores = [5, 0, 0, 5, 0, 0, 0, 5]
    assert spans(scores, merge=2) == [(0, 4), (7, 8)]
    assert spans(scores, merge=3) == [(0, 8)]


def test_hysteresis_holds_an_alarm_until_the_release():
    assert spans([2, 5, 2, 2, 5, 0, 2], release=1.0) == [(1, 5)]
    assert spans([2, 2, 2], release=1.0) == []


@pytest.mark.parametrize(
    "wrong", [{"release": 4.0}, {"shortest": 0}, {"merge": -1}, {"threshold": float("nan")}]
)
def test_rules_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigError):
        AlarmRule(**({"threshold": 3.0} | wrong))


def test_scores_of_several_recordings_at_once_are_refused():
    with pytest.raises(InputError, match=r"scores \(n,\), not an array of shape \(2, 3\)"):
        find_alarms(np.ones((2, 3)), AlarmRule(0.5))


SCORES = st.lists(st.integers(0, 6), max_size=60)
RULES = st.builds(
    AlarmRule,
    st.just(3.0),
    release=st.sampled_from([None, 1.0, 2.0]),
    shortest=st.integers(1, 4),
    merge=st.integers(0, 4),
)


@given(SCORES, RULES)
def test_score_by_score_there_are_as_many_alarms(scores, rule):
    live = LiveAlarms(rule)
    said = [live.push(score) for score in scores]
    alarms = find_alarms(scores, rule)
    assert live.count == len(alarms)
    mask = alarm_mask(alarms, len(scores)).astype(bool)
    assert not (np.array(said, bool) & ~mask).any()  # never outside of an alarm


@given(SCORES, RULES)
def test_alarms_are_apart_in_order_and_end_above_the_release(scores, rule):
    alarms = find_alarms(scores, rule)
    for one, other in pairwise(alarms):
        assert other.start - one.stop > rule.merge
    for alarm in alarms:
        assert alarm.stop - alarm.start >= rule.shortest
        assert scores[alarm.start] > rule.threshold
        assert scores[alarm.stop - 1] > rule.end_level
        assert alarm.score == max(scores[alarm.start : alarm.stop])
