"""FastFlow-1D as a pure network: the autoencoder's encoder, and a flow over its feature map."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from anomalib_ts.detectors.autoencoder.torch_model import DOWNSAMPLING, ConvAutoencoder
from anomalib_ts.detectors.deep.networks import soft_clip
from anomalib_ts.detectors.fastflow1d.flow import Flow1d

FEATURE_SCALE_FLOOR = 1e-3
"""Features that hardly vary in training are not divided by less than this."""

LATENT_LIMIT = 1e15
"""Larger latents count as this much."""


class FastFlowModel(nn.Module):
    """The density of an autoencoder's feature map, position by position.

    Args:
        autoencoder: gives the features.
        features: channels of its feature map.
        hidden: channels inside the flow's couplings.
        flow_steps: number of flow steps.
    """

    def __init__(
        self, autoencoder: ConvAutoencoder, features: int, hidden: int, flow_steps: int
    ) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.flow = Flow1d(features, hidden, flow_steps)
        self.feature_mean: Tensor
        self.feature_scale: Tensor
        self.register_buffer("feature_mean", torch.zeros(features, 1))
        self.register_buffer("feature_scale", torch.ones(features, 1))

    def set_feature_moments(self, mean: Tensor, deviation: Tensor) -> None:
        """Fix the means and deviations `(features,)` that standardise the flow's input."""
        self.feature_mean.copy_(mean[:, None])
        self.feature_scale.copy_(deviation.clamp_min(FEATURE_SCALE_FLOOR)[:, None])

    def features(self, x: Tensor) -> Tensor:
        """Standardised features `(b, features, ceil(w / 4))` of windows `(b, c, w)`."""
        features: Tensor = self.autoencoder.encode(x)
        return soft_clip((features - self.feature_mean) / self.feature_scale)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Latents `(b, features, l)` and log-determinants `(b, l)` of windows `(b, c, w)`."""
        latent, log_determinant = self.flow(self.features(x))
        return latent, log_determinant

    def latent_scores(self, x: Tensor) -> Tensor:
        """Half the mean squared latent at each point, `(b, w)`: FastFlow's anomaly map."""
        latent, _ = self(x)
        return to_points(0.5 * _squares(latent).mean(dim=1), x.shape[-1])

    def likelihood_scores(self, x: Tensor) -> Tensor:
        """Negative log-likelihood a channel at each point, in nats, `(b, w)`."""
        return to_points(-self.log_likelihood(x) / len(self.feature_mean), x.shape[-1])

    def loss(self, x: Tensor) -> Tensor:
        """The negative log-likelihood a feature of a batch of windows `(b, c, w)`, in nats."""
        return -self.log_likelihood(x).mean() / len(self.feature_mean)

    def log_likelihood(self, x: Tensor) -> Tensor:
        """Log-likelihood of the features at each position, in nats, `(b, l)`."""
        latent, log_determinant = self(x)
        log_likelihood: Tensor = log_standard_normal(latent) + log_determinant
        return log_likelihood


def log_standard_normal(latent: Tensor) -> Tensor:
    """Log-density of a standard normal, summed over channels: `(b, c, l)` to `(b, l)`."""
    return -0.5 * (_squares(latent) + math.log(2 * math.pi)).sum(dim=1)


def to_points(scores: Tensor, window: int) -> Tensor:
    """Interpolate scores of feature positions `(b, l)` to the points of a window `(b, w)`.

    Position i is centred on point 4 i of the window. Points between two centres are interpolated,
    points after the last centre take its score.
    """
    place = torch.arange(window, device=scores.device) / DOWNSAMPLING
    before = place.floor().long()
    after = (before + 1).clamp_max(scores.shape[1] - 1)
    share = place - before
    return scores[:, before] * (1 - share) + scores[:, after] * share


def _squares(latent: Tensor) -> Tensor:
    # Features unlike any in training can have latents whose squares overflow.
    return latent.clamp(-LATENT_LIMIT, LATENT_LIMIT).square()
