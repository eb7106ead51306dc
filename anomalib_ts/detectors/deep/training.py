"""Train a Lightning module on windows held in memory, and run a network over windows.

The batches come ready made, gathered in one go, and everything in Lightning's Trainer that costs
time without being used (loggers, checkpoints, summaries, worker processes) is off unless
`TrainerSettings` ask for it.
"""

from __future__ import annotations

import logging
import math
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np
import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException
from numpy.typing import NDArray
from torch import Tensor, nn

from anomalib_ts.core.names import nearest
from anomalib_ts.core.progress import Report, progress_line
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.deep.checkpoints import (
    CheckpointWriter,
    ResumableBatches,
    StageFiles,
    Stateful,
)
from anomalib_ts.errors import AnomalibTsError, ConfigError
from anomalib_ts.saved.values import storable
from anomalib_ts.settings.config import create, described
from anomalib_ts.settings.fields import setting

CHECK_EVERY = 20
"""Steps between two looks at the loss: each look makes a GPU wait."""

_NO_EXTRAS: dict[str, Any] = {
    "enable_progress_bar": False,
    "enable_model_summary": False,
}

NOT_OPTIONS = {
    "accelerator": "set trainer.accelerator",
    "precision": "set trainer.precision",
    "max_epochs": "set trainer.max_epochs",
    "max_steps": "set trainer.max_steps",
    "max_time": "it would make results depend on how fast a machine is; set trainer.max_steps",
    "logger": "set trainer.logger",
    "callbacks": "set trainer.callbacks",
    "enable_checkpointing": "set trainer.checkpoint, or trainer.callbacks",
    "devices": "a fit uses one device",
    "num_nodes": "a fit uses one device",
    "strategy": "a fit uses one device",
    "plugins": "a fit uses one device",
    "barebones": "it would take away what trainer.max_steps needs",
    "fast_dev_run": "set trainer=smoke",
}
"""Arguments of Lightning's Trainer that `trainer.options` may not have, and what to do instead."""

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
        logger: settings of a Lightning logger (`_target_` and its arguments), or of several by
            name; each stage gets one of its own, told the loss. In texts, `{detector}`, `{stage}`
            and `{fit}` (letters that stand for the fit's settings and data) are filled in.
        callbacks: settings of Lightning callbacks by name, made anew for each stage.
        options: other arguments of Lightning's Trainer, such as `gradient_clip_val`.
        checkpoint: whether a fit that is killed goes on where it stopped when it is run again, to
            the same result: true keeps checkpoints in the results folder (`checkpoints` without
            one), a text names another folder.
        checkpoint_seconds: between two checkpoints, at least.

    Raises:
        ConfigError: a limit is out of range, or there is none; or an option is none of Lightning's,
            or one that is set elsewhere.
    """

    accelerator: str = "auto"
    precision: str = "32-true"
    max_epochs: int = 100
    max_steps: int = 1000
    progress: bool = True
    logger: dict[str, Any] | None = setting(None, describes="logger")
    callbacks: dict[str, Any] | None = setting(None, describes="callback")
    options: dict[str, Any] | None = None
    checkpoint: bool | str = False
    checkpoint_seconds: float = 60.0

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
        if self.checkpoint_seconds < 0:
            raise ConfigError(
                f"trainer.checkpoint_seconds must be at least 0: {self.checkpoint_seconds}"
            )
        if self.options:
            _check_options(self.options)

    def made_loggers(self, names: Mapping[str, str]) -> list[Any]:
        """New loggers, `names` filled into the texts of their settings.

        Raises:
            ConfigError: one cannot be made: it is no logger, or the package it needs is missing.
        """
        return _made(self.logger, "trainer.logger", "logger", names)

    def made_callbacks(self, names: Mapping[str, str]) -> list[pl.Callback]:
        """New callbacks, in the same way."""
        return _made(self.callbacks, "trainer.callbacks", "callback", names)

    def checkpoint_folder(self) -> Path | None:
        """Where checkpoints are kept; None for nowhere."""
        if not self.checkpoint:
            return None
        return Path("checkpoints" if self.checkpoint is True else self.checkpoint)

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


storable(TrainerSettings)  # no decorator: its source is read without importing torch


def _check_options(options: Mapping[str, Any]) -> None:
    known = [name for name in signature(pl.Trainer.__init__).parameters if name != "self"]
    for name in options:
        place = f"trainer.options.{name}"
        if name in NOT_OPTIONS:
            raise ConfigError(f"{place}: {NOT_OPTIONS[name]}")
        if name not in known:
            allowed = [one for one in known if one not in NOT_OPTIONS]
            raise ConfigError(f"{place}: Lightning's Trainer has none; {nearest(name, allowed)}")


def _made(
    settings: Mapping[str, Any] | None, where: str, part: str, names: Mapping[str, str]
) -> list[Any]:
    parts = described(settings, where)
    return [create(_filled(one, names), place, part) for place, one in parts.items()]


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    """Settings with `{name}` in their texts replaced, at every level."""
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace(f"{{{name}}}", text)
    if isinstance(value, Mapping):
        return {key: _filled(one, names) for key, one in value.items()}
    return [_filled(one, names) for one in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class Fit:
    """Which fit a stage belongs to.

    Attributes:
        detector: the name of its class.
        digest: of all that decides what it learns: settings, data, versions of the packages.
        settings: of the detector, for a logger to write down.
    """

    detector: str
    digest: str
    settings: Mapping[str, Any]


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


@runtime_checkable
class DivisibleBatches(Batches, Protocol):
    """Batches some of whose examples can be held back."""

    @property
    def examples(self) -> BatchSource:
        """All examples."""
        ...

    @property
    def classes(self) -> NDArray[np.int64] | None:
        """`(n,)` a number for each example, where batches mix examples of several classes."""
        ...

    def of(self, index: NDArray[np.int64]) -> Self:
        """Batches by the same rule, from the same seed, of the examples numbered `index` alone."""
        ...


@runtime_checkable
class HoldsBack(Protocol):
    """A callback that takes training examples away, to look at their loss."""

    def hold_back(self, batches: Batches, stage: str) -> Batches:
        """Called before a stage; what is left to train on."""
        ...


@dataclass(frozen=True)
class Part:
    """Some of the examples of another source.

    Attributes:
        source: all examples.
        index: `(k,)` the numbers of those that are in this part.
    """

    source: BatchSource
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.index)

    def gather(self, index: NDArray[np.int64]) -> Arrays:
        """The examples numbered `index` among those of this part."""
        return self.source.gather(self.index[index])


class ShuffledBatches:
    """Every example once an epoch, in an order that depends on nothing but the seed.

    Args:
        source: the examples.
        batch_size: examples a batch; the last batch of an epoch may be smaller.
        seed: of the order.
    """

    def __init__(self, source: BatchSource, batch_size: int, seed: int) -> None:
        self.examples = source
        self.classes = None
        self._batch_size = batch_size
        self._seed = seed
        self._random = np.random.default_rng(seed)

    def __len__(self) -> int:
        return math.ceil(len(self.examples) / self._batch_size)

    def __iter__(self) -> Iterator[Any]:
        order = self._random.permutation(len(self.examples))
        for first in range(0, len(order), self._batch_size):
            yield as_tensors(self.examples.gather(order[first : first + self._batch_size]))

    def of(self, index: NDArray[np.int64]) -> Self:
        """Batches by the same rule and seed of the examples numbered `index` alone."""
        return type(self)(Part(self.examples, index), self._batch_size, self._seed)

    def state_dict(self) -> dict[str, Any]:
        """What the order of the next epoch is drawn from."""
        return {"random": self._random.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from such a state."""
        self._random.bit_generator.state = state["random"]


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
    fit: Fit | None = None,
) -> int:
    """Train a module until the settings say stop, and leave it on the CPU in eval mode.

    `training_step` must return the loss. Nothing global is changed: not the random state, not
    the signal handlers, not the warning filters or log levels.

    Args:
        module: what to train.
        batches: the training batches.
        settings: how long and on what.
        seed: of everything random in the module.
        stage: what the progress line calls it.
        fit: which fit the stage belongs to; checkpoints need it.

    Returns:
        The steps that were taken.

    Raises:
        ConfigError: the machine or Lightning cannot do what the settings say.
        DivergedError: the loss became infinite or not a number.
        KeyboardInterrupt: the user stopped the training.
    """
    settings.device()
    kept = _kept(settings, stage, fit)
    if kept is not None and (steps := kept.load_learnt(module)) is not None:
        module.cpu().eval()
        return steps
    fit = fit or Fit(type(module).__name__, "", {})
    names = {"detector": fit.detector, "stage": stage, "fit": fit.digest[:12]}
    loggers, callbacks = settings.made_loggers(names), settings.made_callbacks(names)
    for callback in callbacks:
        if isinstance(callback, HoldsBack):
            batches = callback.hold_back(batches, stage)
    total = settings.steps(_steps_per_epoch(settings, batches))
    with (
        seeded(seed),
        _quiet_lightning(),
        torch.backends.cudnn.flags(deterministic=True, benchmark=False),
        _deterministic_as_before(),
        progress_line(stage, total, settings.progress) as report,
    ):
        watch: list[pl.Callback] = [_LossWatch(stage, total, report)]
        if loggers or callbacks:
            watch.insert(0, _LossLog())
        if kept is not None:
            batches = _resumable(batches)
            callbacks.append(CheckpointWriter(kept.in_progress, settings.checkpoint_seconds))
        trainer = _trainer(settings, total, loggers, [*watch, *callbacks])
        for logger in loggers:
            logger.log_hyperparams({"stage": stage, **fit.settings})
        _fit(trainer, module.train(), batches, kept.last() if kept else None)
    module.cpu().eval()
    if kept is not None:
        kept.save_learnt(module, trainer.global_step)
    return trainer.global_step


