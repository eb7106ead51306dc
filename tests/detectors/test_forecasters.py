"""TSB-UAD's neural baselines and the lecture's forecasters."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from torch import nn

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors import BiLstm, Cnn, CnnLstm, Lstm, MlpAutoencoder, load_detector
from anomalib_ts.detectors.deep.examples import ShuffledBatches
from anomalib_ts.detectors.deep.lightning_model import AdamModule
from anomalib_ts.detectors.deep.published import (
    OrderedBatches,
    WindowStopping,
    held_back,
    initialise,
    min_max,
)
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.deep.training_loop import train_module
from anomalib_ts.detectors.forecasters.base import Forecaster
from anomalib_ts.detectors.forecasters.networks import (
    Convolutions,
    bidirectional_lstm,
    convolutions_and_lstm,
    stacked_lstm,
)
from anomalib_ts.errors import ConfigError, InputError
from anomalib_ts.settings.fields import configured
from anomalib_ts.testing import detector_checks
from tests.makers.shared import shared_path

FORECASTERS = [Cnn, Lstm, CnnLstm, BiLstm]
DETECTORS = [MlpAutoencoder, *FORECASTERS]
BRIEF = TrainerSettings(accelerator="cpu", max_steps=6, progress=False)
LONGER = TrainerSettings(accelerator="cpu", max_steps=60, progress=False)


def wave(n=600, channels=1, period=25, seed=0):
    noise = 0.05 * np.random.default_rng(seed).normal(size=(n, channels))
    return np.sin(2 * np.pi * np.arange(n) / period)[:, None] + noise


def numbered(n, window=1):
    """Windows of the numbers 0, 1, 2, ..."""
    return Windows([Recording(np.arange(float(n), dtype=np.float32))], window)


@configured
class SameAgain(Forecaster):
    """Forecasts that nothing changes."""

    def _forecasts(self, channels):
        class Last(nn.Module):
            def __init__(self):
                super().__init__()
                self.offset = nn.Parameter(torch.zeros(()))

            def forward(self, x):
                return x[..., -1] + 0 * self.offset

        return Last()


@pytest.mark.parametrize("kind", DETECTORS)
def test_a_burst_in_any_channel_is_found(kind):
    detector = kind(window=16, trainer=LONGER).fit(wave(channels=2))
    for channel in (0, 1):
        series = wave(300, channels=2, seed=1)
        series[150:154, channel] += 1.5
        labels = np.zeros(300)
        labels[150:154] = 1
        assert roc_auc_score(labels, detector.score(series)) > 0.95


@pytest.mark.parametrize("mode", ["default", "published"])
def test_one_with_a_period_comes_back_from_its_file(mode, tmp_path):
    detector = Cnn(mode=mode, trainer=BRIEF).fit(wave())
    again = load_detector(detector.save(tmp_path / "pump.ats"))
    np.testing.assert_array_equal(again.score(wave(200)), detector.score(wave(200)))


def test_a_score_is_the_error_in_typical_errors_over_all_channels():
    rng = np.random.default_rng(0)
    deviations = np.array([1.0, 20.0])
    steps = rng.choice([-1.0, 1.0], (400, 2)) * deviations  # every error is a typical one
    series = np.abs(np.cumsum(steps, axis=0) % (8 * deviations) - 4 * deviations)
    detector = SameAgain(window=8, trainer=BRIEF).fit(series)
    typical = np.abs(np.diff(series, axis=0)).max(axis=0)
    scores = detector.score(series)
    expected = np.sqrt(np.square(np.diff(series, axis=0) / typical).mean(axis=1))
    assert scores[:8].tolist() == [1.0] * 8
    np.testing.assert_allclose(scores[8:], expected[7:], rtol=1e-4)


def test_published_forecasters_scale_window_and_target_together():
    series = wave()[:, 0]
    detector = SameAgain(window=8, mode="published", trainer=BRIEF).fit(series)
    cut = np.lib.stride_tricks.sliding_window_view(series, 9)
    expected = np.abs(cut[:, -1] - cut[:, -2]) / np.ptp(cut, axis=1)
    scores = detector.score(series)
    np.testing.assert_allclose(scores[8:], expected, atol=1e-5)
    assert set(scores[:8]) == {scores[8]}


def test_the_published_autoencoder_scores_windows_by_their_mean_absolute_error():
    series = wave()[:, 0]
    detector = MlpAutoencoder(window=10, mode="published", trainer=BRIEF).fit(series)
    cut = np.lib.stride_tricks.sliding_window_view(series, 10).astype(np.float32)
    scaled = (cut - cut.min(1, keepdims=True)) / np.ptp(cut, axis=1)[:, None]
    with torch.no_grad():
        rebuilt = detector.model_.layers(torch.from_numpy(scaled)).numpy()
    assert rebuilt.min() >= 0
    scores = detector.score(series)
    np.testing.assert_allclose(scores[5:-4], np.abs(rebuilt - scaled).mean(axis=1), atol=1e-5)
    assert set(scores[:5]) == {scores[5]} and set(scores[-4:]) == {scores[-5]}


@pytest.mark.parametrize("varied", [True, False])
@pytest.mark.parametrize("kind", [MlpAutoencoder, Cnn])
def test_published_windows_are_one_period_of_the_scored_series(kind, varied):
    series = wave(period=40, seed=1)
    train = wave(period=25) if varied else np.zeros(600)
    late = kind(mode="published", trainer=BRIEF).fit(train).score(series)
    told = kind(mode="published", window=40, trainer=BRIEF).fit(train).score(series)
    np.testing.assert_array_equal(late, told)


def test_windows_are_one_period_of_the_training_data_by_default():
    assert Lstm(trainer=BRIEF).fit(wave(period=25)).window_ == 25
    assert Lstm(trainer=BRIEF).fit(np.random.default_rng(0).normal(size=60)).window_ <= 30
    assert Cnn(trainer=BRIEF).fit(wave(period=8)).window_ == 14
    with pytest.raises(ConfigError, match="at least 14"):
        Cnn(window=13).fit(wave())


def test_the_published_mode_takes_one_channel_and_says_that_it_looks_at_the_whole_series():
    assert Lstm.capabilities.causal and Lstm().capabilities.causal
    published = Lstm(mode="published").capabilities
    assert published.transductive and not published.causal and not published.multivariate
    with pytest.raises(InputError, match="takes one channel"):
        Lstm(mode="published").fit(wave(channels=2))


def published_checks():
    """Those of Cnn alone that the mode of forecasters may break; most are the autoencoder's too.

    That noise scores higher takes more training where levels are scaled away.
    """
    of_forecasters = {"output", "short_recordings", "constant", "settings_after_fit"}
    for kind, only in ((MlpAutoencoder, None), (Cnn, of_forecasters)):
        for name, check in detector_checks(kind(window=16, mode="published", trainer=BRIEF)):
            if name != "direction" and (only is None or name in only):
                yield pytest.param(check, id=f"{kind.__name__}-{name}")


@pytest.mark.parametrize("check", list(published_checks()))
def test_published_modes_keep_the_contract(check):
    check()


def test_epochs_are_those_published_unless_the_trainer_has_others():
    lone = Lstm(mode="published")._settings
    assert (lone.max_epochs, lone.max_steps) == (50, -1)
    assert Lstm(mode="published", trainer=TrainerSettings(max_epochs=3))._settings.max_epochs == 3
    assert Cnn(mode="published", trainer=TrainerSettings(max_epochs=-1))._settings.max_epochs == 100
    assert Cnn(trainer=TrainerSettings(callbacks={}))._settings.callbacks == {}


@pytest.mark.parametrize("published", [False, True])
def test_training_stops_early_with_the_best_weights_or_as_published_the_last(published):
    class Level(nn.Module):
        def __init__(self):
            super().__init__()
            self.level = nn.Parameter(torch.zeros(()))

        def loss(self, x):
            return (x - self.level).square().mean()

    values = np.ones(100, dtype=np.float32)
    values[80:] = -1  # what is held back grows worse from the first step on
    windows = Windows([Recording(values)], 1)
    stopping = {
        "_target_": f"{WindowStopping.__module__}.WindowStopping",
        "share": 0.2,
        "published": published,
    }
    settings = TrainerSettings(
        accelerator="cpu", max_epochs=100, progress=False, callbacks={"stop": stopping}
    )
    network = Level()
    steps = train_module(
        AdamModule(network, network.loss, 0.01),
        ShuffledBatches(windows, 10, 0),
        settings,
        seed=0,
        stage="level",
    )
    assert steps == 6 * 8  # the first look and five without a smaller loss, 8 batches an epoch
    assert network.level.item() == pytest.approx(0.48 if published else 0.08, abs=0.05)


@given(st.integers(1, 200), st.integers(1, 30), st.booleans())
def test_windows_are_divided_however_few_there_are(n, window, apart):
    train, held = held_back(numbered(n, window), 0.15, apart=apart)
    count = len(numbered(n, window))
    assert len(train) and len(held)
    assert count == 1 or train.max() < held.min()
    if not apart and count > 1:
        assert len(train) + len(held) == count
    if apart and count > 20 * window:
        assert train.max() + window <= held.min()


def test_as_in_keras_the_last_fifteen_in_a_hundred_are_held_back():
    train, held = held_back(numbered(100), 0.15, apart=False)
    assert (train.tolist(), held.tolist()) == ([*range(85)], [*range(85, 100)])


def test_ordered_batches_show_every_window_in_order_and_none_alone():
    shown = [batch.flatten().tolist() for batch in OrderedBatches(numbered(5), 2, 0)]
    assert shown == [[0, 1], [2, 3], [4, 4]]


@given(st.floats(0.01, 100), st.floats(-100, 100))
def test_min_max_takes_unit_and_level_away(unit, level):
    x = torch.tensor([[[0.0, 1.0, 4.0]], [[2.0, 2.0, 2.0]]])
    expected = torch.tensor([[[0.0, 0.25, 1.0]], [[0.0, 0.0, 0.0]]])
    torch.testing.assert_close(min_max(unit * x + level), expected, atol=1e-3, rtol=0)


def test_min_max_straightens_what_the_scaler_has_bent():
    """After a constant training part every change is beyond 1,000 deviations."""
    detector = MlpAutoencoder(window=4, mode="published", trainer=BRIEF).fit(np.full(50, -1.0))
    (bent,) = detector.scaler_.transform([Recording(np.array([-1.0, -0.5, 0.0, 1.0]))])
    scaled = min_max(torch.from_numpy(bent.values.T[None].copy()))
    torch.testing.assert_close(scaled, torch.tensor([[[0, 0.25, 0.5, 1]]]), atol=1e-4, rtol=0)


def test_initial_weights_are_those_of_keras():
    network = stacked_lstm(3)
    initialise(network)
    lstm = network.lstm
    gates = (lstm.bias_ih_l0 + lstm.bias_hh_l0).view(4, 50)
    assert gates.mean(dim=1).tolist() == [0, 1, 0, 0]
    square = lstm.weight_hh_l0.T @ lstm.weight_hh_l0
    torch.testing.assert_close(square, torch.eye(50), atol=1e-5, rtol=0)
    assert network.head.weight.abs().max().item() <= np.sqrt(6 / 53)


def test_networks_have_as_many_weights_as_their_layers_say():
    """As Keras counts them, but for an LSTM's second bias, which torch adds to the first."""

    def weights(network):
        return sum(one.numel() for one in network.parameters())

    convolutions = (2 + 1) * 8 + (2 * 8 + 1) * 16 + (2 * 16 + 1) * 32
    assert weights(Convolutions(1, 100)) == convolutions + (11 * 32 + 1) * 64 + 65
    lstm = 4 * 50 * (1 + 50 + 2) + 4 * 50 * (50 + 50 + 2)
    assert weights(stacked_lstm(1)) == lstm + 51
    assert weights(bidirectional_lstm(1)) == 2 * 4 * 50 * (1 + 50 + 2) + 101
    lecture = (3 + 1) * 16 + (16 * 3 + 1) * 32 + 4 * 50 * (32 + 50 + 2) + 51 * 32 + 33
    assert weights(convolutions_and_lstm(1)) == lecture


def test_the_cnn_meets_the_published_figure_of_genesis():
    """TSB-UAD has .840 in its table; one seed."""
    file = shared_path("data/tsb-uad/Genesis/genesis-anomalies.test.csv@3.out")
    values, labels = np.loadtxt(file, delimiter=",").T
    scores = Cnn(mode="published").fit(values[:1622]).score(values)
    assert roc_auc_score(labels, scores) == pytest.approx(0.840, abs=0.05)
