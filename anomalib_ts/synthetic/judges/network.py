"""A backbone with what the paper puts before and behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from anomalib_ts.synthetic.judges.densenet import densenet121
from anomalib_ts.synthetic.judges.layers import keras_init
from anomalib_ts.synthetic.judges.mobilenet import mobilenet
from anomalib_ts.synthetic.judges.nasnet import NasNetMobile
from anomalib_ts.synthetic.judges.resnet import resnet50
from anomalib_ts.synthetic.judges.small import small
from anomalib_ts.synthetic.judges.vgg import vgg19

Backbone = Literal["small", "mobilenet", "densenet121", "vgg19", "resnet50", "nasnet_mobile"]

BACKBONES: dict[Backbone, tuple[Callable[[], nn.Module], int]] = {
    "small": (small, 256),
    "mobilenet": (mobilenet, 1024),
    "densenet121": (densenet121, 1024),
    "vgg19": (vgg19, 512),
    "resnet50": (resnet50, 2048),
    "nasnet_mobile": (NasNetMobile, 1056),
}
"""Each with the number of its outputs for an image of 32 x 32."""

SIDE, CHANNELS = 32, 3
"""Of the images that the paper's networks take."""


class ImageClassifier(nn.Module):
    """Images of rows to labels.

    The paper's networks take 32 x 32 pixels in three equal channels. Before them, smaller images
    are made larger by one dense layer; behind them stand `dense` hidden layers of a half and a
    quarter of their outputs. `small` takes images as they are, in one channel.

    Args:
        backbone: a key of `BACKBONES`.
        side: pixels a side of the images, 32 at most for all but `small`.
        n_labels: outputs.
        dense: hidden layers behind the backbone, 0 to 2.
    """

    def __init__(self, backbone: Backbone, side: int, n_labels: int, dense: int = 0) -> None:
        super().__init__()
        make, width = BACKBONES[backbone]
        self.channels = 1 if backbone == "small" else CHANNELS
        front: list[nn.Module] = []
        if backbone != "small" and side < SIDE:
            whole = CHANNELS * SIDE**2
            front = [nn.Flatten(), nn.Linear(CHANNELS * side**2, whole)]
            front.append(nn.Unflatten(1, (CHANNELS, SIDE, SIDE)))
        hidden: list[nn.Module] = []
        for _ in range(dense):
            hidden += [nn.Linear(width, width // 2), nn.ReLU()]
            width //= 2
        self.features = nn.Sequential(*front, make(), nn.Flatten(), *hidden)
        self.label = nn.Linear(width, n_labels)
        keras_init(self)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images `(n, side, side)` of 0 to 255 to logits `(n, n_labels)` and the last features."""
        scaled = (images.float() / 127.5 - 1).unsqueeze(1).expand(-1, self.channels, -1, -1)
        features: Tensor = self.features(scaled)
        return self.label(features), features


class PointClassifier(nn.Module):
    """Points of a `Space` to labels, by two hidden layers: for tables that nobody makes images of.

    Args:
        dimension: of the points.
        n_labels: outputs.
    """

    def __init__(self, dimension: int, n_labels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Linear(dimension, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU())
        )
        self.label = nn.Linear(64, n_labels)

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Points `(n, dimension)` to logits `(n, n_labels)` and the last features `(n, 64)`."""
        features: Tensor = self.features(points.float())
        return self.label(features), features


def parameter_count(network: nn.Module) -> int:
    """How many numbers are trained.

    >>> from torch import nn
    >>> parameter_count(nn.Linear(3, 2))
    8
    """
    return sum(weights.numel() for weights in network.parameters())


@torch.no_grad()
def in_batches(network: nn.Module, inputs: Tensor, size: int = 256) -> tuple[Tensor, Tensor]:
    """What a network makes of all inputs: probabilities and features, without training it."""
    network.eval()
    found = [network(batch) for batch in torch.split(inputs, size)]
    logits, features = (torch.cat(part) for part in zip(*found, strict=True))
    return logits.softmax(dim=1), features
