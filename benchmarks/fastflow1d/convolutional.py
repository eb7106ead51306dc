"""Times FastFlow-1D's latent score taken in one convolutional pass, in chunks with margins.

The network is trained for 5 steps only: this measures seconds, memory and what the chunks change,
not AUROC.
Run with OMP_NUM_THREADS=1: `python benchmarks/fastflow1d/convolutional.py 100000 1000000`.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import torch

from anomalib_ts.detectors.autoencoder.torch_model import DOWNSAMPLING
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.fastflow1d.detector import FastFlow1D

CHUNK, MARGIN = 16_384, 256  # multiples of DOWNSAMPLING, so that feature positions agree


@torch.inference_mode()
def chunked(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Latent scores `(n,)` of a series `(c, n)`."""
    assert CHUNK % DOWNSAMPLING == MARGIN % DOWNSAMPLING == 0
    parts = []
    for start in range(0, x.shape[1], CHUNK):
        first = max(0, start - MARGIN)
        scores = network.latent_scores(x[None, :, first : start + CHUNK + MARGIN])[0]
        parts.append(scores[start - first : start - first + CHUNK])
    return torch.cat(parts)


def main(lengths: list[int]) -> None:
    """Print the seconds of each length, and the largest difference from one whole pass."""
    torch.set_num_threads(1)
    values = np.random.default_rng(0).normal(size=2000)
    detector = FastFlow1D(trainer=TrainerSettings(max_steps=5)).fit(values)
    network = detector.model_.eval()
    for n in lengths:
        x = torch.randn(1, n, generator=torch.Generator().manual_seed(1))
        begin = time.perf_counter()
        scores = chunked(network, x)
        seconds = time.perf_counter() - begin
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{n} points: {seconds:.2f} s, {n / seconds:,.0f} points/s, peak {peak:.0f} MB")
        if n == lengths[0]:
            with torch.inference_mode():
                whole = network.latent_scores(x[None])[0]
            print(f"  largest difference from one pass: {(whole - scores).abs().max():.2g}")


if __name__ == "__main__":
    main([int(n) for n in sys.argv[1:]])
