"""Isolation forest on windows."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.core.windows import (
    Windows,
    centre_scores,
    find_period,
    training_windows,
)
from anomalib_ts.detectors.base import Capabilities, Detector
from anomalib_ts.detectors.streaming import Margins
from anomalib_ts.settings.fields import configured, setting

SUBSAMPLE = 256
"""Windows a tree sees, scikit-learn's and the paper's choice."""

BATCH_VALUES = 2**22
"""Values of windows held in memory at a time when scoring."""

TRAINING_VALUES = 2**26
"""Values of windows held in memory at most when fitting."""


@configured
class IForest(Detector):
    """Isolation forest: windows that random splits isolate early are anomalous.

    Each window of stride 1 is one example, its channels side by side, and its score goes to the
    point at its centre, as in TSB-UAD (`IForest`; `window=1` is its `IForest1`). Each tree sees
    256 windows, so no more than 256 per tree are ever drawn from the training data. Channels that
    never varied in training are given noise there, or else no tree would look at them.

    >>> import numpy as np
    >>> from anomalib_ts import IForest
    >>> wave = np.sin(np.arange(600) / 5)
    >>> new = wave[:200].copy()
    >>> new[100:104] += 2
    >>> scores = IForest(window=4).fit(wave).score(new)
    >>> 98 <= int(scores.argmax()) <= 105
    True

    Attributes:
        window_: points a window.
        forest_: the fitted scikit-learn forest.

    References:
        Liu, Ting and Zhou, Isolation forest, ICDM 2008.
    """

    capabilities = Capabilities()
    version: ClassVar[int] = 2

    window: int | Literal["period"] = setting(
        "period",
        "points a window, or `period` to estimate it from the longest training recording (the "
        "median over the channels, 125 where there is none, at most its length)",
        at_least=1,
    )
    trees: int = setting(100, "number of trees", at_least=1)
    seed: int = setting(0, "of the trees")

    def _fit(self, train: tuple[Recording, ...]) -> None:
        self.window_ = self._window_length(train)
        examples = self._training_examples(training_windows(train, self.window_))
        forest = IsolationForest(
            n_estimators=self.trees,
            max_samples=min(SUBSAMPLE, len(examples)),
            random_state=self.seed,
        )
        self.forest_ = forest.fit(examples)

    def _score(self, recording: Recording) -> FloatArray:
        windows = Windows([recording], self.window_)
        size = max(1, BATCH_VALUES // (self.window_ * recording.channels))
        scores = [-self.forest_.score_samples(_flat(w)) for _, w in windows.batches(size)]
        return centre_scores(np.concatenate(scores), len(recording), self.window_)

    @property
    def _margins(self) -> Margins:
        return Margins.centred(self.window_)

    def _window_length(self, train: tuple[Recording, ...]) -> int:
        if self.window != "period":
            return int(self.window)
        longest = max(train, key=len)
        periods = [find_period(channel) for channel in longest.values.T]
        return min(int(np.median(periods)), len(longest))

    def _training_examples(self, windows: Windows) -> NDArray[np.float32]:
        affordable = TRAINING_VALUES // (windows.window * windows.channels)
        count = min(len(windows), max(SUBSAMPLE, min(self.trees * SUBSAMPLE, affordable)))
        random = np.random.default_rng(self.seed)
        drawn = random.choice(len(windows), count, replace=False)
        return _with_noise(_flat(windows.gather(np.sort(drawn))), random)


def _with_noise(examples: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Examples whose constant columns have noise of one deviation.

    No tree splits on a column that never varies, so that the forest would be blind to a change.
    """
    constant = np.flatnonzero(np.ptp(examples, axis=0) == 0)
    shape = (len(examples), len(constant))
    examples[:, constant] += random.standard_normal(shape, dtype=np.float32)
    return examples


def _flat(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    return windows.reshape(len(windows), -1)
