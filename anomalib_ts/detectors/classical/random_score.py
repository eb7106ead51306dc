"""Scores drawn at random: what any detector must beat."""

from __future__ import annotations

import numpy as np

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.detectors.base import Capabilities, Detector
from anomalib_ts.settings.fields import configured, setting


@configured
class RandomScore(Detector):
    """Uniform random scores in [0, 1), the same for every recording of a length.

    >>> from anomalib_ts import RandomScore
    >>> RandomScore(seed=0).fit([1.0, 2.0]).score([5.0, 5.0, 5.0]).round(3).tolist()
    [0.637, 0.27, 0.041]
    """

    capabilities = Capabilities(uses_values=False, blames_channels=False)

    seed: int = setting(0, "of the scores")

    def _fit(self, train: tuple[Recording, ...]) -> None:
        """Nothing is learnt."""

    def _score(self, recording: Recording) -> FloatArray:
        return np.random.default_rng(self.seed).random(len(recording))
