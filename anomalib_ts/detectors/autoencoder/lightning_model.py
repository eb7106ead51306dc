"""Training of the autoencoder: FastFlow-1D's first stage, and the whole of `Autoencoder`."""

from __future__ import annotations

import pytorch_lightning as pl
import torch
from torch import Tensor

from anomalib_ts.detectors.autoencoder.torch_model import ConvAutoencoder


class ReconstructionModule(pl.LightningModule):
    """Minimises the mean squared reconstruction error with Adam.

    Args:
        model: trained in place.
        learning_rate: of Adam.
    """

    def __init__(self, model: ConvAutoencoder, learning_rate: float) -> None:
        super().__init__()
        self.model = model
        self.learning_rate = learning_rate

    def training_step(self, batch: Tensor) -> Tensor:
        """The loss of a batch of windows `(b, c, w)`."""
        return self.model.loss(batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam over the whole autoencoder."""
        return torch.optim.Adam(self.model.parameters(), lr=self.learning_rate)
