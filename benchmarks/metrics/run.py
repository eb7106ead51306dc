"""Time and memory of the metric suite, beside TSB-AD's, and their growth with the series.

    python benchmarks/metrics/run.py                     # ours: suite and growth
    python benchmarks/metrics/run.py --tsb-ad CHECKOUT   # also TSB-AD's, on the same inputs
    python benchmarks/metrics/run.py --golden            # table of differences to stored values

Every measurement runs in a process of its own with one thread. CPU seconds are reported because
they do not depend on what else the machine does; wall seconds stand beside them. Memory is the
peak of the whole process, with Python, numpy and the inputs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from anomalib_ts.metrics import evaluate

ROOT = Path(__file__).resolve().parents[2]
WINDOW = 100
LENGTH = 100
# TSB-AD's name -> the key under which we reproduce the same value.
SAME = {
    "AUC-ROC": "auroc",
    "AUC-PR": "aupr",
    "VUS-ROC": "vus_roc/tsb_ad",
    "VUS-PR": "vus_pr/tsb_ad",
    "Standard-F1": "oracle/f1/tsb_ad",
    "PA-F1": "pa/oracle/f1/tsb_ad",
    "Event-based-F1": "oracle/event_f1/tsb_ad",
    "R-based-F1": "oracle/range_f1/tsb_ad",
    "Affiliation-F": "oracle/affiliation_f1/tsb_ad",
}


def make_input(n: int, segments: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Evenly spread segments of 100 points; white noise or its moving mean over 50 points."""
    labels = np.zeros(n, dtype=np.int64)
    for start in ((np.arange(segments) + 0.5) * n / segments).astype(int):
        labels[start : start + LENGTH] = 1
    scores = np.random.default_rng(0).normal(size=n) + labels
    if kind == "smooth":
        scores = np.convolve(scores, np.ones(50) / 50, mode="same")
    return labels, scores


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Runs one job in a fresh process."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, __file__, "--worker", json.dumps(job)],
        env=os.environ | dict.fromkeys(threads, "1") | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=None,
        text=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def work(job: dict[str, Any]) -> dict[str, Any]:
    labels, scores = make_input(job["n"], job["segments"], job["kind"])
    if job["who"] == "tsb_ad":
        compute = load_tsb_ad(job["path"])
    else:
        keys = job["keys"]

        def compute(labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
            return evaluate(labels, scores, keys, WINDOW)

        compute(*make_input(2000, 2, job["kind"]))
    wall, cpu = time.perf_counter(), time.process_time()
    values = compute(labels, scores)
    return {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
        "values": {key: float(value) for key, value in values.items()},
    }


def load_tsb_ad(path: str) -> Any:
    sys.path.insert(0, path)
    warnings.simplefilter("ignore")
    get_metrics = importlib.import_module("TSB_AD.evaluation.metrics").get_metrics
    return lambda labels, scores: get_metrics(scores, labels, slidingWindow=WINDOW)


def suite_table(tsb_ad: str | None) -> None:
    print(
        "| anomalies | score | full suite: CPU s | wall s | MB | TSB-AD's nine values: CPU s | ",
        end="",
    )
    print("MB | TSB-AD: CPU s | MB | ratio (nine) | ratio (full) | largest difference |")
    print("| --- " * 12 + "|")
    for segments in (10, 100):
        for kind in ("noisy", "smooth"):
            job = {"n": 100_000, "segments": segments, "kind": kind}
            full = measure(job | {"who": "ours", "keys": "full"})
            nine = measure(job | {"who": "ours", "keys": list(SAME.values())})
            row = [segments, kind, f"{full['cpu']:.2f}", f"{full['wall']:.2f}", f"{full['mb']:.0f}"]
            row += [f"{nine['cpu']:.2f}", f"{nine['mb']:.0f}"]
            if tsb_ad:
                theirs = measure(job | {"who": "tsb_ad", "path": tsb_ad})
                row += [f"{theirs['cpu']:.1f}", f"{theirs['mb']:.0f}"]
                row += [f"{theirs['cpu'] / one['cpu']:.0f}" for one in (nine, full)]
                gaps = [abs(theirs["values"][a] - nine["values"][b]) for a, b in SAME.items()]
                row.append(f"{max(gaps):.0e}")
            else:
                row += ["-"] * 5
            print("| " + " | ".join(map(str, row)) + " |", flush=True)


def growth_table(sizes: list[int]) -> None:
    print("| points | anomalies | CPU s | wall s | MB |\n| --- | --- | --- | --- | --- |")
    rows = []
    for n in sizes:
        job = {"n": n, "segments": n // 1000, "kind": "noisy", "who": "ours", "keys": "full"}
        result = measure(job)
        rows.append((n, result["cpu"], result["mb"]))
        print(
            f"| {n:,} | {n // 1000:,} | {result['cpu']:.2f} | {result['wall']:.2f} "
            f"| {result['mb']:.0f} |",
            flush=True,
        )
    points, seconds, _ = np.array(rows).T
    slope = np.polyfit(np.log(points), np.log(seconds), 1)[0]
    print(f"\nFitted exponent of the CPU time over all sizes: {slope:.2f}")


def golden_table() -> None:
    sys.path.insert(0, str(ROOT))
    golden = importlib.import_module("tests.metrics.golden")
    shared = Path(os.environ.get("ANOMALIB_TS_SHARED", ROOT.parent / "shared"))
    cases = (
        golden.shared_cases(shared) if (shared / "golden").is_dir() else golden.checked_in_cases()
    )
    table: dict[str, list[float]] = {}
    for name, _, difference in golden.differences(cases):
        table.setdefault(name, []).append(difference)
    print("| golden value | cases | largest difference |\n| --- | --- | --- |")
    for name, values in table.items():
        print(f"| {name} | {len(values)} | {max(values):.1e} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tsb-ad", help="path of a checkout of TheDatumOrg/TSB-AD")
    parser.add_argument("--golden", action="store_true", help="print the golden table and stop")
    parser.add_argument("--sizes", default="10000,100000,1000000,10000000", help="growth sizes")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(json.loads(options.worker))))
    elif options.golden:
        golden_table()
    else:
        suite_table(options.tsb_ad)
        print()
        growth_table([int(size) for size in options.sizes.split(",")])


if __name__ == "__main__":
    main()
