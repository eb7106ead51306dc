"""How long and on what networks train: the settings of every deep detector's training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from anomalib_ts.core.names import nearest
from anomalib_ts.errors import ConfigError
from anomalib_ts.saved.values import storable
from anomalib_ts.settings.config import create, described, holds_target
from anomalib_ts.settings.fields import setting

if TYPE_CHECKING:
    import pytorch_lightning as pl
    import torch

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

Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps"]
Precision = Literal[
    "16-true",
    "16-mixed",
    "bf16-true",
    "bf16-mixed",
    "32-true",
    "64-true",
    "transformer-engine",
    "transformer-engine-float16",
    "16",
    "bf16",
    "32",
    "64",
]
"""Lightning's names of number formats, see its `Trainer`."""


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

    accelerator: Accelerator = "auto"
    precision: Precision = "32-true"
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
        for name, kind in (("accelerator", Accelerator), ("precision", Precision)):
            known, given = get_args(kind), getattr(self, name)
            if given not in known:
                raise ConfigError(f"trainer.{name} must be one of {', '.join(known)}: {given!r}")
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
        import torch  # noqa: PLC0415 - settings are looked at before anything is trained

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
    import pytorch_lightning as pl  # noqa: PLC0415 - see `device`

    known = [name for name in signature(pl.Trainer.__init__).parameters if name != "self"]
    for name, value in options.items():
        place = f"trainer.options.{name}"
        if name in NOT_OPTIONS:
            raise ConfigError(f"{place}: {NOT_OPTIONS[name]}")
        if name not in known:
            allowed = [one for one in known if one not in NOT_OPTIONS]
            raise ConfigError(f"{place}: Lightning's Trainer has none; {nearest(name, allowed)}")
        if holds_target(value):
            raise ConfigError(f"{place}: takes a value, not a _target_")


def _made(
    settings: Mapping[str, Any] | None, where: str, part: str, names: Mapping[str, str]
) -> list[Any]:
    parts = described(settings, where, part)
    return [create(_filled(one, names), place, part) for place, one in parts.items()]


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    """Settings with `{name}` in their texts replaced, at every level."""
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace(f"{{{name}}}", text)
    if isinstance(value, Mapping):
        return {key: _filled(one, names) for key, one in value.items()}
    return [_filled(one, names) for one in value] if isinstance(value, list) else value
