"""Layers as Keras has them: padded to the size of the input over the stride, Glorot's weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-3
"""Of batch normalisation in Keras."""


def norm(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation; running means follow as fast as torch has it, for short trainings."""
    return nn.BatchNorm2d(channels, eps=EPSILON)


def pad_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Zeros around `(n, c, h, w)`, one more below and right where their number is odd."""
    rows, columns = (
        max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in x.shape[2:]
    )
    return functional.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


class SameConv(nn.Conv2d):
    """A convolution whose output has the size of the input over the stride, rounded up."""

    def __init__(
        self,
        channels: int,
        filters: int,
        kernel: int,
        stride: int = 1,
        *,
        groups: int = 1,
        bias: bool = False,
    ) -> None:
        super().__init__(channels, filters, kernel, stride, groups=groups, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """`(n, channels, h, w)` to `(n, filters, ceil(h / stride), ceil(w / stride))`."""
        padded = pad_same(x, self.kernel_size[0], self.stride[0])
        return functional.conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)


def keras_init(network: nn.Module) -> None:
    """Weights as Keras draws them unless told otherwise: Glorot's uniform, biases of 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            torch.nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                torch.nn.init.zeros_(module.bias)
