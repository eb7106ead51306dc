"""Peak memory of long series and of many clips: one process a row.

    python benchmarks/memory/run.py --points 10000000 --clips 3675

Each row is measured in a fresh process, as its largest resident set less that of one that only
imports what it needs. To compare two versions, run it with PYTHONPATH at each of two checkouts.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

from anomalib_ts import TrainerSettings, detectors
from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors import Detector

FRAMES, MELS = 313, 128  # a clip of 10 s at 16 kHz

SERIES = ("nothing", "recording", "moving_mean", "iforest", "mahalanobis", "autoencoder", "usad")
CLIPS = ("nothing", "recording", "mahalanobis", "dense_autoencoder", "dcase_autoencoder")


def detector_of(name: str) -> Detector:
    brief = TrainerSettings(accelerator="cpu", max_steps=20, progress=False)
    classes = {
        "moving_mean": detectors.MovingMean,
        "iforest": lambda: detectors.IForest(window=16, trees=10),
        "mahalanobis": detectors.Mahalanobis,
        "autoencoder": lambda: detectors.Autoencoder(window=64, trainer=brief),
        "usad": lambda: detectors.Usad(trainer=brief),
        "dense_autoencoder": lambda: detectors.DenseAutoencoder(trainer=brief),
        "dcase_autoencoder": lambda: detectors.DcaseAutoencoder(trainer=brief),
    }
    return classes[name]()


def work(kind: str, name: str, count: int) -> None:
    if name == "nothing":
        return
    random = np.random.default_rng(0)
    if kind == "series":
        test = Recording(random.standard_normal(count))
        train = [test[: count // 2]]
    else:
        train = [
            Recording(random.standard_normal((FRAMES, MELS), dtype=np.float32))
            for _ in range(count)
        ]
        test = train[0]
    if name != "recording":
        detector_of(name).fit(train).score(test)


def peak_mb(kind: str, name: str, count: int) -> tuple[float, float]:
    start = time.perf_counter()
    command = [sys.executable, __file__, "--row", json.dumps([kind, name, count])]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(found.stdout), time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--clips", type=int, default=3675)
    parser.add_argument("--row", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        work(*json.loads(options.row))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
        return
    for kind, names, count in (
        ("series", SERIES, options.points),
        ("clips", CLIPS, options.clips),
    ):
        bare = 0.0
        for name in names:
            peak, seconds = peak_mb(kind, name, count)
            bare = bare or peak
            print(f"{kind:7} {count:9,} {name:18} {peak - bare:7.0f} MB  {seconds:6.1f} s")


if __name__ == "__main__":
    main()
