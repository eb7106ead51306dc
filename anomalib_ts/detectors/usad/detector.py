"""USAD as a detector."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.deep.base import DeepDetector
from anomalib_ts.detectors.usad.lightning_model import UsadModule
from anomalib_ts.detectors.usad.torch_model import UsadModel
from anomalib_ts.settings.fields import configured, setting


@configured
class Usad(DeepDetector[UsadModel]):
    """Two autoencoders with one encoder: the second learns to spot what the first rebuilt.

    A window's score is `(1 - beta)` times the first's mean squared error plus `beta` times the
    second's error on the first's reconstruction, on values that training data bring to [0, 1].

    The weight of the plain error falls as 1 / epoch. On little data an epoch is a step or two, so
    limit `trainer.max_epochs` there (the authors train for 70 to 250 epochs).

    >>> import numpy as np
    >>> from anomalib_ts import Usad, TrainerSettings
    >>> wave = np.sin(np.arange(400) / 5)
    >>> detector = Usad(window=16, trainer=TrainerSettings(max_steps=2))
    >>> detector.fit(wave[:200]).score(wave[200:]).shape
    (200,)

    References:
        Audibert et al., USAD: unsupervised anomaly detection on multivariate time series, KDD,
        2020.
    """

    version: ClassVar[int] = 3

    latent: int = setting(
        40, "features of the latent layer; the layers before it halve the input twice", at_least=1
    )
    beta: float = setting(
        0.5, "weight of the adversarial error in the score", at_least=0, at_most=1
    )

    def _network(self, train: tuple[Recording, ...]) -> UsadModel:
        return UsadModel(*_ranges(train), self.window, self.latent)

    def _learn(self, network: UsadModel, windows: Windows, train: tuple[Recording, ...]) -> None:
        del train
        module = UsadModule(network, self.learning_rate)
        self._train_module(module, self._batches(windows), stage="USAD")

    def _scores(self, recording: Recording, x: Tensor) -> Tensor:
        del recording
        return self.model_.errors(x) @ self._weights.to(x)

    @property
    def _channel_scores(self) -> Callable[[Tensor], Tensor]:
        return lambda x: self._weights.to(x) @ self.model_.channel_errors(x)

    @property
    def _weights(self) -> Tensor:
        return torch.tensor([1 - self.beta, self.beta])


def _ranges(train: tuple[Recording, ...]) -> tuple[Tensor, Tensor]:
    """Smallest value and extent `(c,)` of each standardised channel; 1 where it is constant."""
    lowest = np.min([r.values.min(axis=0) for r in train], axis=0)
    extent = np.max([r.values.max(axis=0) for r in train], axis=0) - lowest
    return torch.from_numpy(lowest), torch.from_numpy(
        np.where(extent > 0, extent, 1).astype(np.float32)
    )
