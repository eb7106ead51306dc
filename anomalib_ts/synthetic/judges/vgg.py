"""VGG19 (Simonyan and Zisserman, 2014), without its top."""

from __future__ import annotations

from torch import nn

from anomalib_ts.synthetic.judges.layers import SameConv

BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""Filters and number of convolutions before each pooling."""


def vgg19() -> nn.Sequential:
    """`(n, 3, 32, 32)` to `(n, 512, 1, 1)`, 20,024,384 parameters."""
    layers: list[nn.Module] = []
    channels = 3
    for filters, repeats in BLOCKS:
        for _ in range(repeats):
            layers += [SameConv(channels, filters, 3, bias=True), nn.ReLU()]
            channels = filters
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)
