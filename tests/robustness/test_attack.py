"""Attacks with known answers, and what every one of them keeps to."""

import numpy as np
import pytest
import torch

from anomalib_ts import (
    DenseAutoencoder,
    FastFlow1D,
    IForest,
    Mahalanobis,
    MatrixProfile,
    MovingMean,
    RandomScore,
    Recording,
    TrainerSettings,
)
from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.deep.score_function import ScoreFunction
from anomalib_ts.detectors.streaming import Margins
from anomalib_ts.errors import ConfigError, InputError
from anomalib_ts.robustness import Fgsm, Noise, Pgd, Spsa, Square, TrainingRange
from anomalib_ts.robustness.gradient import gains_and_gradient
from anomalib_ts.robustness.problem import Problem, wanted_of

ALL = (Noise, Fgsm, Pgd, Square, Spsa)
WEIGHTS = torch.tensor([3.0, -2.0, 0.5, 0.0])
HEALTHY = Recording(np.array([[-1.0] * 4, [1.0] * 4]))
QUICK = TrainerSettings(accelerator="cpu", max_steps=30, progress=False)


class Pointwise(Detector):
    """A score of each point by itself, with a gradient."""

    _margins = Margins(0, 0)

    def of_points(self, z):
        raise NotImplementedError

    def _fit(self, train):
        del train

    def _score(self, recording):
        return self.of_points(torch.from_numpy(np.array(recording.values))).numpy()

    def score_function(self, recording):
        network = torch.nn.Identity()
        order = list(range(np.shape(getattr(recording, "values", recording))[1]))
        return ScoreFunction(network, 1, self.of_points, self.of_points, self.scaler_, order)


class Linear(Pointwise):
    def of_points(self, z):
        return z @ WEIGHTS


class Quadratic(Pointwise):
    def of_points(self, z):
        return z.square().sum(dim=1)


def labelled(points=60, channels=4, seed=0):
    values = np.random.default_rng(seed).standard_normal((points, channels))
    labels = np.arange(points) % 3 == 0
    return Recording(values, labels=labels)


def brief(kind, detector, **settings):
    """An attack of few steps; a black box where the detector has no gradient."""
    if kind.needs_gradient and not isinstance(detector, DenseAutoencoder | FastFlow1D):
        kind = Square
    effort = {Pgd: {"steps": 5}, Square: {"queries": 12}, Spsa: {"queries": 12}}
    if kind in effort:
        settings = {"sizes": (), **settings}
    else:
        settings.pop("sizes", None)
    return kind(**effort.get(kind, {}), **settings)


def gain(detector, before, after, goal):
    wanted = wanted_of(goal, before)
    return float((wanted * (detector.score(after) - detector.score(before))).sum())


@pytest.mark.parametrize("kind", [Fgsm, Pgd])
@pytest.mark.parametrize("goal", ["hide", "raise", "both"])
def test_a_linear_score_moves_by_epsilon_times_the_weights(kind, goal):
    test, detector = labelled(), Linear().fit(HEALTHY)
    moved = kind(epsilon=0.3, goal=goal).attack(detector, test, [HEALTHY])
    points = {"hide": 20, "raise": 40, "both": 60}[goal]
    expected = points * 0.3 * float(WEIGHTS.abs().sum())
    assert gain(detector, test, moved, goal) == pytest.approx(expected, rel=1e-5)


def test_nobody_beats_the_gradient_where_the_score_is_linear():
    test, detector = labelled(), Linear().fit(HEALTHY)
    gains = {
        kind: gain(detector, test, kind(epsilon=0.2).attack(detector, test, [HEALTHY]), "both")
        for kind in ALL
    }
    assert gains[Pgd] == pytest.approx(gains[Fgsm], rel=1e-5)
    assert gains[Noise] < gains[Spsa] <= gains[Pgd] * (1 + 1e-5)
    assert gains[Noise] < gains[Square] <= gains[Pgd] * (1 + 1e-5)
    assert gains[Square] > 0.9 * gains[Pgd]


def test_a_quadratic_score_is_lowered_to_the_edge_and_raised_beyond():
    test, detector = labelled(), Quadratic().fit(HEALTHY)
    far, odd = np.abs(test.values), test.anomalous_points
    hidden = Pgd(epsilon=0.3, goal="hide").attack(detector, test, [HEALTHY])
    lowest = np.square(np.maximum(far[odd] - 0.3, 0)).sum()
    assert detector.score(hidden)[odd].sum() == pytest.approx(lowest, abs=0.05)
    raised = Pgd(epsilon=0.3, goal="raise").attack(detector, test, [HEALTHY])
    assert detector.score(raised)[~odd].sum() == pytest.approx(
        np.square(far[~odd] + 0.3).sum(), rel=1e-5
    )


def test_mahalanobis_of_one_channel_is_a_quadratic_too():
    healthy = Recording(np.random.default_rng(0).standard_normal(400))
    detector = Mahalanobis().fit(healthy)
    mean, deviation = healthy.values.mean(), healthy.values.std()
    values = np.array([3.0, -4.0, 0.1, 0.7, 5.0])
    test = Recording(values, labels=[1, 1, 0, 0, 1])
    for goal, sign in (("hide", -1), ("raise", 1)):
        moved = Square(epsilon=0.4, goal=goal).attack(detector, test, [healthy])
        chosen = test.anomalous_points == (goal == "hide")
        far = np.abs(values - mean) + sign * 0.4 * deviation
        ratio = np.square(far / np.abs(values - mean))[chosen]
        found = (detector.score(moved) / detector.score(test))[chosen]
        np.testing.assert_allclose(np.sort([found, np.sqrt(ratio), ratio], axis=0)[1], found)


