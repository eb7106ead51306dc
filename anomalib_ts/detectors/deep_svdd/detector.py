"""Deep SVDD as a detector, and its network."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.deep.bags import Bags
from anomalib_ts.detectors.deep.base import DeepDetector
from anomalib_ts.detectors.deep.networks import DenseAutoencoderModel
from anomalib_ts.settings.fields import configured, setting

WEIGHT_DECAY = 1e-6

SLOPE = 0.1
"""Of the rectifiers' negative side, as in the authors' code."""

SMALLEST_CENTRE = 0.1
"""No coordinate of the centre is nearer to 0, which zero weights would reach without learning."""


class HypersphereModel(DenseAutoencoderModel):
    """An encoder without biases, a decoder to pretrain it with, and a centre.

    A bias would let the encoder map everything to the centre.

    Args:
        channels: of the windows, c.
        window: points a window.
        width: features of the hidden layers.
        latent: dimensions of the space that the centre lies in.
    """

    def __init__(self, channels: int, window: int, *, width: int, latent: int) -> None:
        super().__init__(channels, window, width=width, latent=latent, bias=False, slope=SLOPE)
        self.centre: Tensor
        self.register_buffer("centre", torch.zeros(latent))

    def set_centre(self, encoded_mean: Tensor) -> None:
        """Put the centre at the mean `(latent,)` of the encoded training windows."""
        away = torch.where(encoded_mean < 0, -SMALLEST_CENTRE, SMALLEST_CENTRE)
        near = encoded_mean.abs() < SMALLEST_CENTRE
        self.centre.copy_(torch.where(near, away.to(encoded_mean), encoded_mean))

    def scores(self, x: Tensor) -> Tensor:
        """Squared distance of each window `(b, c, w)` from the centre, `(b,)`."""
        return (self.encode(x) - self.centre).square().sum(dim=1)


@configured
class DeepSvdd(DeepDetector[HypersphereModel]):
    """Deep support vector data description: a window's score is its distance from a centre.

    An autoencoder without biases is pretrained; the mean of the encoded training windows becomes
    the centre, and the encoder learns to draw normal windows towards it. The score is the squared
    distance. The encoder has the four hidden layers of `DenseAutoencoder`.

    >>> import numpy as np
    >>> from anomalib_ts import DeepSvdd, TrainerSettings
    >>> wave = np.sin(np.arange(400) / 5)
    >>> detector = DeepSvdd(window=16, width=8, latent=4, trainer=TrainerSettings(max_steps=2))
    >>> detector.fit(wave[:200]).score(wave[200:]).shape
    (200,)

    References:
        Ruff et al., Deep one-class classification, ICML, 2018.
    """

    version: ClassVar[int] = 2

    width: int = setting(128, "features of the four hidden layers", at_least=1)
    latent: int = setting(32, "dimensions of the space that the centre lies in", at_least=1)

    def _network(self, train: tuple[Recording, ...]) -> HypersphereModel:
        return HypersphereModel(
            train[0].channels, self.window, width=self.width, latent=self.latent
        )

    def _learn(
        self, network: HypersphereModel, windows: Windows, train: tuple[Recording, ...]
    ) -> None:
        del train
        self._pretrain(network, windows)
        self._train(
            network,
            lambda batch: network.scores(batch).mean(),
            self._batches(windows),
            stage="hypersphere",
            weight_decay=WEIGHT_DECAY,
        )

    def _pretrain(self, network: HypersphereModel, normal: Windows | Bags) -> None:
        """The first stage: train the autoencoder on normal windows, and set the centre."""
        batches = self._batches(normal)
        self._train(network, network.loss, batches, stage="pretraining", weight_decay=WEIGHT_DECAY)
        windows = normal.windows if isinstance(normal, Bags) else normal
        parts = self._run(network, network.encode, windows, stage="centre")
        encoded = np.concatenate([part for _, part in parts])
        if isinstance(normal, Bags):
            encoded = encoded[normal.members(np.arange(len(normal)))]
        network.set_centre(torch.from_numpy(encoded.mean(axis=0)))
