"""The convolutional autoencoder as a detector, and what it shares with FastFlow-1D."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeVar

from torch import Tensor, nn

from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors.autoencoder.torch_model import ConvAutoencoder
from anomalib_ts.detectors.deep.base import DeepDetector
from anomalib_ts.detectors.deep.training import Batches, BatchSource, ShuffledBatches
from anomalib_ts.settings.fields import configured, setting

Network = TypeVar("Network", bound=nn.Module)


@configured
class ConvolutionalDetector(DeepDetector[Network]):
    """A detector on the convolutional encoder: trains on all windows, scores every few points."""

    window: int = setting(64, "points a window", at_least=8)  # shortened by 4, still a sequence
    stride: int = setting(
        4, "points between two scored windows, up to a window; training uses all", at_least=1
    )
    width: int = setting(32, "channels inside encoder and decoder", at_least=1)
    features: int = setting(
        32, "channels of the feature map, which has one position for 4 points", at_least=1
    )
    batch_size: int = setting(32, "windows a training step", at_least=1)

    def _autoencoder(self, train: tuple[Recording, ...]) -> ConvAutoencoder:
        return ConvAutoencoder(train[0].channels, self.width, self.features)

    def _batches(self, windows: BatchSource) -> Batches:
        return ShuffledBatches(windows, self.batch_size, self.seed)

    @property
    def _training_step(self) -> int:
        return 1


@configured
class Autoencoder(ConvolutionalDetector[ConvAutoencoder]):
    """Convolutional autoencoder: a point's score is its squared reconstruction error.

    The error is measured in training deviations and averaged over the channels and over all
    windows that hold the point.

    >>> import numpy as np
    >>> from anomalib_ts import Autoencoder, TrainerSettings
    >>> wave = np.sin(np.arange(400) / 5)
    >>> detector = Autoencoder(window=16, width=8, features=8, trainer=TrainerSettings(max_steps=2))
    >>> detector.fit(wave[:200]).score(wave[200:]).shape
    (200,)
    """

    version: ClassVar[int] = 2

    def _network(self, train: tuple[Recording, ...]) -> ConvAutoencoder:
        return self._autoencoder(train)

    @property
    def _channel_scores(self) -> Callable[[Tensor], Tensor]:
        return self.model_.channel_scores
