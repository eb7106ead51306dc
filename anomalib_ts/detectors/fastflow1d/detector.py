"""FastFlow-1D as a detector."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.autoencoder.detector import ConvolutionalDetector
from anomalib_ts.detectors.autoencoder.torch_model import DOWNSAMPLING
from anomalib_ts.detectors.deep.examples import as_tensors
from anomalib_ts.detectors.deep.training_loop import seeded
from anomalib_ts.detectors.fastflow1d.held_back import divided
from anomalib_ts.detectors.fastflow1d.lightning_model import LikelihoodModule
from anomalib_ts.detectors.fastflow1d.torch_model import (
    SCORES,
    FastFlowModel,
    raw_windows,
)
from anomalib_ts.settings.fields import configured, setting

MOST_WINDOWS = 20_000
"""Raw windows that the principal components are learnt from."""

MOST_VALUES = 2**24
"""Values of these windows together."""

FLOW_RATE = 3
"""The flows' learning rate at its height, as a multiple of `learning_rate`."""


@configured
class FastFlow1D(ConvolutionalDetector[FastFlowModel]):
    """Normalising flows over the features of a convolutional autoencoder and over raw windows.

    First an autoencoder learns to rebuild normal windows; then its encoder is frozen and a flow
    of FastFlow steps learns the density of the feature map; then another one that of the
    principal components of 64 raw points. Points whose features are unlikely are anomalous, and
    by default also those that the autoencoder rebuilds badly or whose raw window is unlikely.
    `scoring=latent` is FastFlow's own score, that of the paper. A recording is
    scored by one pass of the networks, whatever its length; a score sees some 40 points beyond
    half its `smoothing`, before and after.

    >>> import numpy as np
    >>> from anomalib_ts import FastFlow1D, TrainerSettings
    >>> wave = np.sin(np.arange(400) / 5)
    >>> detector = FastFlow1D(window=16, width=8, features=8, trainer=TrainerSettings(max_steps=2))
    >>> detector.fit(wave[:200]).score(wave[200:]).shape
    (200,)

    References:
        Yu et al., FastFlow: unsupervised anomaly detection and localization via 2D normalizing
        flows, arXiv:2111.07677, 2021.
        Time-series anomaly detection with a normalising flow on TSB-UAD, Proceedings of the
        Korean Society of Computer Information summer conference 31(2), 2023 (in Korean).
    """

    version: ClassVar[int] = 6

    window: int = setting(512)
    batch_size: int = setting(8)
    width: int = setting(
        32, "channels inside encoder and decoder, and inside the flow's couplings", at_least=1
    )
    features: int = setting(
        32, "channels of the feature map, which has one position for 4 points", at_least=2
    )
    flow_steps: int = setting(6, "steps of the flow", at_least=1)
    scoring: Literal["largest", "latent", "likelihood", "reconstruction", "window"] = setting(
        "largest",
        "`latent` for half the mean squared latent, FastFlow's own anomaly map, `likelihood` for "
        "the negative log-likelihood, `reconstruction` for the autoencoder's squared error, "
        "`window` for half the mean squared latent of the raw window, or `largest` for the "
        "largest of the four, each in deviations of its logarithm in training",
    )
    smoothing: int = setting(
        64, "a score is the mean over so many points around its own; 1 for itself", at_least=1
    )
    held_back: float = setting(
        0.15,
        "share of each training recording, its end, that `scoring=largest` learns its deviations "
        "from and the networks do not see; where it is shorter than `smoothing` in all of them, "
        "whole recordings, or, of few, so many points of the longest, if it has twice as many",
        at_least=0,
        at_most=0.5,
    )

    def _fit(self, train: tuple[Recording, ...]) -> None:
        learning, held = self._divided(train)
        super()._fit(learning)
        if self.scoring != "largest":
            return
        scorer = partial(self.model_.scores, smoothing=self.smoothing)
        scores = [
            self._in_chunks(self.model_, scorer, one, stage="calibration")
            for one in held or learning
        ]
        self.model_.calibrate(torch.from_numpy(np.concatenate(scores, axis=1)))

    def _divided(
        self, train: tuple[Recording, ...]
    ) -> tuple[tuple[Recording, ...], tuple[Recording, ...]]:
        """What the networks learn from, and what is held back from them."""
        share = self.held_back if self.scoring == "largest" else 0
        return divided(train, share, self.smoothing)

    def _network(self, train: tuple[Recording, ...]) -> FastFlowModel:
        autoencoder = self._autoencoder(train)
        with seeded(self.seed):  # the flow starts alike, whatever the encoder has drawn before
            return FastFlowModel(
                autoencoder, self.features, self.width, self.flow_steps, self._window
            )

    def _learn(
        self, network: FastFlowModel, windows: Windows, train: tuple[Recording, ...]
    ) -> None:
        encoder = network.autoencoder
        self._train(encoder, encoder.loss, self._batches(windows), stage="autoencoder")
        side_by_side = Windows(train, self._window, self._window)
        network.set_feature_moments(*self._feature_moments(network, side_by_side))
        network.set_components(*self._components(network, side_by_side))
        losses = {"flow": network.loss, "window flow": network.window_loss}
        for stage, loss in losses.items():
            module = LikelihoodModule(network, loss, FLOW_RATE * self.learning_rate)
            self._train_module(module, self._batches(windows), stage=stage)

    def _components(
        self, network: FastFlowModel, windows: Windows
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, principal components and their deviations of the raw windows in some windows."""
        values = windows.channels * network.points
        positions = -(-self._window // DOWNSAMPLING)
        most = max(1, min(MOST_WINDOWS, MOST_VALUES // values) // positions)
        chosen = np.linspace(0, len(windows) - 1, min(len(windows), most)).astype(np.int64)
        rows = raw_windows(as_tensors(windows.gather(chosen)), network.points).double().numpy()
        count = min(len(network.basis), *rows.shape)
        with np.errstate(divide="ignore", invalid="ignore"):  # of constant data, of one window
            found = PCA(count, random_state=self.seed).fit(rows)
        deviations = np.sqrt(np.nan_to_num(found.explained_variance_))
        parts = (found.mean_, found.components_, deviations)
        mean, components, scales = (torch.from_numpy(part).float() for part in parts)
        return mean, components, scales

    def _scores(self, recording: Recording, x: Tensor) -> Tensor:
        del recording
        scores = self.model_.scores(x, self.smoothing)
        if self.scoring == "largest":
            return self.model_.largest(scores)
        return scores[:, SCORES.index(self.scoring)]

    @property
    def _reach(self) -> int:
        # Each kernel of 3 reaches one feature position further: two in every other step.
        return super()._reach + DOWNSAMPLING * (self.flow_steps + 2) + self.smoothing

    def _feature_moments(self, network: FastFlowModel, windows: Windows) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation `(features,)` of the feature map over some windows."""
        encoder = network.autoencoder
        count, total, squares = 0, 0.0, 0.0
        for _, features in self._run(encoder, encoder.encode, windows, stage="features"):
            values = features.astype(np.float64)
            count += values.shape[0] * values.shape[2]
            total = total + values.sum(axis=(0, 2))
            squares = squares + np.square(values).sum(axis=(0, 2))
        mean = np.asarray(total / count)
        variance = np.maximum(squares / count - np.square(mean), 0)
        return torch.from_numpy(mean), torch.from_numpy(np.sqrt(variance))
