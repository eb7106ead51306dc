"""Networks and parts of networks that several detectors share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

HIDDEN_LAYERS = 4
"""Hidden layers of an encoder, and of a decoder, in the DCASE baseline and all built on it."""

SOFT_LIMIT = 10.0
"""Standardised values grow only logarithmically beyond this, so that no outlier drowns the rest."""


def soft_clip(x: Tensor) -> Tensor:
    """The identity up to 10, `10 (1 + ln(x / 10))` beyond, and likewise below: in (-1000, 1000).

    Whatever is larger stays larger, and infinite values become finite.
    """
    if x.device.type == "cpu" and bool(x.abs().amax() <= SOFT_LIMIT):
        return x  # as nearly always; the logarithm would cost more than a layer of the network
    return bent(x, SOFT_LIMIT)


def bent(x: Tensor, limit: float) -> Tensor:
    """`soft_clip` with any limit, and traced as what it is, whatever the example."""
    excess = x.abs().clamp(limit, 1e38) / limit
    return x.clamp(-limit, limit) + limit * x.sign() * excess.log()


def dense(
    sizes: Sequence[int], *, norm: bool = False, bias: bool = True, slope: float = 0.0
) -> nn.Sequential:
    """Fully connected layers, each but the last followed by its activation.

    Args:
        sizes: features of the input, of each layer, and of the output.
        norm: whether to normalise over the batch before each activation.
        bias: whether the layers have one. A layer that is normalised has none in any case: the
            normalisation takes it away again, and its gradient would be nothing but rounding
            errors, which Adam turns into steps of full length.
        slope: of the rectifier's negative side; 0 is ReLU.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes[:-1]):
        linear = nn.Linear(inputs, outputs, bias=bias and not norm)
        layers += [linear, *activation(outputs, norm, slope)]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1], bias=bias))


def activation(features: int, norm: bool = False, slope: float = 0.0) -> list[nn.Module]:
    """Batch normalisation if wanted, and a rectifier."""
    rectifier = nn.LeakyReLU(slope) if slope else nn.ReLU()
    return [nn.BatchNorm1d(features), rectifier] if norm else [rectifier]


class DenseAutoencoderModel(nn.Module):
    """Squeezes each window into a few numbers and rebuilds it.

    As in the DCASE baseline: four hidden layers before the latent layer, four after it, and an
    activation after every layer but the last.

    Args:
        channels: of the windows, c.
        window: points a window, w.
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
        if norm:  # what normalises the latent layer is the decoder's first module
            self.encoder[-1].register_parameter("bias", None)
        self.decoder = nn.Sequential(
            *activation(latent, norm, slope),
            *dense([latent, *hidden, inputs], norm=norm, bias=bias, slope=slope),
        )

    def encode(self, x: Tensor) -> Tensor:
        """The latent layer of windows `(b, c, w)` before its activation, `(b, latent)`."""
        encoded: Tensor = self.encoder(soft_clip(x).flatten(1))
        return encoded

    def errors(self, x: Tensor) -> Tensor:
        """The mean squared error of each window `(b, c, w)` in squared deviations, `(b,)`."""
        errors: Tensor = self._squares(x).mean(dim=1)
        return errors

    def channel_errors(self, x: Tensor) -> Tensor:
        """What each channel adds to the errors, `(b, c)`."""
        parts: Tensor = self._squares(x).view(x.shape).mean(dim=2) / x.shape[1]
        return parts

    def _squares(self, x: Tensor) -> Tensor:
        """Squared errors of the values, `(b, c * w)`."""
        target = soft_clip(x).flatten(1)
        rebuilt: Tensor = self.decoder(self.encoder(target))
        return (rebuilt - target).square()

    def scores(self, x: Tensor) -> Tensor:
        """What the windows score: their errors, `(b,)`."""
        return self.errors(x)

    def loss(self, x: Tensor) -> Tensor:
        """The mean squared error of a batch of windows."""
        return self.errors(x).mean()


def pooled(scores: Tensor, counts: Tensor, reduce: str, top_k: int) -> Tensor:
    """Window scores `(m,)` to one score a bag, `(b,)`.

    Args:
        scores: of the windows, bag by bag.
        counts: `(b,)` windows a bag.
        reduce: `mean`, `max`, or `top_k` for the mean of the highest `top_k`.
        top_k: at most so many windows count.
    """
    most = {"mean": len(scores), "max": 1, "top_k": top_k}[reduce]
    parts: tuple[Tensor, ...] = torch.tensor_split(scores, counts.cpu().cumsum(0)[:-1])
    return torch.stack([part.topk(min(most, len(part))).values.mean() for part in parts])
