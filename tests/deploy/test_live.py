"""Lines as they come: the scores of the whole file where there is a stream, else those so far."""

from itertools import chain

import numpy as np
import pytest

from anomalib_ts import Mahalanobis, MovingMean, RandomScore, Recording
from anomalib_ts.deploy.live import LiveScorer
from anomalib_ts.deploy.model import PlantModel
from anomalib_ts.deploy.target import AlarmTarget

VALUES = np.random.default_rng(0).standard_normal((400, 2))
HEADER = "time,flow,heat"
LINES = [f"{minute},{flow!r},{heat!r}" for minute, (flow, heat) in enumerate(VALUES.tolist())]


def live(detector, **settings):
    training = np.random.default_rng(1).standard_normal((500, 2))
    recording = Recording(training, channel_names=("flow", "heat"))
    return LiveScorer(PlantModel.fit(detector, [recording], AlarmTarget(value=2.0)), **settings)


def pushed(scorer, sizes):
    lines, at, found = [HEADER, *LINES], 0, []
    for size in sizes:
        found.append(scorer.push(lines[at : at + size]))
        at += size
    return found


@pytest.mark.parametrize("detector", [MovingMean(window=9), Mahalanobis(window=4)], ids=str)
def test_scores_and_alarms_are_those_of_the_whole_file(detector):
    scorer = live(detector)
    found = [*chain(*pushed(scorer, [1, 3, 50, 1, 1, 345])), *scorer.finish()]
    expected = scorer.model.score(Recording(VALUES, channel_names=("flow", "heat")))
    assert [point.time for point in found] == [str(minute) for minute in range(400)]
    np.testing.assert_allclose([point.score for point in found], expected, rtol=1e-5)
    assert [point.alarm for point in found] == (expected > 2.0).astype(int).tolist()


def test_a_score_comes_with_the_delay_stated():
    scorer = live(MovingMean(window=9))
    assert scorer.delay == 4
    assert [len(part) for part in pushed(scorer, [1, 4, 1, 10])] == [0, 0, 1, 10]
    assert len(scorer.finish()) == 4


@pytest.mark.parametrize(
    ("detector", "history"),
    [(MovingMean(window=9), 20), (RandomScore(), None)],
    ids=["as wished", "without a stream"],
)
def test_blocks_are_scored_at_once_with_points_before_them(detector, history):
    scorer = live(detector, history=history)
    assert scorer.delay == 0
    assert [len(part) for part in pushed(scorer, [1, 1, 30, 7])] == [0, 1, 30, 7]
    assert scorer.finish() == []


def test_history_is_what_a_block_is_scored_with():
    scorer = live(MovingMean(window=9), history=20)
    found = pushed(scorer, [31, 5])[1]
    expected = scorer.model.score(Recording(VALUES[10:35], channel_names=("flow", "heat")))[-5:]
    np.testing.assert_allclose([point.score for point in found], expected, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:line 12")
def test_a_missing_value_is_the_last_one_across_blocks():
    scorer, other = live(MovingMean(window=3)), live(MovingMean(window=3))
    scorer.push([HEADER, *LINES[:10]])
    other.push([HEADER, *LINES[:10]])
    minute, flow, _ = LINES[10].split(",")
    heat = LINES[9].split(",")[2]
    assert scorer.push([f"{minute},{flow},"]) == other.push([f"{minute},{flow},{heat}"])


@pytest.mark.parametrize("detector", [MovingMean(window=9), Mahalanobis(window=4)], ids=str)
@pytest.mark.parametrize("sizes", [[401], [1] * 401, [302, 99]], ids=len)
def test_an_alarm_names_the_channel_that_it_comes_from(detector, sizes):
    scorer = live(detector)
    scorer = LiveScorer(scorer.model.with_target(AlarmTarget(value=6.0)))
    values = VALUES.copy()
    values[300:302, 1] += 15
    lines = [HEADER, *(f"{i},{a!r},{b!r}" for i, (a, b) in enumerate(values.tolist()))]
    at, found = 0, []
    for size in sizes:
        found += scorer.push(lines[at : at + size])
        at += size
    found += scorer.finish()
    inside = [point for point in found if point.alarm]
    assert inside and all(next(iter(point.channels)) == "heat" for point in inside)
    assert all(point.channels["heat"] > 0.9 for point in inside)
    assert not any(point.channels for point in found if not point.alarm)


def test_one_channel_blames_none():
    recording = Recording(np.random.default_rng(1).standard_normal(500))
    model = PlantModel.fit(MovingMean(window=9), [recording], AlarmTarget(value=0.1))
    scorer = LiveScorer(model)
    found = scorer.push([f"{value!r}" for value in VALUES[:50, 0].tolist()])
    assert any(point.alarm for point in found) and not scorer.blames
    assert not any(point.channels for point in found)


def test_what_is_kept_for_the_blame_is_bounded():
    scorer = live(MovingMean(window=9))
    scorer.push([HEADER, *LINES * 10])
    assert len(scorer._recent) <= 1024 + scorer.delay


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_decimal_commas_are_read_as_in_files(delimiter):
    lines = [HEADER.replace("time", "Datum"), *LINES]
    foreign = [line.replace(",", delimiter).replace(".", ",") for line in lines]
    found = live(MovingMean(window=9)).push(foreign)
    assert found == live(MovingMean(window=9)).push([HEADER, *LINES])
    assert [point.time for point in found] == [str(minute) for minute in range(len(found))]
