"""What defences cost and gain: clipping, smoothing, noisy copies, adversarial training.

    python -m benchmarks.attacks.defences SHARED [--seeds 3]

The attacker knows the defence: the gradient goes through it. The series are those of `table.py`.
Rows go to defences.csv as they are made; the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from sklearn.metrics import roc_auc_score

from anomalib_ts.core.recording import Recording
from anomalib_ts.robustness import Defended, Noise, Pgd, TrainingRange
from benchmarks.attacks.table import BRIEF, load

RESULTS = Path(__file__).with_name("defences.csv")
COLUMNS = ["case", "detector", "seed", "defence", "attack", "epsilon", "auroc"]
CASES = ("ECG/MBA_ECG803_data", "ECG/MBA_ECG805_data", "ECG/MBA_ECG801_data", "NASA-MSL/C-1")
KINDS = ("DenseAutoencoder", "Usad")
SIZES = (0.1, 0.5)
DEFENCES: dict[str, dict[str, Any]] = {
    "none": {},
    "smoothing 5": {"smoothing": 5},
    "smoothing 15": {"smoothing": 15},
    "clipping": {"clip": True},
    "adversarial training": {"rounds": 1, "epsilon": 0.2},
    "noisy copies": {"copies": 8, "noise": 0.2},
}


def recordings(
    detector: Defended, test: Recording, known: TrainingRange, seed: int
) -> Iterator[tuple[str, float, Recording]]:
    """The test recording as it is, attacked, and with noise of the same sizes."""
    yield "none", 0.0, test
    for size, attacked in Pgd(epsilon=SIZES[-1], seed=seed, sizes=SIZES).attacks(
        detector, test, known
    ):
        yield "pgd", size, attacked
    for size in SIZES:
        yield "noise", size, Noise(epsilon=size, seed=seed).attack(detector, test, known)


def main() -> None:
    """All defences, seeds, series and networks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    with RESULTS.open() as file:
        done = {tuple(row[name] for name in COLUMNS[:4]) for row in csv.DictReader(file)}
    for seed, defence, case, kind in product(range(options.seeds), DEFENCES, CASES, KINDS):
        if (case, kind, str(seed), defence) in done:
            continue
        train, test = load(options.shared / "data/tsb-uad", case)
        inner = {"_target_": f"anomalib_ts.{kind}", "window": 32, "seed": seed, "trainer": BRIEF}
        detector = Defended(detector=inner, seed=seed, **DEFENCES[defence]).fit(train)
        made = recordings(detector, test, TrainingRange.of(train), seed)
        odd = test.anomalous_points
        with RESULTS.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(
                [case, kind, seed, defence, attack, size, round(_auroc(odd, detector, one), 4)]
                for attack, size, one in made
            )
        print(seed, defence, case, kind, flush=True)


def _auroc(odd: Any, detector: Defended, recording: Recording) -> float:
    return float(roc_auc_score(odd, detector.score(recording)))


if __name__ == "__main__":
    main()
