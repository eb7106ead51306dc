"""Which channel a score comes from: parts that add up, replacements, and faults in trained ones."""

import numpy as np
import pytest

from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors import (
    Autoencoder,
    Cnn,
    DcaseAutoencoder,
    DeepSad,
    DeepSvdd,
    DenseAutoencoder,
    DevNet,
    FastFlow1D,
    IForest,
    Mahalanobis,
    MlpAutoencoder,
    MobileFaceNet,
    MovingMean,
    Pca,
    Poly,
    RandomScore,
    Usad,
    WeakAutoencoder,
)
from anomalib_ts.detectors.base import Capabilities, Detector
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.errors import ContractError, InputError, NotFittedError
from anomalib_ts.testing.blame import blamed_channels
from anomalib_ts.testing.probe import Probe

BRIEF = TrainerSettings(accelerator="cpu", max_steps=5, progress=False)
SHORT = TrainerSettings(accelerator="cpu", max_epochs=300, max_steps=60, progress=False)
LONGER = TrainerSettings(accelerator="cpu", max_epochs=300, max_steps=300, progress=False)
SUMS = (
    MovingMean(),
    Mahalanobis(),
    Mahalanobis(window=4),
    Pca(window=4),
    MlpAutoencoder(window=8, trainer=BRIEF),
    Autoencoder(window=16, width=8, features=4, trainer=BRIEF),
    DenseAutoencoder(window=8, width=16, trainer=BRIEF),
    DenseAutoencoder(window=8, width=16, scaling="channel", tail="drop", trainer=BRIEF),
    DcaseAutoencoder(width=16, trainer=BRIEF),
    Usad(window=8, latent=4, beta=0.3, trainer=BRIEF),
    WeakAutoencoder(window=8, width=16, tail="pad", mode="paper", trainer=BRIEF),
)
SOME = [0, 3, 7]
"""Of eight channels, those that are at fault one after the other."""

LEARNERS = (
    DeepSvdd(window=8, width=16, latent=4, trainer=LONGER),
    DeepSad(window=8, width=16, latent=4, trainer=LONGER),
    DevNet(window=8, width=16, trainer=LONGER),
    pytest.param(
        MobileFaceNet(window=16, width=8, embedding=8, trainer=SHORT), marks=pytest.mark.slow
    ),
)
"""Detectors that need some training before a fault scores high at all."""


class Median(Detector):
    """Looks at the whole recording, so that no part of it can be scored alone."""

    capabilities = Capabilities(transductive=True)

    def _fit(self, train):
        pass

    def _score(self, recording):
        return np.abs(recording.values - np.median(recording.values, axis=0)).sum(axis=1)


@pytest.mark.parametrize("detector", SUMS, ids=lambda one: type(one).__name__)
def test_the_parts_of_a_sum_add_up_to_the_score(detector):
    probe = Probe(detector)
    fitted = probe.fitted(3)
    for length in (3, 101, 150):
        test = probe.test(3)[:length]
        parts = fitted.contributions(test).sum(axis=1)
        np.testing.assert_allclose(parts, fitted.score(test), rtol=1e-5)


@pytest.mark.parametrize("detector", LEARNERS, ids=lambda one: type(one).__name__)
def test_a_trained_network_blames_each_channel_at_fault(detector):
    assert blamed_channels(Probe(detector), SOME) == SOME


@pytest.mark.parametrize("detector", [IForest(), FastFlow1D(width=8, features=4, trainer=BRIEF)])
def test_replacement_blames_each_channel_at_fault(detector):
    assert blamed_channels(Probe(detector), SOME) == SOME


def test_the_band_at_fault_of_a_sound_is_blamed():
    noise = np.random.default_rng(0).standard_normal((2, 300, 40))
    detector = DenseAutoencoder(window=8, width=16, trainer=LONGER).fit(noise[0] - 60)
    clip = noise[1] - 60
    clip[:, 25] += 12  # dB, a whistle
    assert detector.contributions(clip).mean(axis=0).argmax() == 25


@pytest.mark.parametrize(
    "detector",
    [
        MovingMean(window=5),
        IForest(window=6, trees=5),
        Poly(window=8, neighbourhood=40),
        DenseAutoencoder(window=8, stride=3, tail="drop", width=8, trainer=BRIEF),
        Cnn(window=14, trainer=BRIEF),
        Median(),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_part_has_the_contributions_that_it_has_in_the_whole(detector):
    probe = Probe(detector)
    fitted, test = probe.fitted(2), probe.test(2)
    whole = fitted.contributions(test)
    for part in (slice(0, 3), slice(190, 225), slice(70, 71), slice(-5, None)):
        np.testing.assert_allclose(
            fitted.contributions(test, part), whole[part], rtol=0, atol=1e-6 * abs(whole).max()
        )


class Largest(Detector):
    def _fit(self, train):
        pass

    def _score(self, recording):
        return np.abs(recording.values).max(axis=1)


def test_the_fall_of_the_score_is_known_by_hand():
    # Standardised, the training data are 1 and -1 in both channels, and take turns.
    detector = Largest().fit(np.array([[1.0, 10.0], [-1.0, -10.0]]))
    falls = detector.contributions(np.array([[3.0, 10.0], [2.0, 20.0], [0.0, 0.0]]))
    np.testing.assert_allclose(falls, [[2.0, 0.0], [0.0, 0.0], [-1.0, -1.0]], atol=1e-6)


def test_a_model_of_before_replaces_by_the_mean():
    detector = Largest().fit(np.array([[1.0, 10.0], [-1.0, -10.0]]))
    del detector._healthy_
    falls = detector.contributions(np.array([[3.0, 10.0], [0.0, 0.0]]))
    np.testing.assert_allclose(falls, [[2.0, 0.0], [0.0, 0.0]], atol=1e-6)


def test_channels_are_in_the_order_of_the_training_data():
    values = np.random.default_rng(0).standard_normal((50, 2))
    detector = MovingMean(window=5).fit(Recording(values, channel_names=("flow", "heat")))
    values[20, 0] = 30
    turned = Recording(values[:, ::-1].copy(), channel_names=("heat", "flow"))
    np.testing.assert_array_equal(
        detector.contributions(turned),
        detector.contributions(Recording(values, channel_names=("flow", "heat"))),
    )
    assert detector.contributions(turned)[20].argmax() == 0


def test_what_cannot_be_said_is_an_error():
    values = np.zeros((20, 2))
    with pytest.raises(InputError, match="RandomScore cannot say which channels"):
        RandomScore().fit(values).contributions(values)
    with pytest.raises(NotFittedError):
        MovingMean().contributions(values)
    with pytest.raises(InputError, match="has 1 channels"):
        MovingMean().fit(values).contributions(values[:, 0])


def test_contributions_of_a_wrong_shape_are_a_breach():
    class OneColumn(Largest):
        def _contributions(self, recording):
            return self._score(recording)

    with pytest.raises(ContractError, match=r"returned contributions of shape \(4,\)"):
        OneColumn().fit(np.ones((4, 2))).contributions(np.ones((4, 2)))
