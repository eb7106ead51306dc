"""The fully connected autoencoder as a detector."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from anomalib_ts.detectors.blocks.cut import Bags, Tail
from anomalib_ts.detectors.blocks.detector import BlockDetector
from anomalib_ts.detectors.blocks.networks import DenseAutoencoderModel
from anomalib_ts.detectors.scaling import Scaling
from anomalib_ts.errors import ConfigError
from anomalib_ts.recording import FloatArray, Recording
from anomalib_ts.training import TrainerSettings, seeded


class DenseAutoencoder(BlockDetector):
    """Fully connected autoencoder: a block's score is its mean squared reconstruction error.

    On log-mel spectrograms in blocks of 32 frames of 128 bands this is the network
    4096-128-128-128-128-8-128-128-128-128-4096 that the weakly supervised autoencoder starts from.

    Args:
        window: points a block.
        stride: points between two blocks, in [1, window], in training as in scoring; None for
            blocks side by side.
        tail: what becomes of points after the last whole block: `overlap`, `pad` or `drop`.
        width: features of the four hidden layers before and after the latent layer.
        latent: features of the latent layer.
        batch_norm: whether to normalise over the batch before each activation.
        scaling: `common` divides all channels by one deviation, so that scores are in the squared
            unit of the input (dB^2 for spectrograms); `channel` divides each by its own, which
            channels of different units need, and scores in squared deviations.
        batch_size: blocks a training step, at least 2.
        learning_rate: of Adam.
        seed: of the initial weights and the order of the blocks.
        trainer: how long and on what to train; None for the defaults.

    Attributes:
        model_: the trained network, on the CPU.
    """

    version: ClassVar[int] = 2
    model_: DenseAutoencoderModel

    def __init__(
        self,
        window: int = 32,
        *,
        stride: int | None = None,
        tail: Tail = "overlap",
        width: int = 128,
        latent: int = 8,
        batch_norm: bool = False,
        scaling: Scaling = "common",
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
        self.width = width
        self.latent = latent
        self.batch_norm = batch_norm
        self.scaling = scaling

    @property
    def _scaling(self) -> Scaling:
        return self.scaling

    def _check_settings(self) -> None:
        super()._check_settings()
        check_scaling(self.scaling)

    def _learn(self, train: tuple[Recording, ...], blocks: Bags) -> nn.Module:
        with seeded(self.seed):
            model = DenseAutoencoderModel(
                train[0].channels,
                self.window,
                width=self.width,
                latent=self.latent,
                norm=self.batch_norm,
            )
        self._train(model, model.loss, blocks, stage="autoencoder")
        return model

    def _score(self, recording: Recording) -> FloatArray:
        return super()._score(recording) * self.scaler_.unit**2


def check_scaling(scaling: str) -> None:
    """Check a scaling that a user has set.

    Raises:
        ConfigError: there is no such scaling.
    """
    if scaling not in ("common", "channel"):
        raise ConfigError(f"scaling must be common or channel, not {scaling!r}")
