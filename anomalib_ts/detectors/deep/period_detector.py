"""The base of TSB-UAD's neural baselines: windows of one period, as published or done right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, TypeVar

import torch
from torch import nn

from anomalib_ts.core.recording import FloatArray, Recording, RecordingLike
from anomalib_ts.core.windows import check_window
from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.classical.period import WindowLength, window_length
from anomalib_ts.detectors.deep.base import DeepDetector
from anomalib_ts.detectors.deep.published import (
    VALIDATED,
    WindowStopping,
    initialise,
    straightened,
)
from anomalib_ts.detectors.deep.score_function import ScoreFunction
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.modes import Mode
from anomalib_ts.errors import ConfigError
from anomalib_ts.settings.fields import configured, setting

Network = TypeVar("Network", bound=nn.Module)

HELD_BACK = 0.1
"""The share of the training windows that early stopping holds back by default."""


@configured
class PeriodDetector(DeepDetector[Network]):
    """A detector with windows of one period and early stopping of its own, in two modes.

    Early stopping holds back the last windows of each training recording, unless the trainer is
    given callbacks; `trainer.callbacks={}` trains without.

    In published mode it does what TSB-UAD did, so that figures can stand beside its table: one
    channel; no more than `published_epochs` epochs, and all of them where `trainer` is None; early
    stopping after each epoch on the last 15 % of the training windows, which overlap those that
    train, and the last weights are kept. With `window=period` the period is that of the scored
    series, so that the training recordings are kept and the network trains when a series is
    scored.
    """

    published_epochs: ClassVar[int] = 100
    shortest: ClassVar[int] = 2  # points that the network takes

    mode: Mode = setting(
        "default", "`published` repeats what TSB-UAD's table was made with, faults included"
    )
    # Wider than the parent's: whoever asks for points is told `_window`.
    window: WindowLength = setting(  # type: ignore[assignment]
        "period",
        "points a window, or `period` to estimate it from the longest training recording (the "
        "median over the channels, 125 where there is none, at most half its length); in "
        "published mode from the scored series",
        at_least=2,
    )
    stride: int = setting(1, "points between two windows, up to a window", at_least=1)
    batch_size: int = setting(64, "windows a training step", at_least=2)

    def _fit(self, train: tuple[Recording, ...]) -> None:
        if self._trains_late:
            self.steps_: dict[str, int] = {}
            self.train_ = train
            return
        self.window_ = self._window_length(max(train, key=len))
        check_window(self.window_, self.stride)
        super()._fit(train)

    def _score(self, recording: Recording) -> FloatArray:
        if self._trains_late:
            self.window = self._window_length(recording)  # forgotten afterwards, as all set here
            self._fit(self.train_)
        return self._window_scores(recording)

    def score_function(self, recording: RecordingLike) -> ScoreFunction | None:
        """None where the network trains on what it scores, see `Detector.score_function`."""
        late = self._as_fitted()._trains_late
        return (
            Detector.score_function(self, recording) if late else super().score_function(recording)
        )

    def _window_scores(self, recording: Recording) -> FloatArray:
        """Scores `(n,)` by the trained network."""
        return super()._score(recording)

    def _initialised(self, network: Network) -> Network:
        initialise(network)
        return network

    @property
    def _trains_late(self) -> bool:
        return self.mode == "published" and self.window == "period"

    @property
    def _window(self) -> int:
        return self.window_

    def _window_length(self, source: Recording) -> int:
        if self.window != "period":
            return self.window
        if self._trains_late:
            values = straightened(torch.tensor(source.values)).numpy()
            period = window_length("period", [replace(source, values=values)])
        else:
            period = min(window_length("period", [source]), len(source) // 2)
        return max(self.shortest, period)

    @property
    def _settings(self) -> TrainerSettings:
        published = self.mode == "published"
        settings = self.trainer or TrainerSettings(max_steps=-1 if published else 1000)
        if published:
            epochs = [settings.max_epochs, self.published_epochs]
            settings = replace(settings, max_epochs=min(one for one in epochs if one > 0))
        if settings.callbacks is None:
            settings = replace(settings, callbacks={"early_stopping": self._stopping()})
        return settings

    def _stopping(self) -> dict[str, Any]:
        published = self.mode == "published"
        return {
            "_target_": f"{WindowStopping.__module__}.{WindowStopping.__name__}",
            "share": VALIDATED if published else HELD_BACK,
            "published": published,
        }

    def _check_settings(self) -> None:
        Detector._check_settings(self)  # the parent's needs points
        if self.window != "period" and self.window < self.shortest:
            raise ConfigError(
                f"{type(self).__name__} needs windows of at least {self.shortest} points, not "
                f"{self.window}"
            )
