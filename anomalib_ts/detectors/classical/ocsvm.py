"""One-class support vector machine on windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import OneClassSVM

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.core.windows import Windows, training_windows
from anomalib_ts.detectors.classical.period import window_length
from anomalib_ts.detectors.classical.window_detector import WindowDetector, drawn_rows
from anomalib_ts.settings.fields import configured, setting

TRAINING_SHARE = 0.1
"""The share of the scored series that trains in published mode."""


@configured
class Ocsvm(WindowDetector):
    """One-class SVM: windows outside the region that holds most training windows are anomalous.

    Radial basis functions with `gamma = 1 / (c w)`. A window's score is minus the decision
    function, computed by blocks of matrix products rather than libsvm, one window at a time.

    By default windows keep their level and size. In published mode each window is first scaled to
    [0, 1] by its own minimum and maximum, so that it has neither, and the first tenth of the
    scored series trains.

    Memory: `examples` windows in double precision and libsvm's cache of 200 MB; time grows with
    their square. Beyond that, training windows are drawn at random.

    >>> import numpy as np
    >>> from anomalib_ts import Ocsvm
    >>> wave = np.sin(np.arange(600) / 5)
    >>> new = wave[:200].copy()
    >>> new[100:104] += 2
    >>> 98 <= int(Ocsvm(window=4).fit(wave).score(new).argmax()) <= 105
    True

    Attributes:
        window_: points a window.
        support_vectors_: `(k, c w)`, the training windows that bound the region.
        weights_: `(k,)`, of each in the decision function.
        intercept_: of the decision function.

    References:
        Schölkopf et al., Estimating the support of a high-dimensional distribution, Neural
        Computation 13(7), 2001.
    """

    nu: float = setting(
        0.05, "share of the training windows that may lie outside", above=0.0, at_most=1.0
    )
    examples: int = setting(
        25_000, "windows that train at most, drawn at random beyond", at_least=1
    )
    seed: int = setting(0, "of the windows that are drawn")

    def _learn_from(self, recordings: Sequence[Recording]) -> None:
        self.window_ = window_length(self.window, recordings, published=self._published)
        if self._published:
            recordings = [r[: max(1, int(TRAINING_SHARE * len(r)))] for r in recordings]
        self._learn(training_windows(recordings, self.window_))

    def _learn(self, windows: Windows) -> None:
        examples = drawn_rows(windows, self.examples, np.random.default_rng(self.seed))
        machine = OneClassSVM(gamma="auto", nu=self.nu)
        machine.random_state = self.seed  # or it changes numpy's global state, to no effect
        machine.fit(self._scaled(examples))
        self.support_vectors_ = machine.support_vectors_
        self.weights_ = machine.dual_coef_[0]
        self.intercept_ = float(machine.intercept_[0])

    def _window_scores(self, rows: NDArray[np.float32]) -> FloatArray:
        x, support = self._scaled(rows), self.support_vectors_
        squares = np.square(support).sum(axis=1)
        scores = np.empty(len(x))
        size = max(1, rows.size // (len(support) + 1))  # as many values as the batch has
        for start in range(0, len(x), size):
            part = x[start : start + size]
            distances = np.square(part).sum(axis=1)[:, None] + squares
            distances -= 2 * part @ support.T
            kernel = np.exp(np.maximum(distances, 0) / -x.shape[1])
            scores[start : start + size] = kernel @ self.weights_
        return -scores - self.intercept_

    def _scaled(self, rows: NDArray[np.float32]) -> FloatArray:
        values = rows.astype(np.float64)
        if not self._published:
            return values
        low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
        scaled: FloatArray = (values - low) / np.where(high > low, high - low, 1)
        return scaled
