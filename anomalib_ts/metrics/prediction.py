"""Precision and recall of one prediction, and the best of many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import UndefinedMetricError


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision and recall of one prediction.

    Attributes:
        precision: In [0, 1]; nan when nothing is predicted.
        recall: In [0, 1].
    """

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean; 0 when nothing is predicted or when precision and recall are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total > 0 else 0.0

    def defined_precision(self, metric: str) -> float:
        """The precision, or an `UndefinedMetricError` when nothing is predicted."""
        if np.isnan(self.precision):
            raise UndefinedMetricError(
                f"{metric} is undefined: no point is predicted; lower the threshold"
            )
        return self.precision


def best(precision: FloatArray, recall: FloatArray) -> PrecisionRecall:
    """The pair with the highest F1; the first one, so the highest threshold, among equals."""
    at = int(np.argmax(f1_scores(precision, recall)))
    return PrecisionRecall(float(precision[at]), float(recall[at]))


def f1_scores(precision: FloatArray, recall: FloatArray, epsilon: float = 0.0) -> FloatArray:
    """Harmonic means, 0 where both are 0; some originals add `epsilon` to the denominator."""
    total = precision + recall
    return 2 * precision * recall / np.where(total > 0, total + epsilon, 1.0)
