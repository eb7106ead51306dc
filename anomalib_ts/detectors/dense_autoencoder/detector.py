"""The fully connected autoencoder as a detector."""

from __future__ import annotations

from typing import ClassVar

from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors.deep.networks import DenseAutoencoderModel
from anomalib_ts.detectors.deep.reconstruction import DenseReconstruction
from anomalib_ts.settings.fields import configured, setting


@configured
class DenseAutoencoder(DenseReconstruction[DenseAutoencoderModel]):
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

    batch_norm: bool = setting(False, "whether to normalise over the batch before each activation")

    def _network(self, train: tuple[Recording, ...]) -> DenseAutoencoderModel:
        return DenseAutoencoderModel(
            train[0].channels,
            self.window,
            width=self.width,
            latent=self.latent,
            norm=self.batch_norm,
        )
