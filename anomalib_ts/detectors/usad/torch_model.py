"""USAD's network and its losses."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from anomalib_ts.detectors.deep.networks import dense, soft_clip


class UsadModel(nn.Module):
    """One encoder and two decoders; windows are scaled to [0, 1] first.

    Args:
        lowest: `(c,)` smallest training value of each channel.
        extent: `(c,)` largest less smallest training value, > 0.
        window: points a window, w.
        latent: features of the latent layer.
    """

    def __init__(self, lowest: Tensor, extent: Tensor, window: int, latent: int) -> None:
        super().__init__()
        inputs = len(lowest) * window
        sizes = [inputs, max(1, inputs // 2), max(1, inputs // 4), latent]
        self.lowest: Tensor
        self.extent: Tensor
        self.register_buffer("lowest", lowest[:, None])
        self.register_buffer("extent", extent[:, None])
        self.encoder = nn.Sequential(*dense(sizes), nn.ReLU())
        self.decoders = nn.ModuleList(
            nn.Sequential(*dense(sizes[::-1]), nn.Sigmoid()) for _ in range(2)
        )

    def errors(self, x: Tensor) -> Tensor:
        """Mean squared errors of windows `(b, c, w)`, `(b, 2)`.

        The first column is that of the first autoencoder, the second that of the second one
        applied to the first's reconstruction, both against the window scaled to [0, 1].
        """
        return torch.stack([part.mean(dim=1) for part in self._squares(x)], dim=1)

    def channel_errors(self, x: Tensor) -> Tensor:
        """What each channel adds to the errors, `(b, 2, c)`."""
        parts = [part.view(x.shape).mean(dim=2) / x.shape[1] for part in self._squares(x)]
        return torch.stack(parts, dim=1)

    def _squares(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Squared errors of the values, `(b, c * w)`, of both autoencoders."""
        target = self._scaled(x)
        first = self.decoders[0](self.encoder(target))
        both = self.decoders[1](self.encoder(first))
        return (first - target).square(), (both - target).square()

    def first_loss(self, x: Tensor, epoch: int) -> Tensor:
        """What the first autoencoder minimises, equation 5: it learns to deceive the second.

        Args:
            x: `(b, c, w)`.
            epoch: counted from 1.
        """
        target = self._scaled(x)
        first = self.decoders[0](self.encoder(target))
        plain = mse_loss(first, target)
        if epoch == 1:  # The other term weighs nothing yet.
            return plain
        return blended(plain, mse_loss(self.decoders[1](self.encoder(first)), target), epoch)

    def second_loss(self, x: Tensor, epoch: int) -> Tensor:
        """What the second one minimises, equation 6: it learns to tell the first's from data.

        Args:
            x: `(b, c, w)`.
            epoch: counted from 1.
        """
        target = self._scaled(x)
        latent = self.encoder(target)
        if epoch == 1:
            return mse_loss(self.decoders[1](latent), target)
        again = self.encoder(self.decoders[0](latent))
        # One pass of the decoder over both costs less than two over half as much.
        second, both = self.decoders[1](torch.cat([latent, again])).chunk(2)
        return blended(mse_loss(second, target), -mse_loss(both, target), epoch)

    def _scaled(self, x: Tensor) -> Tensor:
        return soft_clip((x - self.lowest) / self.extent).flatten(1)


def blended(plain: Tensor, adversarial: Tensor, epoch: int) -> Tensor:
    """The plain error weighs 1/n in epoch n, the adversarial one 1 - 1/n."""
    return plain / epoch + adversarial * (1 - 1 / epoch)
