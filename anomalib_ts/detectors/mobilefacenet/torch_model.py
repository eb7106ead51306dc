"""MobileFaceNet on windows, and the additive angular margin it is trained with."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from anomalib_ts.detectors.deep.networks import soft_clip

SCALE = 30.0
"""Cosines times this are the logits."""

MARGIN = 0.5
"""Radians that training adds to the angle between an example and its own machine."""

SHORTEST = 1e-2
"""Shorter embeddings, as of constant data, are not lengthened: gradients would explode."""

STAGES = ((2, 1, 5, 2), (4, 2, 1, 2), (2, 2, 6, 1), (4, 2, 1, 2), (2, 2, 2, 1))
"""Expansion, width over the stem's, repeats and stride of each group of bottlenecks."""

SHRINKING = 16
"""How many times shorter both axes are at the end."""


class PReLU(nn.PReLU):
    """torch's own with the same gradients in half the time: on a CPU that one's are not vectorised.

    Args:
        num_parameters: features, each of which has a slope.
    """

    def forward(self, x: Tensor) -> Tensor:
        """`(b, num_parameters, h, w)` to the same."""
        rectify: Any = _Rectify.apply
        rectified: Tensor = rectify(x, self.weight)
        return rectified


class _Rectify(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slopes: Tensor) -> Tensor:
        ctx.save_for_backward(x, slopes)
        return functional.prelu(x, slopes)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        (grad,) = grads
        # Mixed precision hands back another number format than it took in.
        x, slopes = (saved.to(grad.dtype) for saved in ctx.saved_tensors)
        above: Tensor = torch.ops.aten.threshold_backward(grad, x, 0)
        of_slopes = x.clamp(max=0).mul_(grad).sum((0, 2, 3))
        return above.lerp_(grad, slopes[:, None, None]), of_slopes


class Bottleneck(nn.Module):
    """Inverted residual: widen, filter each channel, narrow; a shortcut where shapes allow."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.shortcut = stride == 1 and inputs == outputs
        self.layers = nn.Sequential(
            *_conv(inputs, inner, 1),
            *_conv(inner, inner, 3, stride=stride, groups=inner),
            *_conv(inner, outputs, 1, linear=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """`(b, inputs, h, w)` to `(b, outputs, h / stride, w / stride)`, rounded up."""
        y: Tensor = self.layers(x)
        return x + y if self.shortcut else y


class MobileFaceNetModel(nn.Module):
    """Embeds a window, taken as an image of channels by points, and compares it with each machine.

    Args:
        channels: of the windows, c.
        window: points a window, w.
        width: feature maps of the first layer; 64 in the paper.
        embedding: numbers a window is embedded in.
        machines: to tell apart, at least 2.
    """

    def __init__(
        self,
        channels: int,
        window: int,
        *,
        width: int,
        embedding: int,
        machines: int,
    ) -> None:
        super().__init__()
        layers = [*_conv(1, width, 3, stride=2), *_conv(width, width, 3, groups=width)]
        inputs = width
        for expansion, factor, repeats, stride in STAGES:
            for i in range(repeats):
                outputs = width * factor
                layers.append(Bottleneck(inputs, outputs, expansion, stride if i == 0 else 1))
                inputs = outputs
        layers += _conv(inputs, 8 * width, 1)
        size = (math.ceil(channels / SHRINKING), math.ceil(window / SHRINKING))
        network: Any = nn.Sequential(
            *layers,
            nn.Conv2d(8 * width, 8 * width, size, groups=8 * width, bias=False),
            _shifted_later(nn.BatchNorm2d(8 * width)),
            nn.Flatten(),
            nn.Linear(8 * width, embedding, bias=False),
            nn.BatchNorm1d(embedding),
        )
        # On a CPU any other order of the numbers is rearranged around each convolution.
        self.layers: nn.Sequential = network.to(memory_format=torch.channels_last)
        self.machines = nn.Parameter(torch.randn(machines, embedding))

    def cosines(self, x: Tensor) -> Tensor:
        """Cosine of each window `(b, c, w)` with each machine, `(b, machines)`."""
        embedded = self.layers(soft_clip(x)[:, None])
        return functional.linear(
            functional.normalize(embedded, dim=1, eps=SHORTEST),
            functional.normalize(self.machines, dim=1),
        )

    def misfits(self, x: Tensor) -> Tensor:
        """Negative log probability of each machine, `(b, machines)`, exact also near 0."""
        logits = SCALE * self.cosines(x)
        machines = torch.arange(len(self.machines), device=x.device)
        own = machines[:, None] == machines
        others = logits[:, None].masked_fill(own, -torch.inf).logsumexp(dim=2)
        return functional.softplus(others - logits, threshold=80)

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """The margin loss of windows `(b, c, w)` and their machines `(b,)`."""
        windows, machines = batch
        return margin_loss(self.cosines(windows), machines)


def margin_loss(cosines: Tensor, classes: Tensor) -> Tensor:
    """ArcFace: cross-entropy of scaled cosines, the angle to the own class enlarged by a margin.

    Args:
        cosines: `(b, k)`.
        classes: `(b,)` the own class of each example.
    """
    own = functional.one_hot(classes, cosines.shape[1]).bool()
    enlarged = (cosines.clamp(-1 + 1e-6, 1 - 1e-6).acos() + MARGIN).cos()
    # Where the enlarged angle passes half a turn its cosine would rise again: a line goes on.
    beyond = cosines < math.cos(math.pi - MARGIN)
    enlarged = torch.where(beyond, cosines - MARGIN * math.sin(MARGIN), enlarged)
    logits = torch.where(own, enlarged, cosines)
    return functional.cross_entropy(SCALE * logits, classes)


def _conv(
    inputs: int,
    outputs: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    linear: bool = False,
) -> list[nn.Module]:
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return [layers[0], _shifted_later(layers[1])] if linear else [*layers, PReLU(outputs)]


def _shifted_later(norm: nn.Module) -> nn.Module:
    """A normalisation whose shift stays 0, because the next one takes any shift away again.

    Its gradient is nothing but rounding errors, which Adam would turn into steps of full length.
    """
    norm.get_parameter("bias").requires_grad_(False)
    return norm
