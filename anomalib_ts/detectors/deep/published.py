"""How TSB-UAD's neural baselines were trained, bug for bug, for figures beside its table."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor, nn

from anomalib_ts.detectors.deep.early_stopping import EarlyStopping
from anomalib_ts.detectors.deep.examples import (
    Batches,
    BatchSource,
    DivisibleBatches,
    ShuffledBatches,
    as_tensors,
)
from anomalib_ts.detectors.deep.held_out import last_examples
from anomalib_ts.detectors.scaling import STRAIGHT
from anomalib_ts.errors import InputError
from anomalib_ts.settings.fields import configured, setting

VALIDATED = 0.15
"""TSB-UAD validates on the last windows of the training data, so many of them."""


def straightened(x: Tensor) -> Tensor:
    """Values without the bend that `ChannelScaler` gives to them beyond 1,000, in some unit.

    What was constant in training and moves later lies there altogether. The unit is such that
    the largest values do not overflow.
    """
    size = x.double().abs()
    largest = float(size.detach().amax()) if len(x) else 0.0
    if largest <= STRAIGHT:
        return x
    beyond = STRAIGHT * ((size - largest) / STRAIGHT).exp()
    within = x * math.exp(1 - largest / STRAIGHT)
    return torch.where(size > STRAIGHT, x.sign() * beyond, within)


def min_max(x: Tensor) -> Tensor:
    """Each channel of each window `(b, c, w)` scaled to [0, 1]; 0 where it is constant.

    The result is that of values which were never standardised.
    """
    straight = straightened(x)
    # Not `aminmax`, which torch 2.4 does not differentiate.
    low, high = straight.amin(dim=-1, keepdim=True), straight.amax(dim=-1, keepdim=True)
    reach = high - low
    return ((straight - low) / torch.where(reach > 0, reach, 1)).to(x)


def initialise(network: nn.Module) -> None:
    """Draw the initial weights as Keras does: Glorot, orthogonal from step to step, bias 0.

    The forget gates of an LSTM start open, with a bias of 1.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv1d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, nn.LSTM):
            _initialise_lstm(module)


def _initialise_lstm(lstm: nn.LSTM) -> None:
    for name, weights in lstm.named_parameters():
        if name.startswith("weight_ih"):
            nn.init.xavier_uniform_(weights)
        elif name.startswith("weight_hh"):
            nn.init.orthogonal_(weights)
        else:
            nn.init.zeros_(weights)
            if name.startswith("bias_ih"):  # gates: input, forget, cell, output
                nn.init.ones_(weights[lstm.hidden_size : 2 * lstm.hidden_size])


def held_back(
    examples: BatchSource, share: float, *, apart: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide training windows: the last are held back.

    Args:
        examples: the windows, at least one.
        share: to hold back, in (0, 0.5].
        apart: whether the two may have no point in common, see `last_examples`; too few windows
            for that are divided as if it were False.

    Returns:
        The numbers of the windows that train and of those that are held back; a single window is
        both.
    """
    if apart:
        try:
            return last_examples(examples, share, None)
        except InputError:
            pass
    numbers = np.arange(len(examples))
    if len(numbers) == 1:
        return numbers, numbers
    trained = min(max(1, int(len(numbers) * (1 - share))), len(numbers) - 1)
    return numbers[:trained], numbers[trained:]


@configured
class WindowStopping(EarlyStopping):
    """Early stopping for windows of stride 1, however few there are.

    Where the recordings are too short to keep the held-back windows apart from those that train,
    they share points.
    """

    published: bool = setting(
        False,
        "as in Keras: a look after every epoch, windows that train and windows that are held "
        "back share points, and the last weights are kept instead of the best",
    )

    def hold_back(self, batches: Batches, stage: str) -> Batches:
        """Take the held-back windows away from the training."""
        rest = super().hold_back(batches, stage)
        self._every = len(rest) if self.published else min(self.every, len(rest))
        return rest

    def on_train_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Put the best weights back, unless the last are to be kept."""
        if not self.published:
            super().on_train_end(trainer, module)

    def _divided(self, batches: DivisibleBatches) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return held_back(batches.examples, self.share, apart=not self.published)


class OrderedBatches(ShuffledBatches):
    """Every example once an epoch, in order.

    A batch of one is shown twice: batch normalisation refuses less, and all means stay the same.
    """

    def __iter__(self) -> Iterator[Any]:
        for first in range(0, len(self.examples), self._batch_size):
            index = np.arange(first, min(first + self._batch_size, len(self.examples)))
            yield as_tensors(self.examples.gather(np.resize(index, max(2, len(index)))))
