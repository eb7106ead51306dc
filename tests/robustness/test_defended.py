"""A defended detector keeps the contract, is differentiable as it scores, and helps."""

import numpy as np
import pytest
import torch

from anomalib_ts import Recording, load_detector
from anomalib_ts.errors import ConfigError
from anomalib_ts.robustness import Defended, Square
from anomalib_ts.testing import detector_checks

BRIEF = {"_target_": "anomalib_ts.TrainerSettings", "accelerator": "cpu", "max_steps": 6}
DENSE = {
    "_target_": "anomalib_ts.detectors.DenseAutoencoder",
    "window": 8,
    "width": 16,
    "trainer": BRIEF,
}
MAHALANOBIS = {"_target_": "anomalib_ts.detectors.Mahalanobis"}
DEFENCES = {
    "none": {},
    "smoothing": {"smoothing": 5},
    "smoothed copies": {"smoothing": 5, "copies": 3, "noise": 0.1},
    "adversarial": {"rounds": 1},
}


def each_check():
    checks = []
    for name in ("smoothed copies", "adversarial"):
        inner = DENSE if name == "adversarial" else MAHALANOBIS
        for check, run in detector_checks(Defended(detector=inner, **DEFENCES[name])):
            checks += [pytest.param(run, id=f"{name}-{check}")]
    # Clipping makes a detector blind to what leaves the training range, on purpose.
    blind = ("constant_change", "blame", "units")
    for check, run in detector_checks(Defended(detector=MAHALANOBIS, clip=True)):
        if check not in blind:
            checks += [pytest.param(run, id=f"clip-{check}")]
    return checks


@pytest.mark.parametrize("check", each_check())
def test_the_contract_is_kept(check):
    check()


@pytest.mark.parametrize("defence", [*DEFENCES.values(), {"clip": True, "smoothing": 3}])
def test_its_score_function_is_its_score(defence, tmp_path):
    rng = np.random.default_rng(0)
    train, test = rng.standard_normal((2, 200, 2)) * [1, 50]
    detector = Defended(detector=DENSE, **defence).fit(train)
    values = torch.tensor(2 * test, requires_grad=True)
    scores = detector.score_function(2 * test)(values)
    assert np.allclose(scores.detach().numpy(), detector.score(2 * test), rtol=1e-4)
    scores.sum().backward()
    assert values.grad.abs().max() > 0
    again = load_detector(detector.save(tmp_path / "d.ats"))
    assert np.array_equal(again.score(test), detector.score(test))


def test_without_a_gradient_behind_it_there_is_none():
    wave = np.sin(np.arange(200) / 5)
    inner = {"_target_": "anomalib_ts.detectors.IForest", "trees": 5}
    assert Defended(detector=inner, smoothing=3).fit(wave).score_function(wave) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"smoothing": 4}, "detector.smoothing must be odd, not 4"),
        ({"copies": 3}, "detector.copies above 1 and detector.noise above 0 go together"),
        ({"noise": 0.1}, "go together"),
        ({"detector": {"_target_": "os.system"}}, "os.system"),
        ({"detector": {"_target_": "anomalib_ts.detectors.Mahalanobis", "a": 1}}, "a"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        Defended(**settings).fit(np.arange(50.0))


def test_adversarial_training_makes_normal_points_harder_to_raise():
    values = np.random.default_rng(0).standard_normal(1500)
    train, test = values[:1000], Recording(values[1000:], labels=np.zeros(500))
    plain, trained = (
        Defended(detector=MAHALANOBIS, rounds=rounds, epsilon=1.0).fit(train) for rounds in (0, 1)
    )
    attacked = Square(epsilon=1.0, goal="raise", sizes=()).attack(plain, test, [Recording(train)])
    rises = [one.score(attacked).mean() - one.score(test).mean() for one in (plain, trained)]
    assert rises[1] < 0.7 * rises[0], rises
