"""Local outlier factor of windows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import LocalOutlierFactor

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.classical.window_detector import WindowDetector, drawn_rows
from anomalib_ts.settings.fields import configured, setting


@configured
class Lof(WindowDetector):
    """Local outlier factor: windows in thinner places than their nearest neighbours are anomalous.

    By default a window is compared with those of the training recordings (novelty mode), equal
    ones counted once: among windows that are equal to more than `neighbours` others the density
    is infinite. A series that was trained on scores low, since it finds itself: use
    `protocol=prefix`, `given` or `folds`. In published mode the windows of the scored series are
    compared with each other, equal ones and all.

    Memory: `examples` windows in float32, and some numbers more for each of their neighbours; time
    O(examples n w). Beyond `examples` windows, those that are compared with are drawn at random;
    in published mode the windows are then scored as new ones, so that a drawn window is its own
    nearest neighbour.

    >>> import numpy as np
    >>> from anomalib_ts import Lof
    >>> wave = np.sin(np.arange(600) / 5)
    >>> new = wave[:200].copy()
    >>> new[100:104] += 2
    >>> 98 <= int(Lof(window=4).fit(wave).score(new).argmax()) <= 105
    True

    Attributes:
        window_: points a window.
        factor_: the fitted scikit-learn estimator.

    References:
        Breunig et al., LOF: identifying density-based local outliers, SIGMOD 2000.
    """

    neighbours: int = setting(20, "nearest windows that are looked at", at_least=1)
    examples: int = setting(
        100_000, "windows that are compared with at most, drawn at random beyond", at_least=2
    )
    seed: int = setting(0, "of the windows that are drawn")

    def _learn(self, windows: Windows) -> None:
        examples = drawn_rows(windows, self.examples, np.random.default_rng(self.seed))
        if not self._published:
            examples = np.unique(examples, axis=0)
        if len(examples) == 1:  # which has no neighbour
            examples = np.repeat(examples, 2, axis=0)
        self._compare_with(examples, not self._published or len(windows) > self.examples)

    def _compare_with(self, examples: NDArray[np.float32], novelty: bool) -> None:
        neighbours = min(self.neighbours, len(examples) - 1)
        factor = LocalOutlierFactor(n_neighbors=neighbours, novelty=novelty)
        self.factor_ = factor.fit(examples)

    def _state(self) -> dict[str, Any]:
        """The examples in the place of the estimator, whose trees no model file holds."""
        state = super()._state()
        if (factor := state.pop("factor_", None)) is not None:
            state |= {"examples_": factor._fit_X, "novelty_": factor.novelty}
        return state

    def _restore(self, state: dict[str, Any]) -> None:
        examples, novelty = state.pop("examples_", None), state.pop("novelty_", True)
        super()._restore(state)
        if examples is not None:
            self._compare_with(examples, novelty)

    def _point_scores(self, recording: Recording) -> FloatArray:
        if self.factor_.novelty:
            return super()._point_scores(recording)
        scores = -self.factor_.negative_outlier_factor_[: max(1, len(recording) - self.window_ + 1)]
        return self._to_points(scores, len(recording))

    def _window_scores(self, rows: NDArray[np.float32]) -> FloatArray:
        scores: FloatArray = -self.factor_.score_samples(rows)
        return scores
