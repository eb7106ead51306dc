"""Lightning's Trainer without what costs time unused, or changes the whole process."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException

from anomalib_ts.core.progress import Report
from anomalib_ts.detectors.deep.examples import Batches
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.errors import AnomalibTsError, ConfigError

CHECK_EVERY = 20
"""Steps between two looks at the loss: each look makes a GPU wait."""

_NO_EXTRAS: dict[str, Any] = {
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


class DivergedError(AnomalibTsError, ArithmeticError):
    """Training ended in a loss that is not a number."""


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


def quiet_trainer(
    settings: TrainerSettings, total: int, loggers: list[Any], callbacks: list[pl.Callback]
) -> pl.Trainer:
    """A Trainer for `total` steps that does nothing which was not asked for.

    Raises:
        ConfigError: Lightning refuses the settings.
    """
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


def run_trainer(
    trainer: pl.Trainer, module: pl.LightningModule, batches: Batches, checkpoint: Path | None
) -> None:
    """Train, from a checkpoint if there is one.

    Raises:
        ConfigError: Lightning cannot do what the settings say.
        KeyboardInterrupt: the user stopped it.
    """
    try:
        trainer.fit(module, batches, ckpt_path=None if checkpoint is None else str(checkpoint))
    except MisconfigurationException as error:
        raise ConfigError(f"trainer: {' '.join(str(error).split())}") from error
    except SystemExit as stop:
        # Lightning turns Ctrl-C into an exit of the whole process.
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise


class LossWatch(pl.Callback):
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
        """Look at it now and then, and at the end."""
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


class LossLog(pl.Callback):
    """Logs the loss for loggers and callbacks; without any, a step is spared that."""

    def on_train_batch_end(
        self, _trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        """Log it after each step."""
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
