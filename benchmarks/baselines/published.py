"""Classical baselines on TSB-UAD series, beside TSB-UAD's published AUROC of each series.

    python benchmarks/baselines/published.py ROOT TABLE [--methods lof pca] [--modes published]

ROOT holds a folder a data set, TABLE is the published table. A result is appended to results.csv as
soon as it is there, and what is there is not run again; summary.md is written anew every time.
Smallest series first. `published` mode is run on the whole series with the window found there, and
with others that the table may have been made with (see README.md); `default` mode learns from the
first tenth.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score

from anomalib_ts import detectors
from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors.classical.period import window_length
from anomalib_ts.errors import AnomalibTsWarning

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
DECIDE = ("pca", "hbos")
"""Methods whose published figures say which window a row of the table was made with."""
POLY_WINDOW = 20
"""Points, of the table's column POLY."""
LOF_ON_NAB = 15
"""Neighbours, of the table's column LOF on NAB; 20 elsewhere."""


class Job(NamedTuple):
    """One line of results.csv before it is run."""

    series: str
    method: str
    mode: str
    window: str
    seed: str


class Result(NamedTuple):
    """One line of results.csv."""

    series: str
    method: str
    mode: str
    window: str
    seed: str
    points: str
    auroc: str
    published: str
    seconds: str


