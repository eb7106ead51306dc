"""Do scores depend on the unit or the level that values are given in?

Every detector is fitted on x and on a (x + b d), d the deviation of each channel, and scores a
recording in the same unit. Printed is the lowest rank correlation of its scores with those of x.

    python benchmarks/units/run.py --steps 100
"""

from __future__ import annotations

import argparse
import warnings
from itertools import product

from anomalib_ts import TrainerSettings, detectors
from anomalib_ts.detectors import Detector
from anomalib_ts.errors import AnomalibTsWarning
from anomalib_ts.testing.probe import Probe
from anomalib_ts.testing.units import unit_correlations

SCALES = (1e-9, 1e-3, 1.0, 1e3, 1e9)
LEVELS = (0.0, 1e3, -1e6, 1e9, -1e9)


def all_detectors(steps: int) -> list[Detector]:
    brief = TrainerSettings(accelerator="cpu", max_steps=steps, progress=False)
    conv = {"window": 32, "width": 8, "features": 4, "trainer": brief}
    dense = {"window": 8, "width": 16, "trainer": brief}
    return [
        detectors.MovingMean(),
        detectors.IForest(trees=20),
        detectors.IForest(window=16, trees=20),
        detectors.Mahalanobis(),
        detectors.Mahalanobis(window=16),
        detectors.Autoencoder(**conv),
        detectors.FastFlow1D(**conv),
        detectors.FastFlow1D(**conv, scoring="likelihood"),
        detectors.DcaseAutoencoder(width=16, trainer=brief),
        detectors.DenseAutoencoder(**dense),
        detectors.DenseAutoencoder(**dense, scaling="channel"),
        detectors.DeepSvdd(**dense, latent=4),
        detectors.DeepSad(**dense, latent=4),
        detectors.DevNet(**dense),
        detectors.MobileFaceNet(window=16, width=8, embedding=8, trainer=brief),
        detectors.Usad(window=8, latent=4, trainer=brief),
        detectors.WeakAutoencoder(**dense),
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    warnings.simplefilter("ignore", AnomalibTsWarning)
    grid = [pair for pair in product(SCALES, LEVELS) if pair != (1.0, 0.0)]
    print("| detector | worst rank correlation | at a, b |\n| --- | --- | --- |")
    for detector in all_detectors(options.steps):
        found = unit_correlations(Probe(detector), grid)
        (a, b), worst = min(found.items(), key=lambda item: item[1])
        named = {k: v for k, v in detector.get_params().items() if k in ("scoring", "scaling")}
        shown = ", ".join([f"window={detector.get_params()['window']}", *map(str, named.values())])
        print(f"| {type(detector).__name__} ({shown}) | {worst:.5f} | {a:g}, {b:g} |", flush=True)


if __name__ == "__main__":
    main()
