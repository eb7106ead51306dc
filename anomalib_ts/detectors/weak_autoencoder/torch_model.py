"""The weakly supervised autoencoder as a network, the paper's and the joined one, and its loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from anomalib_ts.detectors.deep.networks import DenseAutoencoderModel
from anomalib_ts.detectors.weak_autoencoder.statistics_head import (
    SMALLEST_DEVIATION,
    TINY,
    StatisticsHead,
)


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


class JoinedModel(WeakAutoencoderModel):
    """An autoencoder whose error is joined to what statistics over time tell.

    Args:
        channels: of the windows, c.
        window: points a window.
        width: features of the hidden layers.
        latent: features of the latent layer.

    Attributes:
        head: scores stretches of any length.
        error_moments: `(2,)` mean and deviation of the error's logarithm on healthy examples.
    """

    def __init__(self, channels: int, window: int, *, width: int, latent: int) -> None:
        super().__init__(channels, window, width=width, latent=latent)
        self.head = StatisticsHead(channels)
        self.error_moments: Tensor
        self.register_buffer("error_moments", torch.zeros(2))

    def calibrate(self, logarithms: Tensor) -> None:
        """Learn what the error's logarithm `(m,)` is on healthy examples."""
        deviation = logarithms.std(correction=0).clamp(min=SMALLEST_DEVIATION)
        self.error_moments.copy_(torch.stack([logarithms.mean(), deviation]))

    def log_errors(self, x: Tensor) -> Tensor:
        """The logarithm of the error of each window `(b, c, w)`, `(b,)`."""
        return (self.errors(x) + TINY).log()

    def misfits(self, x: Tensor) -> Tensor:
        """Half the standardised logarithm of the error, `(b,)`; the other half is the distance's.

        A mean over the windows of a clip is what the clip's error adds to its score.
        """
        return self.standardised(self.log_errors(x)) / 2

    def standardised(self, logarithms: Tensor) -> Tensor:
        """Logarithms of errors in deviations of healthy ones."""
        mean, deviation = self.error_moments
        z: Tensor = (logarithms - mean) / deviation
        return z

    def scores(self, x: Tensor) -> Tensor:
        """The joined score of each window `(b, c, w)` on its own, `(b,)`."""
        return self.misfits(x) + self.head.scores(x)


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