Table = dict[tuple[str, str], dict[str, str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=METHODS)
    parser.add_argument("--modes", nargs="*", default=["published", "default"])
    parser.add_argument("--longest", type=int, default=1_000_000, help="points of a series")
    parser.add_argument("--results", type=Path, default=HERE / "results.csv")
    parser.add_argument("--summary-only", action="store_true")
    args = parser.parse_args()
    warnings.simplefilter("ignore", AnomalibTsWarning)
    with args.table.open() as file:
        table = {(row["dataset"], row["filename"]): row for row in csv.DictReader(file)}
    if not args.summary_only:
        run(args, table)
    (HERE / "summary.md").write_text(summary(read(args.results), args.root, table))


def run(args: argparse.Namespace, table: Table) -> None:
    done = {Job(*result[:5]) for result in read(args.results)}
    new = not args.results.exists()
    with args.results.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(Result._fields)
        for path in sorted(args.root.glob("*/*.out"), key=lambda p: (p.stat().st_size, str(p))):
            if path.name.endswith(".train.out"):
                continue  # normal throughout, and not in the table
            values, labels = np.loadtxt(path, delimiter=",").T
            if len(set(labels)) < 2 or len(values) > args.longest:
                continue
            for job in sorted(set(jobs(args, path, values)) - done):
                begin = time.perf_counter()
                auroc = measured(job, values, labels)
                seconds = time.perf_counter() - begin
                row = table.get(row_of(path))
                published = row[METHODS[job.method][1]] if row else ""
                found = Result(*job, str(len(values)), f"{auroc:.6f}", published, f"{seconds:.3f}")
                writer.writerow(found)
                file.flush()


def jobs(args: argparse.Namespace, path: Path, values: np.ndarray) -> Iterator[Job]:
    series = f"{path.parent.name}/{path.name}"
    for method, mode in itertools.product(args.methods, args.modes):
        if len(values) <= LONGEST.get(method, len(values)):
            windows = candidates(series, method, values) if mode == "published" else ["own"]
            for window, seed in itertools.product(windows, range(SEEDS.get(method, 1))):
                yield Job(series, method, mode, window, str(seed))


def candidates(series: str, method: str, values: np.ndarray) -> list[str]:
    """The detector's own window, and others that the table may have been made with."""
    if method == "iforest1":
        return ["own"]
    own = window_length("period", [Recording(values)], published=True)
    found = [POLY_WINDOW] if method == "poly" else []
    if series.startswith(("NAB", "NASA-MSL")):
        found.append(min(125, len(values) // 20))
    if series.startswith("NASA-MSL"):
        found.append(1)
    return ["own", *(str(window) for window in found if window != own)]


def measured(job: Job, values: np.ndarray, labels: np.ndarray) -> float:
    kind = METHODS[job.method][0]
    settings = {"mode": job.mode}
    if job.window != "own":
        settings["window"] = int(job.window)
    if job.method in SEEDS:
        settings["seed"] = int(job.seed)
    if job.method == "lof" and job.mode == "published" and job.series.startswith("NAB"):
        settings["neighbours"] = LOF_ON_NAB
    train = values if job.mode == "published" else values[: len(values) // 10]
    scores = kind(**settings).fit(Recording(train)).score(Recording(values))
    return float(roc_auc_score(labels, scores))


def row_of(path: Path) -> tuple[str, str]:
    """The row that a file has in the published table."""
    if path.parent.name == "NASA-MSL":
        return "NASA_MSL", f"SMAP{path.name.removesuffix('.test.out')}_data.out"
    return path.parent.name, path.name


def read(path: Path) -> list[Result]:
    if not path.exists():
        return []
    with path.open() as file:
        return [Result(*line) for line in list(csv.reader(file))[1:]]


Means = dict[tuple[str, str, str, str], float]
"""Mean AUROC over the seeds by series, method, mode and window."""


def summary(results: list[Result], root: Path, table: Table) -> str:
    paths = list(root.glob("*/*.out"))
    known = sum(row_of(path) in table for path in paths if not path.name.endswith(".train.out"))
    found = defaultdict(list)
    for r in results:
        found[r.series, r.method, r.mode, r.window].append(float(r.auroc))
    means = {key: float(np.mean(values)) for key, values in found.items()}
    theirs = {(r.series, r.method): float(r.published) for r in results if r.published}
    seconds = defaultdict(float)
    for r in results:
        if r.window == "own" and (r.series, r.method) in theirs:
            seconds[r.method, r.mode] += float(r.seconds)
    decided = decided_windows(means, theirs)
    lines = [
        f"{len(paths)} series, {known} of them with a row in the published table.",
        "",
        "| method | mode | window | series | median difference | 90th percentile | close | "
        "mean AUROC | published | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for method in METHODS:
        choices = [("published", "own"), ("published", "the table's"), ("default", "own")]
        for mode, window in choices:
            if window != "own" and method == "iforest1":
                continue
            pairs = {
                s: (means[s, m, mode, chosen], value)
                for (s, m), value in theirs.items()
                for chosen in [decided.get((s, m), "own") if window != "own" else "own"]
                if m == method and (s, m, mode, chosen) in means
            }
            spent = f"{seconds[method, mode]:.1f}" if window == "own" else ""
            if pairs:
                lines.append(line_of(method, mode, window, pairs, spent))
    lines += ["", "Not close in published mode, whichever window:", ""]
    lines += exceptions(means, theirs, decided)
    return "\n".join(lines) + "\n"


def decided_windows(
    means: Means, theirs: dict[tuple[str, str], float]
) -> dict[tuple[str, str], str]:
    """For each series and method the window with which `DECIDE` come nearest to the table."""
    windows = defaultdict(set)
    for series, _, mode, window in means:
        if mode == "published":
            windows[series].add(window)
    decided = {}
    for series, method in theirs:
        complete = [
            w for w in windows[series] if all((series, m, "published", w) in means for m in DECIDE)
        ]
        if method == "poly":
            decided[series, method] = str(POLY_WINDOW)
        elif complete:
            decided[series, method] = min(
                sorted(complete, key=lambda w: w != "own"),
                key=lambda w: max(
                    round(abs(means[series, m, "published", w] - theirs[series, m]), 3)
                    for m in DECIDE
                ),
            )
    return decided


def line_of(
    method: str, mode: str, window: str, pairs: dict[str, tuple[float, float]], spent: str
) -> str:
    ours, theirs = np.array(list(pairs.values())).T
    off, limit = np.abs(ours - theirs), CLOSE.get(method, 0.02)
    return (
        f"| `{method}` | {mode} | {window} | {len(off)} | {np.median(off):.4f} | "
        f"{np.quantile(off, 0.9):.4f} | {np.mean(off <= limit):.0%} within {limit} | "
        f"{ours.mean():.3f} | {theirs.mean():.3f} | {spent} |"
    )


def exceptions(
    means: Means, theirs: dict[tuple[str, str], float], decided: dict[tuple[str, str], str]
) -> Iterator[str]:
    for (series, method), value in sorted(theirs.items()):
        window = decided.get((series, method), "own")
        some = {
            w: means[series, method, "published", w]
            for w in dict.fromkeys(("own", window))
            if (series, method, "published", w) in means
        }
        if some and min(abs(x - value) for x in some.values()) > CLOSE.get(method, 0.02):
            ours = ", ".join(f"{x:.3f} ({w})" for w, x in some.items())
            yield f"- {series}, `{method}`: {ours}, published {value:.3f}"


if __name__ == "__main__":
    main()
