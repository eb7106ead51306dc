"""Training by Adam on one loss: all deep detectors but USAD need no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn


class AdamModule(pl.LightningModule):
    """Minimises the loss of a network with Adam.

    Args:
        network: trained in place.
        loss: of a batch, a function of the network's parameters.
        learning_rate: of Adam.
        weight_decay: added to the gradient, times the weights.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Callable[[Any], Tensor],
        learning_rate: float,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__()
        self.network = network
        self.loss = loss
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay

    def training_step(self, batch: Any) -> Tensor:
        """The loss of a batch."""
        return self.loss(batch)

    def validation_step(self, batch: Any) -> Tensor:
        """The loss of a batch that was held back."""
        return self.loss(batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam over all that is not frozen."""
        learning = [weights for weights in self.network.parameters() if weights.requires_grad]
        return torch.optim.Adam(learning, lr=self.learning_rate, weight_decay=self.weight_decay)
