"""Classical baselines on TSB-UAD series, beside TSB-UAD's published AUROC of each series.

    python benchmarks/baselines/published.py ROOT TABLE [--methods lof pca] [--modes published]

ROOT holds a folder a data set, TABLE is the published table. A result is appended to results.csv as
soon as it is there, and what is there is not run again; summary.md is written anew every time.
Smallest series first. `published` mode is run on the whole series with the period found there, and
with the table's period where that is another one; `default` mode learns from the first tenth.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from anomalib_ts import detectors
from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import find_period
from anomalib_ts.errors import AnomalibTsWarning, InputError

HERE = Path(__file__).parent
METHODS = {
    "pca": (detectors.Pca, "PCA"),
    "hbos": (detectors.Hbos, "HBOS"),
    "poly": (detectors.Poly, "POLY"),
    "ocsvm": (detectors.Ocsvm, "OCSVM"),
    "iforest": (detectors.IForest, "IFOREST"),
    "iforest1": (detectors.IForest1, "IFOREST1"),
    "matrix_profile": (detectors.MatrixProfile, "MP"),
    "lof": (detectors.Lof, "LOF"),
}
SEEDS = {"iforest": 5, "iforest1": 5}
LONGEST = {"matrix_profile": 100_000, "lof": 100_000}
CLOSE = {"iforest": 0.03, "iforest1": 0.03}
FIELDS = ("series", "method", "mode", "window", "seed", "auroc", "published", "seconds")
Row = dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=METHODS)
    parser.add_argument("--modes", nargs="*", default=["published", "default"])
    parser.add_argument("--results", type=Path, default=HERE / "results.csv")
    parser.add_argument("--summary-only", action="store_true")
    args = parser.parse_args()
    warnings.simplefilter("ignore", AnomalibTsWarning)
    with args.table.open() as file:
        table = {(row["dataset"], row["filename"]): row for row in csv.DictReader(file)}
    if not args.summary_only:
        run(args, table)
    rows = read(args.results)
    (HERE / "summary.md").write_text(summary(rows, args.root, table))


def run(args: argparse.Namespace, table: dict[tuple[str, str], Row]) -> None:
    done = {(r["series"], r["method"], r["mode"], r["window"], r["seed"]) for r in read(args.results)}
    new = not args.results.exists()
    with args.results.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if new:
            writer.writeheader()
        for path in sorted(args.root.glob("*/*.out"), key=lambda p: (p.stat().st_size, str(p))):
            row = table.get(row_of(path))
            series = f"{path.parent.name}/{path.name}"
            if path.name.endswith(".train.out"):
                continue  # labelled normal throughout, and not a series of the table
            values, labels = np.loadtxt(path, delimiter=",").T
            if len(set(labels)) < 2:
                continue
            for method, mode, window, seed in jobs(args, values, row):
                key = (series, method, mode, str(window), str(seed))
                if key not in done:
                    published = row[METHODS[method][1]] if row else ""
                    begin = time.perf_counter()
                    auroc = measured(method, mode, window, seed, values, labels)
                    seconds = f"{time.perf_counter() - begin:.3f}"
                    found = (*key, f"{auroc:.6f}", published, seconds)
                    writer.writerow(dict(zip(FIELDS, found, strict=True)))
                    file.flush()


def jobs(
    args: argparse.Namespace, values: np.ndarray, row: Row | None
) -> Iterator[tuple[str, str, int | str, int]]:
    for method, mode in itertools.product(args.methods, args.modes):
        if len(values) > LONGEST.get(method, len(values)):
            continue
        windows: list[int | str] = [1 if method == "iforest1" else "period"]
        other = other_window(values, row)
        if mode == "published" and method != "iforest1" and other:
            windows.append(other)
        for window, seed in itertools.product(windows, range(SEEDS.get(method, 1))):
            yield method, mode, window, seed


def other_window(values: np.ndarray, row: Row | None) -> int:
    """The period of the table's row where it is not the series' own; 0 where it is.

    For NASA-MSL the row has the mean of the periods of the train and the test file, so that of the
    train file is worked out.
    """
    if row is None:
        return 0
    own, theirs = find_period(values), float(row["period_length"])
    other = round(2 * theirs - own) if row["dataset"] == "NASA_MSL" else round(theirs)
    return other if other != own else 0


def measured(
    method: str, mode: str, window: int | str, seed: int, values: np.ndarray, labels: np.ndarray
) -> float:
    kind = METHODS[method][0]
    settings = {"seed": seed} if "seed" in kind().get_params() else {}
    detector = kind(mode=mode, window=window, **settings)
    train = values if mode == "published" else values[: len(values) // 10]
    try:
        scores = detector.fit(Recording(train)).score(Recording(values))
    except InputError as error:
        print(method, error)
        return float("nan")
    return float(roc_auc_score(labels, scores))


def row_of(path: Path) -> tuple[str, str]:
    """The row that a file has in the published table."""
    if path.parent.name == "NASA-MSL":
        return "NASA_MSL", f"SMAP{path.name.removesuffix('.test.out')}_data.out"
    return path.parent.name, path.name


def read(path: Path) -> list[Row]:
    if not path.exists():
        return []
    with path.open() as file:
        return list(csv.DictReader(file))


def summary(rows: list[Row], root: Path, table: dict[tuple[str, str], Row]) -> str:
    paths = list(root.glob("*/*.out"))
    known = sum(row_of(path) in table for path in paths if not path.name.endswith(".train.out"))
    lines = [
        f"{len(paths)} series, {known} with a row in the published table.",
        "",
        "| method | mode, window | series | median of the difference | 90th percentile | close | "
        "mean AUROC | published mean | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for method in METHODS:
        for mode, window in (("published", "period"), ("published", "table's"), ("default", "period")):
            lines += line_of(method, mode, window, rows)
    return "\n".join(lines) + "\n"


def line_of(method: str, mode: str, window: str, rows: list[Row]) -> list[str]:
    """One line of the table; of each series the mean over the seeds."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if (row["method"], row["mode"]) != (method, mode) or not row["published"]:
            continue
        own = row["window"] in {"period", "1"}
        if own or window == "table's":
            before = found.get(row["series"], [])
            keep = [r for r in before if r["window"] == row["window"]] if not own else before
            if not (own and before and before[0]["window"] not in {"period", "1"}):
                found[row["series"]] = [*keep, row]
    if not found or (window == "table's" and method == "iforest1"):
        return []
    ours = np.array([np.mean([float(r["auroc"]) for r in some]) for some in found.values()])
    theirs = np.array([float(some[0]["published"]) for some in found.values()])
    seconds = sum(float(r["seconds"]) for some in found.values() for r in some)
    off = np.abs(ours - theirs)
    off = np.where(np.isnan(off), 1.0, off)
    limit = CLOSE.get(method, 0.02)
    return [
        f"| `{method}` | {mode}, {window} | {len(off)} | {np.median(off):.4f} | "
        f"{np.quantile(off, 0.9):.4f} | {np.mean(off <= limit):.0%} within {limit} | "
        f"{np.nanmean(ours):.3f} | {theirs.mean():.3f} | {seconds:.1f} |"
    ]


if __name__ == "__main__":
    main()
