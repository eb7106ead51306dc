"""DevNet as a detector, its network and its loss."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.base import Capabilities
from anomalib_ts.detectors.deep.bags import labelled_bags
from anomalib_ts.detectors.deep.base import DeepDetector
from anomalib_ts.detectors.deep.batches import BalancedBatches, LabelledBatch
from anomalib_ts.detectors.deep.networks import HIDDEN_LAYERS, dense, soft_clip
from anomalib_ts.settings.fields import configured, setting

WEIGHT_DECAY = 1e-2

REFERENCE_SCORES = 5000
"""Draws from the standard normal prior of normal scores."""

MARGIN = 5.0
"""Anomalies should score so many deviations above the reference."""


class DevNetModel(nn.Module):
    """Four hidden layers and one score.

    Args:
        channels: of the windows, c.
        window: points a window, w.
        width: features of the hidden layers.
    """

    def __init__(self, channels: int, window: int, width: int) -> None:
        super().__init__()
        self.layers = dense([channels * window, *[width] * HIDDEN_LAYERS, 1])
        self.reference: Tensor
        self.register_buffer("reference", torch.randn(REFERENCE_SCORES))

    def scores(self, x: Tensor) -> Tensor:
        """The score of each window `(b, c, w)`, `(b,)`; any sign."""
        scores: Tensor = self.layers(soft_clip(x).flatten(1))
        return scores[:, 0]

    def loss(self, batch: LabelledBatch) -> Tensor:
        """The deviation loss of labelled windows."""
        examples, _, anomalous = batch
        scores = self.scores(examples)
        return deviation_loss(scores, anomalous, self.reference.to(scores))


@configured
class DevNet(DeepDetector[DevNetModel]):
    """Deviation network: one score a window; labelled anomalies should stand out by 5.

    Normal scores are drawn to the mean of 5,000 numbers from a standard normal distribution, those
    of labelled anomalies at least 5 of their deviations above it. Windows get their labels as in
    `WeakAutoencoder`. The network has the four hidden layers of the other detectors here; the
    authors use one of 20.

    >>> import numpy as np
    >>> from anomalib_ts import Recording, TrainerSettings, DevNet
    >>> noise = np.random.default_rng(0).random((6, 64))
    >>> clips = [Recording(x + (i > 3), label=int(i > 3)) for i, x in enumerate(noise)]
    >>> detector = DevNet(window=16, width=8, trainer=TrainerSettings(max_steps=2))
    >>> detector.fit(clips).score(noise[0]).shape
    (64,)

    References:
        Pang et al., Deep anomaly detection with deviation networks, KDD, 2019.
    """

    capabilities = Capabilities(supervision="weak")
    version: ClassVar[int] = 2

    width: int = setting(128, "features of the four hidden layers", at_least=1)
    anomaly_share: float = setting(0.5, "of the anomalies in a batch", above=0, below=1)

    def _network(self, train: tuple[Recording, ...]) -> DevNetModel:
        return DevNetModel(train[0].channels, self.window, self.width)

    def _learn(self, network: DevNetModel, windows: Windows, train: tuple[Recording, ...]) -> None:
        bags = labelled_bags(windows, train, type(self).__name__)
        batches = BalancedBatches(bags, self.batch_size, self.anomaly_share, self.seed)
        self._train(network, network.loss, batches, stage="DevNet", weight_decay=WEIGHT_DECAY)


def deviation_loss(scores: Tensor, anomalous: Tensor, reference: Tensor) -> Tensor:
    """The mean of `|dev|` over normal examples and `max(0, 5 - dev)` over labelled anomalies.

    Args:
        scores: `(b,)`.
        anomalous: `(b,)`, 1 for labelled anomalies.
        reference: `(r,)` draws from the prior; dev is the distance of a score from their mean, in
            their deviations.
    """
    deviations = (scores - reference.mean()) / reference.std(correction=0)
    missing = (MARGIN - deviations).clamp(min=0)
    return torch.where(anomalous > 0.5, missing, deviations.abs()).mean()
