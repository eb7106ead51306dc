"""Distance from the moving mean: the simplest detector that looks at the values."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.detectors.base import Capabilities, Detector
from anomalib_ts.detectors.streaming import Margins
from anomalib_ts.settings.fields import configured, setting

ROUNDING = 1e-6
"""Deviations (in standard deviations of the channel) below this are rounding errors."""


@configured
class MovingMean(Detector):
    """How far a point lies from the mean of the points around it.

    The deviation of each channel is divided by its root mean square in training; the score is the
    Euclidean norm over the channels. Time O(n c), whatever the window.

    >>> from anomalib_ts import MovingMean
    >>> detector = MovingMean(window=3).fit([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    >>> int(detector.score([0.0, 1.0, 0.0, 9.0, 0.0, 1.0]).argmax())
    3

    Attributes:
        scale_: `(c,)`, the typical deviation of each standardised channel in training.
    """

    capabilities = Capabilities()
    version: ClassVar[int] = 2

    window: int = setting(
        25, "points that are averaged, centred on the scored one; fewer at the ends", at_least=2
    )

    def _fit(self, train: tuple[Recording, ...]) -> None:
        deviations = [self._deviation(recording) for recording in train]
        squares = np.sum([np.square(deviation).sum(axis=0) for deviation in deviations], axis=0)
        typical = np.sqrt(squares / sum(map(len, train)))
        self.scale_ = np.where(typical > ROUNDING, typical, 1.0)

    def _score(self, recording: Recording) -> FloatArray:
        standardised = self._deviation(recording) / self.scale_
        return np.asarray(np.sqrt(np.square(standardised).sum(axis=1)))

    def _contributions(self, recording: Recording) -> FloatArray:
        """Each channel's share of the sum of squares, times the score."""
        squares = np.square(self._deviation(recording) / self.scale_)
        norm = np.sqrt(squares.sum(axis=1, keepdims=True))
        return np.asarray(squares / np.where(norm > 0, norm, 1.0))

    @property
    def _margins(self) -> Margins:
        return Margins(self.window // 2, (self.window - 1) // 2)

    def _deviation(self, recording: Recording) -> FloatArray:
        values = recording.values.astype(np.float64)
        return values - moving_mean(values, self.window)


def moving_mean(values: FloatArray, window: int) -> FloatArray:
    """The mean of the `window` points centred on each point, of those that exist.

    Args:
        values: `(n, c)`.
        window: points; an even window reaches one point further back than ahead.

    Returns:
        `(n, c)`.
    """
    # Without its mean the series has a small running sum, and so a small rounding error.
    offset: FloatArray = values.mean(axis=0)
    running = np.pad(np.cumsum(values - offset, axis=0), ((1, 0), (0, 0)))
    centre = np.arange(len(values))
    first = np.maximum(centre - window // 2, 0)
    after = np.minimum(centre + (window + 1) // 2, len(values))
    means: FloatArray = (running[after] - running[first]) / (after - first)[:, None]
    return offset + means
