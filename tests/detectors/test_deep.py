"""FastFlow-1D and the autoencoder as detectors."""

import math
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors import Autoencoder, FastFlow1D, load_detector
from anomalib_ts.detectors.autoencoder.torch_model import ConvAutoencoder, Encoder, soft_clip
from anomalib_ts.detectors.deep import convolutional
from anomalib_ts.detectors.deep.examples import ShuffledBatches
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.deep.training_loop import seeded, train_module
from anomalib_ts.detectors.fastflow1d.held_back import divided
from anomalib_ts.detectors.fastflow1d.lightning_model import LikelihoodModule
from anomalib_ts.detectors.fastflow1d.torch_model import FastFlowModel, smoothed, to_points
from anomalib_ts.errors import AnomalibTsWarning, ConfigError

QUICK = TrainerSettings(accelerator="cpu", max_steps=10, progress=False)
LONGER = TrainerSettings(accelerator="cpu", max_steps=100, progress=False)
SMALL = {"window": 16, "width": 8, "features": 8, "batch_size": 16}
DETECTORS = [FastFlow1D, Autoencoder]
OWN = {FastFlow1D: {"smoothing": 4}, Autoencoder: {}}
SCORINGS = ["largest", "latent", "likelihood", "reconstruction", "window"]


def wave(n=400, channels=1, seed=0):
    noise = 0.1 * np.random.default_rng(seed).normal(size=(n, channels))
    return (np.sin(2 * np.pi * np.arange(n) / 25)[:, None] + noise).astype(np.float32)


def quick(detector, **settings):
    return detector(**{**SMALL, "trainer": QUICK, **OWN[detector], **settings})


def scored_by(detector, scoring, series):
    """Scores of another kind by the same fit."""
    other = copy(detector)
    other._params_of_fit_ = {**detector._params_of_fit_, "scoring": scoring}
    return other.score(series)


@pytest.fixture(scope="module")
def fitted():
    return {
        (detector, channels): quick(detector, trainer=LONGER).fit(wave(1000, channels))
        for detector in DETECTORS
        for channels in (1, 3)
    }


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize(("channels", "channel"), [(1, 0), (3, 0), (3, 1), (3, 2)])
def test_a_burst_in_any_channel_is_found(fitted, detector, channels, channel):
    series = wave(400, channels, seed=1)
    series[200:208, channel] += 2
    labels = np.zeros(400)
    labels[200:208] = 1
    scores = fitted[detector, channels].score(series)
    assert roc_auc_score(labels, scores) > 0.95


@pytest.mark.parametrize("scoring", SCORINGS)
def test_every_score_finds_a_change_of_shape(fitted, scoring):
    series = wave(400, seed=1)
    series[200:216] = np.sin(np.arange(16) * 1.2)[:, None]
    scores = scored_by(fitted[FastFlow1D, 1], scoring, series)
    assert scores[200:216].mean() > scores[:190].mean() + scores[:190].std()


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("n", [1, 2, 15, 16, 17])
@pytest.mark.filterwarnings("ignore:the training data fill no window")
def test_any_length_trains_and_is_scored(detector, n):
    short = quick(detector, trainer=TrainerSettings(accelerator="cpu", max_steps=2))
    assert short.fit(wave(n)).score(wave(40)).shape == (40,)
    assert short.score(wave(n)).shape == (n,)


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("value", [0.0, 5.0, -1e30])
def test_constant_series_and_extreme_values_give_finite_scores(detector, value):
    series = np.full((200, 2), value)
    constant = quick(detector).fit(series)
    assert constant.score(series).shape == (200,)
    moved = series.copy()
    moved[100, 0], moved[101, 1] = 3e38, -3e38
    scores = constant.score(moved)
    assert 80 <= np.argmax(scores) <= 120
    constant.score(np.full((5, 2), 1e-40))


@pytest.mark.parametrize("scoring", [*SCORINGS, None])
@pytest.mark.parametrize("learning_rate", [1e-3, 1e-2])
def test_what_was_constant_in_training_may_move_when_scored(scoring, learning_rate):
    """As on NASA-MSL D-14 and M-6: -1 throughout in training, far from it in the test."""
    detector = quick(FastFlow1D if scoring else Autoencoder, learning_rate=learning_rate)
    longer = replace(LONGER, max_steps=40)
    detector.set_params(trainer=longer, **({"scoring": scoring} if scoring else {}))
    detector.fit(np.full(500, -1.0))
    series = np.full(500, -1.0)
    series[100:150], series[300:350] = 1.0, 258.0
    scores = detector.score(series)
    calm, moved, far = scores[200:250], scores[110:140], scores[310:340]
    assert calm.max() < moved.min() < far.max()
    series[400] = -3e38
    assert detector.score(series).shape == (500,)


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_dead_channel_beside_a_live_one(detector):
    series = np.hstack([wave(), np.zeros((400, 1))])
    scores = quick(detector).fit(series).score(series)
    assert scores.std() > 0


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_spectrogram_is_a_sequence_of_128_channels(detector):
    """Log-mel-like clips with a common level of about -40 dB, one with a loud band."""
    rng = np.random.default_rng(0)
    level = -40 + 10 * np.sin(np.arange(128) / 20)
    clips = [Recording(level + rng.normal(size=(60, 128))) for _ in range(4)]
    trained = quick(detector, trainer=LONGER).fit(clips[:3])
    quiet = trained.score(clips[3])
    loud = clips[3].values.copy()
    loud[30:40, 50:60] += 15
    scores = trained.score(loud)
    assert scores.shape == (60,)
    assert 28 <= np.argmax(scores - quiet) <= 42


