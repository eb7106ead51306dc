"""The convolutional autoencoder as a detector, and what it shares with FastFlow-1D."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor, nn

from anomalib_ts.detectors.autoencoder.lightning_model import ReconstructionModule
from anomalib_ts.detectors.autoencoder.torch_model import ConvAutoencoder
from anomalib_ts.detectors.base import Capabilities, Detector
from anomalib_ts.errors import ConfigError
from anomalib_ts.recording import FloatArray, Recording
from anomalib_ts.training import (
    BatchSource,
    ShuffledBatches,
    TrainerSettings,
    run_network,
    seeded,
    train_module,
)
from anomalib_ts.windows import OverlapMean, Windows, check_window, training_windows

SHORTEST_WINDOW = 8
"""Points a window needs to be shortened by 4 and still be a sequence."""


class Autoencoder(Detector):
    """Convolutional autoencoder: a point's score is its squared reconstruction error.

    The error is measured in training scales and averaged over the channels and over all windows
    that hold the point.

    Args:
        window: points a window, at least 8.
        stride: points between two scored windows, in [1, window]; training uses all windows.
        width: channels inside encoder and decoder.
        features: channels of the feature map, which has one position for 4 points.
        batch_size: windows a training step.
        learning_rate: of Adam.
        seed: of the initial weights and the order of the windows.
        trainer: how long and on what to train; None for the defaults.

    Attributes:
        model_: the trained network, on the CPU.
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
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        seed: int = 0,
        trainer: TrainerSettings | None = None,
    ) -> None:
        self.window = window
        self.stride = stride
        self.width = width
        self.features = features
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.seed = seed
        self.trainer = trainer

    def _fit(self, train: tuple[Recording, ...]) -> None:
        check_deep_window(self.window, self.stride)
        self.model_ = fit_autoencoder(
            train,
            training_windows(train, self.window),
            width=self.width,
            features=self.features,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            seed=self.seed,
            settings=self.trainer or TrainerSettings(),
        )

    def _score(self, recording: Recording) -> FloatArray:
        return score_points(
            self.model_,
            self.model_.point_scores,
            recording,
            window=self.window,
            stride=self.stride,
            settings=self.trainer or TrainerSettings(),
        )


def check_deep_window(window: int, stride: int) -> None:
    """Check the window and stride of a detector built on the convolutional encoder.

    Raises:
        ConfigError: one of them is out of range.
    """
    check_window(window, stride)
    if window < SHORTEST_WINDOW:
        raise ConfigError(f"window must be at least {SHORTEST_WINDOW} points, not {window}")


def fit_autoencoder(
    recordings: tuple[Recording, ...],
    windows: BatchSource,
    *,
    width: int,
    features: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    settings: TrainerSettings,
) -> ConvAutoencoder:
    """Build an autoencoder for some recordings and train it on their windows."""
    with seeded(seed):
        model = ConvAutoencoder(recordings[0].channels, width, features)
    module = ReconstructionModule(model, learning_rate)
    batches = ShuffledBatches(windows, batch_size, seed)
    train_module(module, batches, settings, seed=seed, stage="autoencoder")
    return model


def score_points(
    network: nn.Module,
    function: Callable[[Tensor], Tensor],
    recording: Recording,
    *,
    window: int,
    stride: int,
    settings: TrainerSettings,
) -> FloatArray:
    """Score every point of a recording with a network that scores the points of windows.

    Args:
        network: holds the parameters.
        function: windows `(b, c, window)` to scores `(b, window)`.
        recording: what to score.
        window: points a window.
        stride: points between two windows.
        settings: which device, and whether to show progress.

    Returns:
        `(n,)`, the mean over the windows that hold a point.
    """
    windows = Windows([recording], window, stride)
    points = OverlapMean(len(recording), window)
    for starts, scores in run_network(
        network, function, windows, settings, stage=f"score {recording.name}"
    ):
        points.add(starts, scores)
    return points.mean()
