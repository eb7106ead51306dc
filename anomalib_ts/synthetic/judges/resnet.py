"""ResNet50 (He et al., 2015) as Keras has it, without its top."""

from __future__ import annotations

from torch import Tensor, nn

from anomalib_ts.synthetic.judges.layers import SameConv, norm

STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
"""Filters, number of blocks and stride of each stage."""


class Bottleneck(nn.Module):
    """Three convolutions and a way around them, which is projected where the size changes.

    Args:
        channels: of the input.
        filters: of the middle; the output has four times as many.
        stride: of the first convolution.
    """

    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            *(SameConv(channels, filters, 1, stride, bias=True), norm(filters), nn.ReLU()),
            *(SameConv(filters, filters, 3, bias=True), norm(filters), nn.ReLU()),
            *(SameConv(filters, 4 * filters, 1, bias=True), norm(4 * filters)),
        )
        self.around: nn.Module = nn.Identity()
        if stride > 1 or channels != 4 * filters:
            projection = SameConv(channels, 4 * filters, 1, stride, bias=True)
            self.around = nn.Sequential(projection, norm(4 * filters))

    def forward(self, x: Tensor) -> Tensor:
        """`(n, channels, h, w)` to `(n, 4 * filters, h / stride, w / stride)`."""
        out: Tensor = self.convolutions(x) + self.around(x)
        return out.relu()


def resnet50() -> nn.Sequential:
    """`(n, 3, 32, 32)` to `(n, 2048, 1, 1)`, 23,534,592 parameters: convolutions have biases."""
    layers: list[nn.Module] = [SameConv(3, 64, 7, 2, bias=True), norm(64), nn.ReLU()]
    layers.append(nn.MaxPool2d(3, 2, 1))
    channels = 64
    for filters, blocks, stride in STAGES:
        for block in range(blocks):
            layers.append(Bottleneck(channels, filters, 1 if block else stride))
            channels = 4 * filters
    return nn.Sequential(*layers)
