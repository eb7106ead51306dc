"""What each choice of FastFlow-1D is worth: one removed at a time, on development series.

    python -m benchmarks.fastflow1d.ablation ROOT ablation.csv [--seeds 0 1 2]
    python -m benchmarks.fastflow1d.ablation ROOT ablation.csv --table

ROOT holds TSB-UAD's folders; protocol `normal`. All rows but `crops of 128` are of the same fit, so
`deviations of data that trained` has networks that did not see the 15 % held back, too. Rows that
are there already are not made again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.detectors import FastFlow1D
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.fastflow1d.torch_model import SCORES
from anomalib_ts.protocols import Normal
from benchmarks.fastflow1d.run import each_score, load

SERIES = (
    "Dodgers/101-freeway-traffic.test.out",
    "Genesis/genesis-anomalies.test.csv@3.out",
    "MGAB/1.test.out",
    "MGAB/2.test.out",
)
FITS: dict[str, dict[str, int]] = {
    "default": {},
    "crops of 128, 32 a batch": {"window": 128, "batch_size": 32},
}
COLUMNS = ["data", "case", "seed", "fit", "variant", "auroc"]
LATENT = SCORES.index("latent")
WITHOUT_WINDOW = [number for number, name in enumerate(SCORES) if name != "window"]


def joined(detector: FastFlow1D, parts: Sequence[Recording], smoothing: int) -> FloatArray:
    """The four scores `(4, n)` of all parts."""
    return np.concatenate([each_score(detector, part, smoothing) for part in parts], axis=1)


def compared(detector: FastFlow1D, training: FloatArray, test: FloatArray) -> FloatArray:
    """The test's four scores in deviations of those of training data."""
    model = detector.model_
    model.calibrate(torch.from_numpy(training))
    return model.in_deviations(torch.from_numpy(test)).numpy()


def variants(
    detector: FastFlow1D, train: tuple[Recording, ...], test: Recording
) -> Iterator[tuple[str, FloatArray]]:
    """Each variant that needs no fit of its own, and its score."""
    learning, held = detector._divided(train)
    smooth, rough = (each_score(detector, test, points) for points in (detector.smoothing, 1))
    full = compared(detector, joined(detector, held, detector.smoothing), smooth)
    yield "default", full.max(axis=0)
    yield "not smoothed", compared(detector, joined(detector, held, 1), rough).max(axis=0)
    yield "without the window flow", full[WITHOUT_WINDOW].max(axis=0)
    yield "latent alone", smooth[LATENT]
    trained = compared(detector, joined(detector, learning, detector.smoothing), smooth)
    yield "deviations of data that trained", trained.max(axis=0)


def rows_of(path: Path, seed: int, fit: str) -> list[list[object]]:
    case = Normal().deal(load(path))
    train, (test,) = Normal().training(case, "none"), case.test
    trainer = TrainerSettings(accelerator="cpu", progress=False)
    detector = FastFlow1D(seed=seed, trainer=trainer, **FITS[fit]).fit(train)  # type: ignore[arg-type]
    found = variants(detector, train, test) if fit == "default" else [(fit, detector.score(test))]
    return [
        [path.parent.name, path.name, seed, fit, name, round(roc_auc_score(test.labels, score), 4)]
        for name, score in found
    ]


def measure(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    results: Path = options.results
    if not results.is_file():
        pd.DataFrame(columns=COLUMNS).to_csv(results, index=False)
    known = pd.read_csv(results)
    done = set(zip(known.case, known.seed, known.fit, strict=True))
    for seed in options.seeds:
        for fit in FITS:
            for name in SERIES:
                path = options.root / name
                if (path.name, seed, fit) in done:
                    continue
                rows = pd.DataFrame(rows_of(path, seed, fit), columns=COLUMNS)
                rows.to_csv(results, mode="a", header=False, index=False)
                print(rows.to_string(header=False, index=False), flush=True)


def table(options: argparse.Namespace) -> None:
    """Mean and deviation over seeds of each data set, and the mean of the three sets."""
    rows = pd.read_csv(options.results)
    seeds = rows.groupby(["variant", "data", "seed"], sort=False).auroc.mean()
    some = seeds.groupby(["variant", "data"], sort=False)
    means, spread = some.mean().unstack(), some.std().unstack()
    counts = some.count().unstack()
    print("| variant |", " | ".join(means.columns), "| mean | seeds |")
    print("| --- |" + " ---: |" * (len(means.columns) + 2))
    for variant, row in means.iterrows():
        cells = [f"{row[data]:.3f} ± {spread.loc[variant, data]:.3f}" for data in means.columns]
        fewest = f"{counts.loc[variant].min():.0f}"
        print(f"| {variant} |", " | ".join([*cells, f"{row.mean():.3f}", fewest]), "|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    (table if options.table else measure)(options)


if __name__ == "__main__":
    main()
