"""USAD's training: two optimisers take turns."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from anomalib_ts.detectors.usad.torch_model import UsadModel


class UsadModule(pl.LightningModule):
    """Trains each autoencoder on its own loss, one after the other in every step.

    Args:
        model: trained in place.
        learning_rate: of both Adams.
    """

    def __init__(self, model: UsadModel, learning_rate: float) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model = model
        self.learning_rate = learning_rate

    def training_step(self, batch: Tensor) -> Tensor:
        """Train on a batch of windows `(b, c, w)`; gives the first autoencoder's loss."""
        counted, _ = self._optimizers(True)
        # Lightning counts each step of an optimiser that it wraps: only one may be, so that a
        # step of the trainer's limit is a batch.
        _, uncounted = self._optimizers(False)
        epoch = self.current_epoch + 1
        loss = self._step(counted, self.model.first_loss(batch, epoch))
        self._step(uncounted, self.model.second_loss(batch, epoch))
        return loss

    def validation_step(self, batch: Tensor) -> Tensor:
        """The first autoencoder's plain error on a batch that was held back.

        The losses mean something else in each epoch, so no two of them can be compared.
        """
        return self.model.errors(batch)[:, 0].mean()

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """An Adam for each decoder with the common encoder."""
        # The step over 21 million weights is bound by memory: fused, it reads them once.
        return [
            torch.optim.Adam(
                chain(self.model.encoder.parameters(), decoder.parameters()),
                lr=self.learning_rate,
                fused=self.device.type != "mps",  # which older torch cannot
            )
            for decoder in self.model.decoders
        ]

    def _optimizers(self, wrapped: bool) -> Any:
        return self.optimizers(use_pl_optimizer=wrapped)

    def _step(self, optimizer: Any, loss: Tensor) -> Tensor:
        optimizer.zero_grad()
        # The loss also depends on the other decoder, whose gradients nobody needs.
        (group,) = optimizer.param_groups
        self.manual_backward(loss, inputs=group["params"])
        optimizer.step()
        return loss.detach()
