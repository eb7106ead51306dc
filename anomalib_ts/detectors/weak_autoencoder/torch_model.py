"""The weakly supervised autoencoder as a network, and its loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from anomalib_ts.detectors.deep.networks import DenseAutoencoderModel


class WeakAutoencoderModel(DenseAutoencoderModel):
    """A fully connected autoencoder that knows how high anomalies should score.

    Args:
        channels: of the windows, c.
        window: points a window.
        width: features of the hidden layers.
        latent: features of the latent layer.

    Attributes:
        threshold: the score, in squared deviations, that labelled anomalies are pushed to; NaN
            before stage 1 is done.
        gamma: `(2,)` shape and scale of the distribution it comes from; NaN where it is an
            empirical quantile.
    """

    def __init__(self, channels: int, window: int, *, width: int, latent: int) -> None:
        super().__init__(channels, window, width=width, latent=latent)
        self.threshold: Tensor
        self.gamma: Tensor
        self.register_buffer("threshold", torch.tensor(math.nan))
        self.register_buffer("gamma", torch.full((2,), math.nan))


def hinge_loss(scores: Tensor, anomalous: Tensor, threshold: Tensor | float) -> Tensor:
    """The paper's contrastive loss: normal scores fall, anomalous ones rise to the threshold.

    The mean of `y s + (1 - y) max(0, a - s)`, where the paper's y is 1 for normal; here labels
    are the other way round.

    Args:
        scores: `(b,)`, s.
        anomalous: `(b,)`, 1 for anomalous and 0 for normal, 1 - y.
        threshold: a.
    """
    missing = (threshold - scores).clamp(min=0)
    return ((1 - anomalous) * scores + anomalous * missing).mean()
