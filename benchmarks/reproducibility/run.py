"""The README's first command over seeds and emulated processors: how far do its figures spread?

python benchmarks/reproducibility/run.py --seeds 0,1,2,3,4 --folder reproducibility
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
from pathlib import Path

from anomalib_ts.results.store import Store

KERNELS: dict[str, dict[str, str]] = {
    "as it is": {},
    "AVX2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL",
    },
    "SSE4": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL "
        "AVX512_ICL",
    },
    "2 threads": {"threads": "2"},
}
"""What makes the numeric libraries take the kernels of another processor; `threads` is ours.

Features that a processor lacks anyway are named to no effect (NumPy warns of it).
"""
METRICS = ("auroc", "aupr")
CALL = "import sys; from anomalib_ts.cli.main import main; sys.exit(main())"


def run(seed: int, kernels: str, folder: Path, settings: list[str]) -> dict[str, float]:
    """The metrics of one run in a process of its own; those of an earlier one if it is stored."""
    variables = dict(KERNELS[kernels])
    threads = variables.pop("threads", "1")
    results = folder / kernels.replace(" ", "_")
    counts = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
    command = [f"seed={seed}", f"threads={threads}", f"results={results}", "baselines=none"]
    subprocess.run(
        [sys.executable, "-c", CALL, "run", *command, "plot=false", *settings],
        env=os.environ | counts | {"MKL_NUM_THREADS": threads} | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    (record,) = (one for one in Store(results).records() if one.unit.seed == seed)
    return {key: record.metrics[key] for key in METRICS}


def main() -> None:
    """Run what is asked for and print a table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="of the results")
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--kernels", default=",".join(KERNELS), help=", ".join(KERNELS))
    parser.add_argument("settings", nargs="*", help="of the run, for example detector=iforest")
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    names = options.kernels.split(",")
    found = {
        (name, seed): run(seed, name, options.folder, options.settings)
        for seed, name in itertools.product(seeds, names)
    }
    print(f"| seed | {' | '.join(names)} | largest difference |")
    print(f"| --- |{' --- |' * (len(names) + 1)}")
    for seed in seeds:
        cells = [" / ".join(f"{found[name, seed][key]:.3f}" for key in METRICS) for name in names]
        apart = " / ".join(
            f"{max(values) - min(values):.3f}"
            for values in ([found[name, seed][key] for name in names] for key in METRICS)
        )
        print(f"| {seed} | {' | '.join(cells)} | {apart} |")
    for key in METRICS:
        values = [metrics[key] for metrics in found.values()]
        print(
            f"\n{key}: {statistics.mean(values):.3f} ± {statistics.pstdev(values):.3f} over all "
            f"{len(values)} runs, {min(values):.3f} to {max(values):.3f}"
        )


if __name__ == "__main__":
    main()