def _kept(settings: TrainerSettings, stage: str, fit: Fit | None) -> StageFiles | None:
    """Where the stage's checkpoints are, if there are to be any."""
    folder = settings.checkpoint_folder()
    if folder is None:
        return None
    if fit is None:
        raise ConfigError(
            f"trainer.checkpoint: {stage} does not say which fit it belongs to (train_module(..., "
            "fit=...)), so that it could not be told from another; leave it out"
        )
    kept = StageFiles(folder, fit.digest, stage)
    kept.prepare()
    return kept


def _resumable(batches: Batches) -> ResumableBatches:
    if not isinstance(batches, Stateful):
        raise ConfigError(
            f"trainer.checkpoint: {type(batches).__name__} has no state_dict and load_state_dict, "
            "so its order cannot be taken up again; leave it out"
        )
    return ResumableBatches(batches)


def _steps_per_epoch(settings: TrainerSettings, batches: Batches) -> int:
    return math.ceil(len(batches) / int((settings.options or {}).get("accumulate_grad_batches", 1)))


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


def _trainer(
    settings: TrainerSettings, total: int, loggers: list[Any], callbacks: list[pl.Callback]
) -> pl.Trainer:
    options: dict[str, Any] = {
        "accelerator": settings.accelerator,
        "devices": 1,
        "num_nodes": 1,
        "strategy": "auto",
        "precision": settings.precision,
        "max_epochs": -1,
        "max_steps": total,
        "callbacks": callbacks,
        "logger": loggers or False,
        # of the short trainings, too, there should be something to see
        "log_every_n_steps": max(1, min(50, total // 20)),
        "enable_checkpointing": any(isinstance(one, pl.callbacks.Checkpoint) for one in callbacks),
    }
    given = _NO_EXTRAS | options | (settings.options or {})
    try:
        return pl.Trainer(**given, plugins=[_OneProcess()])
    except (TypeError, ValueError, MisconfigurationException) as error:
        raise ConfigError(f"trainer: {error}") from error


def _fit(
    trainer: pl.Trainer, module: pl.LightningModule, batches: Batches, checkpoint: Path | None
) -> None:
    try:
        trainer.fit(module, batches, ckpt_path=None if checkpoint is None else str(checkpoint))
    except MisconfigurationException as error:
        raise ConfigError(f"trainer: {' '.join(str(error).split())}") from error
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


class _LossLog(pl.Callback):
    """Logs the loss for loggers and callbacks; without any, a step is spared that."""

    def on_train_batch_end(
        self, _trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        module.log("loss", outputs["loss"])


@contextmanager
def _deterministic_as_before() -> Iterator[None]:
    """Lightning's option `deterministic` is for the whole process."""
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)


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