@pytest.mark.parametrize("detector", DETECTORS)
def test_scores_depend_on_the_seed_and_on_no_global_state(detector):
    def scores(seed, global_seed):
        torch.manual_seed(global_seed)
        np.random.seed(global_seed)  # noqa: NPY002
        return quick(detector, seed=seed).fit(wave()).score(wave(seed=1))

    first = scores(seed=1, global_seed=1)
    np.testing.assert_array_equal(scores(seed=1, global_seed=2), first)
    assert not np.array_equal(scores(seed=2, global_seed=1), first)


@pytest.mark.parametrize("detector", DETECTORS)
def test_saved_and_loaded_it_scores_bit_for_bit_the_same(fitted, detector, tmp_path):
    original = fitted[detector, 3]
    restored = load_detector(original.save(tmp_path / "detector.ats"))
    series = wave(channels=3, seed=2)
    np.testing.assert_array_equal(restored.score(series), original.score(series))
    assert all(parameter.device.type == "cpu" for parameter in restored.model_.parameters())


@pytest.mark.parametrize("detector", DETECTORS)
def test_the_unit_of_a_channel_does_not_matter(detector):
    train, test = wave(channels=2), wave(channels=2, seed=1)
    unit = np.array([1.0, 1024.0], dtype=np.float32)
    plain = quick(detector).fit(train).score(test)
    np.testing.assert_allclose(quick(detector).fit(train * unit).score(test * unit), plain, 1e-3)


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("settings", [{"window": 7}, {"window": 16.5}])
def test_impossible_windows_are_refused(detector, settings):
    with pytest.raises(ConfigError, match="must"):
        quick(detector, **settings).fit(wave())


@pytest.mark.parametrize("settings", [{"features": 1}, {"scoring": "wishful"}, {"smoothing": 0}])
def test_impossible_flow_settings_are_refused(settings):
    with pytest.raises(ConfigError, match=r"features|scoring|smoothing"):
        quick(FastFlow1D, **settings).fit(wave())


@pytest.mark.parametrize("window", [16, 18, 19, 21])
def test_a_window_need_not_be_a_multiple_of_4(window):
    scores = quick(FastFlow1D, window=window).fit(wave()).score(wave(seed=1))
    assert scores.shape == (400,)


