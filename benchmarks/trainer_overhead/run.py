"""What a training step costs through Lightning's Trainer, against a bare loop.

All train the same modules on the same batches with the same optimiser. They take turns, so that
whatever else the machine does hits all; the medians over the turns are reported, as wall-clock
time and as the CPU time of this process, which other processes disturb less.

    python benchmarks/trainer_overhead/run.py --steps 300 --turns 9
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors import FastFlow1D
from anomalib_ts.detectors.autoencoder.torch_model import ConvAutoencoder
from anomalib_ts.detectors.deep.examples import ShuffledBatches
from anomalib_ts.detectors.deep.lightning_model import AdamModule
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.deep.training_loop import Fit, seeded, train_module
from anomalib_ts.detectors.fastflow1d.lightning_model import LikelihoodModule
from anomalib_ts.detectors.fastflow1d.torch_model import FastFlowModel

DEFAULTS = FastFlow1D()
BARE = "bare loop"

Loop: TypeAlias = Callable[[AdamModule, int], None]


def autoencoder() -> ConvAutoencoder:
    return ConvAutoencoder(1, DEFAULTS.width, DEFAULTS.features)


def stage_one() -> AdamModule:
    with seeded(0):
        model = autoencoder()
    return AdamModule(model, model.loss, DEFAULTS.learning_rate)


def stage_two() -> AdamModule:
    with seeded(0):
        model = FastFlowModel(autoencoder(), DEFAULTS.features, DEFAULTS.width, DEFAULTS.flow_steps)
    return LikelihoodModule(model, model.loss, DEFAULTS.learning_rate)


def batches() -> ShuffledBatches:
    values = np.sin(np.arange(5_000) / 5) + 0.1 * np.random.default_rng(0).normal(size=5_000)
    recording = Recording(values.astype(np.float32))
    return ShuffledBatches(Windows([recording], DEFAULTS.window), DEFAULTS.batch_size, 0)


def through_lightning(module: AdamModule, steps: int, **door: Any) -> None:
    settings = TrainerSettings(
        accelerator="cpu", max_epochs=-1, max_steps=steps, progress=False, **door
    )
    fit = Fit("Benchmark", "0", {})
    train_module(module, batches(), settings, seed=0, stage="benchmark", fit=fit)


def bare_loop(module: AdamModule, steps: int) -> None:
    module.train()
    optimiser = AdamModule.configure_optimizers(module)  # at one rate, without a schedule
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


def loops(folder: str) -> dict[str, Loop]:
    """Every way to train; the bare loop comes first."""
    logger = {"_target_": "pytorch_lightning.loggers.CSVLogger", "save_dir": folder}
    return {
        BARE: bare_loop,
        "Lightning, door unused": through_lightning,
        "with a CSV logger": partial(through_lightning, logger=logger),
        "with checkpoints": partial(through_lightning, checkpoint=str(Path(folder) / "kept")),
    }


def milliseconds(loop: Loop, make: Callable[[], AdamModule], steps: int) -> tuple[float, float]:
    """Wall-clock and CPU milliseconds a step, the Trainer's start and end included."""
    module = make()
    wall, cpu = time.perf_counter(), time.process_time()
    loop(module, steps)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return 1e3 * wall / steps, 1e3 * cpu / steps


def compare(
    make: Callable[[], AdamModule], steps: int, turns: int
) -> dict[str, tuple[float, float]]:
    """Median wall and CPU milliseconds a step of each way to train."""
    times: dict[str, list[tuple[float, float]]] = {}
    for turn in range(turns + 1):
        with tempfile.TemporaryDirectory() as folder:
            for name, loop in loops(folder).items():
                took = milliseconds(loop, make, steps if turn else 20)  # the first warms up
                times.setdefault(name, []).extend([took] if turn else [])
    return {
        name: (statistics.median(w for w, _ in each), statistics.median(c for _, c in each))
        for name, each in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300, help="steps a turn")
    parser.add_argument("--turns", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| stage | way to train | ms a step: wall, CPU | ratio to the bare loop: wall, CPU |")
    print("| --- | --- | --- | --- |")
    for stage, make in (("1, autoencoder", stage_one), ("2, flow", stage_two)):
        found = compare(make, options.steps, options.turns)
        bare_wall, bare_cpu = found[BARE]
        for name, (wall, cpu) in found.items():
            ratios = f"{wall / bare_wall:.2f}, {cpu / bare_cpu:.2f}"
            print(f"| {stage} | {name} | {wall:.2f}, {cpu:.2f} | {ratios} |", flush=True)


if __name__ == "__main__":
    main()
