"""A small network for images of rows, the default on a CPU."""

from __future__ import annotations

from torch import nn

from anomalib_ts.synthetic.judges.layers import SameConv, norm


def small() -> nn.Sequential:
    """`(n, 1, h, w)` of any size from 4 to `(n, 256)`, 145,456 parameters."""
    return nn.Sequential(
        *(SameConv(1, 16, 3), norm(16), nn.ReLU()),
        *(SameConv(16, 32, 3), norm(32), nn.ReLU(), nn.AdaptiveMaxPool2d(4)),
        *(SameConv(32, 32, 3), norm(32), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(512, 256), nn.ReLU()),
    )
