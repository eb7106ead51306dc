"""The fully connected autoencoder as a detector."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor

from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors.deep.base import DeepDetector
from anomalib_ts.detectors.deep.networks import DenseAutoencoderModel
from anomalib_ts.detectors.scaling import Scaling
from anomalib_ts.settings.fields import configured, setting


@configured
class DenseAutoencoder(DeepDetector[DenseAutoencoderModel]):
    """Fully connected autoencoder: a window's score is its mean squared reconstruction error.

    On log-mel spectrograms in windows of 32 frames of 128 bands this is the network
    4096-128-128-128-128-8-128-128-128-128-4096 that the weakly supervised autoencoder starts from.

    >>> import numpy as np
    >>> from anomalib_ts import DenseAutoencoder, TrainerSettings
    >>> wave = np.sin(np.arange(400) / 5)
    >>> detector = DenseAutoencoder(window=16, width=8, trainer=TrainerSettings(max_steps=2))
    >>> detector.fit(wave[:200]).score(wave[200:]).shape
    (200,)
    """

    version: ClassVar[int] = 2

    width: int = setting(
        128, "features of the four hidden layers before and after the latent layer", at_least=1
    )
    latent: int = setting(8, "features of the latent layer", at_least=1)
    batch_norm: bool = setting(False, "whether to normalise over the batch before each activation")
    scaling: Scaling = setting(
        "common",
        "`common` divides all channels by one deviation, so that scores are in the squared unit of "
        "the input (dB^2 for spectrograms); `channel` divides each by its own, which channels of "
        "different units need, and scores in squared deviations",
    )

    def _network(self, train: tuple[Recording, ...]) -> DenseAutoencoderModel:
        return DenseAutoencoderModel(
            train[0].channels,
            self.window,
            width=self.width,
            latent=self.latent,
            norm=self.batch_norm,
        )

    @property
    def _unit(self) -> float:
        return self.scaler_.unit**2

    @property
    def _channel_scores(self) -> Callable[[Tensor], Tensor]:
        return self.model_.channel_errors

    @property
    def _scaling(self) -> Scaling:
        return self.scaling
