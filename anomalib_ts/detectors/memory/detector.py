"""The memory as a detector: a representation and a scorer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.core.windows import Windows, training_windows
from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.capabilities import Capabilities, by_settings
from anomalib_ts.detectors.classical.period import WindowLength, window_length
from anomalib_ts.detectors.classical.window_detector import (
    BATCH_VALUES,
    drawn_windows,
    mean_scores,
)
from anomalib_ts.detectors.memory.nearest import Nearest
from anomalib_ts.detectors.memory.representations import Raw, Representation, Rows, Values
from anomalib_ts.detectors.memory.scorers import Scorer
from anomalib_ts.errors import InputError
from anomalib_ts.settings.fields import configured, setting

TRAINING_VALUES = 2**24
"""Values of windows that are drawn at most to learn from."""

SMALLEST = 1e-3
"""Of the deviations of numbers without a common unit, which are those of standardised values, or
else as a share of the root of their mean square."""

LARGEST = float(np.finfo(np.float32).max) / 2**16
"""Of values that are given to a representation in the unit of the data: sums of them are finite."""


@configured
class Memory(Detector):
    """How far a window, or a whole clip, lies from those of the training data.

    Two choices make it: the `representation` says what windows are compared by, the `scorer` how
    far one lies from the training data's. Windows have stride 1, and a point's score is the mean
    over the windows that hold it. With statistics of whole recordings, each recording has one
    score, and there must be several to learn from.

    A series that was trained on scores low where windows are compared with single others, since it
    finds itself: use `protocol=prefix`, `given` or `folds`.

    At most `examples` training windows (fewer where they would hold more than 2^24 values) are
    drawn to learn from. Time a window and memory are those of the scorer.

    >>> import numpy as np
    >>> from anomalib_ts import Memory
    >>> from anomalib_ts.detectors.memory import MahalanobisDistance, ZNormalised
    >>> wave = np.sin(np.arange(600) / 5)
    >>> new = wave[:200].copy()
    >>> new[100:104] += 2
    >>> 96 <= int(Memory(window=8).fit(wave).score(new).argmax()) <= 107
    True
    >>> other = Memory(window=8, representation=ZNormalised(), scorer=MahalanobisDistance())
    >>> 92 <= int(other.fit(wave).score(new).argmax()) <= 111
    True

    Attributes:
        window_: points a window; 0 for whole recordings.
        representation_: with what it has learnt.
        scorer_: with what it has learnt.
        mean_: `(d,)`, taken from the rows that the representation makes; 0 where they have a unit.
        deviation_: `(d,)` that they are divided by; 1 where they have a unit.

    References:
        Roth et al., Towards total recall in industrial anomaly detection (PatchCore), CVPR 2022,
        for a memory thinned to a coreset.
    """

    # Whole recordings are compared as such, so that all points of one score alike.
    capabilities = by_settings(
        Capabilities(), lambda one: {"transductive": one._representation.whole}
    )

    window: WindowLength = setting(
        64,
        "points a window, or `period` to estimate it from the longest training recording (the "
        "median over the channels, 125 where there is none, at most its length)",
        at_least=1,
    )
    representation: Representation | None = setting(
        None, "what a window is compared by; None for its values", choice="raw"
    )
    scorer: Scorer | None = setting(
        None, "how far it lies from the others; None for the nearest", choice="nearest"
    )
    examples: int = setting(
        20_000, "training windows that are learnt from at most, drawn at random beyond", at_least=2
    )
    seed: int = setting(0, "of what is drawn, and of the scorer")

    def _check_settings(self) -> None:
        super()._check_settings()
        self._representation.unfitted()
        self._scorer.unfitted()

    @property
    def _representation(self) -> Representation:
        return self.representation or Raw()

    @property
    def _scorer(self) -> Scorer:
        nearest: Any = Nearest  # whose defaults type checkers do not see
        return self.scorer or nearest()

    def _fit(self, train: tuple[Recording, ...]) -> None:
        self.representation_ = self._representation.unfitted()
        self.scorer_ = self._scorer.unfitted()
        whole = self.representation_.whole
        if whole and len(train) == 1:
            raise InputError(
                "whole recordings are compared, and there is one to learn from; use several, or "
                "set detector.representation.of=window"
            )
        self.window_ = 0 if whole else window_length(self.window, train)
        self.representation_.learn(train, self.window_, self.seed)
        rows = self._examples(train)
        self.mean_ = np.zeros(rows.shape[1], dtype=np.float32)
        self.deviation_ = np.ones_like(self.mean_)
        if self.representation_.mixed:
            self.mean_ = rows.mean(axis=0)
            deviation = rows.std(axis=0)
            unit = np.sqrt(np.square(deviation).mean()) if self.representation_.original else 1
            self.deviation_ = np.maximum(deviation, np.float32(SMALLEST * (unit or 1)))
        self.scorer_.learn((rows - self.mean_) / self.deviation_, self.seed)

    def _examples(self, train: tuple[Recording, ...]) -> Rows:
        """Rows `(m, d)` of training windows, or of training recordings."""
        if not self.window_:
            return np.concatenate([row for one in train for row in self._rows(one)])
        windows = training_windows(train, self.window_)
        most = min(self.examples, max(2, TRAINING_VALUES // (self.window_ * windows.channels)))
        return self._represented(drawn_windows(windows, most, np.random.default_rng(self.seed)))

    def _rows(self, recording: Recording) -> Iterator[Rows]:
        """Rows of all windows of a recording in order, a batch at a time."""
        if not self.window_:
            yield self._represented(np.ascontiguousarray(recording.values.T)[None])
            return
        windows = Windows([recording], self.window_)
        for _, values in windows.batches(max(1, BATCH_VALUES // (self.window_ * windows.channels))):
            yield self._represented(values)

    def _represented(self, windows: Values) -> Rows:
        """Rows `(b, d)` of standardised windows `(b, c, w)`."""
        if self.representation_.original:
            values = self.scaler_.inverse(windows.transpose(0, 2, 1)).transpose(0, 2, 1)
            windows = np.clip(values, -LARGEST, LARGEST).astype(np.float32)
        return self.representation_.rows(windows)

    def _score(self, recording: Recording) -> FloatArray:
        scores = np.concatenate(
            [
                self.scorer_.scores((rows - self.mean_) / self.deviation_)
                for rows in self._rows(recording)
            ]
        )
        if not self.window_:
            return np.full(len(recording), scores[0])
        return mean_scores(scores, len(recording), self.window_)

    def _state(self) -> dict[str, Any]:
        """Of the two parts, what they have learnt; their settings are the detector's."""
        state = super()._state()
        return state | {name: state[name].state() for name in ("representation_", "scorer_")}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        fitted = type(self)(**self._params_of_fit_)
        for name in ("representation", "scorer"):
            part = getattr(fitted, f"_{name}").unfitted()
            part.restore(getattr(self, f"{name}_"))
            setattr(self, f"{name}_", part)
