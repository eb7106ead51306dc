"""USAD's network and its losses."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from anomalib_ts.detectors.autoencoder.torch_model import Standardise
from anomalib_ts.detectors.blocks.networks import dense


class UsadModel(nn.Module):
    """One encoder and two decoders; blocks are scaled to [0, 1] first.

    Args:
        lowest: `(c,)` smallest training value of each channel.
        extent: `(c,)` largest less smallest training value, > 0.
        window: points a block, w.
        latent: features of the latent layer.
    """

    def __init__(self, lowest: Tensor, extent: Tensor, window: int, latent: int) -> None:
        super().__init__()
        inputs = len(lowest) * window
        sizes = [inputs, max(1, inputs // 2), max(1, inputs // 4), latent]
        self.standardise = Standardise(lowest, extent)
        self.encoder = nn.Sequential(*dense(sizes), nn.ReLU())
        self.decoders = nn.ModuleList(
            nn.Sequential(*dense(sizes[::-1]), nn.Sigmoid()) for _ in range(2)
        )

    def rebuilt(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Blocks `(b, c, w)` scaled to [0, 1], and three reconstructions, all `(b, c * w)`.

        The reconstructions are those of the first autoencoder, of the second, and of the second
        applied to the first's.
        """
        target = self.standardise(x).flatten(1)
        latent = self.encoder(target)
        first, second = (decoder(latent) for decoder in self.decoders)
        return target, first, second, self.decoders[1](self.encoder(first))

    def block_errors(self, x: Tensor) -> Tensor:
        """Mean squared errors of each block: the first's, and the second's after it, `(b, 2)`."""
        target, first, _, both = self.rebuilt(x)
        errors = [(part - target).square().mean(dim=1) for part in (first, both)]
        return torch.stack(errors, dim=1)

    def losses(self, x: Tensor, epoch: int) -> tuple[Tensor, Tensor]:
        """What the first and the second autoencoder minimise in an epoch, counted from 1.

        The first learns to deceive the second, the second to tell the first's output from data.
        """
        target, first, second, both = self.rebuilt(x)
        return adversarial_losses(target, first, second, both, epoch)


def adversarial_losses(
    target: Tensor, first: Tensor, second: Tensor, both: Tensor, epoch: int
) -> tuple[Tensor, Tensor]:
    """USAD's equations 5 and 6: plain errors weigh 1/n in epoch n, adversarial ones 1 - 1/n."""
    weight = 1 / epoch
    error_first, error_second, error_both = (
        (part - target).square().mean() for part in (first, second, both)
    )
    return (
        weight * error_first + (1 - weight) * error_both,
        weight * error_second - (1 - weight) * error_both,
    )
