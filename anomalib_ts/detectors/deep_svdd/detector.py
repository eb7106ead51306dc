"""Deep SVDD as a detector."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from anomalib_ts.detectors.blocks.cut import Bags, Tail
from anomalib_ts.detectors.blocks.detector import BlockDetector
from anomalib_ts.detectors.deep_svdd.torch_model import HypersphereModel
from anomalib_ts.recording import Recording
from anomalib_ts.training import TrainerSettings, run_network, seeded

WEIGHT_DECAY = 1e-6


class DeepSvdd(BlockDetector):
    """Deep support vector data description: a block's score is its distance from a centre.

    An autoencoder without biases is pretrained; the mean of the encoded training blocks becomes
    the centre, and the encoder learns to draw normal blocks towards it. The score is the squared
    distance. The encoder has the four hidden layers of `DenseAutoencoder`.

    Args:
        window: points a block.
        stride: points between two blocks, in [1, window], in training as in scoring; None for
            blocks side by side.
        tail: what becomes of points after the last whole block: `overlap`, `pad` or `drop`.
        width: features of the four hidden layers.
        latent: dimensions of the space that the centre lies in.
        batch_size: blocks a training step, at least 2.
        learning_rate: of Adam, in both stages.
        seed: of the initial weights and the order of the blocks.
        trainer: how long and on what to train each stage; None for the defaults.

    Attributes:
        model_: the trained network, on the CPU.

    References:
        Ruff et al., Deep one-class classification, ICML, 2018.
    """

    version: ClassVar[int] = 2
    model_: HypersphereModel

    def __init__(
        self,
        window: int = 32,
        *,
        stride: int | None = None,
        tail: Tail = "overlap",
        width: int = 128,
        latent: int = 32,
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

    def _learn(self, train: tuple[Recording, ...], blocks: Bags) -> nn.Module:
        with seeded(self.seed):
            model = HypersphereModel(
                train[0].channels, self.window, width=self.width, latent=self.latent
            )
        self._train(
            model, model.loss, blocks.normal, stage="pretraining", weight_decay=WEIGHT_DECAY
        )
        model.set_centre(self._encoded_mean(model, blocks.normal))
        self._draw_together(model, blocks)
        return model

    def _draw_together(self, model: HypersphereModel, blocks: Bags) -> None:
        """The second stage: train the encoder with the centre in place."""
        self._train(
            model,
            lambda batch: model.distances(batch).mean(),
            blocks,
            stage="hypersphere",
            weight_decay=WEIGHT_DECAY,
        )

    def _encoded_mean(self, model: HypersphereModel, normal: Bags) -> Tensor:
        parts = run_network(model, model.encode, normal.windows, self._settings, stage="centre")
        encoded = np.concatenate([part for _, part in parts])
        chosen = normal.blocks(np.arange(len(normal)))
        return torch.from_numpy(encoded[chosen].mean(axis=0))

    def _scorer(self, recording: Recording) -> Callable[[Tensor], Tensor]:
        del recording
        return self.model_.distances
