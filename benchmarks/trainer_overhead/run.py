"""What a training step costs through Lightning's Trainer, against a bare loop.

Both train the same modules on the same batches with the same optimiser. They take turns, so that
whatever else the machine does hits both; the medians over the turns are reported, as wall-clock
time and as the CPU time of this process, which other processes disturb less.

    python benchmarks/trainer_overhead/run.py --steps 300 --turns 9
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import pytorch_lightning as pl
import torch
from anomalib_ts.detectors.autoencoder.lightning_model import ReconstructionModule

from anomalib_ts.detectors import FastFlow1D
from anomalib_ts.detectors.autoencoder.torch_model import ConvAutoencoder
from anomalib_ts.detectors.fastflow1d.lightning_model import LikelihoodModule
from anomalib_ts.detectors.fastflow1d.torch_model import FastFlowModel
from anomalib_ts.recording import Recording
from anomalib_ts.training import ShuffledBatches, TrainerSettings, seeded, train_module
from anomalib_ts.windows import Windows

DEFAULTS = FastFlow1D()


def stage_one() -> pl.LightningModule:
    with seeded(0):
        model = ConvAutoencoder(torch.zeros(1), torch.ones(1), DEFAULTS.width, DEFAULTS.features)
    return ReconstructionModule(model, DEFAULTS.learning_rate)


def stage_two() -> pl.LightningModule:
    with seeded(0):
        autoencoder = ConvAutoencoder(
            torch.zeros(1), torch.ones(1), DEFAULTS.width, DEFAULTS.features
        )
        model = FastFlowModel(autoencoder, DEFAULTS.features, DEFAULTS.width, DEFAULTS.flow_steps)
    return LikelihoodModule(model, DEFAULTS.learning_rate)


def batches() -> ShuffledBatches:
    values = np.sin(np.arange(5_000) / 5) + 0.1 * np.random.default_rng(0).normal(size=5_000)
    return ShuffledBatches(Windows([Recording(values)], DEFAULTS.window), DEFAULTS.batch_size, 0)


def through_lightning(module: pl.LightningModule, steps: int) -> None:
    settings = TrainerSettings(accelerator="cpu", max_epochs=-1, max_steps=steps, progress=False)
    train_module(module, batches(), settings, seed=0, stage="benchmark")


def bare_loop(module: pl.LightningModule, steps: int) -> None:
    module.train()
    optimiser = module.configure_optimizers()
    for batch in islice(endless(batches()), steps):
        optimiser.zero_grad()
        loss = module.training_step(batch)
        loss.backward()
        optimiser.step()
    if not math.isfinite(loss.item()):
        raise ArithmeticError("the bare loop diverged")


def endless(source: ShuffledBatches) -> Iterator[torch.Tensor]:
    while True:
        yield from source


def milliseconds(
    loop: Callable[[pl.LightningModule, int], None],
    make: Callable[[], pl.LightningModule],
    steps: int,
) -> tuple[float, float]:
    """Wall-clock and CPU milliseconds a step, the Trainer's start and end included."""
    module = make()
    wall, cpu = time.perf_counter(), time.process_time()
    loop(module, steps)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return 1e3 * wall / steps, 1e3 * cpu / steps


def compare(make: Callable[[], pl.LightningModule], steps: int, turns: int) -> list[float]:
    """Median wall and CPU milliseconds through Lightning, then in the bare loop."""
    loops = (through_lightning, bare_loop)
    for loop in loops:
        loop(make(), 20)
    times = [[milliseconds(loop, make, steps) for loop in loops] for _ in range(turns)]
    return [
        statistics.median(turn[loop][clock] for turn in times)
        for loop in (0, 1)
        for clock in (0, 1)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300, help="steps a turn")
    parser.add_argument("--turns", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| stage | Lightning: wall, CPU ms | bare: wall, CPU ms | ratio: wall, CPU |")
    print("| --- | --- | --- | --- |")
    for name, make in (("1, autoencoder", stage_one), ("2, flow", stage_two)):
        wall, cpu, bare_wall, bare_cpu = compare(make, options.steps, options.turns)
        print(
            f"| {name} | {wall:.2f}, {cpu:.2f} | {bare_wall:.2f}, {bare_cpu:.2f} "
            f"| {wall / bare_wall:.2f}, {cpu / bare_cpu:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
