"""AUROC under attack, detector by detector: every row that is missing in rows.csv is computed.

    python benchmarks/attacks/table.py SHARED [--seeds 3] [--only IForest Hbos] [--cases ventilator]

SHARED is a folder with `data/tsb-uad/<DATASET>/<file>.out`; the ventilators are generated into
`data/`. Each detector is fitted once a case and seed; noise and the strongest attack that it allows
(`pgd`, or `square` without gradient) are made of all sizes on it. Kill it at will: the same command
goes on.
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
from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.data import MachineSound
from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.metrics.records import record_areas
from anomalib_ts.robustness import Attack, Fgsm, Noise, Pgd, TrainingRange, wanted_of

ROWS = Path(__file__).with_name("rows.csv")
SIZES = (0.05, 0.1, 0.2, 0.5)
GOALS = ("hide", "raise", "both")
HEAD = ("case", "detector", "seed", "attack", "made", "goal", "epsilon", "auroc", "recall")
FIELDS = (*HEAD, "false_alarm_rate", "seconds", "fit_seconds")
Row: TypeAlias = dict[str, object]
LEARNT, TESTED, SHORTEST = 20_000, 8_000, 128
BRIEF = TrainerSettings(accelerator="cpu", progress=False)
VENTILATOR = "ventilator"
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
    VENTILATOR,
)
CLIPS = {"n_train": 60, "n_test_normal": 15, "n_test_anomalous": 15}
"""Of 3 s, of three generated ventilators, each with five kinds of fault."""


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


def parts(shared: Path, case: str) -> tuple[list[Recording], list[Recording]]:
    """What trains and what is tested: a series, or the clips of the generated ventilators."""
    if case == VENTILATOR:
        made = MachineSound(machine_types=[VENTILATOR], **CLIPS).load(VENTILATOR)
        return list(made.train), list(made.test)
    train, test = load(shared / "data/tsb-uad", case)
    return train, [test]


def scored(detector: Detector, recordings: list[Recording], case: str) -> FloatArray:
    """The scores that are judged: of points, or of clips, the mean of their points."""
    scores = [detector.score(one) for one in recordings]
    return np.array([s.mean() for s in scores]) if case == VENTILATOR else np.concatenate(scores)


def truth(tests: list[Recording], case: str) -> np.ndarray:
    """What of that is anomalous."""
    if case == VENTILATOR:
        return np.array([bool(one.label) for one in tests])
    return np.concatenate([one.anomalous_points for one in tests])


def area(tests: list[Recording], case: str, scores: FloatArray) -> float:
    """AUROC, of clips the mean over the machines."""
    odd = truth(tests, case)
    if case != VENTILATOR:
        return float(roc_auc_score(odd, scores))
    return record_areas(odd.astype(int), scores, [one.machine_id for one in tests]).values["auroc"]


def changed(
    attack: Attack, detector: Detector, tests: list[Recording], known: TrainingRange
) -> Iterator[tuple[float, list[Recording]]]:
    """The test recordings after an attack of each size that it makes."""
    hit = [place for place, one in enumerate(tests) if wanted_of(attack.goal, one).any()]
    made = [attack.attacks(detector, tests[place], known) for place in hit]
    for found in zip(*made, strict=True):
        after = dict(zip(hit, (recording for _, recording in found), strict=True))
        yield found[0][0], [after.get(place, one) for place, one in enumerate(tests)]


def rows(
    case: str, name: str, seed: int, train: list[Recording], tests: list[Recording]
) -> Iterator[Row]:
    """All rows of one fit."""
    settings = {k: v for k, v in DETECTORS[name].items() if case != VENTILATOR or k != "window"}
    if _is_random(name):
        settings["seed"] = seed
    start = time.perf_counter()
    detector = getattr(built_in, name)(**settings).fit(train)
    fitted = round(time.perf_counter() - start, 2)
    threshold = np.quantile(scored(detector, train, case), 0.995)
    known, odd = TrainingRange.of(train), truth(tests, case)

    def row(what: tuple[str, str, str, float], after: list[Recording], seconds: float) -> Row:
        scores = scored(detector, after, case)
        values = (
            *(case, name, seed, *what, round(area(tests, case, scores), 4)),
            *(
                round(float(x.mean()), 4)
                for x in (scores[odd] > threshold, scores[~odd] > threshold)
            ),
            *(round(seconds, 2), fitted),
        )
        return dict(zip(FIELDS, values, strict=True))

    yield row(("none", "", "", 0.0), tests, 0.0)
    for goal in GOALS:
        strong = Pgd(epsilon=SIZES[-1], goal=goal, seed=seed, sizes=SIZES)
        made = strong.for_detector(detector, tests[0])
        weak = [Noise] if made is not strong else [Noise, Fgsm]
        controls = [kind(epsilon=size, goal=goal, seed=seed) for kind in weak for size in SIZES]
        for attack in (made, *controls):
            kind = type(attack).__name__.lower()
            what = "strongest" if attack is made else kind
            start = time.perf_counter()
            for size, after in changed(attack, detector, tests, known):
                yield row((what, kind, goal, size), after, time.perf_counter() - start)
                start = time.perf_counter()


def _is_random(name: str) -> bool:
    """Whether a detector depends on a seed."""
    return "seed" in getattr(built_in, name)().get_params()


def main() -> None:
    """Compute what is missing, cheap cases and single seeds first."""
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=DETECTORS, default=list(DETECTORS))
    parser.add_argument("--cases", nargs="*", choices=CASES, default=list(CASES))
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
            for case in options.cases:
                if (case, name, seed) in done:
                    continue
                found = list(rows(case, name, seed, *parts(options.shared, case)))
                with ROWS.open("a", newline="") as file:
                    csv.DictWriter(file, FIELDS, lineterminator="\n").writerows(found)
                print(seed, name, case, found[0]["auroc"], flush=True)


if __name__ == "__main__":
    main()
