"""Deep SAD as a detector, and its loss."""

from __future__ import annotations

import torch
from torch import Tensor

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.base import Capabilities
from anomalib_ts.detectors.deep.bags import labelled_bags
from anomalib_ts.detectors.deep.batches import BalancedBatches, LabelledBatch
from anomalib_ts.detectors.deep_svdd.detector import WEIGHT_DECAY, DeepSvdd, HypersphereModel
from anomalib_ts.settings.fields import configured, setting

EPSILON = 1e-6


@configured
class DeepSad(DeepSvdd):
    """Deep semi-supervised anomaly detection: labelled anomalies are driven from the centre.

    As Deep SVDD, but in the second stage labelled anomalies join, with a loss of `eta` over their
    squared distance. Windows get their labels as in `WeakAutoencoder`; what is not labelled
    anomalous counts as unlabelled.

    >>> import numpy as np
    >>> from anomalib_ts import Recording, TrainerSettings, DeepSad
    >>> noise = np.random.default_rng(0).random((6, 64))
    >>> clips = [Recording(x + (i > 3), label=int(i > 3)) for i, x in enumerate(noise)]
    >>> detector = DeepSad(window=16, width=8, trainer=TrainerSettings(max_steps=2))
    >>> detector.fit(clips).score(noise[0]).shape
    (64,)

    References:
        Ruff et al., Deep semi-supervised anomaly detection, ICLR, 2020.
    """

    capabilities = Capabilities(supervision="weak")

    eta: float = setting(1.0, "weight of the labelled anomalies", above=0)
    anomaly_share: float = setting(
        0.5, "of the anomalies in a batch of the second stage", above=0, below=1
    )

    def _learn(
        self, network: HypersphereModel, windows: Windows, train: tuple[Recording, ...]
    ) -> None:
        bags = labelled_bags(windows, train, type(self).__name__)
        self._pretrain(network, bags.normal)

        def loss(batch: LabelledBatch) -> Tensor:
            examples, _, anomalous = batch
            return semi_supervised_loss(network.scores(examples), anomalous, self.eta)

        batches = BalancedBatches(bags, self.batch_size, self.anomaly_share, self.seed)
        self._train(network, loss, batches, stage="hypersphere", weight_decay=WEIGHT_DECAY)


def semi_supervised_loss(distances: Tensor, anomalous: Tensor, eta: float) -> Tensor:
    """The mean of `d` over normal examples and `eta (d + 1e-6)^-1` over labelled anomalies.

    Args:
        distances: `(b,)` squared distances from the centre, d.
        anomalous: `(b,)`, 1 for labelled anomalies.
        eta: weight of the labelled anomalies.
    """
    return torch.where(anomalous > 0.5, eta / (distances + EPSILON), distances).mean()
