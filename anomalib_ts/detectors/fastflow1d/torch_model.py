"""FastFlow-1D as pure networks: a flow over an autoencoder's features, one over raw windows."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from anomalib_ts.detectors.autoencoder.torch_model import DOWNSAMPLING, ConvAutoencoder
from anomalib_ts.detectors.deep.networks import soft_clip
from anomalib_ts.detectors.fastflow1d.flow import Flow1d

FEATURE_SCALE_FLOOR = 1e-3
"""Features that hardly vary in training are not divided by less than this."""

LATENT_LIMIT = 1e15
"""Larger latents count as this much."""

SCORES = ("latent", "likelihood", "reconstruction", "window")

WINDOW = 64
"""Points that the second flow sees at each position, the position's own in their middle."""

COMPONENTS = 8
"""Principal components a channel of such windows that it learns the density of."""

MOST_COMPONENTS = 32
"""So many of all channels together, at most."""

COMPONENT_SCALE_FLOOR = 1e-5
"""Components that hardly vary in training are not divided by less than this."""

SCORE_FLOOR = 1e-3
"""Scores below this share of their mean in training are not told apart."""

DEVIATION_FLOOR = 0.05
"""A score that hardly varies in training: what its logarithm is divided by is not smaller."""


class FastFlowModel(nn.Module):
    """The density of an autoencoder's feature map, and of raw windows, position by position.

    The features say what is there, and lose what hardly varies. A break of what always holds
    between neighbouring points, such as one in a chaotic series that looks like any other, is in
    the small principal components of the raw windows: a second flow learns the density of these,
    each divided by its own deviation.

    Args:
        autoencoder: gives the features, and the number of channels.
        features: channels of its feature map.
        hidden: channels inside the flow's couplings.
        flow_steps: number of flow steps.
        window: points that it trains on at a time; raw windows have no more.
    """

    def __init__(
        self,
        autoencoder: ConvAutoencoder,
        features: int,
        hidden: int,
        flow_steps: int,
        window: int = WINDOW,
    ) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.flow = Flow1d(features, hidden, flow_steps)
        components = min(COMPONENTS * autoencoder.channels, MOST_COMPONENTS)
        self.window_flow = Flow1d(components, hidden, flow_steps)
        self.window_mean: Tensor
        self.basis: Tensor
        self.register_buffer("window_mean", torch.zeros(components, 1))
        self.points = min(WINDOW, window)
        self.register_buffer("basis", torch.zeros(components, autoencoder.channels, self.points))
        self.feature_mean: Tensor
        self.feature_scale: Tensor
        self.register_buffer("feature_mean", torch.zeros(features, 1))
        self.register_buffer("feature_scale", torch.ones(features, 1))
        self.score_low: Tensor
        self.score_floor: Tensor
        self.score_mean: Tensor
        self.score_scale: Tensor
        for name in ("low", "floor", "mean", "scale"):
            self.register_buffer(f"score_{name}", torch.ones(len(SCORES), 1))

    def set_feature_moments(self, mean: Tensor, deviation: Tensor) -> None:
        """Fix the means and deviations `(features,)` that standardise the flow's input."""
        self.feature_mean.copy_(mean[:, None])
        self.feature_scale.copy_(deviation.clamp_min(FEATURE_SCALE_FLOOR)[:, None])

    def set_components(self, mean: Tensor, components: Tensor, deviations: Tensor) -> None:
        """Fix what the second flow sees of raw windows.

        Args:
            mean: of the windows, `(c * points,)`, channel after channel.
            components: `(k, c * points)`, at most as many as `basis` has; others count as constant.
            deviations: theirs, `(k,)`.
        """
        scaled = components / deviations.clamp_min(COMPONENT_SCALE_FLOOR)[:, None]
        self.basis[: len(scaled)] = scaled.view(len(scaled), -1, self.points)
        self.window_mean[: len(scaled), 0] = scaled @ mean

    def calibrate(self, scores: Tensor) -> None:
        """Learn from scores `(4, n)` of training data what makes the four comparable."""
        low = scores.amin(dim=1, keepdim=True)
        bounded = [number for number, name in enumerate(SCORES) if name != "likelihood"]
        low[bounded] = 0
        self.score_low.copy_(low)
        self.score_floor.copy_(SCORE_FLOOR * (scores - low).mean(dim=1, keepdim=True))
        self.score_floor.clamp_min_(torch.finfo(torch.float32).tiny)
        logarithm = self._logarithm(scores).double()
        self.score_mean.copy_(logarithm.mean(dim=1, keepdim=True))
        deviation = logarithm.std(dim=1, keepdim=True, correction=0)
        self.score_scale.copy_(deviation.clamp_min(DEVIATION_FLOOR))

    def in_deviations(self, scores: Tensor) -> Tensor:
        """Scores `(..., 4, w)` made comparable: deviations of their logarithms in training."""
        return (self._logarithm(scores) - self.score_mean) / self.score_scale

    def largest(self, scores: Tensor) -> Tensor:
        """The largest of the four scores `(b, 4, w)` at each point, in deviations, `(b, w)`."""
        return self.in_deviations(scores).amax(dim=1)

    def _logarithm(self, scores: Tensor) -> Tensor:
        return ((scores - self.score_low).clamp_min(0) + self.score_floor).log()

    def features(self, x: Tensor) -> Tensor:
        """Standardised features `(b, features, ceil(w / 4))` of windows `(b, c, w)`."""
        return self._standardised(self.autoencoder.encode(x))

    def _standardised(self, features: Tensor) -> Tensor:
        return soft_clip((features - self.feature_mean) / self.feature_scale)

    def components(self, x: Tensor) -> Tensor:
        """Standardised components `(b, k, ceil(w / 4))` of the raw windows of `(b, c, w)`.

        Positions near an end have those of the nearest whole window. With points repeated beyond
        an end, the small components of a smooth series would be thousands of deviations large.
        """
        padded = functional.pad(soft_clip(x), (0, self.points - 1), mode="replicate")
        projected = functional.conv1d(padded, self.basis, stride=DOWNSAMPLING)
        last = (x.shape[-1] - self.points) // DOWNSAMPLING  # that begins a whole window
        half = self.points // 2 // DOWNSAMPLING
        begins = torch.arange(projected.shape[-1], device=x.device) - half
        whole = projected[..., begins.clamp_max(last).clamp_min(0)]
        return soft_clip(whole - self.window_mean)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Latents `(b, features, l)` and log-determinants `(b, l)` of windows `(b, c, w)`."""
        latent, log_determinant = self.flow(self.features(x))
        return latent, log_determinant

    def scores(self, x: Tensor, smoothing: int = 1) -> Tensor:
        """The four `SCORES` at each point of series `(b, c, w)`, `(b, 4, w)`.

        Half the mean squared latent, FastFlow's anomaly map; the negative log-likelihood a
        channel, in nats; the squared reconstruction error, the mean over channels; half the mean
        squared latent of the raw window. Each is the mean over `smoothing` points around its own.
        """
        target = soft_clip(x)
        features = self.autoencoder.encoder(target)
        rebuilt = self.autoencoder.decoder(features)[..., : x.shape[-1]]
        latent, log_determinant = self.flow(self._standardised(features))
        likelihood = _log_likelihood(latent, log_determinant) / len(self.feature_mean)
        of_window, _ = self.window_flow(self.components(x))
        maps = [0.5 * _squares(each).mean(dim=1) for each in (latent, of_window)]
        positions = torch.stack([maps[0], -likelihood, maps[1]], dim=1)
        first, second, last = to_points(positions, x.shape[-1]).unbind(dim=1)
        error = (rebuilt - target).square().mean(dim=1)
        return smoothed(torch.stack([first, second, error, last], dim=1), smoothing)

    def loss(self, x: Tensor) -> Tensor:
        """The negative log-likelihood a feature of a batch of windows `(b, c, w)`, in nats."""
        return -self.log_likelihood(x).mean() / len(self.feature_mean)

    def window_loss(self, x: Tensor) -> Tensor:
        """The same of the components of raw windows."""
        return -_log_likelihood(*self.window_flow(self.components(x))).mean() / len(self.basis)

    def log_likelihood(self, x: Tensor) -> Tensor:
        """Log-likelihood of the features at each position, in nats, `(b, l)`."""
        return _log_likelihood(*self(x))


def raw_windows(x: Tensor, points: int) -> Tensor:
    """The raw windows `(n, c * points)` within `x` `(b, c, w)`, at every fourth point.

    Of fewer points than a window, the last is repeated.
    """
    missing = max(0, points - x.shape[-1])
    padded = functional.pad(soft_clip(x), (0, missing), mode="replicate")
    windows = padded.unfold(2, points, DOWNSAMPLING)  # (b, c, l, points)
    return windows.transpose(1, 2).reshape(-1, x.shape[1] * points)


def log_standard_normal(latent: Tensor) -> Tensor:
    """Log-density of a standard normal, summed over channels: `(b, c, l)` to `(b, l)`."""
    return -0.5 * (_squares(latent) + math.log(2 * math.pi)).sum(dim=1)


def _log_likelihood(latent: Tensor, log_determinant: Tensor) -> Tensor:
    """Of what a flow took to latents `(b, c, l)`, at each position, `(b, l)`."""
    return log_standard_normal(latent) + log_determinant


def to_points(scores: Tensor, window: int) -> Tensor:
    """Interpolate scores of feature positions `(..., l)` to the points of a series `(..., w)`.

    Position i is centred on point 4 i of the series. Points between two centres are interpolated,
    points after the last centre take its score.
    """
    place = torch.arange(window, device=scores.device) / DOWNSAMPLING
    before = place.floor().long()
    after = (before + 1).clamp_max(scores.shape[-1] - 1)
    share = place - before
    return scores[..., before] * (1 - share) + scores[..., after] * share


def smoothed(scores: Tensor, points: int) -> Tensor:
    """The mean over so many points around each, `(b, k, w)`; fewer at the ends.

    Means of few neighbours, never of running sums: one huge score is felt nowhere else.
    """
    if points == 1:
        return scores
    means = functional.avg_pool1d(
        scores, points, stride=1, padding=points // 2, count_include_pad=False
    )
    return means[..., : scores.shape[-1]]


def _squares(latent: Tensor) -> Tensor:
    # Features unlike any in training can have latents whose squares overflow.
    return latent.clamp(-LATENT_LIMIT, LATENT_LIMIT).square()
