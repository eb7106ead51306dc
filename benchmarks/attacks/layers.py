"""Whether sparseness of layers tells attacked windows from clean ones, and adds to roughness.

    python -m benchmarks.attacks.layers SHARED [--seeds 3]

The series are those of `table.py`. Writes layers.csv (a row a layer) and detection.csv.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
import torch

from anomalib_ts import Autoencoder, DenseAutoencoder, Usad
from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors.deep.base import DeepDetector
from anomalib_ts.robustness import (
    Noise,
    Pgd,
    TrainingRange,
    diagnose,
    population_sparseness,
    roughness,
    wanted_of,
)
from anomalib_ts.robustness.activations import layer_responses
from anomalib_ts.robustness.diagnosis import separability
from benchmarks.attacks.table import BRIEF, GOALS, load

HERE = Path(__file__).parent
SIZES = (0.1, 0.5)
CASES = ("ECG/MBA_ECG803_data", "ECG/MBA_ECG805_data", "ECG/MBA_ECG801_data", "NASA-MSL/C-1")
KINDS = (DenseAutoencoder, Usad, Autoencoder)
LONGEST = 32
FEATURES = ("psi", "roughness", "psi and roughness")


def features(
    detector: DeepDetector[Any], recording: Recording, chosen: np.ndarray[Any, Any]
) -> dict[str, np.ndarray[Any, Any]]:
    """Sparseness of all layers, and roughness, of the windows at some places `(m, w)`."""
    function = detector.score_function(recording)
    z = function.standardised(torch.tensor(recording.values, dtype=torch.float64))
    windows = z[torch.from_numpy(chosen)].transpose(1, 2)
    layers = layer_responses(function.network, function.of_windows, windows)
    psi = np.stack([np.nan_to_num(population_sparseness(r)) for r in layers.values()], axis=1)
    rough = roughness(windows.numpy())[:, None]
    return dict(zip(FEATURES, (psi, rough, np.hstack([psi, rough])), strict=True))


def places(points: int, window: int) -> np.ndarray[Any, Any]:
    """Where windows side by side lie."""
    return np.arange(0, points - window + 1, window)[:, None] + np.arange(window)


def main() -> None:
    """All series, networks, seeds and attacks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    tables: dict[str, list[dict[str, Any]]] = {"layers": [], "detection": []}
    for case in CASES:
        train, test = load(options.shared / "data/tsb-uad", case)
        known = TrainingRange.of(train)
        longest = max(train, key=len)
        for kind in KINDS:
            for seed in range(options.seeds):
                detector = kind(window=LONGEST, seed=seed, trainer=BRIEF).fit(train)
                healthy = features(detector, longest, places(len(longest), LONGEST))
                for goal in GOALS:
                    wanted = wanted_of(goal, test)
                    every = places(len(test), LONGEST)
                    chosen = every[(wanted[every] != 0).any(axis=1)]
                    clean = features(detector, test, chosen)
                    for size in SIZES:
                        about = {
                            "case": case,
                            "detector": kind.__name__,
                            "seed": seed,
                            "goal": goal,
                            "epsilon": size,
                        }
                        made = {
                            "pgd": Pgd(epsilon=size, goal=goal, seed=seed, sizes=(0.1,)),
                            "noise": Noise(epsilon=size, goal=goal, seed=seed),
                        }
                        moved = {k: a.attack(detector, test, known) for k, a in made.items()}
                        rows = diagnose(detector, test, moved["noise"], moved["pgd"], wanted)
                        tables["layers"] += [{**about, "layer": k, **v} for k, v in rows.items()]
                        for attack, recording in moved.items():
                            found = features(detector, recording, chosen)
                            for name in FEATURES:
                                values = separability(healthy[name], clean[name], found[name])
                                row = {"attack": attack, "features": name, "windows": len(chosen)}
                                row |= dict(zip(("one_class", "supervised"), values, strict=True))
                                tables["detection"].append({**about, **row})
                print(case, kind.__name__, seed, flush=True)
        write(tables)


def write(tables: dict[str, list[dict[str, Any]]]) -> None:
    """What there is so far."""
    for name, found in tables.items():
        columns = list(dict.fromkeys(key for row in found for key in row))
        with (HERE / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            for row in found:
                short = {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}
                writer.writerow(short)


if __name__ == "__main__":
    main()
