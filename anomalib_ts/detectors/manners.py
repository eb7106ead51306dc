"""What scikit-learn expects of an estimator beside `fit` and `score`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn import exceptions

from anomalib_ts.core.recording import FloatArray, Recording, RecordingLike
from anomalib_ts.errors import InputError, NotFittedError

LEVEL = 0.99
"""The share of training points that `predict` calls normal."""

SAMPLE_POINTS = 2048
SAMPLE_VALUES = 2**17
"""Of the training data, at most so much is kept to find the threshold of `predict`."""


class UnfittedError(NotFittedError, exceptions.NotFittedError):
    """The error of this package, which scikit-learn's tools take for theirs."""


class EstimatorManners:
    """The methods and attributes by which scikit-learn's tools use a detector.

    >>> import numpy as np
    >>> from sklearn.model_selection import cross_val_score
    >>> from anomalib_ts import Mahalanobis
    >>> values = np.random.default_rng(0).standard_normal((300, 2))
    >>> labels = np.zeros(300, int)
    >>> labels[::50] = 1
    >>> values[::50] += 9
    >>> cross_val_score(Mahalanobis(), values, labels, scoring="roc_auc").min().item()
    1.0
    """

    n_channels_: int
    channel_names_: tuple[str, ...] | None
    _healthy_: NDArray[np.float32]

    @abstractmethod
    def fit(self, train: RecordingLike | Sequence[RecordingLike], y: None = None) -> Self:
        """Learn from training data."""

    @abstractmethod
    def score(self, recording: RecordingLike, y: None = None) -> FloatArray:
        """Score every point; higher is more anomalous."""

    @abstractmethod
    def _score_as_fitted(self, given: Recording) -> FloatArray:
        """Score a standardised recording."""

    def score_samples(self, X: RecordingLike) -> FloatArray:  # noqa: N803 - scikit-learn's name
        """The scores `(n,)` with scikit-learn's sign: higher is more normal."""
        return -self.score(X)

    def decision_function(self, X: RecordingLike) -> FloatArray:  # noqa: N803
        """How far each score lies above `threshold_`, `(n,)`: positive where `predict` says 1.

        As of a classifier of labels 1 for anomalous; scikit-learn's outlier detectors, whose label
        for that is -1, have the other sign.
        """
        return self.score(X) - self.threshold_

    def predict(self, X: RecordingLike) -> NDArray[np.int64]:  # noqa: N803
        """Which points score above `threshold_`: `(n,)` of 0 (normal) and 1 (anomalous).

        >>> import numpy as np
        >>> from anomalib_ts import Mahalanobis
        >>> noise = np.random.default_rng(0).standard_normal(500)
        >>> Mahalanobis().fit(noise).predict([0.0, 0.1, 20.0, 0.2]).tolist()
        [0, 0, 1, 0]
        """
        return (self.decision_function(X) > 0).astype(np.int64)

    def fit_predict(self, X: RecordingLike, y: None = None) -> NDArray[np.int64]:  # noqa: N803
        """`fit(X).predict(X)`."""
        return self.fit(X, y).predict(X)

    @property
    def threshold_(self) -> float:
        """The score above which `predict` says 1.

        A hundredth of the last 2,048 training points (of the longest recording; fewer where there
        are more than 64 channels) scores higher. A detector that has seen these points may well
        score new healthy ones higher, so for a stated rate of false alarms set a threshold on
        healthy data that were held back.

        Raises:
            NotFittedError: `fit` was not called.
            InputError: the detector comes from a file that was written before there were these.
        """
        if hasattr(self, "n_channels_") and not hasattr(self, "_healthy_"):
            raise InputError(
                f"this {type(self).__name__} was saved by a version that kept no training points, "
                "so it has no threshold; fit it again, or compare its scores with those of healthy "
                "data"
            )
        scores = self._score_as_fitted(Recording(self._healthy_))
        return float(np.quantile(scores, LEVEL))

    @property
    def n_features_in_(self) -> int:
        """`n_channels_`, as scikit-learn calls it."""
        return self.n_channels_

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """`channel_names_`, as scikit-learn has them; there is no such attribute without names."""
        if self.channel_names_ is None:
            raise AttributeError("the training data had no channel names")
        return np.array(self.channel_names_, dtype=object)


def healthy_sample(train: Sequence[Recording]) -> NDArray[np.float32]:
    """The last points `(m, c)` of the longest recording that has no anomaly labelled.

    >>> healthy_sample([Recording(np.zeros(5000)), Recording(np.zeros(10))]).shape
    (2048, 1)
    """
    normal = [recording for recording in train if not recording.anomalous_points.any()]
    longest = max(normal or train, key=len)
    points = min(SAMPLE_POINTS, max(1, SAMPLE_VALUES // longest.channels))
    return longest.values[-points:].copy()
