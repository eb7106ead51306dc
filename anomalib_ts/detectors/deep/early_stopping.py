"""Stop a stage of training when the loss of windows that it does not see falls no more."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from anomalib_ts.detectors.deep.examples import Batches, DivisibleBatches
from anomalib_ts.detectors.deep.held_out import last_examples
from anomalib_ts.detectors.deep.training_loop import seeded
from anomalib_ts.errors import ConfigError
from anomalib_ts.settings.fields import check_settings, configured, setting

log = logging.getLogger(__name__)


@configured
class EarlyStopping(Callback):
    """Ends a stage when the loss of training windows that are held back has stopped falling.

    The last windows of each training recording are held back, and those that share a point with
    them are left out. Every so many steps the loss of them all is looked at; the weights with the
    smallest are kept. With the same seed and data it always stops at the same step.
    """

    share: float = setting(
        0.1, "of the windows of each recording that are held back", above=0, at_most=0.5
    )
    every: int = setting(50, "steps between two looks at their loss", at_least=1)
    patience: int = setting(
        5, "looks without a smaller loss after which the stage ends", at_least=1
    )
    min_delta: float = setting(
        0.0, "a loss counts as smaller if it is by more than this", at_least=0
    )

    def hold_back(self, batches: Batches, stage: str) -> Batches:
        """Take the held-back windows away from the training.

        Raises:
            ConfigError: a setting is out of its limits, or these batches cannot be divided.
            InputError: the recordings are too short for any window to be held back.
        """
        check_settings(self)
        if not isinstance(batches, DivisibleBatches):
            raise ConfigError(
                f"early stopping: {type(batches).__name__} cannot be divided (see "
                "DivisibleBatches), so no window can be held back; leave the callback out"
            )
        train, held = self._divided(batches)
        self._stage, self._held = stage, _FirstEpoch(batches, held)
        self._every = self.every
        self._best, self._waited, self._best_step = math.inf, 0, 0
        self._weights: dict[str, Tensor] = {}
        return batches.of(train)

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *_: Any) -> None:
        """Look at the held-back loss if it is time to."""
        if trainer.global_step % self._every and trainer.global_step < trainer.max_steps:
            return
        loss = self._loss(trainer, module)
        module.log("held_back_loss", loss)
        if loss < self._best - self.min_delta or not self._weights:
            self._best, self._waited, self._best_step = loss, 0, trainer.global_step
            self._weights = {name: w.detach().clone() for name, w in module.state_dict().items()}
            return
        self._waited += 1
        if self._waited >= self.patience:
            trainer.should_stop = True

    def on_train_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Put the best weights back, and say how long the stage was."""
        if not self._weights:
            return  # another callback has ended it before the first look
        module.load_state_dict(self._weights)
        log.info(
            "%s: %d of %d steps, weights of step %d (held-back loss %.4g)",
            self._stage,
            trainer.global_step,
            trainer.max_steps,
            self._best_step,
            self._best,
        )

    def state_dict(self) -> dict[str, Any]:
        """What a training that is taken up again has to know."""
        return {
            "best": self._best,
            "waited": self._waited,
            "best_step": self._best_step,
            "weights": self._weights,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from such a state."""
        self._best, self._waited = float(state_dict["best"]), int(state_dict["waited"])
        self._best_step, self._weights = int(state_dict["best_step"]), state_dict["weights"]

    def _divided(self, batches: DivisibleBatches) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The numbers of the examples that train and of those that are held back."""
        return last_examples(batches.examples, self.share, batches.classes)

    def _loss(self, trainer: Trainer, module: LightningModule) -> float:
        """The mean loss of the held-back batches, without a trace in weights or random state."""
        if type(module).validation_step is LightningModule.validation_step:
            raise ConfigError(
                f"early stopping: {type(module).__name__} has no validation_step, which gives the "
                "loss of a batch that was held back"
            )
        module.eval()
        with seeded(0), torch.no_grad(), trainer.precision_plugin.val_step_context():
            losses = [self._loss_of(trainer, module, batch) for batch in self._held]
        module.train()
        return float(np.mean(losses))

    def _loss_of(self, trainer: Trainer, module: LightningModule, batch: Any) -> float:
        ready = trainer.strategy.batch_to_device(trainer.precision_plugin.convert_input(batch))
        loss: Any = module.validation_step(ready)
        return float(loss)


class _FirstEpoch:
    """The first epoch of batches of some examples, the same each time it is iterated over."""

    def __init__(self, batches: DivisibleBatches, index: NDArray[np.int64]) -> None:
        self._batches = batches
        self._index = index

    def __iter__(self) -> Iterator[Any]:
        yield from self._batches.of(self._index)
