"""The fully connected autoencoder of TSB-UAD as a detector."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor
from torch.nn import functional

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.core.windows import Windows, centre_scores
from anomalib_ts.detectors.base import Capabilities
from anomalib_ts.detectors.deep.examples import Batches, BatchSource
from anomalib_ts.detectors.deep.period_detector import PeriodDetector
from anomalib_ts.detectors.deep.published import OrderedBatches
from anomalib_ts.detectors.deep.score_function import cut
from anomalib_ts.detectors.mlp_autoencoder.torch_model import MlpAutoencoderModel
from anomalib_ts.detectors.modes import by_mode
from anomalib_ts.settings.fields import configured


@configured
class MlpAutoencoder(PeriodDetector[MlpAutoencoderModel]):
    """TSB-UAD's `AE`: windows that a small fully connected network cannot rebuild are anomalous.

    By default windows are standardised by the training data, all channels side by side, and a
    point's score is its squared error, averaged over the channels and over all windows that hold
    it.

    In published mode each window is scaled to [0, 1] by itself, so that its level and size are
    lost; ReLU follows the output, too; windows train in order; and a window's mean absolute error
    is the score of the point at its centre. See `PeriodDetector` for what else differs.

    >>> import numpy as np
    >>> from anomalib_ts import MlpAutoencoder, TrainerSettings
    >>> wave = np.sin(np.arange(400) / 5)
    >>> detector = MlpAutoencoder(window=16, trainer=TrainerSettings(max_steps=2)).fit(wave[:200])
    >>> detector.score(wave[200:]).shape
    (200,)

    References:
        Paparrizos et al., TSB-UAD: an end-to-end benchmark suite for univariate time-series
        anomaly detection, PVLDB 15(8), 2022.
    """

    capabilities = by_mode(Capabilities())

    def _network(self, train: tuple[Recording, ...]) -> MlpAutoencoderModel:
        published = self.mode == "published"
        channels = train[0].channels
        return self._initialised(MlpAutoencoderModel(channels, self.window_, published=published))

    def _batches(self, windows: BatchSource) -> Batches:
        if self.mode == "published":
            return OrderedBatches(windows, self.batch_size, self.seed)
        return super()._batches(windows)

    def _window_scores(self, recording: Recording) -> FloatArray:
        if self.mode == "default":
            return super()._window_scores(recording)
        windows = Windows([recording], self.window_)
        parts = self._run(self.model_, self.model_.scores, windows, stage="score")
        scores = np.concatenate([part for _, part in parts])
        return centre_scores(scores, len(recording), self.window_)

    def _tensor_scores(self, recording: Recording, x: Tensor) -> Tensor:
        if self.mode == "default":
            return super()._tensor_scores(recording, x)
        windows = Windows([Recording(x.detach().numpy())], self.window_)
        scores = self.model_.scores(cut(windows, len(x), x))
        padding = (self.window_ // 2, (self.window_ - 1) // 2)
        return functional.pad(scores[None], padding, mode="replicate")[0, : len(x)]

    @property
    def _channel_scores(self) -> Callable[[Tensor], Tensor] | None:
        return self.model_.channel_scores if self.mode == "default" else None
