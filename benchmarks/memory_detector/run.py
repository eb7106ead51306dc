"""Each representation with each scorer of `memory`, on TSB-UAD series and on machine sounds.

    python benchmarks/memory_detector/run.py series ROOT results.csv
    python benchmarks/memory_detector/run.py sounds SOUNDS results.csv --generated FOLDER
    python benchmarks/memory_detector/run.py table results.csv

ROOT holds TSB-UAD's folders, SOUNDS the folder `bldc` in the layout of DCASE; FOLDER is where the
generated sounds are kept. What stands in the results already is not run again. Twelve series, the
first 50,000 points of each: the first tenth trains (`prefix`), on NASA-MSL its own training file,
and all is scored. Sounds: dealt by `protocol=weak` with seed 0, its labelled anomalies left out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score

from anomalib_ts import Case, Recording, TrainerSettings
from anomalib_ts.audio import ClipReader
from anomalib_ts.data import Dcase, MachineSound
from anomalib_ts.detectors import Detector, IForest, Lof, Mahalanobis, Memory, MovingMean
from anomalib_ts.detectors.memory import (
    Contrast,
    DensityNormalised,
    Encoder,
    Forest,
    MahalanobisDistance,
    Nearest,
    PcaResidual,
    Raw,
    Spectrum,
    Statistics,
    ZNormalised,
)
from anomalib_ts.protocols import Given, Prefix, Weak

MOST_POINTS = 50_000
SERIES = (
    "NASA-MSL/C-1.test.out",
    "NASA-MSL/D-14.test.out",
    "NASA-MSL/F-4.test.out",
    "NAB/NAB_data_CloudWatch_1.out",
    "NAB/NAB_data_KnownCause_1.out",
    "NAB/NAB_data_Traffic_1.out",
    "Genesis/genesis-anomalies.test.csv@3.out",
    "Dodgers/101-freeway-traffic.test.out",
    "ECG/MBA_ECG801_data.out",
    "ECG/MBA_ECG803_data.out",
    "MGAB/1.test.out",
    "MGAB/2.test.out",
)
MACHINES = ("ventilator", "gearmotor", "compressor")
WINDOW, FRAMES = 64, 4
COLUMNS = ["data", "case", "representation", "scorer", "auroc", "fit", "score", "points"]
SHORT = TrainerSettings(accelerator="cpu", max_steps=100, progress=False)
ENCODED = {"_target_": "anomalib_ts.detectors.Autoencoder", "trainer": SHORT}
REPRESENTATIONS: dict[str, Any] = {
    "statistics of the recording": Statistics(of="recording"),
    "statistics": Statistics(),
    "raw": Raw(),
    "spectrum": Spectrum(),
    "znorm": ZNormalised(),
    "contrast": Contrast(trainer=SHORT),
    "encoder": Encoder(detector=ENCODED),
    "znorm, shape alone": ZNormalised(level=0.0),
}
SCORERS: dict[str, Any] = {
    "pca_residual": PcaResidual(),
    "mahalanobis": MahalanobisDistance(),
    "isolation_forest": Forest(),
    "nearest": Nearest(),
    "density_normalised": DensityNormalised(),
}
THINNED: dict[str, Any] = {
    f"nearest, {how}": Nearest(thinning=how, size=size)
    for how, size in (("random", 3000), ("coreset", 3000), ("kmeans", 300))
}


def detectors(window: int, *, clips: bool) -> Iterator[tuple[str, str, Detector]]:
    """Rows and columns of the table, and what stands there; the cheapest first."""
    for name, other in (
        ("moving_mean", MovingMean()),
        ("iforest", IForest(window=window)),
        ("mahalanobis", Mahalanobis(window=window)),
        ("lof", Lof(window=window)),
    ):
        if not (clips and name == "lof"):  # hours
            yield name, "", other
    for name, representation in REPRESENTATIONS.items():
        if name == "statistics of the recording" and not clips:
            continue
        points = max(window, 8) if name in ("encoder", "contrast") else window
        for scorer, how in SCORERS.items():
            yield name, scorer, Memory(window=points, representation=representation, scorer=how)
    for scorer, how in THINNED.items():
        yield "raw", scorer, Memory(window=window, scorer=how)


def series(options: argparse.Namespace) -> Iterator[tuple[str, Case]]:
    for name in SERIES:
        file = options.root / name
        values, labels = np.loadtxt(file, delimiter=",", ndmin=2, max_rows=MOST_POINTS).T
        test = (Recording(values, labels=labels),)
        other = file.with_name(file.name.replace(".test.", ".train."))
        if name.startswith("NASA-MSL"):
            train = (Recording(np.loadtxt(other, delimiter=",", ndmin=2)[:, 0]),)
            yield name, Given().deal(Case(name, test, train))
        else:
            yield name, Prefix().deal(Case(name, test))


def sounds(options: argparse.Namespace) -> Iterator[tuple[str, Case]]:
    reader = ClipReader(channel="mean", resample=True)
    cache = str(options.generated / "spectrograms")
    bldc = Dcase(root=str(options.root), machine_types=["bldc"], audio=reader, cache=cache)
    yield "bldc/bldc", Weak().deal(bldc.load("bldc"))
    for machine in MACHINES:
        generated = MachineSound(
            root=str(options.generated),
            machine_types=[machine],
            n_train=600,
            n_test_normal=200,
            n_test_anomalous=250,
            seconds=10.0,
            cache=cache,
        )
        case = Weak(n_test_normal=200, n_test_anomalous=200, n_train_anomalous=50)
        yield f"generated/{machine}", case.deal(generated.load(machine))


def measured(detector: Detector, case: Case, train: tuple[Recording, ...]) -> dict[str, float]:
    clips = len(case.test) > 1
    start = time.process_time()
    detector.fit(list(train))
    fitted = time.process_time()
    scores = [detector.score(one) for one in case.test]
    done = time.process_time()
    if clips:
        labels = np.array([one.is_anomalous for one in case.test])
        flat = np.array([one.mean() for one in scores])
    else:
        labels, flat = case.test[0].anomalous_points, scores[0]
    return {
        "auroc": roc_auc_score(labels, flat),
        "fit": fitted - start,
        "score": done - fitted,
        "points": sum(map(len, case.test)),
    }


def run(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    results: Path = options.results
    if not results.is_file():
        pd.DataFrame(columns=COLUMNS).to_csv(results, index=False)
    known = pd.read_csv(results, keep_default_na=False)[COLUMNS[:4]]
    done = set(known.itertuples(index=False, name=None))
    window, clips = (FRAMES, True) if options.cases is sounds else (WINDOW, False)
    cases = list(options.cases(options))
    for representation, scorer, detector in detectors(window, clips=clips):
        for name, case in cases:
            key = *name.split("/"), representation, scorer
            if key in done:
                continue
            train = Weak().training(case, "none") if clips else case.train
            row = dict(zip(COLUMNS, key, strict=False)) | measured(detector, case, train)
            pd.DataFrame([row])[COLUMNS].to_csv(results, mode="a", header=False, index=False)
            print(*row.values(), flush=True)


def table(options: argparse.Namespace) -> None:
    """Mean AUROC a data set where all its cases are there, and CPU seconds for 10,000 points."""
    rows = pd.read_csv(options.results, keep_default_na=False)
    sets = list(dict.fromkeys(rows.data))
    cases = rows.groupby("data").case.nunique()
    print("| representation | scorer | " + " | ".join(sets) + " | s/10,000 |")
    print("| --- " * (len(sets) + 3) + "|")
    for (representation, scorer), some in rows.groupby(["representation", "scorer"], sort=False):
        means = some.groupby("data").auroc.agg(["mean", "count"])
        means = means[means["count"] == cases[means.index]]["mean"]
        shown = [f"{means[one]:.3f}" if one in means else "" for one in sets]
        cost = 1e4 * some.score.sum() / some.points.sum()
        print(f"| {representation} | {scorer} | {' | '.join(shown)} | {cost:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, cases in (("series", series), ("sounds", sounds)):
        running = commands.add_parser(name)
        running.add_argument("root", type=Path)
        running.add_argument("results", type=Path)
        running.add_argument("--generated", type=Path, default=Path("data/machine_sound"))
        running.set_defaults(call=run, cases=cases)
    shown = commands.add_parser("table")
    shown.add_argument("results", type=Path)
    shown.set_defaults(call=table)
    options = parser.parse_args()
    options.call(options)


if __name__ == "__main__":
    main()
