"""MobileNet (Howard et al., 2017), without its top."""

from __future__ import annotations

from torch import nn

from anomalib_ts.synthetic.judges.layers import SameConv, norm

BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)
"""Filters and stride of each depthwise separable convolution."""


def mobilenet() -> nn.Sequential:
    """`(n, 3, 32, 32)` to `(n, 1024, 1, 1)`, 3,206,976 parameters."""
    layers: list[nn.Module] = [SameConv(3, 32, 3, 2), norm(32), nn.ReLU6()]
    channels = 32
    for filters, stride in BLOCKS:
        layers += [
            *(SameConv(channels, channels, 3, stride, groups=channels), norm(channels)),
            *(nn.ReLU6(), SameConv(channels, filters, 1), norm(filters), nn.ReLU6()),
        ]
        channels = filters
    return nn.Sequential(*layers)
