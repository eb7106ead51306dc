"""The convolutional autoencoder as a detector, and what it shares with FastFlow-1D."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.core.windows import Tail
from anomalib_ts.detectors.autoencoder.torch_model import DOWNSAMPLING, REACH, ConvAutoencoder
from anomalib_ts.detectors.deep.base import DeepDetector
from anomalib_ts.detectors.deep.convolutional import score_in_chunks
from anomalib_ts.detectors.deep.examples import Batches, BatchSource, ShuffledBatches
from anomalib_ts.detectors.streaming import Margins
from anomalib_ts.errors import AnomalibTsWarning
from anomalib_ts.settings.fields import configured, setting

Network = TypeVar("Network", bound=nn.Module)

SHORTEST = 8
"""Points of a window that are still a sequence when shortened by 4."""


@configured
class ConvolutionalDetector(DeepDetector[Network]):
    """A detector on the convolutional encoder: it trains on windows, and scores in one pass."""

    # No settings: every window trains, and none is scored.
    stride: ClassVar[int] = 1  # type: ignore[misc]
    tail: ClassVar[Tail] = "overlap"  # type: ignore[misc]

    window: int = setting(
        64,
        "points a training window, at most half the longest training recording; what is scored is "
        "a whole recording at once",
        at_least=SHORTEST,
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

    def _fit(self, train: tuple[Recording, ...]) -> None:
        longest = max(map(len, train))
        self.window_ = min(self.window, max(SHORTEST, longest // 2))
        if longest < self.window and self.window_ < min(REACH, longest + 1):
            # Less than the networks see at once; below SHORTEST points the base says so itself.
            warnings.warn(
                f"the training data fill no window of {self.window} points: the longest recording "
                f"has {longest}, so windows of {self.window_} train; use more data",
                AnomalibTsWarning,
                stacklevel=2,
            )
        super()._fit(train)

    def _score(self, recording: Recording) -> FloatArray:
        scorer = partial(self._scores, recording)
        return self._in_chunks(self.model_, scorer, recording, stage="score").astype(np.float64)

    def _tensor_scores(self, recording: Recording, x: Tensor) -> Tensor:
        return self._scores(recording, x.T[None])[0]

    def _in_chunks(
        self,
        network: nn.Module,
        function: Callable[[Tensor], Tensor],
        recording: Recording,
        *,
        stage: str,
    ) -> NDArray[np.float32]:
        """Apply a function of a network to a whole recording, see `score_in_chunks`."""
        return score_in_chunks(
            network,
            function,
            recording.values,
            self._settings,
            reach=self._reach,
            multiple=DOWNSAMPLING,
            stage=stage,
        )

    @property
    def _window(self) -> int:
        return self.window_

    @property
    def _margins(self) -> Margins:
        return Margins(self._reach, self._reach, step=DOWNSAMPLING)

    @property
    def _reach(self) -> int:
        """A score depends on so many points before and after its own, at most."""
        return REACH


@configured
class Autoencoder(ConvolutionalDetector[ConvAutoencoder]):
    """Convolutional autoencoder: a point's score is its squared reconstruction error.

    The error is measured in training deviations and averaged over the channels.

    >>> import numpy as np
    >>> from anomalib_ts import Autoencoder, TrainerSettings
    >>> wave = np.sin(np.arange(400) / 5)
    >>> detector = Autoencoder(window=16, width=8, features=8, trainer=TrainerSettings(max_steps=2))
    >>> detector.fit(wave[:200]).score(wave[200:]).shape
    (200,)
    """

    version: ClassVar[int] = 3

    def _network(self, train: tuple[Recording, ...]) -> ConvAutoencoder:
        return self._autoencoder(train)

    def _contributions(self, recording: Recording) -> FloatArray:
        """The squared error of each channel, divided by their number."""
        function = self.model_.channel_scores
        parts = self._in_chunks(self.model_, function, recording, stage="contributions")
        return parts.T.astype(np.float64)
