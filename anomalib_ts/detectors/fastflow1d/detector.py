"""FastFlow-1D as a detector."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from anomalib_ts.detectors.autoencoder.detector import (
    check_deep_window,
    fit_autoencoder,
    score_points,
)
from anomalib_ts.detectors.autoencoder.torch_model import ConvAutoencoder
from anomalib_ts.detectors.base import Capabilities, Detector
from anomalib_ts.detectors.fastflow1d.lightning_model import LikelihoodModule
from anomalib_ts.detectors.fastflow1d.torch_model import FastFlowModel
from anomalib_ts.errors import ConfigError
from anomalib_ts.recording import FloatArray, Recording
from anomalib_ts.training import ShuffledBatches, TrainerSettings, run_network, seeded, train_module
from anomalib_ts.windows import Windows, training_windows

MOMENT_WINDOWS = 4096
"""Training windows, evenly spread, from which the features' mean and deviation are taken."""


class FastFlow1D(Detector):
    """A normalising flow over the features of a convolutional autoencoder.

    First an autoencoder learns to rebuild normal windows; then its encoder is frozen and a flow
    of FastFlow steps learns the density of the feature map. Points whose features are unlikely
    are anomalous.

    Args:
        window: points a window, at least 8.
        stride: points between two scored windows, in [1, window]; training uses all windows.
        width: channels inside encoder and decoder, and inside the flow's couplings.
        features: channels of the feature map, at least 2; it has one position for 4 points.
        flow_steps: steps of the flow.
        batch_size: windows a training step.
        learning_rate: of Adam, in both stages.
        scoring: `latent` for half the mean squared latent, FastFlow's own anomaly map, or
            `likelihood` for the negative log-likelihood.
        seed: of the initial weights, the permutations and the order of the windows.
        trainer: how long and on what to train each stage; None for the defaults.

    Attributes:
        model_: the trained network, on the CPU.

    References:
        Yu et al., FastFlow: unsupervised anomaly detection and localization via 2D normalizing
        flows, arXiv:2111.07677, 2021.
        Time-series anomaly detection with a normalising flow on TSB-UAD, Proceedings of the
        Korean Society of Computer Information summer conference 31(2), 2023 (in Korean).
    """

    capabilities = Capabilities()
    version: ClassVar[int] = 2

    def __init__(
        self,
        window: int = 64,
        *,
        stride: int = 4,
        width: int = 32,
        features: int = 32,
        flow_steps: int = 6,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        scoring: Literal["latent", "likelihood"] = "latent",
        seed: int = 0,
        trainer: TrainerSettings | None = None,
    ) -> None:
        self.window = window
        self.stride = stride
        self.width = width
        self.features = features
        self.flow_steps = flow_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.scoring = scoring
        self.seed = seed
        self.trainer = trainer

    def _fit(self, train: tuple[Recording, ...]) -> None:
        self._check_settings()
        settings = self.trainer or TrainerSettings()
        windows = training_windows(train, self.window)
        autoencoder = fit_autoencoder(
            train,
            windows,
            width=self.width,
            features=self.features,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            seed=self.seed,
            settings=settings,
        )
        with seeded(self.seed):
            model = FastFlowModel(autoencoder, self.features, self.width, self.flow_steps)
        stride = min(self.window, math.ceil(len(windows) / MOMENT_WINDOWS))
        moments = feature_moments(autoencoder, Windows(train, self.window, stride), settings)
        model.set_feature_moments(*moments)
        module = LikelihoodModule(model, self.learning_rate)
        batches = ShuffledBatches(windows, self.batch_size, self.seed)
        train_module(module, batches, settings, seed=self.seed, stage="flow")
        self.model_ = model

    def _score(self, recording: Recording) -> FloatArray:
        likelihood = self.scoring == "likelihood"
        return score_points(
            self.model_,
            self.model_.likelihood_scores if likelihood else self.model_.latent_scores,
            recording,
            window=self.window,
            stride=self.stride,
            settings=self.trainer or TrainerSettings(),
        )

    def _check_settings(self) -> None:
        check_deep_window(self.window, self.stride)
        if self.features < 2:
            raise ConfigError(f"a flow needs features of at least 2, not {self.features}")
        if self.scoring not in ("latent", "likelihood"):
            raise ConfigError(f"scoring must be latent or likelihood, not {self.scoring!r}")


def feature_moments(
    autoencoder: ConvAutoencoder, windows: Windows, settings: TrainerSettings
) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation `(features,)` of the feature map over all windows."""
    count, total, squares = 0, 0.0, 0.0
    for _, features in run_network(
        autoencoder, autoencoder.features, windows, settings, stage="features"
    ):
        values = features.astype(np.float64)
        count += values.shape[0] * values.shape[2]
        total = total + values.sum(axis=(0, 2))
        squares = squares + np.square(values).sum(axis=(0, 2))
    mean = np.asarray(total / count)
    variance = np.maximum(squares / count - np.square(mean), 0)
    return torch.from_numpy(mean), torch.from_numpy(np.sqrt(variance))
