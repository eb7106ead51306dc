"""The 1-D residual encoder and the transposed-convolution decoder, as pure networks.

FastFlow-1D trains the same pair in its first stage and keeps the encoder.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from anomalib_ts.detectors.deep.networks import soft_clip

DOWNSAMPLING = 4
"""Points of the input to one position of the feature map."""

REACH = 32
"""A reconstruction depends on so many points before and after its own, at most."""

NORM_EPS = 1e-3
"""Bounds by how much batch normalisation amplifies a channel that was constant in training."""


class ResidualBlock(nn.Module):
    """Two convolutions around a shortcut; no activation after the sum.

    Output position i is centred on input position `stride * i`. The missing last ReLU is applied
    by whoever comes next, so that the features themselves keep their negative half.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(inputs, outputs, kernel=3, stride=stride),
            nn.BatchNorm1d(outputs, eps=NORM_EPS),
            nn.ReLU(),
            _conv(outputs, outputs, kernel=3, stride=1),
            nn.BatchNorm1d(outputs, eps=NORM_EPS),
        )
        self.shortcut = nn.Conv1d(inputs, outputs, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """`(b, inputs, l)` to `(b, outputs, ceil(l / stride))`."""
        summed: Tensor = self.body(x) + self.shortcut(x)
        return summed


class Encoder(nn.Module):
    """1-D ResNet: a stem and two residual blocks, which shorten the sequence by 4.

    Args:
        channels: of the input.
        width: channels inside.
        features: channels of the feature map.
    """

    def __init__(self, channels: int, width: int, features: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _conv(channels, width, kernel=7, stride=2),
            nn.BatchNorm1d(width, eps=NORM_EPS),
            nn.ReLU(),
            ResidualBlock(width, width, stride=1),
            nn.ReLU(),
            ResidualBlock(width, features, stride=2),
        )

    def forward(self, x: Tensor) -> Tensor:
        """`(b, channels, w)` to the pre-activation feature map `(b, features, ceil(w / 4))`."""
        feature_map: Tensor = self.layers(x)
        return feature_map


class Decoder(nn.Module):
    """Transposed convolutions that lengthen the feature map by 4 again."""

    def __init__(self, channels: int, width: int, features: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(),
            nn.ConvTranspose1d(features, width, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm1d(width, eps=NORM_EPS),
            nn.ReLU(),
            nn.ConvTranspose1d(width, channels, 4, stride=2, padding=1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """`(b, features, l)` to `(b, channels, 4 l)`."""
        decoded: Tensor = self.layers(features)
        return decoded


def _conv(inputs: int, outputs: int, *, kernel: int, stride: int) -> nn.Conv1d:
    # Zeros outside a window would be a jump that the data do not have.
    return nn.Conv1d(
        inputs,
        outputs,
        kernel,
        stride=stride,
        padding=kernel // 2,
        padding_mode="replicate",
        bias=False,
    )


class ConvAutoencoder(nn.Module):
    """Squeezes windows into a feature map and rebuilds them.

    Args:
        channels: of the windows, c.
        width: channels inside encoder and decoder.
        features: channels of the feature map.
    """

    def __init__(self, channels: int, width: int, features: int) -> None:
        super().__init__()
        self.channels = channels
        self.encoder = Encoder(channels, width, features)
        self.decoder = Decoder(channels, width, features)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The input, softly clipped, and its reconstruction, both `(b, c, w)`."""
        target = soft_clip(x)
        return target, self.decoder(self.encoder(target))[..., : x.shape[-1]]

    def encode(self, x: Tensor) -> Tensor:
        """The feature map of windows `(b, c, w)`, `(b, features, ceil(w / 4))`."""
        encoded: Tensor = self.encoder(soft_clip(x))
        return encoded

    def loss(self, x: Tensor) -> Tensor:
        """Mean squared reconstruction error of a batch, in squared training scales."""
        target, reconstruction = self(x)
        return functional.mse_loss(reconstruction, target)

    def scores(self, x: Tensor) -> Tensor:
        """Squared reconstruction error of each point, the mean over channels, `(b, w)`."""
        target, reconstruction = self(x)
        scores: Tensor = (reconstruction - target).square().mean(dim=1)
        return scores

    def channel_scores(self, x: Tensor) -> Tensor:
        """What each channel adds to the scores, `(b, c, w)`."""
        target, reconstruction = self(x)
        parts: Tensor = (reconstruction - target).square() / x.shape[1]
        return parts
