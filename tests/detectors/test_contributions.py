"""Which channel a score comes from: parts that add up, replacements, and faults in trained ones."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    Lof,
    Lstm,
    Mahalanobis,
    MlpAutoencoder,
    MobileFaceNet,
    MovingMean,
    Ocsvm,
    Pca,
    Poly,
    RandomScore,
    Usad,
    WeakAutoencoder,
)
from anomalib_ts.detectors.base import Capabilities, Detector
from anomalib_ts.detectors.classical.mahalanobis import conditional_covariances, mean_distances
from anomalib_ts.detectors.classical.pca import mean_residuals
from anomalib_ts.detectors.contributions import by_replacement
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.errors import ContractError, InputError, NotFittedError
from anomalib_ts.testing.blame import FAULTS, blamed_among_correlated, blamed_channels
from anomalib_ts.testing.probe import Probe

BRIEF = TrainerSettings(accelerator="cpu", max_steps=5, progress=False)
SHORT = TrainerSettings(accelerator="cpu", max_epochs=300, max_steps=60, progress=False)
LONGER = TrainerSettings(accelerator="cpu", max_epochs=300, max_steps=300, progress=False)
SUMS = (
    MovingMean(),
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


@pytest.mark.slow
@pytest.mark.parametrize(
    "detector",
    [
        Autoencoder(window=16, width=8, features=4, trainer=LONGER),
        FastFlow1D(window=16, width=8, features=4, flow_steps=2, smoothing=8, trainer=LONGER),
        MlpAutoencoder(window=16, trainer=LONGER),
        Lstm(window=8, trainer=LONGER),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_trained_network_blames_the_channel_that_leaves_the_others(detector):
    at_fault = {name: number % 6 for number, name in enumerate(FAULTS)}
    assert blamed_among_correlated(Probe(detector), at_fault) == at_fault


@pytest.mark.parametrize("detector", [IForest(), FastFlow1D(width=8, features=4, trainer=BRIEF)])
def test_replacement_blames_each_channel_at_fault(detector):
    assert blamed_channels(Probe(detector), SOME) == SOME


def correlated(rng, points, channels, correlation):
    """`(points, channels)` standard normal, each two of them with that correlation."""
    load = rng.standard_normal((points, 1))
    own = rng.standard_normal((points, channels))
    return np.sqrt(correlation) * load + np.sqrt(1 - correlation) * own


KINDS = {
    "drops to its mean": lambda values, rng: 0 * values,
    "stuck": lambda values, rng: 0 * values + 1.5,
    "noise": lambda values, rng: values + 3 * rng.standard_normal(len(values)),
    "sign": lambda values, rng: -values,
    "spike": lambda values, rng: values + 6,
}
GAUSSIANS = {
    "mahalanobis": (Mahalanobis(), (0.0, 0.5, 0.9, 0.99)),
    "mahalanobis of windows": (Mahalanobis(window=3), (0.0, 0.5, 0.9, 0.99)),
    # Without correlation there is no plane, and what is left off it points anywhere.
    "pca": (Pca(window=1, explained=0.5), (0.9, 0.99)),
    "pca of windows": (Pca(window=3), (0.9, 0.99)),
}
"""Detectors, and correlations at which they can tell channels apart."""


@pytest.mark.parametrize("name", GAUSSIANS)
@pytest.mark.parametrize("channels", [3, 8, 20])
def test_the_channel_at_fault_is_blamed_however_correlated(channels, name):
    rng, seen = np.random.default_rng(channels), set()
    detector, correlations = GAUSSIANS[name]
    for correlation in correlations:
        detector.fit(correlated(rng, 3000, channels, correlation))
        usual = np.quantile(detector.score(correlated(rng, 1000, channels, correlation)), 0.9)
        for kind, channel in product(KINDS, (0, channels - 1)):
            values = correlated(rng, 200, channels, correlation)
            values[:, channel] = KINDS[kind](values[:, channel], rng)
            if detector.score(values).mean() > usual:
                seen.add(kind)
                blamed = detector.contributions(values).mean(axis=0).argmax()
                assert blamed == channel, (correlation, kind)
    assert seen == KINDS.keys()


@given(st.integers(2, 12), st.integers(0, 10_000), st.floats(-20, 20))
def test_no_channel_is_blamed_more_than_the_only_one_that_moved(channels, seed, size):
    """Exact for every covariance: nobody else's fall is larger, by Cauchy and Schwarz."""
    rng = np.random.default_rng(seed)
    mix = rng.standard_normal((channels, channels))
    healthy = rng.standard_normal((40 * channels, channels)) @ mix
    channel = int(rng.integers(channels))
    moved = np.tile(healthy.mean(axis=0), (1, 1))
    moved[0, channel] += size * healthy[:, channel].std()
    for detector in (Mahalanobis(), Pca(window=1, explained=0.3)):
        parts = detector.fit(healthy).contributions(moved)[0]
        assert parts[channel] >= parts.max() - 1e-3 * abs(parts).max() - 1e-9


