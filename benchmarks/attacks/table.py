"""AUROC under attack, detector by detector: every row that is missing in rows.csv is computed.

    python benchmarks/attacks/table.py SHARED [--seeds 3] [--only IForest Hbos]

SHARED is a folder with `data/tsb-uad/<DATASET>/<file>.out`. Each detector is fitted once a case and
seed; noise and the strongest attack that it allows (`pgd`, or `square` without gradient) are made
of all sizes on it. Kill it at will: the same command goes on.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
from sklearn.metrics import roc_auc_score

from anomalib_ts import detectors as built_in
from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.robustness import Fgsm, Noise, Pgd, TrainingRange

ROWS = Path(__file__).with_name("rows.csv")
SIZES = (0.05, 0.1, 0.2, 0.5)
GOALS = ("hide", "raise", "both")
HEAD = ("case", "detector", "seed", "attack", "made", "goal", "epsilon", "auroc", "recall")
FIELDS = (*HEAD, "false_alarm_rate", "seconds", "fit_seconds")
Row: TypeAlias = dict[str, object]
LEARNT, TESTED, SHORTEST = 20_000, 8_000, 128
BRIEF = TrainerSettings(accelerator="cpu", progress=False)
DETECTORS = {
    "RandomScore": {},
    "MovingMean": {},
    "Mahalanobis": {"window": 32},
    "Pca": {"window": 32},
    "DenseAutoencoder": {"trainer": BRIEF},
    "Usad": {"trainer": BRIEF},
    "DeepSvdd": {"trainer": BRIEF},
    "Autoencoder": {"trainer": BRIEF},
    "Cnn": {"window": 32, "trainer": BRIEF},
    "IForest": {"window": 32},
    "Hbos": {"window": 32},
    "FastFlow1D": {"trainer": BRIEF},
}
CASES = (
    *("NASA-MSL/C-1", "NASA-MSL/M-6", "ECG/MBA_ECG803_data", "ECG/MBA_ECG805_data"),
    *("ECG/MBA_ECG806_data", "ECG/MBA_ECG820_data", "ECG/MBA_ECG801_data"),
)


def read(path: Path) -> Recording:
    """A TSB-UAD file: value, label a line."""
    table = np.loadtxt(path, delimiter=",")
    return Recording(table[:, 0].astype(np.float32), labels=table[:, 1])


def load(folder: Path, case: str) -> tuple[list[Recording], Recording]:
    """What trains and what is tested."""
    if case.startswith("NASA-MSL"):
        train, test = (read(folder / f"{case}.{part}.out") for part in ("train", "test"))
        return [train], test
    whole = read(folder / f"{case}.out")
    normal = np.flatnonzero(np.diff(whole.anomalous_points[:LEARNT], prepend=True, append=True))
    runs = zip(normal[::2], normal[1::2], strict=False)
    train = [whole[first:end] for first, end in runs if end - first >= SHORTEST]
    return train, whole[LEARNT : LEARNT + TESTED]


def rows(case: str, name: str, seed: int, train: list[Recording], test: Recording) -> Iterator[Row]:
    """All rows of one fit."""
    kind = getattr(built_in, name)
    settings = dict(DETECTORS[name])
    if _is_random(name):
        settings["seed"] = seed
    start = time.perf_counter()
    detector = kind(**settings).fit(train)
    fitted = round(time.perf_counter() - start, 2)
    threshold = np.quantile(np.concatenate([detector.score(one) for one in train]), 0.995)
    known, odd = TrainingRange.of(train), test.anomalous_points

    def row(what: tuple[str, str, str, float], recording: Recording, seconds: float) -> Row:
        scores = detector.score(recording)
        values = (
            *(case, name, seed, *what, round(roc_auc_score(odd, scores), 4)),
            *(
                round(float(x.mean()), 4)
                for x in (scores[odd] > threshold, scores[~odd] > threshold)
            ),
            *(round(seconds, 2), fitted),
        )
        return dict(zip(FIELDS, values, strict=True))

    yield row(("none", "", "", 0.0), test, 0.0)
    for goal in GOALS:
        strong = Pgd(epsilon=SIZES[-1], goal=goal, seed=seed, sizes=SIZES)
        made = strong.for_detector(detector, test)
        start = time.perf_counter()
        for size, recording in made.attacks(detector, test, known):
            seconds = time.perf_counter() - start
            kind_made = type(made).__name__.lower()
            yield row(("strongest", kind_made, goal, size), recording, seconds)
            start = time.perf_counter()
        weak = [Noise] if made is not strong else [Noise, Fgsm]
        for other in weak:
            for size in SIZES:
                attack = other(epsilon=size, goal=goal, seed=seed)
                start = time.perf_counter()
                recording = attack.attack(detector, test, known)
                word = other.__name__.lower()
                yield row((word, word, goal, size), recording, time.perf_counter() - start)


def _is_random(name: str) -> bool:
    """Whether a detector depends on a seed."""
    return "seed" in getattr(built_in, name)().get_params()


def main() -> None:
    """Compute what is missing, cheap cases and single seeds first."""
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=DETECTORS, default=list(DETECTORS))
    options = parser.parse_args()
    done = set()
    if ROWS.exists():
        with ROWS.open(newline="") as file:
            done = {(r["case"], r["detector"], int(r["seed"])) for r in csv.DictReader(file)}
    else:
        ROWS.write_text(",".join(FIELDS) + "\n")
    for seed in range(options.seeds):
        for name in options.only:
            if seed and not _is_random(name):
                continue
            for case in CASES:
                if (case, name, seed) in done:
                    continue
                train, test = load(options.shared / "data/tsb-uad", case)
                found = list(rows(case, name, seed, train, test))
                with ROWS.open("a", newline="") as file:
                    csv.DictWriter(file, FIELDS, lineterminator="\n").writerows(found)
                print(seed, name, case, found[0]["auroc"], flush=True)


if __name__ == "__main__":
    main()
