"""FastFlow-1D on TSB-UAD series: AUROC of the detector as it is set, and of each score alone.

    python benchmarks/fastflow1d/run.py ROOT results.csv MGAB/1.test.out:normal NASA-MSL:given ...
    python benchmarks/fastflow1d/run.py ROOT results.csv Dodgers:prefix --seeds 3 --set smoothing=32

ROOT holds TSB-UAD's folders; a job is a file or a folder, and a protocol. Each fit is one row,
written as soon as it is done; rows that are there already are not made again, so the same command
goes on after it was stopped. One fit serves all columns. Seconds are CPU time of one thread.
"""

from __future__ import annotations

import argparse
import ast
import csv
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.data.base import Case
from anomalib_ts.detectors import FastFlow1D
from anomalib_ts.detectors.deep.convolutional import score_in_chunks
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.fastflow1d.torch_model import SCORES
from anomalib_ts.protocols import Given, Normal, Prefix, Protocol

PROTOCOLS: dict[str, Protocol] = {"given": Given(), "normal": Normal(), "prefix": Prefix()}
SAME_SINCE = 5
"""Later versions give the same scores where each training recording is long."""
COLUMNS = ["data", "case", "protocol", "seed", "settings", "version", "auroc"]
ALONE = [f"{name}{kind}" for kind in ("", "_unsmoothed") for name in SCORES]
SECONDS = ["fit_s", "score_s", "points"]


def read(path: Path) -> Recording:
    values, labels = np.loadtxt(path, delimiter=",", ndmin=2).T
    return Recording(values, labels=labels, name=path.name)


def load(path: Path) -> Case:
    given = path.with_name(path.name.replace(".test.", ".train."))
    train = (read(given),) if given.is_file() and given != path else ()
    return Case(path.name, (read(path),), train)


def files(root: Path, job: str) -> Iterator[tuple[Path, str]]:
    """The scored files of a job, smallest first, and its protocol."""
    name, _, protocol = job.rpartition(":")
    place = root / name
    found = [place] if place.is_file() else [p for p in place.iterdir() if ".train." not in p.name]
    for path in sorted(found, key=lambda one: one.stat().st_size):
        yield path, protocol


def each_score(detector: FastFlow1D, test: Recording, smoothing: int) -> FloatArray:
    """The four `SCORES` of each point, `(4, n)`."""
    (standardised,) = detector.scaler_.transform([test])
    return score_in_chunks(
        detector.model_,
        partial(detector.model_.scores, smoothing=smoothing),
        standardised.values,
        detector.trainer or TrainerSettings(),
        reach=256 + smoothing,
        multiple=4,
        stage="score",
    )


def alone(detector: FastFlow1D, test: Recording, smoothing: int) -> list[float]:
    """AUROC of each of the four scores by itself."""
    scores = each_score(detector, test, smoothing)
    return [float(roc_auc_score(test.labels, one)) for one in scores]


def row_of(path: Path, protocol: str, detector: FastFlow1D) -> dict[str, object]:
    case = load(path)
    (test,) = case.test
    begin = time.process_time()
    detector.fit(PROTOCOLS[protocol].training(PROTOCOLS[protocol].deal(case), "none"))
    fitted = time.process_time()
    auroc = float(roc_auc_score(test.labels, detector.score(test)))
    scored = time.process_time()
    aurocs = [*alone(detector, test, detector.smoothing), *alone(detector, test, 1)]
    return {
        "version": FastFlow1D.version,
        "auroc": f"{auroc:.4f}",
        **{name: f"{value:.4f}" for name, value in zip(ALONE, aurocs, strict=True)},
        "fit_s": f"{fitted - begin:.1f}",
        "score_s": f"{scored - fitted:.2f}",
        "points": len(test),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("jobs", nargs="+", help="FILE_OR_FOLDER:PROTOCOL")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--set", nargs="*", default=[], help="settings of FastFlow1D, NAME=VALUE")
    parser.add_argument("--max-steps", type=int, default=TrainerSettings().max_steps)
    options = parser.parse_args()
    torch.set_num_threads(1)
    trainer = TrainerSettings(accelerator="cpu", max_steps=options.max_steps, progress=False)
    settings = dict(one.split("=", 1) for one in options.set)
    told = " ".join([*options.set, f"max_steps={options.max_steps}"])
    made = {name: ast.literal_eval(value) for name, value in settings.items()}
    done = set()
    if options.results.is_file():
        with options.results.open() as file:
            done = {tuple(row[name] for name in COLUMNS[:6]) for row in csv.DictReader(file)}
    for seed in options.seeds:
        for job in options.jobs:
            for path, protocol in files(options.root, job):
                key = [path.parent.name, path.name, protocol, str(seed), told]
                if (*key, str(FastFlow1D.version)) in done or not labelled(path):
                    continue
                detector = FastFlow1D(seed=seed, trainer=trainer, **made)
                row = dict(zip(COLUMNS, key, strict=False)) | row_of(path, protocol, detector)
                append(options.results, row)
                print(" ".join(str(value) for value in row.values()), flush=True)


def labelled(path: Path) -> bool:
    """Whether a file has both classes; without, it has no AUROC."""
    labels = np.loadtxt(path, delimiter=",", usecols=1)
    return 0 < labels.sum() < len(labels)


def append(path: Path, row: dict[str, object]) -> None:
    new = not path.is_file()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, [*COLUMNS, *ALONE, *SECONDS])
        if new:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    main()
