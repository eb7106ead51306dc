"""Early stopping on training windows that are held back."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors import Autoencoder, DenseAutoencoder, Usad, WeakAutoencoder
from anomalib_ts.detectors.deep.bags import clip_bags, window_bags
from anomalib_ts.detectors.deep.batches import FullBatches
from anomalib_ts.detectors.deep.early_stopping import EarlyStopping
from anomalib_ts.detectors.deep.examples import ShuffledBatches
from anomalib_ts.detectors.deep.held_out import last_examples
from anomalib_ts.detectors.deep.lightning_model import AdamModule
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.deep.training_loop import train_module
from anomalib_ts.errors import ConfigError, InputError


def early(**settings):
    target = f"{EarlyStopping.__module__}.EarlyStopping"
    return {"early_stopping": {"_target_": target, **settings}}


class Scheduled(nn.Module):
    """Counts its training steps; what it loses on held-back batches is planted by step."""

    def __init__(self, losses):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.steps: torch.Tensor
        self.register_buffer("steps", torch.zeros(()))
        self.losses = losses

    def loss(self, batch):
        if not self.training:
            return torch.tensor(self.losses[int(self.steps) - 1])
        self.steps += 1
        return (batch.mean() - self.weight).square()


WINDOWS = Windows([Recording(np.sin(np.arange(200) / 5))], window=10)


def train(network, batches=None, max_steps=40, **settings):
    trainer = TrainerSettings(accelerator="cpu", max_steps=max_steps, callbacks=early(**settings))
    module = AdamModule(network, network.loss, 1e-3)
    batches = batches or ShuffledBatches(WINDOWS, 16, 0)
    return train_module(module, batches, trainer, seed=0, stage="planted")


@pytest.mark.parametrize(
    ("every", "patience", "best", "taken"), [(1, 5, 8, 13), (2, 3, 8, 14), (4, 2, 8, 16)]
)
def test_it_stops_on_a_plateau_and_keeps_the_best_weights(every, patience, best, taken):
    falling_until_8 = [max(1.0, 9.0 - step) for step in range(1, 41)]
    network = Scheduled(falling_until_8)
    assert train(network, every=every, patience=patience) == taken
    assert int(network.steps) == best


def test_it_keeps_the_best_weights_where_the_loss_rises_again():
    network = Scheduled([abs(step - 6.0) for step in range(1, 41)])
    assert train(network, every=1, patience=4) == 10
    assert int(network.steps) == 6


def test_a_loss_that_keeps_falling_trains_to_the_end():
    network = Scheduled([40.0 - step for step in range(1, 41)])
    assert train(network, every=3, patience=1) == 40
    assert int(network.steps) == 40


def test_a_smaller_loss_by_less_than_min_delta_is_none():
    network = Scheduled([40.0 - 0.1 * step for step in range(1, 41)])
    assert train(network, every=1, patience=3, min_delta=0.5) == 4
    assert int(network.steps) == 1


def test_what_was_taken_is_said(caplog):
    caplog.set_level("INFO", logger="anomalib_ts")
    train(Scheduled([abs(step - 6.0) for step in range(1, 41)]), every=1, patience=4)
    assert "planted: 10 of 40 steps, weights of step 6 (held-back loss 0)" in caplog.text


def test_looking_changes_nothing_in_the_training():
    """Neither the order of the batches nor what dropout draws, however often it looks."""

    class Noisy(nn.Module):
        """Draws a number for each loss, also for those of held-back batches, which fall."""

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(10))
            self.looks = 0

        def loss(self, batch):
            noise = torch.rand(10)
            if not self.training:
                self.looks += 1
                return noise.sum() - 100 * self.looks
            return (batch - self.weight * noise).square().mean()

    def trained(every):
        network = Noisy()
        train(network, max_steps=20, every=every, patience=1)
        assert network.looks > 20 / every
        return network.weight

    assert torch.equal(trained(every=1), trained(every=20))


def points(windows, index):
    held = np.zeros(len(windows.values), dtype=bool)
    for start in windows.starts[index]:
        held[start : start + windows.window] = True
    return held


@given(
    lengths=st.lists(st.integers(3, 120), min_size=1, max_size=6),
    window=st.integers(2, 20),
    stride=st.integers(1, 20),
    share=st.floats(0.01, 0.5),
    tail=st.sampled_from(["overlap", "pad", "drop"]),
)
def test_no_point_is_both_trained_on_and_held_back(lengths, window, stride, share, tail):
    recordings = [Recording(np.random.default_rng(n).normal(size=n)) for n in lengths]
    windows = Windows(recordings, window, min(stride, window), tail)
    try:
        train, held = last_examples(windows, share, None)
    except InputError:
        assert len(recordings) == 1 or len(windows) < 4 * len(recordings) or window > 2
        return
    assert len(train) and len(held)
    assert not (points(windows, train) & points(windows, held)).any()
    of = np.searchsorted(windows.ends, windows.starts, side="right")
    for recording in np.unique(of[held]):
        assert held[of[held] == recording].min() > train[of[train] == recording].max(initial=-1)
        trained = (of[train] == recording).sum()
        assert trained == 0 or trained >= (of == recording).sum() / 2


def test_a_long_series_holds_back_the_share_at_its_end():
    windows = Windows([Recording(np.arange(1009.0))] * 2, window=10)
    train, held = last_examples(windows, 0.1, None)
    assert held.tolist() == [*range(900, 1000), *range(1900, 2000)]
    assert train.tolist() == [*range(891), *range(1000, 1891)]


def test_short_clips_are_held_back_as_a_whole_some_of_each_class():
    clips = [Recording(np.arange(10.0), label=int(i % 4 == 0)) for i in range(20)]
    windows = Windows(clips, window=10)
    bags = clip_bags(window_bags(windows, clips), clips)
    train, held = last_examples(bags, 0.2, bags.anomalous.astype(np.int64))
    assert held.tolist() == [16, 17, 18, 19]
    assert train.tolist() == list(range(16))


@pytest.mark.parametrize(("n", "window"), [(10, 10), (15, 10), (25, 20)])
def test_a_series_that_is_too_short_is_said(n, window):
    with pytest.raises(InputError, match="too short or too few"):
        last_examples(Windows([Recording(np.arange(n, dtype=float))], window), 0.1, None)


def waves(n, label=None):
    random = np.random.default_rng(n)
    return Recording(np.sin(np.arange(n) / 5) + 0.3 * random.normal(size=n), label=label)


SMALL = {"window": 8, "batch_size": 32}


@pytest.mark.parametrize(
    "make",
    [
        lambda trainer: Autoencoder(window=16, width=4, features=4, trainer=trainer),
        lambda trainer: DenseAutoencoder(**SMALL, width=8, trainer=trainer),
        lambda trainer: Usad(**SMALL, latent=4, trainer=trainer),
        lambda trainer: WeakAutoencoder(**SMALL, width=8, mode="paper", trainer=trainer),
    ],
    ids=["Autoencoder", "DenseAutoencoder", "Usad", "WeakAutoencoder"],
)
def test_a_detector_stops_early_twice_alike_and_tells_its_steps(make):
    train = [waves(300 + i, label=int(i >= 9)) for i in range(12)]
    callbacks = early(every=2, patience=2, min_delta=0.05)
    trainer = TrainerSettings(accelerator="cpu", max_steps=400, callbacks=callbacks)
    first, again = make(trainer).fit(train), make(trainer).fit(train)
    taken = {key: v for key, v in first.fitted_values().items() if key.startswith("steps ")}
    assert taken == {f"steps {stage}": steps for stage, steps in first.steps_.items()}
    assert all(0 < steps < 400 for steps in taken.values())
    assert again.steps_ == first.steps_
    np.testing.assert_array_equal(first.score(train[0]), again.score(train[0]))


@pytest.mark.parametrize(
    ("setting", "limit"),
    [({"share": 0.0}, "share"), ({"every": 0}, "every"), ({"patience": 0}, "patience")],
)
def test_settings_out_of_their_limits_are_refused(setting, limit):
    with pytest.raises(ConfigError, match=rf"^{limit} must"):
        train(Scheduled([0.0] * 40), **setting)


class Endless:
    """Batches of a plug-in's own."""

    def __len__(self):
        return 3

    def __iter__(self):
        yield from torch.ones(3, 2, 1, 10)


def test_batches_that_cannot_be_divided_are_one_line():
    with pytest.raises(ConfigError, match=r"^early stopping: Endless cannot be divided"):
        train(Scheduled([0.0] * 40), Endless())


class Source:
    """Examples that are no windows."""

    def __len__(self):
        return 64

    def gather(self, index):
        return np.ones((len(index), 1, 10), dtype=np.float32)


def test_examples_whose_points_are_not_known_are_one_line():
    with pytest.raises(ConfigError, match=r"^early stopping: which points are in Source"):
        train(Scheduled([0.0] * 40), FullBatches(Source(), 8, 0))