class TestStageTwo:
    def model(self):
        with seeded(0):
            autoencoder = ConvAutoencoder(1, 8, 8)
            return FastFlowModel(autoencoder, 8, 8, flow_steps=4)

    def test_only_the_flow_learns(self):
        model = self.model()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        module = LikelihoodModule(model, model.loss, 1e-2)
        modes = []
        module.on_train_batch_start = lambda *_: modes.append(
            (model.autoencoder.training, model.autoencoder.encoder.training, model.flow.training)
        )
        batches = ShuffledBatches(Windows([Recording(wave())], 16), 32, 0)
        train_module(module, batches, QUICK, seed=0, stage="flow")
        changed = {
            n for n, value in model.state_dict().items() if not torch.equal(value, before[n])
        }
        assert modes == [(False, False, True)] * 10
        assert changed
        assert all(name.startswith("flow.") for name in changed)  # nor any BatchNorm statistic
        assert all(parameter.grad is None for parameter in model.autoencoder.parameters())

    def test_features_that_hardly_varied_in_training_stay_bounded(self):
        model = self.model().eval()
        model.set_feature_moments(torch.zeros(8), torch.zeros(8))
        features = model.features(torch.full((1, 1, 16), 1e30))
        assert 10 < features.abs().max() < 1000

    def test_the_loss_is_the_mean_negative_log_density(self):
        model = self.model().eval()
        x = torch.from_numpy(wave(16).T[None])
        latent, log_determinant = model(x)
        normal = torch.distributions.Normal(0, 1).log_prob(latent).sum(dim=1)
        loss = LikelihoodModule(model, model.loss, 1e-3).training_step(x)
        torch.testing.assert_close(loss, -(normal + log_determinant).mean() / 8)

    def test_the_likelihood_rises(self):
        model = self.model()
        windows = Windows([Recording(wave())], 16)
        x = torch.from_numpy(windows.gather(np.arange(100)))
        before = model.log_likelihood(x).mean().item()
        batches = ShuffledBatches(windows, 32, 0)
        train_module(
            LikelihoodModule(model, model.loss, 1e-2), batches, LONGER, seed=0, stage="flow"
        )
        assert model.log_likelihood(x).mean().item() > before + 1

    def test_a_trained_flow_can_be_inverted(self, fitted):
        model = fitted[FastFlow1D, 3].model_
        windows = Windows([Recording(wave(channels=3, seed=1))], 16)
        with torch.inference_mode():
            features = model.features(torch.from_numpy(windows.gather(np.arange(50))))
            restored, _ = model.flow.inverse(model.flow(features)[0])
        torch.testing.assert_close(restored, features, atol=1e-5, rtol=0)

    def test_features_of_the_training_data_are_standardised_and_signed(self, fitted):
        detector = fitted[FastFlow1D, 1]
        model = detector.model_
        learnt = Recording(wave(1000))[:850]  # the rest is held back
        windows = Windows(detector.scaler_.transform([learnt]), 16, 16)
        with torch.inference_mode():
            features = model.features(torch.from_numpy(windows.gather(np.arange(len(windows)))))
        assert features.mean(dim=(0, 2)).abs().max() < 1e-3
        assert (features.std(dim=(0, 2), correction=0) - 1).abs().max() < 1e-3
        assert (features < 0).float().mean(dim=(0, 2)).min() > 0.05  # no ReLU has cut them


