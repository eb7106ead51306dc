"""A model of a plant: fitted, saved, loaded, and suspicious of data of another kind."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anomalib_ts import IForest, Mahalanobis, MovingMean, RandomScore, Recording
from anomalib_ts.deploy import model as model_file
from anomalib_ts.deploy.alarms import Alarm, AlarmRule
from anomalib_ts.deploy.calibration import HeldBack
from anomalib_ts.deploy.model import PlantModel
from anomalib_ts.deploy.target import AlarmTarget
from anomalib_ts.errors import AnomalibTsWarning, ConfigError, InputError
from anomalib_ts.saved.detector import save_model

GOLDEN = Path(__file__).parents[1] / "saved" / "golden"
NAMES = ("flow", "heat")
TARGET = AlarmTarget(per_day=0.5)


def wave(points=4000, seed=0, **more):
    rng = np.random.default_rng(seed)
    values = np.sin(np.arange(points)[:, None] / [5, 7]) + 0.1 * rng.standard_normal((points, 2))
    return Recording(values, channel_names=NAMES, sampling_period=60.0, name="wave", **more)


@pytest.fixture(scope="module")
def model():
    return PlantModel.fit(MovingMean(window=8), [wave()], TARGET)


def test_the_last_part_of_one_recording_is_held_back(model):
    alone = MovingMean(window=8).fit(wave()[:3200])
    expected = alone.score(wave()[3200:])
    np.testing.assert_allclose(model.held_back.scores, expected, rtol=1e-6)
    assert model.healthy.points == 4000


def test_of_many_recordings_some_are_held_back_as_a_whole():
    clips = [replace(wave(200, seed), name=f"clip {seed}") for seed in range(10)]
    found = PlantModel.fit(MovingMean(), clips, TARGET)
    assert found.held_back.lengths == (200, 200)


def test_labelled_anomalies_do_not_raise_the_threshold():
    values = np.array(wave().values)
    values[3500:3520] += 50
    labels = np.zeros(4000, int)
    labels[3490:3530] = 1
    marked = replace(wave(), values=values, labels=labels)
    found = PlantModel.fit(MovingMean(window=2), [marked], AlarmTarget(rate=0.01))
    assert found.held_back.lengths == (760,)
    assert found.rule.threshold < 10


def test_it_comes_back_from_its_file(model, tmp_path):
    again = PlantModel.load(model.save(tmp_path / "pump.ats"))
    np.testing.assert_array_equal(again.score(wave(300, 3)), model.score(wave(300, 3)))
    assert (again.rule, again.target) == (model.rule, model.target)
    assert again.healthy.digest == model.healthy.digest
    np.testing.assert_array_equal(again.held_back.scores, model.held_back.scores)


def test_a_model_of_the_first_format_loads_forever():
    model = PlantModel.load(GOLDEN / "pump.ats")
    expected = np.load(GOLDEN / "scores.npz")["threshold"]
    assert model.rule.threshold == expected
    assert model.healthy.names == NAMES
    assert model.reading == {"decimal": ","}
    moved = model.with_target(replace(model.target, per_day=5.0))
    assert moved.rule.threshold < model.rule.threshold


def test_a_detector_alone_has_no_alarms(tmp_path):
    path = MovingMean().fit(wave()).save(tmp_path / "one.ats")
    with pytest.raises(InputError, match="a detector without alarms"):
        PlantModel.load(path)


SPOILT = {
    "rule": {"rule": None},
    "threshold": {"rule": AlarmRule(1.0), "target": AlarmRule(1.0)},
    "reading": {"reading": {"_target_": "anomalib_ts.data.DcaseFolder"}},
    "path": {"reading": {"path": "/etc/passwd"}},
    "scores": {"held_back": HeldBack(np.full(9, np.nan, np.float32), (9,), 60.0)},
    "lengths": {"held_back": HeldBack(np.zeros(9, np.float32), 9, 60.0)},
    "period": {"held_back": HeldBack(np.zeros(9, np.float32), (9,), "soon")},
    "more": {"more": 1},
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_model_that_was_altered_is_one_clear_error(what, model, tmp_path):
    parts = {name: getattr(model, name) for name in model_file._PARTS} | SPOILT[what]
    path = save_model(tmp_path / "bad.ats", model.detector, parts)
    with pytest.raises(InputError, match=r"bad\.ats is damaged or was altered"):
        PlantModel.load(path)


def test_the_threshold_moves_without_fitting(model):
    moved = model.with_target(AlarmTarget(value=3.0))
    assert moved.detector is model.detector
    assert moved.rule.threshold == 3.0


def test_columns_are_taken_by_name(model):
    there = wave(300, 3)
    turned = Recording(there.values[:, ::-1], channel_names=NAMES[::-1], sampling_period=60.0)
    np.testing.assert_array_equal(model.score(turned), model.score(there))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("flow", "speed"), r"lacks the channels 'heat' and has 'speed', which training had not"),
        (("flow", "heat", "speed"), r"has 'speed', which training had not"),
        (("flow",), r"lacks the channels 'heat'"),
    ],
)
def test_other_columns_are_an_error(model, names, message):
    other = Recording(np.zeros((50, len(names))), channel_names=names)
    with pytest.raises(InputError, match=message):
        model.score(other)


def test_another_unit_is_warned_of_by_the_channels_name(model):
    other = replace(wave(300, 3), values=wave(300, 3).values * [1, 1000])
    with pytest.warns(AnomalibTsWarning, match=r"channel 'heat' has values of .*another unit\?"):
        model.score(other)


def test_another_range_is_warned_of(model):
    moved = wave(300, 3).values + np.array([1.6, 0])
    other = replace(wave(300, 3), values=moved)
    with pytest.warns(AnomalibTsWarning, match=r"channel 'flow' lies outside of what training"):
        model.score(other)


def test_another_sampling_period_is_warned_of(model):
    with pytest.warns(AnomalibTsWarning, match=r"a point every 1 s, training had one every 60 s"):
        model.score(replace(wave(300, 3), sampling_period=1.0))


def test_data_like_the_training_data_is_not(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.score(wave(1000, 9))


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5])
def test_all_or_nothing_cannot_be_held_back(share):
    with pytest.raises(ConfigError, match="hold_back"):
        PlantModel.fit(MovingMean(), [wave()], TARGET, hold_back=share)


@pytest.mark.parametrize("detector", [IForest(window=4, trees=50), Mahalanobis(window=4)])
def test_a_planted_fault_is_one_alarm_and_nothing_else(detector):
    model = PlantModel.fit(detector, [wave(8000)], AlarmTarget(per_day=0.2, merge=20, shortest=2))
    values = np.array(wave(1440, 5).values)
    values[700:720] += 6
    alarms = model.alarms(model.score(replace(wave(1440, 5), values=values)))
    assert len(alarms) == 1
    assert 690 <= alarms[0].start <= 705


def test_an_alarm_is_blamed_on_channels_by_their_shares(model):
    values = np.array(wave(seed=1).values)
    values[700:720, 1] += 9 * (-1) ** np.arange(20)
    recording = replace(wave(), values=values)
    (blamed,) = model.blamed(recording, [Alarm(700, 720, 705, 9.0)])
    parts = model.detector.contributions(recording)[700:720].sum(axis=0)
    assert blamed == pytest.approx({"heat": parts[1] / parts.sum()})  # flow has less than 5 %
    assert blamed["heat"] > 0.95
    nameless = replace(recording, channel_names=None)  # which `score` warns of, and this no more
    assert model.blamed(nameless, [Alarm(700, 720, 705, 9.0)]) == [blamed]


def test_of_many_channels_the_five_largest_are_named():
    values = np.random.default_rng(0).standard_normal((500, 12))
    found = PlantModel.fit(MovingMean(), [Recording(values)], AlarmTarget(value=9.0))
    values[300] += 20.0 * np.arange(12)
    (blamed,) = found.blamed(Recording(values), [Alarm(300, 301, 300, 99.0)])
    assert list(blamed) == [f"channel {number}" for number in (11, 10, 9, 8, 7)]


@pytest.mark.parametrize(("detector", "channels"), [(RandomScore(), 2), (MovingMean(), 1)], ids=str)
def test_nobody_is_blamed_where_it_cannot_be_said_or_goes_without(detector, channels):
    recording = Recording(np.random.default_rng(0).standard_normal((500, channels)))
    found = PlantModel.fit(detector, [recording], AlarmTarget(value=0.5))
    assert found.blamed(recording, [Alarm(3, 5, 3, 1.0)]) == [{}]
