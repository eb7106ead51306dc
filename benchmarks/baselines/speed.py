"""CPU seconds and peak memory of the classical baselines beside what a user would pick instead.

    pip install pyod stumpy
    python benchmarks/baselines/speed.py [--points 10000 100000 1000000] [--seconds 300]

Windows of 100 points of a noisy sine, stride 1. The rivals are used as their documentation shows:
PyOD on an array of all windows, stumpy's `stump`, scikit-learn on the same array. Each measurement
has a process of its own, the two of a pair follow each other, one thread; CPU seconds, which other
work on the machine hardly changes. A method that needed more than --seconds is not tried on longer
series.
"""

# ruff: noqa: PLC0415  a process imports only what it measures
from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np

WINDOW = 100
PAIRS = {
    "pca": "pyod PCA",
    "hbos": "pyod HBOS",
    "iforest": "pyod IForest",
    "lof": "scikit-learn LocalOutlierFactor",
    "ocsvm": "scikit-learn OneClassSVM",
    "matrix_profile": "stumpy stump",
}
LIMIT = 16e9
"""Bytes of address space that a measurement may use beyond its libraries."""


def ours(method: str, mode: str, x: np.ndarray) -> np.ndarray:
    from anomalib_ts import detectors

    kinds = {
        "pca": detectors.Pca,
        "hbos": detectors.Hbos,
        "iforest": detectors.IForest,
        "lof": detectors.Lof,
        "ocsvm": detectors.Ocsvm,
        "matrix_profile": detectors.MatrixProfile,
    }
    return kinds[method](mode=mode, window=WINDOW).fit(x).score(x)


def rival(method: str, mode: str, x: np.ndarray) -> np.ndarray:
    del mode
    if method == "matrix_profile":
        import stumpy

        return np.asarray(stumpy.stump(x, WINDOW)[:, 0], dtype=float)
    windows = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(x, WINDOW))
    if method == "lof":
        from sklearn.neighbors import LocalOutlierFactor

        return LocalOutlierFactor(n_neighbors=20).fit(windows).negative_outlier_factor_
    if method == "ocsvm":
        from sklearn.svm import OneClassSVM

        return OneClassSVM(nu=0.05).fit(windows).score_samples(windows)
    from pyod.models.hbos import HBOS
    from pyod.models.iforest import IForest
    from pyod.models.pca import PCA

    return {"pca": PCA, "hbos": HBOS, "iforest": IForest}[method]().fit(windows).decision_scores_


def measure(method: str, side: str, n: int, mode: str) -> None:
    """Import and compile on a short series first: what a second call costs is measured."""
    rng = np.random.default_rng(0)
    x = np.sin(np.arange(n) / 8) + 0.1 * rng.standard_normal(n)
    call = {"ours": ours, "rival": rival}[side]
    call(method, mode, x[:2000])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    call(method, mode, x)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([seconds, (peak - before) / 1024]))


def measured(method: str, side: str, n: int, mode: str, seconds: int) -> tuple[float, float] | str:
    command = [sys.executable, __file__, "--one", method, side, str(n), "--mode", mode]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**os.environ, **threads},
        )
    except subprocess.TimeoutExpired:
        return f"> {seconds} s"
    if done.returncode:
        return "failed" if "MemoryError" not in done.stderr else "no memory"
    took, peak = json.loads(done.stdout.splitlines()[-1])
    return took, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--methods", nargs="+", default=list(PAIRS), choices=PAIRS)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--mode", default="published", choices=["published", "default"])
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        resource.setrlimit(resource.RLIMIT_AS, (int(LIMIT), int(LIMIT)))
        measure(options.one[0], options.one[1], int(options.one[2]), options.mode)
        return
    print("| method | points | ours, s | MB | rival | s | MB | ratio |")
    print("| --- " * 8 + "|")
    stopped: set[tuple[str, str]] = set()
    for n in options.points:
        for method in options.methods:
            found = {}
            for side in ("ours", "rival"):
                if (method, side) in stopped:
                    found[side] = "not tried"
                    continue
                found[side] = measured(method, side, n, options.mode, options.seconds)
                if isinstance(found[side], str):
                    stopped.add((method, side))
            print(line(method, n, found), flush=True)


def line(method: str, n: int, found: dict[str, tuple[float, float] | str]) -> str:
    cells = {
        side: (value, "") if isinstance(value, str) else (f"{value[0]:.2f}", f"{value[1]:.0f}")
        for side, value in found.items()
    }
    both = [value for value in found.values() if not isinstance(value, str)]
    ratio = f"{both[1][0] / both[0][0]:.1f}x" if len(both) == 2 else ""
    mine, theirs = cells["ours"], cells["rival"]
    return (
        f"| `{method}` | {n:,} | {mine[0]} | {mine[1]} | {PAIRS[method]} | {theirs[0]} | "
        f"{theirs[1]} | {ratio} |"
    )


if __name__ == "__main__":
    main()
