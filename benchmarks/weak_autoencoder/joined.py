"""The joined score beside its rivals on the splits of Table 3: one fit a row.

    python benchmarks/weak_autoencoder/joined.py results.csv --studies table3 unseen --seeds 0 1 2
    python benchmarks/weak_autoencoder/joined.py results.csv --print

Each row is written as soon as it is done; rows that are there already are not made again, so the
same command goes on after it was stopped. Seconds are CPU time of one thread.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from anomalib_ts.audio.clip_reader import ClipReader
from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case
from anomalib_ts.data.sounds.machine_sound import MachineSound
from anomalib_ts.data.sounds.machine_synthesis import FAULTS
from anomalib_ts.detectors import (
    DenseAutoencoder,
    DevNet,
    FastFlow1D,
    Memory,
    WeakAutoencoder,
)
from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.memory import MahalanobisDistance, Statistics
from anomalib_ts.errors import AnomalibTsWarning
from anomalib_ts.evaluation.thresholds import GammaThreshold
from anomalib_ts.protocols.hold_out import hold_out_recordings
from anomalib_ts.protocols.weak_split import weak_split

TYPES = ("ventilator", "conveyor", "stamper")
LABELLED = 50


def steps(number: int) -> TrainerSettings:
    return TrainerSettings(accelerator="cpu", max_epochs=-1, max_steps=number, progress=False)


METHODS: dict[str, Callable[[int], Detector]] = {  # the most wanted first
    "joined": lambda seed: WeakAutoencoder(seed=seed, trainer=steps(1000)),
    "autoencoder": lambda seed: DenseAutoencoder(seed=seed, trainer=steps(1000)),
    "clip statistics": lambda seed: Memory(
        representation=Statistics(of="recording"), scorer=MahalanobisDistance(), seed=seed
    ),
    "devnet": lambda seed: DevNet(seed=seed, trainer=steps(1000)),
    "paper": lambda seed: WeakAutoencoder(mode="paper", seed=seed, trainer=steps(1000)),
    "fastflow1d": lambda seed: FastFlow1D(seed=seed, trainer=steps(1000)),
}
UNLABELLED = ("autoencoder", "clip statistics", "fastflow1d")


@dataclass(frozen=True)
class Fit:
    """One row: what is fitted to what."""

    study: str
    case: str
    seed: int
    method: str
    labelled: int = LABELLED
    left_out: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What tells rows apart."""
        return tuple(str(value) for value in vars(self).values())


MEASURED = ("auroc", "false_alarms", "found", "own_false_alarms", "own_found", *FAULTS, "fit_s")


def fits(study: str, seed: int, types: Sequence[str]) -> Iterator[Fit]:
    """The rows of a study, the most wanted first."""
    if study in ("table3", "levels"):
        for case in types:
            for method in METHODS:
                yield Fit(study, case, seed, method)
    elif study == "unseen":
        for method in UNLABELLED:
            yield Fit(study, "ventilator", seed, method)
        for kind in FAULTS:
            yield Fit(study, "ventilator", seed, "joined", left_out=kind)
        yield Fit(study, "ventilator", seed, "joined")
    else:
        for method in ("autoencoder", "clip statistics"):
            yield Fit(study, "ventilator", seed, method, 0)
        for method in ("joined", "devnet"):
            for labelled in (1, 2, 5, 10, 20, 50, 100, 200):
                yield Fit(study, "ventilator", seed, method, labelled)


@lru_cache(maxsize=1)
def loaded(root: Path, study: str, case: str) -> Case:
    data = MachineSound(
        root=str(root / "sounds"),
        cache=str(root / "spectrograms"),
        machine_types=[case],
        n_train=600,
        n_test_normal=200,
        n_test_anomalous=250 if study in ("table3", "levels") else 400,
        seconds=10.0,
        audio=ClipReader(level_normalise=study == "levels"),
        jobs=1,
    )
    return data.load(case)


