"""One stage of a fit: a Lightning module trained on batches held in memory, and resumed."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import pytorch_lightning as pl
import torch

from anomalib_ts.core.progress import progress_line
from anomalib_ts.detectors.deep.checkpoints import (
    CheckpointWriter,
    ResumableBatches,
    StageFiles,
    Stateful,
)
from anomalib_ts.detectors.deep.examples import Batches
from anomalib_ts.detectors.deep.trainer import (
    LossLog,
    LossWatch,
    _deterministic_as_before,
    _quiet_lightning,
    quiet_trainer,
    run_trainer,
)
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.errors import ConfigError


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


@runtime_checkable
class HoldsBack(Protocol):
    """A callback that takes training examples away, to look at their loss."""

    def hold_back(self, batches: Batches, stage: str) -> Batches:
        """Called before a stage; what is left to train on."""
        ...


_GENERATOR = threading.RLock()
"""Held while torch's one generator is seeded: fits in several threads take turns."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch inside the block and leave its global random state as it was."""
    with _GENERATOR, torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        _seed(seed)
        yield


def _seed(seed: int) -> None:
    """`torch.manual_seed`, which takes milliseconds for devices that are not there."""
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


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
        watch: list[pl.Callback] = [LossWatch(stage, total, report)]
        if loggers or callbacks:
            watch.insert(0, LossLog())
        if kept is not None:
            batches = _resumable(batches)
            callbacks.append(CheckpointWriter(kept.in_progress, settings.checkpoint_seconds))
        trainer = quiet_trainer(settings, total, loggers, [*watch, *callbacks])
        for logger in loggers:
            logger.log_hyperparams({"stage": stage, **fit.settings})
        run_trainer(trainer, module.train(), batches, kept.last() if kept else None)
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
