"""What the generated machines reward: simple cues, and how they fare where the domain shifts.

    python benchmarks/machine_sounds/cues.py cues.csv --seeds 0 1 2
    python benchmarks/machine_sounds/cues.py cues.csv --shifts load background both --seeds 0 1 2

A row is one cue on one machine type, written as soon as it is done; rows that are there already
are not made again. A seed is one of the data: other recordings of the same machines. The areas are
those of DCASE 2023: means over machines and, with a shift, over machines of either domain.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case
from anomalib_ts.data.sounds.machine_sound import MachineSound
from anomalib_ts.data.sounds.machine_synthesis import MACHINE_TYPES
from anomalib_ts.detectors import Mahalanobis, Memory
from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.memory import (
    DensityNormalised,
    MahalanobisDistance,
    Nearest,
    Statistics,
)
from anomalib_ts.metrics.records import record_areas

Scores = NDArray[np.float64]
KEYS = ("type", "shift", "seed", "cue")
AREAS = ("auroc", "source", "target", "harmonic_mean")


def loudness(case: Case) -> Scores:
    """The louder, the more anomalous."""
    return np.array([np.log10(np.mean(10 ** (clip.values / 10))) for clip in case.test])


def levels(clips: Sequence[Recording]) -> NDArray[np.float64]:
    """Mean level of each band, `(clips, bands)` in dB."""
    return np.array([clip.values.mean(axis=0, dtype=np.float64) for clip in clips])


def deviations(case: Case) -> NDArray[np.float64]:
    """`(clips, bands)` how far a band's level lies from that of the same machine in training."""
    found = np.empty((len(case.test), case.test[0].channels))
    for machine in {clip.machine_id for clip in case.test}:
        train = levels([clip for clip in case.train if clip.machine_id == machine])
        at = [i for i, clip in enumerate(case.test) if clip.machine_id == machine]
        test = levels([case.test[i] for i in at])
        found[at] = np.abs(test - train.mean(axis=0)) / train.std(axis=0)
    return found


def typical_band(case: Case) -> dict[str, float]:
    """Areas of one band alone, the median over the bands."""
    found = [areas(case, scores) for scores in deviations(case).T]
    return {name: float(np.median([one[name] for one in found])) for name in found[0]}


def best_band(case: Case) -> dict[str, float]:
    """Of one band alone, that with the largest area: chosen by the test labels."""
    found = [areas(case, scores) for scores in deviations(case).T]
    return max(found, key=lambda one: one["auroc"])


def linear_probe(case: Case) -> Scores:
    """A logistic regression on band levels, trained on the labels of the other test clips."""
    labels = np.array([clip.label for clip in case.test])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=5000))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    rows = levels(case.test)
    return cross_val_predict(model, rows, labels, cv=folds, method="decision_function")


def detector(make: Callable[[], Detector]) -> Callable[[Case], Scores]:
    """The clips' mean scores by a detector that has seen the healthy training clips."""

    def score(case: Case) -> Scores:
        fitted = make().fit(case.train)
        return np.array([fitted.score(clip.without_labels()).mean() for clip in case.test])

    return score


def memory(scorer: object) -> Callable[[Case], Scores]:
    return detector(lambda: Memory(representation=Statistics(of="recording"), scorer=scorer))


CUES: dict[str, Callable[[Case], Scores | dict[str, float]]] = {
    "loudness": loudness,
    "one band, the median": typical_band,
    "one band, the best": best_band,
    "linear probe": linear_probe,
    "mahalanobis, frames": detector(Mahalanobis),
    "mahalanobis, clip statistics": memory(MahalanobisDistance()),
    "nearest, clip statistics": memory(Nearest()),
    "density_normalised, clip statistics": memory(DensityNormalised()),
}


def areas(case: Case, scores: Scores) -> dict[str, float]:
    domains = [clip.domain for clip in case.test]
    machines = [clip.machine_id for clip in case.test]
    labels = [clip.label for clip in case.test]
    values = record_areas(labels, scores, machines, domains if any(domains) else None).values
    found = {"auroc": values["auroc"]}
    if any(domains):
        found |= {domain: values[f"auroc_{domain}"] for domain in ("source", "target")}
        found["harmonic_mean"] = values["harmonic_mean"]
    return found


def loaded(root: Path, name: str, shift: str, seed: int) -> Case:
    return MachineSound(
        root=str(root / "sounds"),
        cache=str(root / "spectrograms"),
        machine_types=[name],
        n_train=240,
        n_test_normal=120,
        n_test_anomalous=120,
        seconds=4.0,
        seed=seed,
        domain_shift=shift,
        n_train_target=9,
        jobs=1,
    ).load(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--types", nargs="+", default=list(MACHINE_TYPES))
    parser.add_argument("--shifts", nargs="+", default=["none"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--root", type=Path, default=Path("data"))
    options = parser.parse_args()
    done = {tuple(row[name] for name in KEYS) for row in read(options.results)}
    for seed in options.seeds:
        for shift in options.shifts:
            for name in options.types:
                left = [cue for cue in CUES if (name, shift, str(seed), cue) not in done]
                case = loaded(options.root, name, shift, seed) if left else None
                for cue in left:
                    found = CUES[cue](case)
                    values = found if isinstance(found, dict) else areas(case, found)
                    told = {area: f"{values[area]:.4f}" for area in values}
                    key = dict(zip(KEYS, (name, shift, str(seed), cue), strict=True))
                    append(options.results, key | dict.fromkeys(AREAS, "") | told)
    table(read(options.results))


def read(results: Path) -> list[dict[str, str]]:
    if not results.is_file():
        return []
    with results.open() as file:
        return list(csv.DictReader(file))


def append(results: Path, row: dict[str, str]) -> None:
    new = not results.is_file()
    with results.open("a", newline="") as file:
        writer = csv.DictWriter(file, [*KEYS, *AREAS], lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def table(rows: list[dict[str, str]]) -> None:
    """Means over seeds: cues by types, and for a shift by areas, means over the types."""
    found: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for row in rows:
        if row["shift"] == "none":
            found[row["cue"], row["type"]].append(float(row["auroc"]))
        else:
            for area in AREAS[1:]:
                found[row["cue"], f"{row['shift']} {area}"].append(float(row[area]))
    columns = list(dict.fromkeys(column for _, column in found))
    print(" | ".join(["cue", *columns]))
    for cue in CUES:
        cells = [found.get((cue, column), [np.nan]) for column in columns]
        print(" | ".join([cue, *(f"{np.mean(c):.3f} (n={len(c)})" for c in cells)]))


if __name__ == "__main__":
    main()