class TestPositions:
    def test_scores_lie_where_their_features_are_centred(self):
        scores = to_points(torch.tensor([[0.0, 4.0, 0.0, 8.0]]), window=16)[0]
        expected = [0, 1, 2, 3, 4, 3, 2, 1, 0, 2, 4, 6, 8, 8, 8, 8]
        assert scores.tolist() == expected

    @pytest.mark.parametrize("window", [16, 17, 18, 19, 20])
    def test_every_window_has_a_score_at_every_point(self, window):
        positions = Encoder(1, 4, 4)(torch.zeros(2, 1, window)).shape[2]
        assert to_points(torch.zeros(2, positions), window).shape == (2, window)

    @pytest.mark.parametrize("point", [20, 32, 44])
    def test_a_feature_position_is_centred_on_its_points(self, point):
        """The gradient of position i is symmetric about point 4 i."""
        with seeded(0):
            encoder = Encoder(1, 8, 8).eval()
        for parameter in encoder.parameters():
            torch.nn.init.constant_(parameter, 0.1)
        x = torch.ones(1, 1, 64, requires_grad=True)
        encoder(x)[0, :, point // 4].sum().backward()
        weight = x.grad[0, 0]
        centre = (weight * torch.arange(64)).sum() / weight.sum()
        assert centre.item() == pytest.approx(point, abs=1e-3)

    def test_the_border_of_a_window_scores_no_higher_than_its_middle(self, fitted):
        """Padding must not make the borders of a normal window look anomalous."""
        model = fitted[FastFlow1D, 1].model_
        windows = Windows([Recording(wave(1000, seed=3))], 16)
        with torch.inference_mode():
            scores = model.scores(torch.from_numpy(windows.gather(np.arange(900))))[:, 0]
        profile = scores.mean(dim=0)
        middle, border = profile[4:-4], torch.cat([profile[:4], profile[-4:]])
        assert border.max() < 1.2 * middle.max()


def test_standardised_inputs_are_clipped_softly():
    x = torch.tensor([0.0, 2.0, 10.0, 100.0, -100.0, 3e38, -3e38])
    tenfold = 10 + 10 * math.log(10)
    clipped, reconstruction = ConvAutoencoder(1, 4, 4)(x[None, None])
    clipped = clipped[0, 0]
    torch.testing.assert_close(clipped[:5], torch.tensor([0.0, 2.0, 10.0, tenfold, -tenfold]))
    assert tenfold < clipped[5] == -clipped[6] < 1000
    assert reconstruction.isfinite().all()
    assert soft_clip(torch.tensor([math.inf, -math.inf])).isfinite().all()


@given(st.lists(st.floats(-1e30, 1e30), min_size=2, max_size=2).map(sorted))
def test_soft_clipping_keeps_the_order(pair):
    low, high = soft_clip(torch.tensor(pair))
    assert low <= high


@pytest.mark.parametrize("detector", DETECTORS)
def test_data_too_short_to_train_on_are_told(detector):
    with pytest.warns(AnomalibTsWarning, match="fill no window of 64 points"):
        quick(detector, window=64).fit(wave(50))


class TestOnePass:
    @pytest.mark.parametrize("detector", DETECTORS)
    @pytest.mark.parametrize("n", [1, 200, 1023])
    def test_chunks_score_as_the_whole_does(self, fitted, detector, n, monkeypatch):
        """Were the margins shorter than the reach, chunks would show at their seams."""
        trained = fitted[detector, 3]
        series = wave(n, 3, seed=4)
        whole = trained.score(series)
        monkeypatch.setattr(convolutional, "CHUNK", 64)
        np.testing.assert_allclose(trained.score(series), whole, rtol=1e-3, atol=1e-5)

    def test_smoothing_is_the_mean_of_the_points_around(self):
        scores = torch.tensor([[[1.0, 2.0, 6.0, 3.0, 8.0]]])
        assert smoothed(scores, 3)[0, 0].tolist() == pytest.approx([1.5, 3, 11 / 3, 17 / 3, 5.5])
        assert smoothed(scores, 2)[0, 0].tolist() == [1, 1.5, 4, 4.5, 5.5]
        assert smoothed(scores, 1) is scores
        assert smoothed(scores, 99)[0, 0].tolist() == pytest.approx([4] * 5)

    def test_a_huge_score_is_forgotten_beyond_the_smoothing(self):
        scores = torch.ones(1, 1, 100)
        scores[..., 50] = 1e30
        assert (smoothed(scores, 8)[0, 0, 60:] == 1).all()

    def test_the_largest_is_counted_in_deviations_of_the_logarithm(self):
        model = TestStageTwo().model()
        random = np.random.default_rng(0)
        middles = [[0], [5], [-9], [2]]
        training = torch.from_numpy(np.exp(random.normal(middles, 0.5, (4, 9999))))
        training[1] -= 2  # a likelihood may be negative
        model.calibrate(training.float())
        calm = [1.0, np.exp(5) - 2, np.exp(-9), np.exp(2)]
        points = [calm.copy() for _ in range(5)]
        for number, value in enumerate([np.exp(1), np.exp(6.5) - 2, np.exp(-7), np.exp(4.5)]):
            points[number][number] = value
        scores = torch.tensor(points).T[None].float()
        assert model.largest(scores)[0].tolist() == pytest.approx([2, 3, 4, 5, 0], abs=0.3)

    def test_what_is_held_back_calibrates_and_does_not_train(self):
        train = (Recording(wave(15)), Recording(wave(20)))
        learning, held = quick(FastFlow1D, held_back=0.25, smoothing=5)._divided(train)
        assert [len(one) for one in learning] == [15, 15]  # 4 points are too few to hold back
        assert [one.values.tolist() for one in held] == [train[1].values[15:].tolist()]
        for nothing in ({"scoring": "latent"}, {"held_back": 0.0}):
            learning, held = quick(FastFlow1D, **nothing)._divided(train)
            assert ([len(one) for one in learning], held) == ([15, 20], ())

    @pytest.mark.parametrize(
        ("lengths", "learning", "held"),
        [
            ([400, 100], [340, 100], [60]),  # the end of each that is long enough
            ([100] * 12, [100] * 10, [100] * 2),  # whole recordings, where none is
            ([100, 130, 90], [100, 66, 90], [64]),  # of few, the end of the longest
            ([127], [127], []),  # too short to divide
            ([9] * 12, [9] * 12, []),  # too little to tell anything
        ],
    )
    def test_a_share_too_short_to_tell_scores_is_held_back_elsewhere(self, lengths, learning, held):
        least = 60 if lengths[0] == 400 else 64
        found = divided([Recording(wave(n)) for n in lengths], 0.15, least)
        assert [[len(one) for one in part] for part in found] == [learning, held]


@given(
    lengths=st.lists(st.integers(1, 300), min_size=1, max_size=40),
    share=st.sampled_from([0, 0.01, 0.15, 0.5]),
    least=st.integers(1, 100),
)
def test_all_training_data_are_learnt_from_or_held_back(lengths, share, least):
    ends = np.cumsum(lengths)
    train = [
        Recording(np.arange(end - n, end, dtype=float))
        for n, end in zip(lengths, ends, strict=True)
    ]
    learning, held = divided(train, share, least)
    together = np.concatenate([one.values.ravel() for one in (*learning, *held)])
    assert sorted(together) == list(range(ends[-1]))
    points = sum(map(len, held))
    most = (ends[-1] + len(lengths)) / 2  # half of each, rounded
    assert points <= most and (points >= least or not held)
    if not share:
        assert not held
    elif max(lengths) >= 2 * least:
        assert held
