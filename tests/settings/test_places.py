"""Classes inside of settings: each place takes one kind, at every level."""

from typing import get_args

import pytest
from lightning_fabric.plugins.precision.precision import _PRECISION_INPUT

from anomalib_ts.detectors.deep.training import Precision, TrainerSettings
from anomalib_ts.errors import ConfigError
from anomalib_ts.settings.config import checked, class_of, create

POPEN = {"_target_": "subprocess.Popen", "args": ["touch", "mark"]}
USAD = "anomalib_ts.detectors.Usad"
TIMER = "pytorch_lightning.callbacks.Timer"
SVM = "sklearn.svm.OneClassSVM"


def trainer(**settings):
    return {
        "_target_": USAD,
        "trainer": {"_target_": "anomalib_ts.TrainerSettings", **settings},
    }


def estimator(**settings):
    return {
        "_target_": "anomalib_ts.detectors.SklearnDetector",
        "estimator": {"_target_": SVM, **settings},
    }


PLACES = {
    "detector.scorer": {"_target_": "anomalib_ts.detectors.Memory", "scorer": POPEN},
    "detector.trainer": {"_target_": USAD, "trainer": POPEN},
    "detector.trainer.logger": trainer(logger=POPEN),
    "detector.trainer.logger.a": trainer(logger={"a": POPEN}),
    "detector.trainer.callbacks.a": trainer(callbacks={"a": POPEN}),
    "detector.trainer.callbacks.a.duration": trainer(
        callbacks={"a": {"_target_": TIMER, "duration": POPEN}}
    ),
    "detector.estimator": estimator(_target_="subprocess.Popen"),
    "detector.estimator.kernel": estimator(kernel=POPEN),
}
LISTS = {
    "detector.trainer.logger": trainer(logger=[POPEN]),
    "detector.trainer.callbacks": trainer(callbacks=[POPEN]),
    "detector.trainer.callbacks.a": trainer(callbacks={"a": [POPEN]}),
    "detector.trainer.callbacks.a.duration": trainer(
        callbacks={"a": {"_target_": TIMER, "duration": [POPEN]}}
    ),
    "detector.estimator": {"_target_": estimator()["_target_"], "estimator": {"a": POPEN}},
    "detector.estimator.kernel": estimator(kernel=[{"deep": POPEN}]),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_class_of_another_kind_is_told_by_its_place(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for use in (lambda one: create(checked(one, "detector"), "detector"), _judge):
        with pytest.raises(ConfigError, match=rf"^{place}: subprocess.Popen is n") as caught:
            use(PLACES[place])
        assert "such setting" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def _judge(settings):
    class_of(settings, "detector")


@pytest.mark.parametrize("place", LISTS)
def test_a_class_in_a_list_is_refused_rather_than_left_as_it_is(place):
    with pytest.raises(ConfigError, match=rf"^{place}: "):
        checked(LISTS[place], "detector")


def test_an_option_of_the_trainer_is_a_value():
    with pytest.raises(ConfigError, match=r"trainer\.options\.profiler: takes a value"):
        TrainerSettings(options={"profiler": POPEN})


@pytest.mark.parametrize("part", ["attack", "threshold", "data", "metrics", "protocol"])
def test_a_part_of_another_room_is_told_before_its_settings_are(part):
    with pytest.raises(ConfigError, match=f"^{part}: .*MovingMean is no "):
        checked({"_target_": "anomalib_ts.detectors.MovingMean", "epsilon": 1}, part)


def test_the_number_formats_are_lightnings():
    known = {str(one) for part in get_args(_PRECISION_INPUT) for one in get_args(part)}
    assert set(get_args(Precision)) <= known
