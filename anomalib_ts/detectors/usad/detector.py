"""USAD as a detector."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from anomalib_ts.detectors.blocks.batches import FullBatches
from anomalib_ts.detectors.blocks.cut import Bags, Tail
from anomalib_ts.detectors.blocks.detector import BlockDetector
from anomalib_ts.detectors.usad.lightning_model import UsadModule
from anomalib_ts.detectors.usad.torch_model import UsadModel
from anomalib_ts.errors import ConfigError
from anomalib_ts.recording import Recording
from anomalib_ts.training import TrainerSettings, seeded, train_module


class Usad(BlockDetector):
    """Two autoencoders with one encoder: the second learns to spot what the first rebuilt.

    A block's score is `(1 - beta)` times the first's mean squared error plus `beta` times the
    second's error on the first's reconstruction, on values that training data bring to [0, 1].

    The weight of the plain error falls as 1 / epoch. On little data an epoch is a step or two, so
    limit `trainer.max_epochs` there (the authors train for 70 to 250 epochs).

    Args:
        window: points a block.
        stride: points between two blocks, in [1, window], in training as in scoring; None for
            blocks side by side.
        tail: what becomes of points after the last whole block: `overlap`, `pad` or `drop`.
        latent: features of the latent layer; the layers before it halve the input twice.
        beta: weight of the adversarial error in the score, in [0, 1].
        batch_size: blocks a training step, at least 2.
        learning_rate: of Adam.
        seed: of the initial weights and the order of the blocks.
        trainer: how long and on what to train; None for the defaults.

    Attributes:
        model_: the trained network, on the CPU.

    References:
        Audibert et al., USAD: unsupervised anomaly detection on multivariate time series, KDD,
        2020.
    """

    version: ClassVar[int] = 3
    model_: UsadModel

    def __init__(
        self,
        window: int = 32,
        *,
        stride: int | None = None,
        tail: Tail = "overlap",
        latent: int = 40,
        beta: float = 0.5,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        seed: int = 0,
        trainer: TrainerSettings | None = None,
    ) -> None:
        super().__init__(
            window,
            stride=stride,
            tail=tail,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
            trainer=trainer,
        )
        self.latent = latent
        self.beta = beta

    def _check_settings(self) -> None:
        super()._check_settings()
        if not 0 <= self.beta <= 1:
            raise ConfigError(f"beta must lie in [0, 1], not {self.beta}")

    def _learn(self, train: tuple[Recording, ...], blocks: Bags) -> nn.Module:
        lowest, extent = _ranges(train)
        with seeded(self.seed):
            model = UsadModel(lowest, extent, self.window, self.latent)
        module = UsadModule(model, self.learning_rate)
        batches = FullBatches(blocks, self.batch_size, self.seed)
        train_module(module, batches, self._settings, seed=self.seed, stage="USAD")
        return model

    def _scorer(self, recording: Recording) -> Callable[[Tensor], Tensor]:
        del recording
        weights = torch.tensor([1 - self.beta, self.beta])
        return lambda x: self.model_.block_errors(x) @ weights.to(x.device)


def _ranges(train: tuple[Recording, ...]) -> tuple[Tensor, Tensor]:
    """Smallest value and extent `(c,)` of each standardised channel; 1 where it is constant."""
    lowest = np.min([r.values.min(axis=0) for r in train], axis=0)
    extent = np.max([r.values.max(axis=0) for r in train], axis=0) - lowest
    return torch.from_numpy(lowest), torch.from_numpy(
        np.where(extent > 0, extent, 1).astype(np.float32)
    )
