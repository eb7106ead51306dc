"""Points a second that a fitted FastFlow-1D scores, and the memory that it takes.

The networks are trained for 5 steps only: this measures no AUROC. One thread.

    python benchmarks/fastflow1d/speed.py 100000 1000000 10000000
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import torch

from anomalib_ts import FastFlow1D, TrainerSettings


def main(lengths: list[int]) -> None:
    """Print the seconds of each length, and the largest resident set so far."""
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    brief = TrainerSettings(accelerator="cpu", max_steps=5, progress=False)
    detector = FastFlow1D(trainer=brief).fit(random.normal(size=2000))
    for n in lengths:
        values = random.standard_normal(n, dtype=np.float32)
        begin, started = time.perf_counter(), time.process_time()
        detector.score(values)
        seconds, cpu = time.perf_counter() - begin, time.process_time() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"| {n:,} | {seconds:.2f} | {cpu:.2f} | {n / cpu:,.0f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main([int(n) for n in sys.argv[1:]])
