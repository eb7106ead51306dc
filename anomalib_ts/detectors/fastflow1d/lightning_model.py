"""Training of FastFlow-1D's flows: the likelihood of what is frozen in front of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor

from anomalib_ts.detectors.deep.lightning_model import AdamModule
from anomalib_ts.detectors.fastflow1d.torch_model import FastFlowModel

WARM_UP = 0.1
"""Share of the steps in which the learning rate rises."""


class LikelihoodModule(AdamModule):
    """Maximises a likelihood with Adam; only the flows learn.

    The learning rate rises to its height in the first tenth of the steps, and falls to 0 along a
    cosine.

    The encoder is frozen and stays in eval mode: were it trainable, it could shrink the features
    and raise the likelihood without bound, since its own Jacobian is not counted.

    Args:
        model: one of its flows is trained in place.
        loss: of a batch; `model.loss` or `model.window_loss`.
        learning_rate: of Adam, at its height.
    """

    def __init__(
        self, model: FastFlowModel, loss: Callable[[Tensor], Tensor], learning_rate: float
    ) -> None:
        super().__init__(model, loss, learning_rate)
        self.frozen = model.autoencoder.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Switch the flow to training mode; the frozen part stays in eval mode."""
        super().train(mode)
        self.frozen.eval()
        return self

    def configure_optimizers(self) -> Any:
        """Adam, and how its learning rate goes with the steps."""
        total = max(1, int(self.trainer.estimated_stepping_batches))
        rising = max(1, round(WARM_UP * total))

        def share(step: int) -> float:
            if step < rising:
                return (step + 1) / rising
            return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, total - rising)))

        optimizer = super().configure_optimizers()
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
