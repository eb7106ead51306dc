"""Scores of every detector on fixed data and seed, as they were before their code was moved.

On the machine that wrote the file they are equal bit for bit. Elsewhere torch and the libraries
for linear algebra choose other kernels, which round otherwise; training with batch normalisation
makes most of that. `python -m tests.detectors.test_golden_scores` writes the file anew: only where
scores are meant to change, and `version` of the detector rises.
"""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from anomalib_ts import TrainerSettings, detectors
from anomalib_ts.core.recording import Recording

FILE = Path(__file__).with_name("golden_scores.npz")
BRIEF = TrainerSettings(accelerator="cpu", max_steps=25, progress=False)
SMALL = {"batch_size": 16, "trainer": BRIEF}
DENSE = {"window": 8, "width": 16, **SMALL}
CONV = {"window": 24, "width": 8, "features": 4, **SMALL}
FLOW = {**CONV, "flow_steps": 3, "smoothing": 8}
NORMALISED = ("Autoencoder", "FastFlow1D", "DcaseAutoencoder", "MobileFaceNet")
DETECTORS = {
    "moving_mean": detectors.MovingMean(),
    "random": detectors.RandomScore(seed=3),
    "iforest": detectors.IForest(trees=10, seed=1),
    "iforest, window": detectors.IForest(window=16, trees=10),
    "mahalanobis": detectors.Mahalanobis(),
    "mahalanobis, window": detectors.Mahalanobis(window=8),
    "autoencoder": detectors.Autoencoder(**CONV, seed=2),
    "fastflow1d": detectors.FastFlow1D(**FLOW),
    "fastflow1d, likelihood": detectors.FastFlow1D(**FLOW, scoring="likelihood"),
    "dcase_autoencoder": detectors.DcaseAutoencoder(width=16, batch_size=32, trainer=BRIEF),
    "dense_autoencoder": detectors.DenseAutoencoder(**DENSE),
    "dense_autoencoder, drop": detectors.DenseAutoencoder(**DENSE, stride=5, tail="drop"),
    "dense_autoencoder, pad": detectors.DenseAutoencoder(**DENSE, tail="pad", scaling="channel"),
    "deep_svdd": detectors.DeepSvdd(**DENSE, latent=4),
    "deep_sad": detectors.DeepSad(**DENSE, latent=4, eta=2.0),
    "devnet": detectors.DevNet(**DENSE),
    "mobilefacenet": detectors.MobileFaceNet(window=16, width=8, embedding=8, **SMALL),
    "usad": detectors.Usad(window=8, latent=4, **SMALL),
    "weak_autoencoder": detectors.WeakAutoencoder(**DENSE, mode="paper"),
    "weak_autoencoder, clip": detectors.WeakAutoencoder(
        **DENSE, mode="paper", bag="clip", held_out=0.3
    ),
}


def signal(n, channels, seed, scale=1.0):
    rng = np.random.default_rng(seed)
    time = np.arange(n)[:, None] + rng.integers(1000)
    wave = np.sin(2 * np.pi * time / (11 + 5 * np.arange(channels)))
    return scale * (wave + 0.3 * rng.standard_normal((n, channels)))


def training(channels):
    """Four normal recordings of two machines, and two anomalous ones."""
    for seed, n in enumerate((150, 160, 173, 180)):
        values = signal(n, channels, seed, 1 + seed % 2)
        yield Recording(values, label=0, machine_id=f"id_{seed % 2}")
    for seed in (20, 21):
        values = signal(150, channels, seed)
        values[60:90] *= 4
        yield Recording(values, label=1, machine_id=f"id_{seed % 2}")


def scores_of(name, channels=3):
    detector = DETECTORS[name]
    weak = detector.capabilities.supervision == "weak"
    detector.fit([r for r in training(channels) if weak or r.label == 0])
    return detector.score(Recording(signal(83, channels, 99), machine_id="id_0"))


@pytest.mark.filterwarnings("ignore:no gamma distribution fits")
@pytest.mark.parametrize("name", DETECTORS)
def test_scores_are_what_they_were(name):
    with np.load(FILE) as file:
        golden = file[name]
    scores = scores_of(name)
    assert spearmanr(scores, golden).statistic > 0.97
    if type(DETECTORS[name]).__name__ not in NORMALISED:
        np.testing.assert_allclose(scores, golden, rtol=1e-3, atol=1e-4 * np.abs(golden).max())


if __name__ == "__main__":
    np.savez_compressed(FILE, **{name: scores_of(name) for name in DETECTORS})
