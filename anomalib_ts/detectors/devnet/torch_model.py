"""DevNet's network and its loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from anomalib_ts.detectors.autoencoder.torch_model import soft_clip
from anomalib_ts.detectors.blocks.networks import HIDDEN_LAYERS, dense

REFERENCE_SCORES = 5000
"""Draws from the standard normal prior of normal scores."""

MARGIN = 5.0
"""Anomalies should score so many deviations above the reference."""


class DevNetModel(nn.Module):
    """Four hidden layers and one score.

    Args:
        channels: of the blocks, c.
        window: points a block, w.
        width: features of the hidden layers.
    """

    def __init__(self, channels: int, window: int, width: int) -> None:
        super().__init__()
        self.layers = dense([channels * window, *[width] * HIDDEN_LAYERS, 1])

    def block_scores(self, x: Tensor) -> Tensor:
        """The score of each block `(b, c, w)`, `(b,)`; any sign."""
        scores: Tensor = self.layers(soft_clip(x).flatten(1))
        return scores[:, 0]


def deviation_loss(scores: Tensor, anomalous: Tensor, reference: Tensor) -> Tensor:
    """The mean of `|dev|` over normal examples and `max(0, 5 - dev)` over labelled anomalies.

    Args:
        scores: `(b,)`.
        anomalous: `(b,)`, 1 for labelled anomalies.
        reference: `(r,)` draws from the prior; dev is the distance of a score from their mean, in
            their deviations.
    """
    deviations = (scores - reference.mean()) / reference.std(correction=0)
    missing = (MARGIN - deviations).clamp(min=0)
    return torch.where(anomalous > 0.5, missing, deviations.abs()).mean()
