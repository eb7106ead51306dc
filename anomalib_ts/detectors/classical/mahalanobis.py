"""Mahalanobis distance of windows."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from sklearn.covariance import LedoitWolf

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.core.windows import Windows, centre_scores, training_windows
from anomalib_ts.detectors.base import Capabilities, Detector
from anomalib_ts.detectors.streaming import Margins
from anomalib_ts.settings.fields import configured, setting

BATCH_VALUES = 2**22
"""Values of windows held in memory at a time when scoring."""

TRAINING_VALUES = 2**24
"""Values of windows that are drawn at most to estimate the covariance."""

FLOOR = 1e-6
"""Added to every variance (of standardised values), for channels that never vary."""


@configured
class Mahalanobis(Detector):
    """Squared Mahalanobis distance of a window from the training windows: one Gaussian.

    The linear yardstick for anything deep: on spectrograms with `window=1` it knows which bands
    rise and fall together, and nothing of time. Covariances are shrunk as Ledoit and Wolf have it,
    so that there may be fewer training windows than values in one. A window's score, divided by
    its number of values, goes to the point at its centre; 1 is what training data have on average.

    Two channels that rise and fall together, and a point at which they do not:

    >>> import numpy as np
    >>> from anomalib_ts import Mahalanobis
    >>> wave = np.sin(np.arange(300) / 5)
    >>> train = np.stack([wave, wave], axis=1)
    >>> new = train[:50].copy()
    >>> new[30, 1] *= -1
    >>> int(Mahalanobis().fit(train).score(new).argmax())
    30

    Attributes:
        mean_: `(window * c,)` of the standardised training windows.
        covariance_: `(window * c, window * c)`, shrunk.

    References:
        Ledoit and Wolf, A well-conditioned estimator for large-dimensional covariance matrices,
        Journal of Multivariate Analysis, 2004. The DCASE baselines since 2023 offer the distance
        in place of the reconstruction error.
    """

    capabilities = Capabilities()
    version: ClassVar[int] = 2

    window: int = setting(1, "points a window, of stride 1; 1 for single points", at_least=1)
    seed: int = setting(
        0, "of the training windows that are drawn where all would not fit into memory"
    )

    def _fit(self, train: tuple[Recording, ...]) -> None:
        windows = training_windows(train, self.window)
        most = max(1, TRAINING_VALUES // (self.window * windows.channels))
        drawn = np.random.default_rng(self.seed).choice(
            len(windows), min(len(windows), most), replace=False
        )
        examples = _rows(windows.gather(np.sort(drawn)))
        self.mean_, self.covariance_ = shrunk_gaussian(examples)
        self._factor = cho_factor(self.covariance_)

    def _score(self, recording: Recording) -> FloatArray:
        windows = Windows([recording], self.window)
        size = max(1, BATCH_VALUES // (self.window * recording.channels))
        scores = [
            mean_distances(_rows(w), self.mean_, self._factor) for _, w in windows.batches(size)
        ]
        return centre_scores(np.concatenate(scores), len(recording), self.window)

    @property
    def _margins(self) -> Margins:
        return Margins.centred(self.window)

    def _contributions(self, recording: Recording) -> FloatArray:
        """By how much the score falls if a channel is what all others make one expect.

        `(S^-1 z)_i' C_i (S^-1 z)_i / d`, S the covariance, C_i that of channel i given all others:
        a reconstruction-based contribution (Alcala and Qin, Automatica 45, 2009). A fault in one
        channel has its largest there whatever the correlations, which is not so for the parts
        `z_i (S^-1 z)_i` that add up to the score: a sensor that drops to its mean has none of
        these. Of two channels alone nobody can say which has left the other.
        """
        windows = Windows([recording], self.window)
        size = max(1, BATCH_VALUES // (self.window * recording.channels))
        given_others = conditional_covariances(self._factor, recording.channels)
        parts = np.concatenate(
            [self._falls(_rows(w), given_others) for _, w in windows.batches(size)]
        )
        return np.stack(
            [centre_scores(part, len(recording), self.window) for part in parts.T], axis=1
        )

    def _falls(self, rows: FloatArray, given_others: FloatArray) -> FloatArray:
        """`(b, c)` of some windows `(b, d)`."""
        _, solved = _centred_and_solved(rows, self.mean_, self._factor)
        by_channel = solved.reshape(len(rows), len(given_others), -1)
        falls = np.einsum("bci,cij,bcj->bc", by_channel, given_others, by_channel, optimize=True)
        return np.asarray(falls / rows.shape[1])


def conditional_covariances(factor: tuple[Any, bool], channels: int) -> FloatArray:
    """`(c, w, w)` the covariance of each channel's w values if those of all others are known.

    >>> factor = cho_factor(np.array([[1.0, 0.8], [0.8, 1.0]]))
    >>> conditional_covariances(factor, 2).ravel().round(2).tolist()
    [0.36, 0.36]

    Args:
        factor: `scipy.linalg.cho_factor` of the covariance of all `c * w` values.
        channels: c.
    """
    precision = cho_solve(factor, np.eye(len(factor[0])))
    window = len(precision) // channels
    blocks = precision.reshape(channels, window, channels, window)
    found: FloatArray = np.linalg.inv(np.einsum("cicj->cij", blocks))
    return found


def shrunk_gaussian(examples: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean `(d,)` and covariance `(d, d)` of examples `(m, d)`, shrunk as by Ledoit and Wolf.

    >>> mean, covariance = shrunk_gaussian(np.array([[0.0, 1.0], [2.0, 1.0]]))
    >>> mean.tolist(), covariance.shape
    ([1.0, 1.0], (2, 2))
    """
    if len(examples) == 1:  # which has no covariance, and scikit-learn warns of that
        examples = np.repeat(examples, 2, axis=0)
    found = LedoitWolf().fit(examples)
    return found.location_, found.covariance_ + FLOOR * np.eye(examples.shape[1])


def mean_distances(rows: FloatArray, mean: FloatArray, factor: tuple[Any, bool]) -> FloatArray:
    """Squared Mahalanobis distances `(b,)` of rows `(b, d)`, divided by their number of values.

    >>> mean_distances(np.array([[3.0, 1.0]]), np.zeros(2), cho_factor(np.eye(2))).tolist()
    [5.0]

    Args:
        rows: to score.
        mean: `(d,)` of the Gaussian.
        factor: `scipy.linalg.cho_factor` of its covariance.
    """
    centred, solved = _centred_and_solved(rows, mean, factor)
    distances: FloatArray = np.einsum("ij,ij->i", centred, solved) / rows.shape[1]
    return distances


def _centred_and_solved(
    rows: FloatArray, mean: FloatArray, factor: tuple[Any, bool]
) -> tuple[FloatArray, FloatArray]:
    centred = rows - mean
    return centred, cho_solve(factor, centred.T).T


def _rows(windows: NDArray[np.float32]) -> FloatArray:
    """Windows `(b, c, w)` as rows `(b, c * w)` in double precision."""
    return windows.reshape(len(windows), -1).astype(np.float64)
