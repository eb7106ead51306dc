"""DevNet as a detector."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from anomalib_ts.detectors.base import Capabilities
from anomalib_ts.detectors.blocks.batches import BalancedBatches, LabelledBatch, check_share
from anomalib_ts.detectors.blocks.cut import Bags, Tail
from anomalib_ts.detectors.blocks.detector import BlockDetector
from anomalib_ts.detectors.devnet.torch_model import REFERENCE_SCORES, DevNetModel, deviation_loss
from anomalib_ts.recording import Recording
from anomalib_ts.training import TrainerSettings, seeded

WEIGHT_DECAY = 1e-2


class DevNet(BlockDetector):
    """Deviation network: scores blocks directly; labelled anomalies should stand out by 5.

    Normal scores are drawn to the mean of 5,000 numbers from a standard normal distribution, those
    of labelled anomalies at least 5 of their deviations above it. Blocks get their labels as in
    `WeakAutoencoder`. The network has the four hidden layers of the other detectors here; the
    authors use one of 20.

    Args:
        window: points a block.
        stride: points between two blocks, in [1, window], in training as in scoring; None for
            blocks side by side.
        tail: what becomes of points after the last whole block: `overlap`, `pad` or `drop`.
        width: features of the four hidden layers.
        anomaly_share: of a batch, in (0, 1).
        batch_size: blocks a training step, at least 2.
        learning_rate: of Adam.
        seed: of the initial weights, the reference and the order of the blocks.
        trainer: how long and on what to train; None for the defaults.

    Attributes:
        model_: the trained network, on the CPU.

    References:
        Pang et al., Deep anomaly detection with deviation networks, KDD, 2019.
    """

    capabilities = Capabilities(supervision="weak")
    version: ClassVar[int] = 2
    model_: DevNetModel

    def __init__(
        self,
        window: int = 32,
        *,
        stride: int | None = None,
        tail: Tail = "overlap",
        width: int = 128,
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
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
            trainer=trainer,
        )
        self.width = width
        self.anomaly_share = anomaly_share

    def _check_settings(self) -> None:
        super()._check_settings()
        check_share(self.anomaly_share)

    def _learn(self, train: tuple[Recording, ...], blocks: Bags) -> nn.Module:
        with seeded(self.seed):
            model = DevNetModel(train[0].channels, self.window, self.width)
            reference = torch.randn(REFERENCE_SCORES)

        def loss(batch: LabelledBatch) -> Tensor:
            examples, _, anomalous = batch
            scores = model.block_scores(examples)
            return deviation_loss(scores, anomalous, reference.to(scores))

        batches = BalancedBatches(blocks, self.batch_size, self.anomaly_share, self.seed)
        self._train(model, loss, batches, stage="DevNet", weight_decay=WEIGHT_DECAY)
        return model
