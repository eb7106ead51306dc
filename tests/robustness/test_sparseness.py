"""Sparseness of known distributions, hooks that leave nothing behind, and what layers tell."""

import numpy as np
import pytest
import torch
from torch import nn

from anomalib_ts import DenseAutoencoder, FastFlow1D, IForest, Recording, TrainerSettings, Usad
from anomalib_ts.robustness.activations import layer_responses
from anomalib_ts.robustness.diagnosis import compare, diagnose, separability
from anomalib_ts.robustness.sparseness import (
    category_sparseness,
    population_sparseness,
    roughness,
)

BRIEF = TrainerSettings(accelerator="cpu", max_steps=5, progress=False)


def psi(response):
    return float(population_sparseness(np.asarray(response)[None])[0])


def test_known_populations():
    assert psi([0, 0, 3, 0]) == 1
    assert psi([2, 2, 2]) == 0
    for k in (1, 3, 7):
        assert psi([5] * k + [0] * (8 - k)) == pytest.approx((1 - k / 8) / (1 - 1 / 8))


def test_known_distributions():
    rng = np.random.default_rng(0)
    normal = rng.standard_normal(1_000_000)
    assert psi(rng.exponential(size=1_000_000)) == pytest.approx(0.5, abs=0.002)
    assert psi(abs(normal)) == pytest.approx(1 - 2 / np.pi, abs=0.002)
    assert psi(np.maximum(normal, 0)) == pytest.approx(1 - 1 / np.pi, abs=0.002)


def test_thresholds_raise_it_scale_leaves_it_and_an_offset_lowers_it():
    r = np.random.default_rng(1).exponential(size=1000)
    cuts = np.linspace(0, 3, 10)
    for kept in ([np.maximum(r - t, 0) for t in cuts], [np.where(r > t, r, 0) for t in cuts]):
        found = [psi(one) for one in kept]
        assert found == sorted(found)
    for size in (1e-300, 1e-30, 1e30, 1e300):
        assert psi(size * r) == pytest.approx(psi(r), rel=1e-12)
    assert psi(r + 1) < psi(r)


def test_silence_and_single_units_have_no_sparseness():
    found = population_sparseness([[0.0, 0.0], [1.0, 0.0]])
    assert np.isnan(found[0]) and found[1] == 1
    assert np.isnan(population_sparseness([[3.0]])).all()


def test_the_papers_form_by_categories():
    rng = np.random.default_rng(0)
    responses, of = rng.exponential(size=(300, 40)), np.arange(300) % 3
    found = category_sparseness(responses, of)
    assert found.shape == (3,) and ((found > 0) & (found < 1)).all()
    np.testing.assert_allclose(category_sparseness(7 * responses + 2, of), found)
    assert category_sparseness(np.ones((6, 4)), np.arange(6) % 2).tolist() == [0, 0]


def test_roughness_is_that_of_second_differences():
    wave = np.sin(np.arange(64) / 3)[None, None]
    signs = np.random.default_rng(0).choice([-1, 1], (1, 1, 64))
    assert roughness(wave + 0.1 * signs) > roughness(wave)
    np.testing.assert_allclose(roughness(wave + 5 + np.arange(64)), roughness(wave))


def test_no_hook_is_left_after_an_error():
    network = nn.Sequential(nn.Linear(4, 3), nn.ReLU())

    def fails(x):
        network(x)
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        layer_responses(network, fails, torch.ones(2, 4))
    assert all(not module._forward_hooks for module in network.modules())


def test_a_layer_that_runs_twice_has_two_entries():
    noise = np.random.default_rng(0).random((100, 2))
    detector = Usad(window=8, latent=4, trainer=BRIEF).fit(noise)
    function = detector.score_function(noise)
    x = torch.rand(6, 2, 8)
    found = layer_responses(function.network, function.of_windows, x)
    twice = [name for name in found if name.endswith("#2")]
    assert twice and all(name.removesuffix("#2") in found for name in twice)
    assert {r.shape[0] for r in found.values()} == {6}


def test_units_are_channels_or_all_positions():
    network = nn.Sequential(nn.Conv1d(1, 3, 3), nn.ReLU())
    x = torch.randn(5, 1, 8)
    channels = layer_responses(network, network, x)["1"]
    every = layer_responses(network, network, x, "all")["1"]
    assert channels.shape == (5, 3) and every.shape == (5, 18)
    np.testing.assert_allclose(every.reshape(5, 3, 6).mean(axis=2), channels, rtol=1e-6)


def test_a_comparison_leaves_silent_windows_out_and_counts_them():
    clean = np.array([0.1, 0.2, np.nan, 0.3])
    found = compare(clean, clean, clean + np.array([0.2, 0.3, 0, 0.1]))
    assert found["silent"] == 1
    assert found["noise_auroc"] == 0.5 and found["auroc"] > 0.5
    assert "noise_dz" not in found  # nothing changed
    assert found["dz"] == pytest.approx(0.2 / 0.1)
    assert compare(np.array([np.nan]), clean[:1], clean[:1]) == {"silent": 1.0}


@pytest.mark.parametrize(
    "detector",
    [
        DenseAutoencoder(window=8, width=16, trainer=BRIEF),
        FastFlow1D(window=16, width=8, features=4, flow_steps=1, trainer=BRIEF),
    ],
    ids=["dense", "convolutional"],
)
def test_a_diagnosis_has_every_layer_and_roughness(detector):
    rng = np.random.default_rng(0)
    wave = np.sin(np.arange(600) / 5)
    detector.fit(wave)
    signs = rng.choice([-1, 1], 600)
    rough = [Recording(wave + size * signs) for size in (0.0, 0.05, 0.4)]
    found = diagnose(detector, *rough, np.ones(600, np.int8))
    assert len(found) > 3 and "roughness" in found
    assert found["roughness"]["auroc"] == 1.0 > found["roughness"]["noise_auroc"] - 0.01
    assert diagnose(detector, *rough, np.zeros(600, np.int8)) == {}


def test_there_is_no_diagnosis_without_a_network():
    noise = Recording(np.random.default_rng(0).random(100))
    detector = IForest(window=8, trees=10).fit(noise)
    assert diagnose(detector, noise, noise, noise, np.ones(100, np.int8)) == {}


def test_separability_is_chance_for_the_same_and_undefined_for_few():
    healthy, clean, other = np.random.default_rng(0).standard_normal((3, 100, 2))
    for found in separability(healthy, clean, clean + 1e-12 * other):
        assert found == pytest.approx(0.5, abs=0.1)
    assert np.isnan(separability(healthy, clean[:9], other[:9])).all()
    assert separability(healthy[:, :1], clean[:, :1], clean[:, :1] + 9)[0] > 0.99
