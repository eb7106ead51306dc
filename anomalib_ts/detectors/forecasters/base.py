"""What all forecasters do alike; they differ in their network alone."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor, nn

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.base import Capabilities
from anomalib_ts.detectors.deep.examples import Batches, BatchSource, ShuffledBatches, as_tensors
from anomalib_ts.detectors.deep.inference import SCORING_BATCH
from anomalib_ts.detectors.deep.networks import soft_clip
from anomalib_ts.detectors.deep.period_detector import HELD_BACK, PeriodDetector
from anomalib_ts.detectors.deep.published import held_back, min_max
from anomalib_ts.detectors.deep.score_function import cut
from anomalib_ts.detectors.forecasters.networks import ForecastModel
from anomalib_ts.detectors.modes import by_mode
from anomalib_ts.detectors.streaming import Margins
from anomalib_ts.settings.fields import configured, setting

ERROR_WINDOWS = 4096
"""Held-back windows, evenly spread, from which the typical error of a channel is taken."""


@configured
class Forecaster(PeriodDetector[ForecastModel]):
    """Forecasts every point from the window of points before it; a large error is anomalous.

    A new one writes `_forecasts`. By default all channels are forecast together, standardised by
    the training data. A score is the root mean square over the channels of the errors, each in
    units of the channel's typical error: that of the last tenth of the training windows, which
    early stopping holds back. The first `window` points of a recording, which have no whole window
    before them, score 1 as typical points do. No score depends on a later point.

    In published mode each window is scaled to [0, 1] together with the point to forecast, the
    score is the absolute error in that scale, and the first points have the score of the first
    point that is forecast. See `PeriodDetector` for what else differs.

    References:
        Paparrizos et al., TSB-UAD: an end-to-end benchmark suite for univariate time-series
        anomaly detection, PVLDB 15(8), 2022.
    """

    capabilities = by_mode(Capabilities(causal=True))

    stride: int = setting(
        1, "points between two training windows, up to a window; every point is scored", at_least=1
    )

    @abstractmethod
    def _forecasts(self, channels: int) -> nn.Module:
        """An untrained network from windows `(b, c, window_)` to the next points `(b, c)`."""

    def _network(self, train: tuple[Recording, ...]) -> ForecastModel:
        channels = train[0].channels
        prepare = min_max if self.mode == "published" else soft_clip
        return self._initialised(ForecastModel(self._forecasts(channels), channels, prepare))

    def _batches(self, windows: BatchSource) -> Batches:
        return ShuffledBatches(windows, self.batch_size, self.seed)

    def _learn(
        self, network: ForecastModel, windows: Windows, train: tuple[Recording, ...]
    ) -> None:
        super()._learn(network, windows, train)
        if self.mode == "default":
            _, held = held_back(windows, HELD_BACK, apart=True)
            held = held[:: -(-len(held) // ERROR_WINDOWS)]
            parts = np.array_split(held, -(-len(held) // SCORING_BATCH))
            with torch.inference_mode():
                errors = [network.errors(as_tensors(windows.gather(part))) for part in parts]
            network.set_error(torch.cat(errors))

    def _window_scores(self, recording: Recording) -> FloatArray:
        past = self.window_
        if len(recording) <= past:
            return np.ones(len(recording))
        windows = Windows([recording], self._window)
        parts = self._run(self.model_, self.model_.scores, windows, stage="score")
        scores = np.concatenate([part for _, part in parts]).astype(np.float64)
        first = scores[0] if self.mode == "published" else 1.0
        return np.concatenate([np.full(past, first), scores])

    def _tensor_scores(self, recording: Recording, x: Tensor) -> Tensor:
        del recording
        past = self.window_
        if len(x) <= past:
            return x.new_ones(len(x)) + 0 * x.sum()
        windows = Windows([Recording(x.detach().numpy())], self._window)
        errors = self.model_.errors(cut(windows, len(x), x)) / self.model_.error
        # The root of a mean square has no slope where a forecast is exact; a norm has 0.
        scores = torch.linalg.vector_norm(errors, dim=1) / math.sqrt(errors.shape[1])
        first = scores[0] if self.mode == "published" else scores.new_tensor(1.0)
        return torch.cat([first.expand(past), scores])

    @property
    def _margins(self) -> Margins | None:
        return None if self.capabilities.transductive else Margins(self.window_, 0)

    @property
    def _window(self) -> int:
        return self.window_ + 1  # the point to forecast stands behind its past