@pytest.fixture(scope="module")
def wave():
    rng = np.random.default_rng(0)
    values = np.stack([np.sin(np.arange(900) / 5), np.cos(np.arange(900) / 7)], axis=1)
    values = (values + 0.05 * rng.standard_normal(values.shape)).astype(np.float32) * [1, 40]
    values = values.astype(np.float32)
    labels = np.zeros(900, int)
    labels[650:680] = labels[800:803] = 1
    values[650:680] *= 0.4
    return Recording(values[:500]), Recording(values[500:], labels=labels[500:])


@pytest.fixture(scope="module")
def detectors(wave):
    found = (
        DenseAutoencoder(window=16, width=16, stride=5, trainer=QUICK),
        FastFlow1D(window=32, width=8, features=4, flow_steps=1, smoothing=8, trainer=QUICK),
        IForest(window=8, trees=10),
        MatrixProfile(window=8),
        MovingMean(window=5),
    )
    return [detector.fit(wave[0]) for detector in found]


@pytest.mark.parametrize("kind", ALL)
def test_what_every_attack_keeps_to(kind, wave, detectors):
    train, test = wave
    known = TrainingRange.of([train])
    for detector in detectors:
        attack = brief(kind, detector, epsilon=0.2, goal="hide")
        moved = attack.attack(detector, test, [train])
        change = np.abs(moved.values.astype(np.float64) - test.values)
        assert (change <= 0.2 * known.deviation * (1 + 1e-6)).all()
        assert moved.values.dtype == test.values.dtype
        odd = test.anomalous_points
        assert moved.values[~odd].tobytes() == test.values[~odd].tobytes()
        assert np.array_equal(moved.labels, test.labels)
        again = attack.attack(detector, test, [train])
        assert again.values.tobytes() == moved.values.tobytes()
        nothing = kind(epsilon=0.0).attack(detector, test, [train])
        assert nothing is test


@pytest.mark.parametrize("kind", [Pgd, Square, Spsa])
def test_a_larger_attack_is_never_worse(kind, wave, detectors):
    train, test = wave
    for detector in detectors:
        sizes = (0.05, 0.1, 0.3)
        gains = [0.0]
        for epsilon in sizes:
            attack = brief(kind, detector, epsilon=epsilon, sizes=sizes)
            gains.append(gain(detector, test, attack.attack(detector, test, [train]), "both"))
        assert gains == sorted(gains), type(detector).__name__
        assert gains[-1] > 0, type(detector).__name__


def test_clipped_values_stay_in_the_training_range_or_move_towards_it(wave, detectors):
    train, test = wave
    far = Recording(test.values * np.float32(1.2), labels=test.labels)
    moved = Pgd(epsilon=0.5, clip="train").attack(detectors[0], far, [train])
    low, high = train.values.min(axis=0), train.values.max(axis=0)
    outside = lambda x: np.maximum(low - x, 0) + np.maximum(x - high, 0)  # noqa: E731
    assert (outside(moved.values) <= outside(far.values)).all()
    assert (moved.values != far.values).any()


def test_pieces_have_the_gradient_of_the_whole(wave, detectors, monkeypatch):
    train, test = wave
    for detector in detectors[:2]:
        problem = Problem.of(
            detector, test, wanted_of("both", test), TrainingRange.of([train]), 0.1, clip=False
        )
        gains, gradient = gains_and_gradient(problem, test.values)
        monkeypatch.setattr("anomalib_ts.robustness.gradient.PIECE", 64)
        parts = gains_and_gradient(problem, test.values)
        monkeypatch.undo()
        np.testing.assert_allclose(parts[0], gains, rtol=1e-4, atol=1e-5 * np.abs(gains).max())
        np.testing.assert_allclose(
            parts[1], gradient, rtol=1e-3, atol=1e-4 * np.abs(gradient).max()
        )


def test_segments_apart_do_not_feel_each_other(wave, detectors):
    """What `Square` relies on: a change in a segment moves nothing but what it is said to."""
    train, test = wave
    for detector in detectors:
        problem = Problem.of(
            detector, test, wanted_of("both", test), TrainingRange.of([train]), 0.5, clip=False
        )
        before = problem.gains(test.values)
        for number in range(len(problem.starts)):
            values = test.values.copy()
            values[problem.segment == number] += 1
            near = problem.near(np.arange(len(problem.starts)) == number)
            after = problem.gains(values)
            np.testing.assert_allclose(
                after[~near], before[~near], atol=1e-5 * np.abs(before).max()
            )


def test_random_is_not_moved(wave):
    train, test = wave
    detector = RandomScore().fit(train)
    moved = brief(Pgd, detector, epsilon=0.5).attack(detector, test, [train])
    assert np.array_equal(detector.score(moved), detector.score(test))


def test_what_has_no_gradient_is_attacked_by_squares_of_the_same_size(wave, detectors):
    test = wave[1]
    attack = Pgd(epsilon=0.3, goal="hide", clip="train", seed=5, sizes=(0.1,))
    assert attack.for_detector(detectors[0], test) is attack
    other = attack.for_detector(detectors[2], test)
    assert isinstance(other, Square)
    told = ("epsilon", "goal", "clip", "seed", "sizes")
    assert [getattr(other, name) for name in told] == [0.3, "hide", "train", 5, (0.1,)]
    with pytest.raises(InputError, match="no gradient; use attack=square"):
        attack.attack(detectors[2], test, [wave[0]])


def test_what_cannot_be_attacked_is_said(wave, detectors):
    with pytest.raises(InputError, match="has no labels"):
        Noise().attack(detectors[0], wave[0], [wave[0]])
    with pytest.raises(ConfigError, match="goal must be hide, raise or both"):
        Noise(goal="win")
    with pytest.raises(ConfigError, match="steps must be at least 1"):
        Pgd(steps=0)
