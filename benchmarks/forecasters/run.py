"""TSB-UAD's neural baselines and the lecture's forecasters on TSB-UAD series, beside its table.

    python benchmarks/forecasters/run.py run ROOT results.csv --detectors MlpAutoencoder,Cnn,Lstm
    python benchmarks/forecasters/run.py table results.csv tsb_uad_auc_roc.csv

ROOT holds TSB-UAD's folders. The first tenth of each series trains (protocol `prefix`), the whole
is scored. In published mode a window is one period of the scored series, but on NASA-MSL of the
channel's `.train.out`: so the table was made. What stands in the results already is not run again;
seed by seed, short series first.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score

from anomalib_ts import detectors
from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import find_period
from anomalib_ts.data.base import Case
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.protocols.base import Prefix

COLUMNS = ["series", "detector", "mode", "seed", "auroc", "period", "points", "seconds", "cpu"]
KEY = COLUMNS[:4]
TABLE1 = ["Genesis", "NASA-MSL", "Dodgers", "MGAB"]
PUBLISHED = {"MlpAutoencoder": "AE", "Cnn": "CNN", "Lstm": "LSTM"}


def series_of(root: Path, wanted: list[str]) -> list[Path]:
    """Files of data sets, or single ones `DATASET/FILE`, short ones first."""
    found = [
        file
        for one in wanted
        for file in (root.glob(f"{one}/*.out") if "/" not in one else [root / one])
    ]
    tested = [file for file in found if not file.name.endswith(".train.out")]
    return sorted(tested, key=lambda file: (file.stat().st_size, file.name))


def read(file: Path) -> tuple[np.ndarray, np.ndarray]:
    values, labels = np.loadtxt(file, delimiter=",", ndmin=2).T
    return values, labels


def evaluate(file: Path, detector: str, mode: str, seed: int) -> dict[str, object]:
    values, labels = read(file)
    kind = getattr(detectors, detector)
    train_file = file.with_name(file.name.replace(".test.", ".train."))
    source = read(train_file)[0] if train_file.is_file() else values
    period = find_period(source)
    window = max(kind.shortest, period) if mode == "published" else "period"
    case = Prefix().deal(Case(file.name, (Recording(values, labels=labels),)))
    steps = -1 if mode == "published" else TrainerSettings().max_steps
    trainer = TrainerSettings(accelerator="cpu", max_steps=steps, progress=False)
    start, cpu = time.perf_counter(), time.process_time()
    fitted = kind(mode=mode, window=window, seed=seed, trainer=trainer).fit(case.train)
    scores = fitted.score(case.test[0])
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    auroc = roc_auc_score(labels, scores) if 0 < labels.sum() < len(labels) else float("nan")
    name = f"{file.parent.name}/{file.name}"
    row = (name, detector, mode, seed, auroc, period, len(values), seconds, cpu)
    return dict(zip(COLUMNS, row, strict=True))


def run(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    results: Path = options.results
    if not results.is_file():
        pd.DataFrame(columns=COLUMNS).to_csv(results, index=False)
    done = {tuple(row) for row in pd.read_csv(results)[KEY].itertuples(index=False)}
    for seed in range(options.seeds):
        for file in series_of(options.root, options.data.split(",")):
            for detector in options.detectors.split(","):
                for mode in options.modes.split(","):
                    if (f"{file.parent.name}/{file.name}", detector, mode, seed) in done:
                        continue
                    row = pd.DataFrame([evaluate(file, detector, mode, seed)])
                    row.to_csv(results, mode="a", header=False, index=False)
                    print(*row.iloc[0], flush=True)


def table(options: argparse.Namespace) -> None:
    """Data-set means beside the published ones, and how far single series are from theirs."""
    ours = pd.read_csv(options.results)
    ours["dataset"] = ours.series.str.split("/").str[0]
    names = ours.series.str.split("/").str[1]
    channel = "SMAP" + names.str.removesuffix(".test.out") + "_data.out"
    ours["file"] = names.where(ours.dataset != "NASA-MSL", channel)
    theirs = pd.read_csv(options.published).set_index("filename")
    print("| data | detector | mode | published | ours | seeds | series | difference | CPU s |")
    print("| --- " * 9 + "|")
    for (data, detector, mode), rows in ours.groupby(["dataset", "detector", "mode"]):
        means = rows.groupby("file").agg(auroc=("auroc", "mean"), seconds=("cpu", "mean"))
        means, undefined = means.dropna(), means.auroc.isna().sum()
        per_seed = rows.groupby("seed").auroc.agg(["mean", "count"])
        whole = per_seed[per_seed["count"] == len(means)]["mean"]
        spread = f" ± {whole.std():.3f}" if len(whole) > 1 else ""
        quoted = gap = ""
        if detector in PUBLISHED:
            column = theirs.loc[means.index, PUBLISHED[detector]]
            quoted = f"{column.mean():.3f}"
            gap = ", ".join(f"{q:.3f}" for q in (means.auroc - column).abs().quantile([0.5, 0.9]))
        coverage = f"{len(means)}" + (f" + {undefined} undefined" if undefined else "")
        print(
            f"| {data} | {detector} | {mode} | {quoted} | {means.auroc.mean():.3f}{spread} "
            f"| {rows.seed.nunique()} | {coverage} | {gap} | {means.seconds.sum():.0f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    running = commands.add_parser("run")
    running.set_defaults(function=run)
    running.add_argument("root", type=Path)
    running.add_argument("results", type=Path)
    running.add_argument("--data", default=",".join(TABLE1), help="DATASET or DATASET/FILE, ...")
    running.add_argument("--detectors", default=",".join(PUBLISHED))
    running.add_argument("--modes", default="published,default")
    running.add_argument("--seeds", type=int, default=1)
    printing = commands.add_parser("table")
    printing.set_defaults(function=table)
    printing.add_argument("results", type=Path)
    printing.add_argument("published", type=Path)
    options = parser.parse_args()
    options.function(options)


if __name__ == "__main__":
    main()
