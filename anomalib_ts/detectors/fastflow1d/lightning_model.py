"""Training of FastFlow-1D's second stage: the likelihood of frozen features."""

from __future__ import annotations

from typing import Self

import pytorch_lightning as pl
import torch
from torch import Tensor

from anomalib_ts.detectors.fastflow1d.torch_model import FastFlowModel


class LikelihoodModule(pl.LightningModule):
    """Maximises the likelihood of the features with Adam; only the flow learns.

    The encoder is frozen and stays in eval mode: were it trainable, it could shrink the features
    and raise the likelihood without bound, since its own Jacobian is not counted.

    Args:
        model: its flow is trained in place.
        learning_rate: of Adam.
    """

    def __init__(self, model: FastFlowModel, learning_rate: float) -> None:
        super().__init__()
        self.model = model
        self.learning_rate = learning_rate
        self.model.autoencoder.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Switch the flow to training mode; the frozen part stays in eval mode."""
        super().train(mode)
        self.model.autoencoder.eval()
        return self

    def training_step(self, batch: Tensor) -> Tensor:
        """The negative log-likelihood a feature of a batch of windows `(b, c, w)`, in nats."""
        channels = self.model.feature_mean.shape[0]
        return -self.model.log_likelihood(batch).mean() / channels

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam over the flow."""
        return torch.optim.Adam(self.model.flow.parameters(), lr=self.learning_rate)
