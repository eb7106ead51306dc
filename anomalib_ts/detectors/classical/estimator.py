"""Any outlier detector of scikit-learn or PyOD, on windows."""

from __future__ import annotations

import inspect
import threading
from abc import ABC
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import OutlierMixin

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.core.windows import Windows, training_windows
from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.classical.period import WindowLength, window_length
from anomalib_ts.detectors.classical.window_detector import batches_of, drawn_rows, mean_scores
from anomalib_ts.errors import ConfigError, InputError
from anomalib_ts.settings.config import create
from anomalib_ts.settings.fields import configured, setting

WHERE = "detector.estimator"

_PYOD = "pyod.models.base.BaseDetector"
_GLOBAL_STATE = threading.Lock()


class OutlierEstimator(ABC):  # noqa: B024 - what it asks for is in the hook
    """What counts as an outlier detector: scikit-learn's mixin, or PyOD's base class.

    >>> from sklearn.neighbors import KNeighborsRegressor, LocalOutlierFactor
    >>> [issubclass(k, OutlierEstimator) for k in (KNeighborsRegressor, LocalOutlierFactor)]
    [False, True]
    """

    @classmethod
    def __subclasshook__(cls, kind: type) -> bool:
        return issubclass(kind, OutlierMixin) or _is_pyods(kind)


@configured
class SklearnDetector(Detector):
    """Any outlier detector of scikit-learn or PyOD on windows, by its class and arguments.

    Each window of stride 1 is one example, its channels side by side, and a point's score is the
    mean over the windows that hold it. What an estimator calls a score is turned so that higher is
    more anomalous. `random_state` (where it has one that is not set) is the seed, and
    `LocalOutlierFactor` is put into novelty mode, since new windows are scored.

        anomalib-ts run detector=sklearn detector.estimator._target_=sklearn.svm.OneClassSVM
            detector.estimator.nu=0.05
        anomalib-ts run detector=sklearn detector.estimator._target_=pyod.models.ecod.ECOD

    PyOD needs `pip install "anomalib-ts[pyod]"`. A saved detector holds the windows it learnt
    from, and learns anew when it is loaded, since no file could hold every estimator.

    >>> import numpy as np
    >>> from anomalib_ts import SklearnDetector
    >>> wave = np.sin(np.arange(600) / 5)
    >>> new = wave[:200].copy()
    >>> new[100:104] += 2
    >>> factor = {"_target_": "sklearn.neighbors.LocalOutlierFactor", "n_neighbors": 30}
    >>> detector = SklearnDetector(window=4, estimator=factor).fit(wave)
    >>> 97 <= int(detector.score(new).argmax()) <= 106
    True

    Attributes:
        window_: points a window.
        examples_: `(m, c * w)` windows that were learnt from.
        estimator_: fitted on them.
    """

    estimator: dict[str, Any] | None = setting(
        None,
        "the class (`_target_`) of scikit-learn or PyOD and its arguments; must be set",
        describes="estimator",
    )
    window: WindowLength = setting(
        "period",
        "points a window, or `period` to estimate it from the longest training recording (the "
        "median over the channels, 125 where there is none, at most its length)",
        at_least=1,
    )
    examples: int = setting(
        20_000, "training windows that are learnt from at most, drawn at random beyond", at_least=2
    )
    seed: int = setting(0, "of the windows that are drawn, and of the estimator")

    def _check_settings(self) -> None:
        super()._check_settings()
        if not self.estimator:
            raise ConfigError(
                f"{WHERE} must be set, as in {WHERE}._target_=sklearn.neighbors.LocalOutlierFactor"
            )

    def _fit(self, train: tuple[Recording, ...]) -> None:
        self.window_ = window_length(self.window, train)
        windows = training_windows(train, self.window_)
        self.examples_ = drawn_rows(windows, self.examples, np.random.default_rng(self.seed))
        self._learn()

    def _learn(self) -> None:
        estimator, name = self._made(), self._name
        with _global_seed(self.seed):
            try:
                self.estimator_ = estimator.fit(self.examples_.astype(np.float64))
            except Exception as error:
                said = " ".join(str(error).split())
                raise InputError(
                    f"{name} cannot learn from {len(self.examples_)} windows of "
                    f"{self.examples_.shape[1]} values: {type(error).__name__}: {said}"
                ) from error

    def _made(self) -> Any:
        """The estimator, unfitted, with what it needs to score new windows the same each time.

        Raises:
            ConfigError: it cannot be made, is no outlier detector, or needs labels.
        """
        settings = dict(self.estimator or {})
        estimator = create(settings, WHERE, "estimator")
        arguments = inspect.signature(type(estimator)).parameters
        ours = {"novelty": True, "random_state": self.seed}
        for key, value in ours.items():
            if key in arguments and settings.get(key) is None:
                estimator.set_params(**{key: value})
        if not hasattr(estimator, self._method(estimator)):
            raise ConfigError(
                f"{WHERE}: {self._name} with these settings scores no new windows: it has no "
                f"`{self._method(estimator)}`"
            )
        return estimator

    @property
    def _name(self) -> str:
        return str((self.estimator or {}).get("_target_", "")).rpartition(".")[2]

    @staticmethod
    def _method(estimator: Any) -> str:
        return "decision_function" if _is_pyods(type(estimator)) else "score_samples"

    def _score(self, recording: Recording) -> FloatArray:
        method = self._method(self.estimator_)
        sign = 1.0 if method == "decision_function" else -1.0
        score = getattr(self.estimator_, method)
        with _global_seed(self.seed):
            found = [
                sign * np.asarray(score(rows.astype(np.float64)), dtype=np.float64)
                for rows in batches_of(Windows([recording], self.window_))
            ]
        return mean_scores(np.concatenate(found), len(recording), self.window_)

    def _state(self) -> dict[str, Any]:
        """The examples in the place of the estimator."""
        state = super()._state()
        state.pop("estimator_", None)
        return state

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        as_fitted = type(self)(**self._params_of_fit_)
        as_fitted.examples_ = self.examples_
        as_fitted._learn()
        self.estimator_ = as_fitted.estimator_


def _is_pyods(kind: type) -> bool:
    """Whether a class is built on PyOD's base class, without importing PyOD to tell."""
    return any(f"{base.__module__}.{base.__qualname__}" == _PYOD for base in kind.__mro__)


@contextmanager
def _global_seed(seed: int) -> Iterator[None]:
    """NumPy's global state set and put back, since some of PyOD's detectors draw from it."""
    with _GLOBAL_STATE:
        before = np.random.get_state()  # noqa: NPY002
        np.random.seed(seed % 2**32)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(before)  # noqa: NPY002
