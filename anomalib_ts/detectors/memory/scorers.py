"""How far rows of numbers lie from those of the training data."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.detectors.classical.iforest import add_noise, grown
from anomalib_ts.detectors.classical.mahalanobis import mean_distances, shrunk_gaussian
from anomalib_ts.detectors.classical.pca import (
    MOST_VALUES,
    holding,
    mean_residuals,
    principal_components,
)
from anomalib_ts.detectors.memory.part import Part
from anomalib_ts.errors import InputError
from anomalib_ts.saved.values import storable
from anomalib_ts.settings.fields import configured, setting

Rows = NDArray[np.float32]


@configured
class Scorer(Part, ABC):
    """Learns from rows and scores rows; higher is more anomalous."""

    @abstractmethod
    def learn(self, rows: Rows, seed: int) -> None:
        """Learn from rows `(m, d)`, m >= 1, which may be altered."""

    @abstractmethod
    def scores(self, rows: Rows) -> FloatArray:
        """Scores `(b,)` of rows `(b, d)`, finite."""


@configured
class MahalanobisDistance(Scorer):
    """Squared Mahalanobis distance, the covariance shrunk as by Ledoit and Wolf.

    Divided by the number of values of a row: 1 is what training data have on average. The detector
    `mahalanobis` is this scorer with raw windows whose scores go to their centre alone.

    >>> scorer = MahalanobisDistance()
    >>> scorer.learn(np.array([[-1, 0], [1, 0], [0, -2], [0, 2]], dtype="f4"), seed=0)
    >>> near, far = scorer.scores(np.array([[0, 2], [2, 0]], dtype="f4"))
    >>> bool(near < far)
    True
    """

    def learn(self, rows: Rows, seed: int) -> None:
        """Mean and covariance."""
        del seed
        _check_size(rows, type(self).__name__)
        self.mean_, covariance = shrunk_gaussian(rows.astype(np.float64))
        self.factor_ = cho_factor(covariance)

    def scores(self, rows: Rows) -> FloatArray:
        """Mean squared standardised distances."""
        return mean_distances(rows.astype(np.float64), self.mean_, self.factor_)


@configured
class PcaResidual(Scorer):
    """Mean squared residual outside the plane of the first principal components.

    At least one component is left out of the plane.

    >>> scorer = PcaResidual(explained=0.9)
    >>> line = np.arange(10, dtype="f4")
    >>> scorer.learn(np.stack([line, line], axis=1), seed=0)
    >>> scorer.scores(np.array([[20, 20], [3, 5]], dtype="f4")).round(3).tolist()
    [0.0, 1.0]
    """

    explained: float = setting(
        0.95, "share of the variance that the plane holds", above=0.0, below=1.0
    )

    def learn(self, rows: Rows, seed: int) -> None:
        """Mean and components."""
        del seed
        _check_size(rows, type(self).__name__)
        values = rows.astype(np.float64)
        self.mean_ = values.mean(axis=0)
        values -= self.mean_
        vectors, shares = principal_components(values.T @ values / len(values))
        kept = holding(shares, self.explained)
        self.components_: FloatArray = np.ascontiguousarray(vectors[:kept])

    def scores(self, rows: Rows) -> FloatArray:
        """What the plane does not explain."""
        return mean_residuals(rows - self.mean_, self.components_)


@configured
class Forest(Scorer):
    """Isolation forest: rows that random splits isolate early are anomalous.

    >>> scorer = Forest(trees=20)
    >>> scorer.learn(np.random.default_rng(0).normal(size=(500, 2)).astype("f4"), seed=0)
    >>> inside, outside = scorer.scores(np.array([[0, 0], [5, 5]], dtype="f4"))
    >>> bool(outside > inside)
    True
    """

    trees: int = setting(100, "number of trees", at_least=1)

    def learn(self, rows: Rows, seed: int) -> None:
        """Grow the trees."""
        add_noise(rows, np.random.default_rng(seed))
        self.forest_ = grown(rows, self.trees, seed)

    def scores(self, rows: Rows) -> FloatArray:
        """Minus scikit-learn's scores, in (0, 1]."""
        scores: FloatArray = -self.forest_.score_samples(rows)
        return scores


def _check_size(rows: Rows, name: str) -> None:
    if rows.shape[1] > MOST_VALUES:
        raise InputError(
            f"{name} takes rows of at most {MOST_VALUES} values, since it needs their square, and "
            f"these have {rows.shape[1]}; use a shorter detector.window, or another "
            "detector/representation (statistics) or detector/scorer (nearest)"
        )


for _kind in (MahalanobisDistance, PcaResidual, Forest):
    storable(_kind)
