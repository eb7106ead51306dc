"""The encoder of patches as a pure network."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from anomalib_ts.detectors.autoencoder.torch_model import Encoder
from anomalib_ts.detectors.deep.networks import soft_clip

PART = 0.75
"""Of a window, what is compared with another part of it."""


class PatchEncoder(nn.Module):
    """Windows to features, by contrast with other windows.

    Args:
        channels: of the windows, c.
        width: channels inside.
        features: of a window.
        temperature: by which similarities are divided.
    """

    def __init__(self, channels: int, width: int, features: int, temperature: float) -> None:
        super().__init__()
        self.encoder = Encoder(channels, width, features)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(features, features))
        self.temperature = temperature

    def forward(self, x: Tensor) -> Tensor:
        """`(b, c, w)` to the mean features `(b, features)`."""
        pooled: Tensor = self.encoder(soft_clip(x)).mean(dim=-1)
        return pooled

    def encode(self, x: Tensor) -> Tensor:
        """Features of unit length, `(b, features)`."""
        return functional.normalize(self(x), dim=1)

    def loss(self, x: Tensor) -> Tensor:
        """How badly each part finds the other part of its window among those of the batch."""
        length = max(1, int(PART * x.shape[-1]))
        starts = torch.randint(x.shape[-1] - length + 1, (2,)).tolist()
        one, other = (
            functional.normalize(self.head(self(x[..., start : start + length])), dim=1)
            for start in starts
        )
        similar = one @ other.T / self.temperature
        belongs = torch.arange(len(x), device=x.device)
        return (
            functional.cross_entropy(similar, belongs)
            + functional.cross_entropy(similar.T, belongs)
        ) / 2
