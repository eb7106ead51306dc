"""Train a Lightning module on windows held in memory, and run a network over windows.

The batches come ready made, gathered in one go, and everything in Lightning's Trainer that costs
time without being used (loggers, checkpoints, summaries, worker processes) is off.
"""

from __future__ import annotations

import logging
import math
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException
from numpy.typing import NDArray
from torch import Tensor, nn

from anomalib_ts.errors import AnomalibTsError, ConfigError
from anomalib_ts.progress import Report, progress_line
from anomalib_ts.windows import Windows

CHECK_EVERY = 20
"""Steps between two looks at the loss: each look makes a GPU wait."""

_NO_EXTRAS: dict[str, Any] = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}

ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps")

SCORING_BATCH = 256
"""Windows that go through a network at a time when nothing is learnt."""

Arrays: TypeAlias = NDArray[Any] | tuple[NDArray[Any], ...]


class DivergedError(AnomalibTsError, ArithmeticError):
    """Training ended in a loss that is not a number."""


@dataclass(frozen=True)
class TrainerSettings:
    """How long and on what (one device) a network trains; the same for every stage of a detector.

    A stage ends after `max_epochs` or `max_steps`, whichever comes first, so that the time a fit
    takes is bounded however long the series is.

    >>> from anomalib_ts import TrainerSettings
    >>> TrainerSettings(max_epochs=3, max_steps=1000).steps(steps_per_epoch=50)
    150

    Attributes:
        accelerator: `auto`, `cpu`, `gpu`, `cuda` or `mps`; scoring uses the same.
        precision: Lightning's name of the number format of training, such as `32-true`.
        max_epochs: passes over all training windows, at most; -1 for no limit.
        max_steps: optimiser steps, at most; -1 for no limit.
        progress: whether to show a progress line on a terminal.

    Raises:
        ConfigError: a limit is out of range, or there is none.
    """

    accelerator: str = "auto"
    precision: str = "32-true"
    max_epochs: int = 100
    max_steps: int = 1000
    progress: bool = True

    def __post_init__(self) -> None:
        for name in ("max_epochs", "max_steps"):
            limit = getattr(self, name)
            if limit < 1 and limit != -1:
                raise ConfigError(f"trainer.{name} must be at least 1, or -1 for no limit: {limit}")
        if self.max_epochs == self.max_steps == -1:
            raise ConfigError("trainer.max_epochs and trainer.max_steps cannot both be -1")
        if self.accelerator not in ACCELERATORS:
            known = ", ".join(ACCELERATORS)
            raise ConfigError(f"trainer.accelerator must be one of {known}: {self.accelerator!r}")

    def steps(self, steps_per_epoch: int) -> int:
        """How many steps a stage takes."""
        limits = [self.max_steps, self.max_epochs * steps_per_epoch]
        return min(limit for limit in limits if limit > 0)

    def device(self) -> torch.device:
        """The device that scores.

        Raises:
            ConfigError: this machine has no such device.
        """
        there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        gpus = [name for name, is_there in there.items() if is_there]
        fitting = {"auto": [*gpus, "cpu"], "gpu": gpus, "cpu": ["cpu"]}.get(
            self.accelerator, [name for name in gpus if name == self.accelerator]
        )
        if not fitting:
            raise ConfigError(
                f"trainer.accelerator={self.accelerator}, but torch finds no such device here; "
                "use auto or cpu"
            )
        return torch.device(fitting[0])


class BatchSource(Protocol):
    """Numbered training examples that can be gathered into a batch; `Windows` is one."""

    def __len__(self) -> int:
        """How many examples there are."""
        ...

    def gather(self, index: NDArray[np.int64]) -> Arrays:
        """The examples numbered `index` (b,): an array `(b, ...)`, or a tuple of such."""
        ...


class Batches(Protocol):
    """The batches of one epoch, drawn anew each time they are iterated over."""

    def __len__(self) -> int:
        """Batches an epoch."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Tensors, or tuples of tensors, on the CPU."""
        ...


class ShuffledBatches:
    """Every example once an epoch, in an order that depends on nothing but the seed.

    Args:
        source: the examples.
        batch_size: examples a batch; the last batch of an epoch may be smaller.
        seed: of the order.
    """

    def __init__(self, source: BatchSource, batch_size: int, seed: int) -> None:
        self._source = source
        self._batch_size = batch_size
        self._random = np.random.default_rng(seed)

    def __len__(self) -> int:
        return math.ceil(len(self._source) / self._batch_size)

    def __iter__(self) -> Iterator[Any]:
        order = self._random.permutation(len(self._source))
        for first in range(0, len(order), self._batch_size):
            yield as_tensors(self._source.gather(order[first : first + self._batch_size]))


