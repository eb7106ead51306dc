"""What every detector that scores whole blocks does alike."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor, nn

from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.blocks.batches import FullBatches, check_batch_size
from anomalib_ts.detectors.blocks.cut import Bags, Cut, Tail, cut_blocks
from anomalib_ts.detectors.blocks.lightning_model import AdamModule
from anomalib_ts.errors import InputError
from anomalib_ts.recording import FloatArray, Recording
from anomalib_ts.training import Batches, TrainerSettings, run_network, train_module
from anomalib_ts.windows import OverlapMean, Windows


class BlockDetector(Detector):
    """Scores blocks of a recording with a network; a point's score is that of its block.

    Where blocks overlap, a point has the mean of their scores; points that `tail=drop` leaves out
    have the score of the last point before them.

    Args:
        window: points a block.
        stride: points between two blocks, in [1, window], in training as in scoring; None for
            blocks side by side.
        tail: what becomes of points after the last whole block, see `Cut`.
        batch_size: blocks a training step, at least 2.
        learning_rate: of Adam.
        seed: of the initial weights and the order of the blocks.
        trainer: how long and on what to train each stage; None for the defaults.

    Attributes:
        model_: the trained network, on the CPU.
    """

    model_: nn.Module

    def __init__(
        self,
        window: int,
        *,
        stride: int | None,
        tail: Tail,
        batch_size: int,
        learning_rate: float,
        seed: int,
        trainer: TrainerSettings | None,
    ) -> None:
        self.window = window
        self.stride = stride
        self.tail = tail
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.seed = seed
        self.trainer = trainer

    @property
    def cut(self) -> Cut:
        """How recordings are cut."""
        return Cut(self.window, self.window if self.stride is None else self.stride, self.tail)

    def _fit(self, train: tuple[Recording, ...]) -> None:
        self._check_settings()
        blocks = cut_blocks(train, self.cut)
        if self.capabilities.supervision == "weak" and not blocks.anomalous.any():
            raise InputError(
                f"{type(self).__name__} learns from labelled anomalies, and the training "
                "recordings have none: use protocol=weak with data that has anomalous recordings "
                "left to train on, or a detector that needs none, such as dense_autoencoder"
            )
        self.model_ = self._learn(train, blocks)

    def _check_settings(self) -> None:
        """Check what the user has set; detectors with more settings add their own checks.

        Raises:
            ConfigError: a setting is out of range.
        """
        check_batch_size(self.batch_size)

    @abstractmethod
    def _learn(self, train: tuple[Recording, ...], blocks: Bags) -> nn.Module:
        """Build a network for some recordings and train it on their blocks."""

    def _scorer(self, recording: Recording) -> Callable[[Tensor], Tensor]:
        """What takes blocks `(b, c, w)` of a recording to scores `(b,)`."""
        del recording
        scorer: Any = self.model_
        function: Callable[[Tensor], Tensor] = scorer.block_scores
        return function

    def _score(self, recording: Recording) -> FloatArray:
        cut = self.cut
        fitted = cut.fitted(recording)
        points = OverlapMean(len(fitted), cut.window)
        for starts, scores in run_network(
            self.model_,
            self._scorer(recording),
            Windows([fitted], cut.window, cut.stride),
            self._settings,
            stage=f"score {recording.name}",
        ):
            points.add(starts, np.repeat(scores, cut.window))
        missing = max(0, len(recording) - len(fitted))
        return np.pad(points.mean()[: len(recording)], (0, missing), mode="edge")

    @property
    def _settings(self) -> TrainerSettings:
        return self.trainer or TrainerSettings()

    def _train(
        self,
        network: nn.Module,
        loss: Callable[[Any], Tensor],
        batches: Bags | Batches,
        *,
        stage: str,
        weight_decay: float = 0.0,
    ) -> None:
        """Minimise a loss of the network over batches; blocks are shuffled into batches first."""
        if isinstance(batches, Bags):
            batches = FullBatches(batches, self.batch_size, self.seed)
        module = AdamModule(network, loss, self.learning_rate, weight_decay)
        train_module(module, batches, self._settings, seed=self.seed, stage=stage)
