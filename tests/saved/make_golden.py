"""How the models of `golden/` were made; they are kept as they are, whatever becomes of this."""

from pathlib import Path

import numpy as np

from anomalib_ts import (
    FastFlow1D,
    IForest,
    Mahalanobis,
    MovingMean,
    Recording,
    TrainerSettings,
    WeakAutoencoder,
)
from anomalib_ts.deploy.model import PlantModel
from anomalib_ts.deploy.target import AlarmTarget

GOLDEN = Path(__file__).with_name("golden")


def wave(points, seed):
    rng = np.random.default_rng(seed)
    time = np.arange(points)[:, None]
    return np.sin(time / [5, 7]) + 0.1 * rng.standard_normal((points, 2))


def main():
    brief = TrainerSettings(accelerator="cpu", max_steps=10, progress=False)
    small = {"batch_size": 16, "trainer": brief}
    detectors = {
        "iforest": IForest(window=4, trees=3),
        "mahalanobis": Mahalanobis(window=4),
        "fastflow1d": FastFlow1D(
            window=24, width=4, features=4, flow_steps=2, smoothing=8, **small
        ),
        "weak_autoencoder": WeakAutoencoder(window=8, width=8, latent=2, **small),
    }
    names = ("flow", "heat")
    labels = np.zeros(600, int)
    labels[500:520] = 1
    train = Recording(wave(600, 0), labels=labels, channel_names=names)
    arrays = {"values": wave(100, 1)}
    GOLDEN.mkdir(exist_ok=True)
    for name, detector in detectors.items():
        detector.fit(train).save(GOLDEN / f"{name}.ats")
        arrays[name] = detector.score(Recording(arrays["values"], channel_names=names))
    healthy = Recording(wave(5000, 2), sampling_period=60.0, channel_names=names)
    target = AlarmTarget(per_day=0.5, shortest=2, merge=3, hysteresis=0.5)
    model = PlantModel.fit(MovingMean(window=8), [healthy], target, reading={"decimal": ","})
    model.save(GOLDEN / "pump.ats")
    arrays["threshold"] = np.array(model.rule.threshold)
    np.savez(GOLDEN / "scores.npz", **arrays)


if __name__ == "__main__":
    main()