def as_tensors(arrays: Arrays) -> Any:
    """Arrays as tensors, copied to where torch aligns them.

    NumPy aligns memory as its allocator happens to, and torch's kernels round differently by
    alignment: shared memory would make the last bits of a loss depend on what ran before.
    """
    if isinstance(arrays, tuple):
        return tuple(torch.from_numpy(array).clone() for array in arrays)
    return torch.from_numpy(arrays).clone()


_GENERATOR = threading.RLock()
"""Held while torch's one generator is seeded: fits in several threads take turns."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch inside the block and leave its global random state as it was."""
    with _GENERATOR, torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def train_module(
    module: pl.LightningModule,
    batches: Batches,
    settings: TrainerSettings,
    *,
    seed: int,
    stage: str,
) -> None:
    """Train a module until the settings say stop, and leave it on the CPU in eval mode.

    `training_step` must return the loss. Nothing global is changed: not the random state, not
    the signal handlers, not the warning filters or log levels.

    Args:
        module: what to train.
        batches: the training batches.
        settings: how long and on what.
        seed: of everything random in the module.
        stage: what the progress line calls it.

    Raises:
        ConfigError: the machine or Lightning cannot do what the settings say.
        DivergedError: the loss became infinite or not a number.
        KeyboardInterrupt: the user stopped the training.
    """
    settings.device()
    total = settings.steps(len(batches))
    with (
        seeded(seed),
        _quiet_lightning(),
        torch.backends.cudnn.flags(deterministic=True, benchmark=False),
        progress_line(stage, total, settings.progress) as report,
    ):
        options: dict[str, Any] = {
            "accelerator": settings.accelerator,
            "devices": 1,
            "num_nodes": 1,
            "strategy": "auto",
            "precision": settings.precision,
            "max_epochs": -1,
            "max_steps": total,
            "callbacks": [_LossWatch(stage, total, report)],
        }
        _fit(_trainer(options), module.train(), batches)
    module.cpu().eval()


class _OneProcess(LightningEnvironment):
    """One process on one device, whatever variables a scheduler or torchrun has set for others."""

    @property
    def creates_processes_externally(self) -> bool:
        """No, there is this one only."""
        return False

    def local_rank(self) -> int:
        """The first."""
        return 0

    def node_rank(self) -> int:
        """The first."""
        return 0

    def teardown(self) -> None:
        """There is nothing to take back; the variables of others are left alone."""


def _trainer(options: dict[str, Any]) -> pl.Trainer:
    try:
        return pl.Trainer(**options, **_NO_EXTRAS, plugins=[_OneProcess()])
    except (ValueError, MisconfigurationException) as error:
        raise ConfigError(f"trainer: {error}") from error


def _fit(trainer: pl.Trainer, module: pl.LightningModule, batches: Batches) -> None:
    try:
        trainer.fit(module, batches)
    except SystemExit as stop:
        # Lightning turns Ctrl-C into an exit of the whole process.
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise


class _LossWatch(pl.Callback):
    """Reports the loss, and stops a training whose loss is no longer a number."""

    def __init__(self, stage: str, total: int, report: Report) -> None:
        self._stage = stage
        self._total = total
        self._report = report

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        _module: pl.LightningModule,
        outputs: Any,
        *_: Any,
    ) -> None:
        step = trainer.global_step
        if step % CHECK_EVERY and step < self._total:
            return
        loss = float(outputs["loss"])
        if not math.isfinite(loss):
            raise DivergedError(
                f"{self._stage}: the loss was {loss} at step {step}. Lower the learning rate, or "
                "look for extreme values in the training data"
            )
        self._report(step, f"loss {loss:.4g}")


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning.pytorch")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"pytorch_lightning|lightning")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def run_network(
    network: nn.Module,
    function: Callable[[Tensor], Tensor],
    windows: Windows,
    settings: TrainerSettings,
    *,
    stage: str,
) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
    """Apply a function of a network to every window, in eval mode and without gradients.

    Args:
        network: moved to the device of the settings, and back to the CPU at the end.
        function: takes windows `(b, c, w)` to `(b, ...)`; usually a method of the network.
        windows: what to run over.
        settings: which device, and whether to show progress.
        stage: what the progress line calls it.

    Yields:
        `(starts, result)` a batch: where the windows begin, `(b,)`, and what the function gave.
    """
    device = settings.device()
    network.to(device).eval()
    done = 0
    try:
        with progress_line(stage, len(windows), settings.progress) as report:
            for starts, values in windows.batches(SCORING_BATCH):
                with torch.inference_mode():
                    result = function(as_tensors(values).to(device)).cpu().numpy()
                done += len(starts)
                report(done, "")
                yield starts, result
    finally:
        network.cpu()
