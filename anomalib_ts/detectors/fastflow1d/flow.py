"""Normalising-flow steps for sequences, with one log-determinant a position.

The transforms of nflows take `(b, d)` or `(b, c, h, w)` and sum the log-determinant over all
positions. These take `(b, c, l)` and return it as `(b, l)`, summed over channels only, so that
the likelihood can be read position by position.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from nflows.transforms.base import Transform
from torch import Tensor, nn


class ActNorm1d(Transform):
    """A learnt scale and shift for each channel, starting as the identity.

    The log-scale is soft-clamped to (-2, 2): on a constant channel the likelihood has no maximum.

    Glow's data-dependent start divides by the first batch's deviation, which is infinite for a
    dead channel. The flow's inputs are standardised already, so nothing is lost by leaving it out.

    Args:
        channels: of the input.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(channels, 1))
        self.shift = nn.Parameter(torch.zeros(channels, 1))

    def forward(self, inputs: Tensor, _context: Any = None) -> tuple[Tensor, Tensor]:
        """`(b, c, l)` to the scaled and shifted `(b, c, l)` and the log-determinants `(b, l)`."""
        log_scale = soft_clamp(self.log_scale)
        return inputs * log_scale.exp() + self.shift, _spread(log_scale, inputs)

    def inverse(self, inputs: Tensor, _context: Any = None) -> tuple[Tensor, Tensor]:
        """Undo `forward`; the log-determinants have the opposite sign."""
        log_scale = soft_clamp(self.log_scale)
        return (inputs - self.shift) * (-log_scale).exp(), -_spread(log_scale, inputs)


class FixedPermutation(Transform):
    """Shuffles the channels in a random order that is drawn once and kept in a buffer.

    Args:
        channels: of the input.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.order: Tensor
        self.restore: Tensor
        self.register_buffer("order", torch.randperm(channels))
        self.register_buffer("restore", torch.argsort(self.order))

    def forward(self, inputs: Tensor, _context: Any = None) -> tuple[Tensor, Tensor]:
        """Permute the channels of `(b, c, l)`; the log-determinants `(b, l)` are 0."""
        return inputs.index_select(1, self.order), _zeros(inputs)

    def inverse(self, inputs: Tensor, _context: Any = None) -> tuple[Tensor, Tensor]:
        """Undo `forward`."""
        return inputs.index_select(1, self.restore), _zeros(inputs)


class AffineCoupling1d(Transform):
    """Half of the channels decide how the other half is scaled and shifted.

    The log-scale is soft-clamped to (-2, 2). The last convolution starts at zero, so the coupling
    starts as the identity.

    Args:
        channels: of the input, at least 2.
        hidden: channels between the two convolutions.
        kernel: their length, odd.
    """

    def __init__(self, channels: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.kept = channels // 2
        self.net = nn.Sequential(
            nn.Conv1d(self.kept, hidden, kernel, padding=kernel // 2),
            nn.ReLU(),
            nn.Conv1d(hidden, 2 * (channels - self.kept), kernel, padding=kernel // 2),
        )
        for parameter in self.net[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, inputs: Tensor, _context: Any = None) -> tuple[Tensor, Tensor]:
        """`(b, c, l)` to the coupled `(b, c, l)` and the log-determinants `(b, l)`."""
        kept, changed = inputs[:, : self.kept], inputs[:, self.kept :]
        shift, log_scale = self._shift_and_log_scale(kept)
        return torch.cat([kept, changed * log_scale.exp() + shift], dim=1), log_scale.sum(dim=1)

    def inverse(self, inputs: Tensor, _context: Any = None) -> tuple[Tensor, Tensor]:
        """Undo `forward`; the log-determinants have the opposite sign."""
        kept, changed = inputs[:, : self.kept], inputs[:, self.kept :]
        shift, log_scale = self._shift_and_log_scale(kept)
        restored = (changed - shift) * (-log_scale).exp()
        return torch.cat([kept, restored], dim=1), -log_scale.sum(dim=1)

    def _shift_and_log_scale(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        shift, raw = self.net(kept).chunk(2, dim=1)
        return shift, soft_clamp(raw)


def soft_clamp(raw: Tensor) -> Tensor:
    """Squash log-scales smoothly into (-2, 2), with slope 1 at 0."""
    return 2 * torch.tanh(raw / 2)


class Flow1d(Transform):
    """FastFlow: steps of coupling, ActNorm and permutation; kernels alternate 3 and 1.

    Args:
        channels: of the feature map, at least 2.
        hidden: channels inside the couplings.
        steps: how many of them.
    """

    def __init__(self, channels: int, hidden: int, steps: int) -> None:
        super().__init__()
        self.transforms = nn.ModuleList()
        for step in range(steps):
            self.transforms.append(AffineCoupling1d(channels, hidden, kernel=1 if step % 2 else 3))
            self.transforms.append(ActNorm1d(channels))
            self.transforms.append(FixedPermutation(channels))

    def forward(self, inputs: Tensor, _context: Any = None) -> tuple[Tensor, Tensor]:
        """Features `(b, c, l)` to latents `(b, c, l)` and log-determinants `(b, l)`."""
        log_determinant = _zeros(inputs)
        for transform in self.transforms:
            inputs, change = transform(inputs)
            log_determinant = log_determinant + change
        return inputs, log_determinant

    def inverse(self, inputs: Tensor, _context: Any = None) -> tuple[Tensor, Tensor]:
        """Latents `(b, c, l)` to features `(b, c, l)` and log-determinants `(b, l)`."""
        log_determinant = _zeros(inputs)
        for transform in reversed(list(self.transforms)):
            inputs, change = cast(Transform, transform).inverse(inputs)
            log_determinant = log_determinant + change
        return inputs, log_determinant


def _zeros(inputs: Tensor) -> Tensor:
    return inputs.new_zeros(inputs.shape[0], inputs.shape[2])


def _spread(log_scale: Tensor, inputs: Tensor) -> Tensor:
    return log_scale.sum().expand(inputs.shape[0], inputs.shape[2])
