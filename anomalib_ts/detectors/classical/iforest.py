"""Isolation forest on windows, and on single points."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.classical.period import WindowLength
from anomalib_ts.detectors.classical.window_detector import WindowDetector, drawn_rows
from anomalib_ts.settings.fields import configured, setting

SUBSAMPLE = 256
"""Windows a tree sees, scikit-learn's and the paper's choice."""

TRAINING_VALUES = 2**26
"""Values of windows held in memory at most when fitting."""


@configured
class IForest(WindowDetector):
    """Isolation forest: windows that random splits isolate early are anomalous.

    Each window of stride 1 is one example, its channels side by side. Each tree sees 256 windows,
    so no more than 256 per tree are ever drawn from the training data. Channels that never varied
    in training are given noise there, or else no tree would look at them; not so in published
    mode, which differs from the default in nothing else than what `WindowDetector` says.

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

    version: ClassVar[int] = 3

    trees: int = setting(100, "number of trees", at_least=1)
    seed: int = setting(0, "of the trees")

    def _learn(self, windows: Windows) -> None:
        random = np.random.default_rng(self.seed)
        affordable = TRAINING_VALUES // (windows.window * windows.channels)
        most = max(SUBSAMPLE, min(self.trees * SUBSAMPLE, affordable))
        examples = drawn_rows(windows, most, random)
        if not self._published:
            add_noise(examples, random)
        self.forest_ = grown(examples, self.trees, self.seed)

    def _window_scores(self, rows: NDArray[np.float32]) -> FloatArray:
        scores: FloatArray = -self.forest_.score_samples(rows)
        return scores


@configured
class IForest1(IForest):
    """Isolation forest of single points, TSB-UAD's IForest1: `IForest` with windows of one point.

    >>> from anomalib_ts import IForest1
    >>> int(IForest1().fit([0.0, 1.0, 2.0, 1.0] * 50).score([1.0, 1.0, 7.0, 1.0]).argmax())
    2
    """

    window: WindowLength = setting(1)


def grown(examples: NDArray[np.float32], trees: int, seed: int) -> IsolationForest:
    """An isolation forest of examples `(m, d)`, each tree grown on 256 of them.

    >>> grown(np.zeros((300, 2), dtype=np.float32), trees=3, seed=0).max_samples
    256
    """
    size = min(SUBSAMPLE, len(examples))
    forest = IsolationForest(n_estimators=trees, max_samples=size, random_state=seed)
    return forest.fit(examples)


def add_noise(examples: NDArray[np.float32], random: np.random.Generator) -> None:
    """Give constant columns noise of one deviation, in place.

    No tree splits on a column that never varies, so that the forest would be blind to a change.

    >>> examples = np.zeros((5, 1), dtype=np.float32)
    >>> add_noise(examples, np.random.default_rng(0))
    >>> bool(np.ptp(examples) > 0)
    True
    """
    constant = np.flatnonzero(np.ptp(examples, axis=0) == 0)
    shape = (len(examples), len(constant))
    examples[:, constant] += random.standard_normal(shape, dtype=np.float32)