@pytest.mark.parametrize("window", [1, 4])
def test_a_contribution_of_a_gaussian_is_the_fall_of_its_score(window):
    rng = np.random.default_rng(0)
    healthy = np.cumsum(correlated(rng, 2000, 3, 0.8), axis=0) % 7
    detector = Mahalanobis(window=window).fit(healthy)
    rows = rng.standard_normal((5, 3 * window)) * 3
    mean, covariance = detector.mean_, detector.covariance_
    falls = detector._falls(rows, conditional_covariances(detector._factor, 3))
    for channel in range(3):
        own = np.arange(3 * window) // window == channel
        weights = np.linalg.solve(covariance[np.ix_(~own, ~own)], covariance[np.ix_(~own, own)])
        expected = rows.copy()
        expected[:, own] = mean[own] + (rows - mean)[:, ~own] @ weights
        before, after = (mean_distances(one, mean, detector._factor) for one in (rows, expected))
        np.testing.assert_allclose(falls[:, channel], before - after, rtol=1e-6)


@pytest.mark.parametrize("window", [1, 4])
def test_a_contribution_to_a_residual_is_its_fall_at_the_best_value(window):
    rng = np.random.default_rng(0)
    detector = Pca(window=window, explained=0.6).fit(correlated(rng, 2000, 4, 0.8))
    rows = rng.standard_normal((5, 4 * window)).astype(np.float32)
    falls = detector._falls(rows, detector._inverse_blocks(4))
    components = detector.components_
    off = np.eye(4 * window) - components.T @ components
    for channel in range(4):
        own = np.arange(4 * window) // window == channel
        best = (rows - detector.mean_).astype(np.float64)
        best[:, own] -= best @ off[:, own] @ np.linalg.pinv(off[np.ix_(own, own)], hermitian=True)
        before = mean_residuals(rows - detector.mean_, components)
        np.testing.assert_allclose(
            falls[:, channel], before - mean_residuals(best, components), rtol=1e-3, atol=1e-5
        )


@pytest.mark.parametrize("kind", [IForest, Lof, Ocsvm])
@pytest.mark.parametrize("window", [1, 7, 90])
def test_recordings_that_are_scored_together_have_the_scores_that_they_have_alone(
    kind, window, monkeypatch
):
    monkeypatch.setattr("anomalib_ts.detectors.classical.window_detector.BATCH_VALUES", 2000)
    rng = np.random.default_rng(0)
    detector = kind(window=window).fit(rng.standard_normal((200, 3)))
    recordings = [Recording(rng.standard_normal((n, 3))) for n in (5, 60, 1, 200, 89, 90)]
    for together, one in zip(detector._score_each(iter(recordings)), recordings, strict=True):
        np.testing.assert_allclose(together, detector._score(one), rtol=1e-6)


def test_a_replaced_channel_follows_the_others():
    """The regression is known: the third channel is the sum of the others."""
    rng = np.random.default_rng(0)
    healthy = rng.standard_normal((2000, 3)).astype(np.float32)
    healthy[:, 2] = healthy[:, :2].sum(axis=1)
    seen = []
    by_replacement(
        lambda each: [seen.append(one.values) or np.zeros(len(one)) for one in each],
        Recording(healthy[:50] * 3),
        healthy,
    )
    np.testing.assert_allclose(seen[3][:, 2], seen[0][:, :2].sum(axis=1), atol=0.05)


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
    # Standardised, the training data are 1 and -1 in both channels, which are not correlated.
    healthy = np.array([[1.0, 10.0], [-1.0, -10.0], [1.0, -10.0], [-1.0, 10.0]])
    falls = Largest().fit(healthy).contributions([[3.0, 10.0], [2.0, 20.0], [0.0, 0.0]])
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
    with pytest.raises(InputError, match="points in a row, not of every 2"):
        MovingMean().fit(values).contributions(values, slice(0, 20, 2))


def test_contributions_of_a_wrong_shape_are_a_breach():
    class OneColumn(Largest):
        def _contributions(self, recording):
            return self._score(recording)

    with pytest.raises(ContractError, match=r"returned contributions of shape \(4,\)"):
        OneColumn().fit(np.ones((4, 2))).contributions(np.ones((4, 2)))
