"""Training of FastFlow-1D's second stage: the likelihood of frozen features."""

from __future__ import annotations

from typing import Self

from anomalib_ts.detectors.deep.lightning_model import AdamModule
from anomalib_ts.detectors.fastflow1d.torch_model import FastFlowModel


class LikelihoodModule(AdamModule):
    """Maximises the likelihood of the features with Adam; only the flow learns.

    The encoder is frozen and stays in eval mode: were it trainable, it could shrink the features
    and raise the likelihood without bound, since its own Jacobian is not counted.

    Args:
        model: its flow is trained in place.
        learning_rate: of Adam.
    """

    def __init__(self, model: FastFlowModel, learning_rate: float) -> None:
        super().__init__(model, model.loss, learning_rate)
        self.frozen = model.autoencoder.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Switch the flow to training mode; the frozen part stays in eval mode."""
        super().train(mode)
        self.frozen.eval()
        return self
