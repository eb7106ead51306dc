"""How often a gamma threshold alarms on new normal sounds, against the 1 - r it promises.

Fits a detector once a seed, and sets the threshold in several ways: on scores of blocks or of
clips, of clips that trained or of held-out ones, by a gamma distribution or by the empirical
quantile. The false-alarm rate is the share of normal test blocks or clips above it.
"""

from __future__ import annotations

import argparse
import csv
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from typing import TypeAlias

import numpy as np

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.data.sounds.machine_sound import MachineSound
from anomalib_ts.detectors import DenseAutoencoder, WeakAutoencoder
from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.evaluation.thresholds import GammaThreshold, QuantileThreshold
from anomalib_ts.protocols.hold_out import hold_out_recordings
from anomalib_ts.protocols.weak_split import weak_split

LEVELS = (0.8, 0.95, 0.99)
Rates: TypeAlias = dict[tuple[str, str, str, float], tuple[float, bool]]
"""False-alarm rate, and whether no gamma fitted, by what is decided on, fitted on, rule and r."""
RULES = {"gamma": GammaThreshold, "empirical": QuantileThreshold}


def main() -> None:
    """Print a line for each seed and way as it is known, then means and deviations."""
    options = _options()
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(
        ["detector", "seed", "of", "fitted_on", "rule", "r", "false_alarm_rate", "fell_back"]
    )
    found: dict[tuple[str, ...], list[tuple[float, bool]]] = defaultdict(list)
    for seed in range(options.seeds):
        for name, rates in _seed(options, seed):
            for (*way, level), (rate, fell_back) in rates.items():
                writer.writerow([name, seed, *way, level, f"{rate:.4f}", int(fell_back)])
                found[(name, *way, f"{1 - level:.2f}")].append((rate, fell_back))
            sys.stdout.flush()
    for key, values in found.items():
        shares = [rate for rate, _ in values]
        fallbacks = sum(fell_back for _, fell_back in values)
        spread = f"{np.mean(shares):.3f} +- {np.std(shares, ddof=1):.3f} (n = {len(values)})"
        sys.stdout.write(f"{' '.join(key)}: {spread}, no gamma fitted in {fallbacks}\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1000, help="a stage")
    parser.add_argument("--held-out", type=float, default=0.1, help="share of normal clips")
    parser.add_argument("--machine-type", default="ventilator")
    parser.add_argument("--root", default="data/machine_sound")
    parser.add_argument("--cache", default="data/spectrograms")
    return parser.parse_args()


def _seed(options: argparse.Namespace, seed: int) -> Iterator[tuple[str, Rates]]:
    data = MachineSound(
        root=options.root,
        cache=options.cache,
        machine_types=[options.machine_type],
        n_train=600,
        n_test_normal=200,
        n_test_anomalous=250,
        seconds=10.0,
    )
    case = weak_split(data.load(options.machine_type), 200, 200, n_train_anomalous=50, seed=seed)
    train, held_out = hold_out_recordings(case.train, options.held_out)
    normal = [recording for recording in train if recording.label == 0]
    tested = [recording for recording in case.test if recording.label == 0]
    trainer = TrainerSettings(max_epochs=-1, max_steps=options.steps, progress=False)
    detectors: dict[str, tuple[Detector, list[Recording] | tuple[Recording, ...]]] = {
        "dense_autoencoder": (DenseAutoencoder(seed=seed, trainer=trainer), normal),
        "weak_autoencoder": (WeakAutoencoder(mode="paper", seed=seed, trainer=trainer), train),
    }
    for name, (detector, recordings) in detectors.items():
        detector.fit(recordings)
        parts = {"train": normal, "held_out": held_out, "test": tested}
        scores = {
            part: [detector.score(recording) for recording in chosen]
            for part, chosen in parts.items()
        }
        yield name, _rates(scores, detector.cut.window)


def _rates(scores: dict[str, list[FloatArray]], window: int) -> Rates:
    """The rates of a fitted detector."""
    levels = {
        "blocks": {k: np.concatenate([s[::window] for s in v]) for k, v in scores.items()},
        "clips": {k: np.array([s.mean() for s in v]) for k, v in scores.items()},
    }
    rates = {}
    for of, parts in levels.items():
        for part, (name, rule), level in product(("train", "held_out"), RULES.items(), LEVELS):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                threshold = rule(level).fit(parts[part])
            rate = float((parts["test"] > threshold).mean())
            rates[of, part, name, level] = rate, bool(caught)
    return rates


if __name__ == "__main__":
    main()
