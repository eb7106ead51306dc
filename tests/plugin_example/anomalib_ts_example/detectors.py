"""Detectors: subclass `Detector`, write `_fit` and `_score`."""

from __future__ import annotations

import numpy as np

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.detectors.base import Capabilities, Detector


class ExampleDistance(Detector):
    """Distance of a point from the training mean, in training deviations.

    Args:
        power: the exponent of a channel's distance before the channels are averaged, above 0.
    """

    capabilities = Capabilities(causal=True)

    def __init__(self, power: float = 2.0) -> None:
        self.power = power

    def _fit(self, train: tuple[Recording, ...]) -> None:
        values = np.concatenate([recording.values for recording in train]).astype(np.float64)
        self.centre_ = values.mean(axis=0)
        spread = values.std(axis=0)
        self.spread_ = np.where(spread > 0, spread, 1.0)

    def _score(self, recording: Recording) -> FloatArray:
        distance = np.abs(recording.values - self.centre_) / self.spread_
        return np.asarray((distance**self.power).mean(axis=1))


class MedianDistance(Detector):
    """Distance of a point from the training median, in median absolute deviations."""

    capabilities = Capabilities(causal=True)

    def _fit(self, train: tuple[Recording, ...]) -> None:
        values = np.concatenate([recording.values for recording in train]).astype(np.float64)
        self.centre_ = np.median(values, axis=0)
        spread = np.median(np.abs(values - self.centre_), axis=0)
        self.spread_ = np.where(spread > 0, spread, 1.0)

    def _score(self, recording: Recording) -> FloatArray:
        return np.asarray((np.abs(recording.values - self.centre_) / self.spread_).mean(axis=1))
