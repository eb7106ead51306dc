"""The network of Deep SVDD and Deep SAD."""

from __future__ import annotations

import torch
from torch import Tensor

from anomalib_ts.detectors.blocks.networks import DenseAutoencoderModel

SLOPE = 0.1
"""Of the rectifiers' negative side, as in the authors' code."""

SMALLEST_CENTRE = 0.1
"""No coordinate of the centre is nearer to 0, which zero weights would reach without learning."""


class HypersphereModel(DenseAutoencoderModel):
    """An encoder without biases, a decoder to pretrain it with, and a centre.

    A bias would let the encoder map everything to the centre.

    Args:
        channels: of the blocks, c.
        window: points a block.
        width: features of the hidden layers.
        latent: dimensions of the space that the centre lies in.
    """

    def __init__(self, channels: int, window: int, *, width: int, latent: int) -> None:
        super().__init__(channels, window, width=width, latent=latent, bias=False, slope=SLOPE)
        self.centre: Tensor
        self.register_buffer("centre", torch.zeros(latent))

    def set_centre(self, encoded_mean: Tensor) -> None:
        """Put the centre at the mean `(latent,)` of the encoded training blocks."""
        away = torch.where(encoded_mean < 0, -SMALLEST_CENTRE, SMALLEST_CENTRE)
        near = encoded_mean.abs() < SMALLEST_CENTRE
        self.centre.copy_(torch.where(near, away.to(encoded_mean), encoded_mean))

    def distances(self, x: Tensor) -> Tensor:
        """Squared distance of each block `(b, c, w)` from the centre, `(b,)`."""
        return (self.encode(x) - self.centre).square().sum(dim=1)
