"""Fully connected networks on blocks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from anomalib_ts.detectors.autoencoder.torch_model import soft_clip

HIDDEN_LAYERS = 4
"""Hidden layers of an encoder, and of a decoder, in the DCASE baseline and all built on it."""


def dense(
    sizes: Sequence[int], *, norm: bool = False, bias: bool = True, slope: float = 0.0
) -> nn.Sequential:
    """Fully connected layers, each but the last followed by its activation.

    Args:
        sizes: features of the input, of each layer, and of the output.
        norm: whether to normalise over the batch before each activation.
        bias: whether the layers have one.
        slope: of the rectifier's negative side; 0 is ReLU.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes[:-1]):
        layers += [nn.Linear(inputs, outputs, bias=bias), *activation(outputs, norm, slope)]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1], bias=bias))


def activation(features: int, norm: bool = False, slope: float = 0.0) -> list[nn.Module]:
    """Batch normalisation if wanted, and a rectifier."""
    rectifier = nn.LeakyReLU(slope) if slope else nn.ReLU()
    return [nn.BatchNorm1d(features), rectifier] if norm else [rectifier]


class DenseAutoencoderModel(nn.Module):
    """Squeezes each block into a few numbers and rebuilds it.

    As in the DCASE baseline: four hidden layers before the latent layer, four after it, and an
    activation after every layer but the last.

    Args:
        channels: of the blocks, c.
        window: points a block, w.
        width: features of the hidden layers.
        latent: features of the latent layer.
        norm: whether to normalise over the batch before each activation.
        bias: whether the layers have one.
        slope: of the rectifiers' negative side; 0 is ReLU.
    """

    def __init__(
        self,
        channels: int,
        window: int,
        *,
        width: int,
        latent: int,
        norm: bool = False,
        bias: bool = True,
        slope: float = 0.0,
    ) -> None:
        super().__init__()
        inputs, hidden = channels * window, [width] * HIDDEN_LAYERS
        self.encoder = dense([inputs, *hidden, latent], norm=norm, bias=bias, slope=slope)
        self.decoder = nn.Sequential(
            *activation(latent, norm, slope),
            *dense([latent, *hidden, inputs], norm=norm, bias=bias, slope=slope),
        )

    def encode(self, x: Tensor) -> Tensor:
        """The latent layer of blocks `(b, c, w)` before its activation, `(b, latent)`."""
        encoded: Tensor = self.encoder(soft_clip(x).flatten(1))
        return encoded

    def block_scores(self, x: Tensor) -> Tensor:
        """The mean squared error of each block `(b, c, w)` in squared deviations, `(b,)`."""
        target = soft_clip(x).flatten(1)
        rebuilt: Tensor = self.decoder(self.encoder(target))
        scores: Tensor = (rebuilt - target).square().mean(dim=1)
        return scores

    def loss(self, x: Tensor) -> Tensor:
        """The mean squared error of a batch of blocks."""
        return self.block_scores(x).mean()


def pooled(scores: Tensor, counts: Tensor, reduce: str, top_k: int) -> Tensor:
    """Block scores `(m,)` to one score a bag, `(b,)`.

    Args:
        scores: of the blocks, bag by bag.
        counts: `(b,)` blocks a bag.
        reduce: `mean`, `max`, or `top_k` for the mean of the highest `top_k`.
        top_k: at most so many blocks count.
    """
    most = {"mean": len(scores), "max": 1, "top_k": top_k}[reduce]
    parts: tuple[Tensor, ...] = torch.tensor_split(scores, counts.cpu().cumsum(0)[:-1])
    return torch.stack([part.topk(min(most, len(part))).values.mean() for part in parts])