def split(fit: Fit, root: Path) -> tuple[tuple[Recording, ...], Case]:
    """The held-out healthy clips, and the case without them."""
    case = weak_split(
        loaded(root, fit.study, fit.case),
        200,
        200,
        n_train_anomalous=fit.labelled,
        seed=fit.seed,
        may_train=lambda clip: clip.kind != fit.left_out,
    )
    train, held_out = hold_out_recordings(case.train, 0.1)
    if fit.method in UNLABELLED:
        train = tuple(clip for clip in train if not clip.is_anomalous)
    return held_out, replace(case, train=train)


def measured(fit: Fit, root: Path) -> dict[str, object]:
    held_out, case = split(fit, root)
    begun = time.process_time()
    detector = METHODS[fit.method](fit.seed).fit(case.train)
    seconds = time.process_time() - begun
    scores = clip_scores(detector, case.test)
    with warnings.catch_warnings():  # the empirical quantile where no gamma fits, as ever
        warnings.simplefilter("ignore", AnomalibTsWarning)
        threshold = GammaThreshold(level=0.99).fit(clip_scores(detector, held_out))
    truth = np.array([clip.is_anomalous for clip in case.test])
    kinds = np.array([clip.kind for clip in case.test])
    machines = np.array([clip.machine_id for clip in case.test])
    own = getattr(detector, "threshold_", None)
    row = [roc_auc_score(truth, scores), *alarms(scores, truth, threshold)]
    row += alarms(scores, truth, own) if own is not None else [None, None]
    row += [by_machine(scores, truth, machines, kinds == kind) for kind in FAULTS]
    told = ["" if value is None else f"{value:.4f}" for value in row]
    return dict(zip(MEASURED, [*told, f"{seconds:.1f}"], strict=True))


def clip_scores(detector: Detector, clips: tuple[Recording, ...]) -> NDArray[np.float64]:
    return np.array([np.mean(detector.score(clip.without_labels())) for clip in clips])


def alarms(scores: NDArray, truth: NDArray, threshold: float) -> list[float]:
    """The shares of healthy and of anomalous clips above a threshold."""
    above = scores > threshold
    return [float(above[~truth].mean()), float(above[truth].mean())]


def by_machine(scores: NDArray, truth: NDArray, machines: NDArray, kind: NDArray) -> float:
    """Mean over machines of the AUROC of their clips of one kind against their healthy ones."""
    values = []
    for machine in np.unique(machines):
        part = (machines == machine) & (~truth | kind)
        values.append(roc_auc_score(truth[part], scores[part]))
    return float(np.mean(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--studies", nargs="+", default=["table3"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--types", nargs="+", default=TYPES, help="of table3 and levels")
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--root", type=Path, default=Path("data"))
    parser.add_argument("--print", action="store_true", help="only the tables of what is there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = read(options.results)
    if not options.print:
        done = {tuple(row[name] for name in Fit.__dataclass_fields__) for row in rows}
        for study in options.studies:
            for seed in options.seeds:
                for fit in fits(study, seed, options.types):
                    if fit.key not in done and fit.method in options.methods:
                        row = vars(fit) | measured(fit, options.root)
                        append(options.results, row)
                        print(" ".join(str(value) for value in row.values()), flush=True)
    tables(read(options.results))


def read(results: Path) -> list[dict[str, str]]:
    if not results.is_file():
        return []
    with results.open() as file:
        return list(csv.DictReader(file))


def append(results: Path, row: dict[str, object]) -> None:
    new = not results.is_file()
    with results.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def tables(rows: list[dict[str, str]]) -> None:
    """Mean and deviation over seeds of every number of every kind of fit."""
    found: defaultdict[tuple[str, ...], list[list[float]]] = defaultdict(list)
    for row in rows:
        key = tuple(row[name] for name in Fit.__dataclass_fields__ if name != "seed")
        found[key].append([float(row[name] or "nan") for name in MEASURED])
    columns = [name for name in Fit.__dataclass_fields__ if name != "seed"]
    print(" | ".join([*columns, "n", *MEASURED]))
    for key, values in found.items():
        means, spreads = np.mean(values, axis=0), np.std(values, axis=0, ddof=len(values) > 1)
        told = [f"{mean:.3f}±{spread:.3f}" for mean, spread in zip(means, spreads, strict=True)]
        print(" | ".join([*key, str(len(values)), *told]))


if __name__ == "__main__":
    main()
