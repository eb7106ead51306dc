"""Decision thresholds, fitted on the scores of training data only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anomalib_ts.errors import ConfigError
from anomalib_ts.recording import FloatArray


@dataclass(frozen=True)
class QuantileThreshold:
    """The empirical quantile of the training scores.

    Attributes:
        level: in (0, 1); on data like the training data a share of 1 - level lies above.
    """

    level: float = 0.995

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ConfigError(f"threshold level must lie in (0, 1), not {self.level}")

    def fit(self, train_scores: FloatArray) -> float:
        """The threshold for training scores `(n,)`; a point is an alarm if its score exceeds it."""
        return float(np.quantile(train_scores, self.level))
