"""Checkpoints from which a fit that was killed goes on, to the result that it would have had.

A stage in progress has a file with all that its next steps depend on: weights, optimisers, the
order of the batches, the random state and what callbacks have counted. A stage that has ended has
one with what it learnt, so that a fit of several stages finds the ones before again. The names
start with the fit's digest, so that no other fit takes them for its own; `forget` removes them.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pytorch_lightning as pl
import torch

from anomalib_ts.core.files import atomic_write
from anomalib_ts.errors import ConfigError

log = logging.getLogger(__name__)


@runtime_checkable
class Stateful(Protocol):
    """Batches whose order can be written down and taken up again."""

    def __len__(self) -> int:
        """Batches an epoch."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """The batches of an epoch."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What the batches of the epochs to come depend on; plain values and tensors."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from such a state."""
        ...


@dataclass(frozen=True)
class StageFiles:
    """Where one stage of a fit is kept.

    Attributes:
        folder: for the files of all fits.
        fit: digest of all that decides what the fit learns.
        stage: its name.
    """

    folder: Path
    fit: str
    stage: str

    @property
    def in_progress(self) -> Path:
        """The stage's last checkpoint."""
        return self._path("ckpt")

    @property
    def ended(self) -> Path:
        """What the stage learnt."""
        return self._path("learnt")

    def _path(self, suffix: str) -> Path:
        return self.folder / f"{self.fit}-{re.sub(r'[^A-Za-z0-9]+', '_', self.stage)}.{suffix}"

    def prepare(self) -> None:
        """Make the folder.

        Raises:
            ConfigError: there can be none.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"trainer.checkpoint: cannot write to {self.folder}: {error}"
            ) from None

    def save_learnt(self, module: pl.LightningModule, steps: int) -> None:
        """Keep what a stage learnt, in the place of its last checkpoint."""
        with atomic_write(self.ended) as file:
            torch.save({"weights": module.state_dict(), "steps": steps}, file)
        self.in_progress.unlink(missing_ok=True)

    def load_learnt(self, module: pl.LightningModule) -> int | None:
        """Give a module what the stage learnt; the steps that took, None if it has not ended."""
        kept = _readable(self.ended)
        if kept is None:
            return None
        module.load_state_dict(kept["weights"])
        return int(kept["steps"])

    def last(self) -> Path | None:
        """The last checkpoint, if there is one that can be read."""
        return None if _readable(self.in_progress) is None else self.in_progress


def forget(folder: Path, fit: str) -> None:
    """Remove the files of a fit, and the folder if nothing else is in it."""
    for path in folder.glob(f"{fit}-*"):
        path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _readable(path: Path) -> Any:
    """The content of a file that this module wrote; None if there is none, or it is damaged."""
    if not path.is_file():
        return None
    try:
        # a results folder may come from anybody: nothing in it is run
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        log.warning("%s cannot be read, so the stage starts anew: %s", path, said)
        path.unlink(missing_ok=True)
        return None


class ResumableBatches:
    """Batches that go on in the middle of an epoch; Lightning stores and restores their state.

    Args:
        batches: what to iterate over.
    """

    def __init__(self, batches: Stateful) -> None:
        self._batches = batches
        self._epoch = batches.state_dict()
        self._taken = 0
        self._skipped = 0

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Any]:
        skipped, self._skipped = self._skipped, 0
        self._epoch = self._batches.state_dict()
        for number, batch in enumerate(self._batches, start=1):
            if number > skipped:
                self._taken = number
                yield batch

    def state_dict(self) -> dict[str, Any]:
        """Where an epoch began, and how many of its batches were taken."""
        if self._taken == len(self):
            return {"epoch": self._batches.state_dict(), "taken": 0}
        return {"epoch": self._epoch, "taken": self._taken}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on after the batches that were taken."""
        self._batches.load_state_dict(state["epoch"])
        self._taken = self._skipped = int(state["taken"])


class CheckpointWriter(pl.Callback):
    """Writes a checkpoint now and then, and puts the random state back when one is taken up.

    Args:
        path: of the checkpoint, which is replaced each time.
        seconds: between two of them.
    """

    def __init__(self, path: Path, seconds: float) -> None:
        self._path = path
        self._seconds = seconds
        self._due = time.monotonic() + seconds
        self._random: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """The random states of torch."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return {"cpu": torch.get_rng_state(), "cuda": cuda}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep them until the first step: preparing a training draws numbers, too."""
        self._random = state_dict

    def on_train_batch_start(self, *_: Any) -> None:
        """Put the random states back."""
        if self._random is not None:
            torch.set_rng_state(self._random["cpu"])
            if self._random["cuda"]:
                torch.cuda.set_rng_state_all(self._random["cuda"])
            self._random = None

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Write a checkpoint if one is due; none once it is settled that the training stops."""
        ends = trainer.should_stop or trainer.global_step >= trainer.max_steps
        if ends or time.monotonic() < self._due:
            return
        with atomic_write(self._path) as file:
            trainer.save_checkpoint(file.name)
        self._due = time.monotonic() + self._seconds
