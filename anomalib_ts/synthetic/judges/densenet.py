"""DenseNet121 (Huang et al., 2016), without its top."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from anomalib_ts.synthetic.judges.layers import SameConv, norm

BLOCKS = (6, 12, 24, 16)
"""Dense layers of each block."""

GROWTH = 32
"""Channels that a dense layer adds."""


class DenseLayer(nn.Module):
    """Adds `GROWTH` channels to those it is given.

    Args:
        channels: of the input.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        width = 4 * GROWTH
        self.added = nn.Sequential(
            *(norm(channels), nn.ReLU(), SameConv(channels, width, 1)),
            *(norm(width), nn.ReLU(), SameConv(width, GROWTH, 3)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """`(n, channels, h, w)` to `(n, channels + GROWTH, h, w)`."""
        return torch.cat([x, self.added(x)], dim=1)


def densenet121() -> nn.Sequential:
    """`(n, 3, 32, 32)` to `(n, 1024, 1, 1)`, 6,953,856 parameters."""
    layers: list[nn.Module] = [SameConv(3, 64, 7, 2), norm(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for place, count in enumerate(BLOCKS):
        if place:
            halved = SameConv(channels, channels // 2, 1)
            layers += [norm(channels), nn.ReLU(), halved, nn.AvgPool2d(2)]
            channels //= 2
        for _ in range(count):
            layers.append(DenseLayer(channels))
            channels += GROWTH
    return nn.Sequential(*layers, norm(channels), nn.ReLU())
