"""Small classifiers of images in the shapes of well-known ones."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from anomalib_ts.settings.fields import check_settings, configured, setting

Shape: TypeAlias = Literal["alexnet", "vgg11"]

POOL: Final = 0
"""Stands among the layers for a maximum over 2 x 2 positions."""

SHAPES: dict[Shape, tuple[int, ...]] = {
    "alexnet": (32, POOL, 64, POOL, 96, 64, 64),
    "vgg11": (16, 32, POOL, 64, 64, POOL, 96, 96, 96, 96),
}
"""Channels of the convolutions: five and eight, as theirs are, but fewer channels."""

SHRINKS = 4
"""How many times narrower the last feature maps are than the images."""

HIDDEN = (128, 64)
"""Units of the dense layers before the labels."""

LEARNING_RATE = 1e-3
"""Of Adam."""

BATCH = 256
"""Images that a trained network looks at together."""


@configured
class Classifier:
    """Convolutions of 3 x 3, each with ReLU, two hidden dense layers, and a logit a class.

    Trained with Adam on the cross entropy. The rectified layers are called `conv1`, `conv2`, ...,
    `fc1`, `fc2`.

    References:
        Krizhevsky, Sutskever & Hinton, ImageNet classification with deep convolutional neural
        networks, NeurIPS, 2012; Simonyan & Zisserman, Very deep convolutional networks for
        large-scale image recognition, ICLR, 2015 (configuration A).
    """

    shape: Shape = setting("alexnet", "number of convolutions and where maps are made smaller")
    epochs: int = setting(40, "times that all training images are seen", at_least=1)
    batch_size: int = setting(64, "images a training step", at_least=1)
    seed: int = setting(0, "of the initial weights and the order of the images")

    def __post_init__(self) -> None:
        check_settings(self)

    def trained(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> nn.Sequential:
        """A network that has learnt the classes of some images.

        >>> images = np.zeros((20, 1, 8, 8), np.float32)
        >>> images[10:, :, 4:] = 1
        >>> labels = np.repeat([0, 1], 10)
        >>> network = Classifier(epochs=20).trained(images, labels)
        >>> accuracy(network, torch.from_numpy(images), torch.from_numpy(labels))
        1.0

        Args:
            images: `(n, c, side, side)` from 0 to 1, side a multiple of 4.
            labels: `(n,)` from 0 on.
        """
        x, y = torch.from_numpy(images), torch.from_numpy(labels)
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            network = self._network(x, int(y.max()) + 1)
            optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE)
            for _ in range(self.epochs):
                for index in torch.split(torch.randperm(len(x)), self.batch_size):
                    optimiser.zero_grad()
                    loss = functional.cross_entropy(network(x[index]), y[index])
                    torch.autograd.backward(loss)
                    optimiser.step()
        return network.eval().requires_grad_(False)

    def _network(self, images: Tensor, classes: int) -> nn.Sequential:
        network = nn.Sequential()
        channels, side, number = images.shape[1], images.shape[3] // SHRINKS, 0
        for width in SHAPES[self.shape]:
            if width == POOL:
                network.add_module(f"pool{number}", nn.MaxPool2d(2))
                continue
            number += 1
            network.add_module(f"c{number}", nn.Conv2d(channels, width, 3, padding=1))
            network.add_module(f"conv{number}", nn.ReLU())
            channels = width
        network.add_module("flat", nn.Flatten())
        units = channels * side**2
        for number, width in enumerate(HIDDEN, 1):
            network.add_module(f"d{number}", nn.Linear(units, width))
            network.add_module(f"fc{number}", nn.ReLU())
            units = width
        network.add_module("logits", nn.Linear(units, classes))
        return network


def accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of the images `(n, c, side, side)` whose largest logit is that of their label."""
    with torch.no_grad():
        guessed = torch.cat([network(batch).argmax(1) for batch in torch.split(images, BATCH)])
    return float((guessed == labels).double().mean())


def uphill(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Where FGSM goes: the sign of the loss's gradient at each value of the images.

    References:
        Goodfellow et al., Explaining and harnessing adversarial examples, ICLR, 2015.
    """
    signs = []
    for batch, truth in zip(torch.split(images, BATCH), torch.split(labels, BATCH), strict=True):
        x = batch.clone().requires_grad_()
        loss = functional.cross_entropy(network(x), truth, reduction="sum")
        signs.append(torch.autograd.grad(loss, x)[0].sign())
    return torch.cat(signs)
