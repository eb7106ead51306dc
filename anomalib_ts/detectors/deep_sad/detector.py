"""Deep SAD as a detector, and its loss."""

from __future__ import annotations

import torch
from torch import Tensor

from anomalib_ts.detectors.base import Capabilities
from anomalib_ts.detectors.blocks.batches import BalancedBatches, LabelledBatch, check_share
from anomalib_ts.detectors.blocks.cut import Bags, Tail
from anomalib_ts.detectors.deep_svdd.detector import WEIGHT_DECAY, DeepSvdd
from anomalib_ts.detectors.deep_svdd.torch_model import HypersphereModel
from anomalib_ts.errors import ConfigError
from anomalib_ts.training import TrainerSettings

EPSILON = 1e-6


class DeepSad(DeepSvdd):
    """Deep semi-supervised anomaly detection: labelled anomalies are driven from the centre.

    As Deep SVDD, but in the second stage labelled anomalies join, with a loss of `eta` over their
    squared distance. Blocks get their labels as in `WeakAutoencoder`; what is not labelled
    anomalous counts as unlabelled.

    Args:
        window: points a block.
        stride: points between two blocks, in [1, window], in training as in scoring; None for
            blocks side by side.
        tail: what becomes of points after the last whole block: `overlap`, `pad` or `drop`.
        width: features of the four hidden layers.
        latent: dimensions of the space that the centre lies in.
        eta: weight of the labelled anomalies, > 0.
        anomaly_share: of a batch of the second stage, in (0, 1).
        batch_size: blocks a training step, at least 2.
        learning_rate: of Adam, in both stages.
        seed: of the initial weights and the order of the blocks.
        trainer: how long and on what to train each stage; None for the defaults.

    Attributes:
        model_: the trained network, on the CPU.

    References:
        Ruff et al., Deep semi-supervised anomaly detection, ICLR, 2020.
    """

    capabilities = Capabilities(supervision="weak")

    def __init__(
        self,
        window: int = 32,
        *,
        stride: int | None = None,
        tail: Tail = "overlap",
        width: int = 128,
        latent: int = 32,
        eta: float = 1.0,
        anomaly_share: float = 0.5,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        seed: int = 0,
        trainer: TrainerSettings | None = None,
    ) -> None:
        super().__init__(
            window,
            stride=stride,
            tail=tail,
            width=width,
            latent=latent,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
            trainer=trainer,
        )
        self.eta = eta
        self.anomaly_share = anomaly_share

    def _check_settings(self) -> None:
        super()._check_settings()
        check_share(self.anomaly_share)
        if self.eta <= 0:
            raise ConfigError(f"eta must be above 0, not {self.eta}")

    def _draw_together(self, model: HypersphereModel, blocks: Bags) -> None:
        def loss(batch: LabelledBatch) -> Tensor:
            examples, _, anomalous = batch
            return semi_supervised_loss(model.distances(examples), anomalous, self.eta)

        batches = BalancedBatches(blocks, self.batch_size, self.anomaly_share, self.seed)
        self._train(model, loss, batches, stage="hypersphere", weight_decay=WEIGHT_DECAY)


def semi_supervised_loss(distances: Tensor, anomalous: Tensor, eta: float) -> Tensor:
    """The mean of `d` over normal examples and `eta (d + 1e-6)^-1` over labelled anomalies.

    Args:
        distances: `(b,)` squared distances from the centre, d.
        anomalous: `(b,)`, 1 for labelled anomalies.
        eta: weight of the labelled anomalies.
    """
    return torch.where(anomalous > 0.5, eta / (distances + EPSILON), distances).mean()
