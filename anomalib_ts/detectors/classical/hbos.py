"""Histograms of the values at each place of a window."""

from __future__ import annotations

import numpy as np

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.classical.window_detector import WindowDetector
from anomalib_ts.settings.fields import configured, setting


@configured
class Hbos(WindowDetector):
    """Histogram-based outlier score: windows with values of low density are anomalous.

    Each place of a window (in each channel) has a histogram of its own with bins of one width; a
    window's score is minus the sum of `log2(density + alpha)`. A value outside the range counts as
    one in the outermost bin if it is near, and else as one in the emptiest. Time and memory
    O(n c), and O(n c w) for the sums.

    By default densities are those of standardised values, and a value falls into the bin that
    counted it. In published mode the density is one a unit of the data, so that the scores depend
    on the unit (`alpha` is an absolute number), and a value on the edge of two bins is counted in
    the upper and looked up in the lower one.

    >>> import numpy as np
    >>> from anomalib_ts import Hbos
    >>> new = np.zeros(50)
    >>> new[20] = 3
    >>> 20 - 4 < int(Hbos(window=4).fit(np.sin(np.arange(600) / 5)).score(new).argmax()) < 20 + 4
    True

    Attributes:
        window_: points a window.
        edges_: `(c, w, bins + 1)` of the bins.
        scores_: `(c, w, bins)`, what a value in each bin adds to the score.

    References:
        Goldstein and Dengel, Histogram-based outlier score (HBOS), KI 2012; settings and the
        treatment of values out of range as in PyOD.
    """

    bins: int = setting(10, "bins a histogram", at_least=1)
    alpha: float = setting(0.1, "added to every density", above=0.0)
    tolerance: float = setting(
        0.5, "how far out of range a value still is in the outermost bin, in bins", at_least=0.0
    )

    def _learn(self, windows: Windows) -> None:
        unit = self.scaler_.scale if self._published else np.ones(windows.channels)
        shape = windows.channels, windows.window
        self.edges_ = np.empty((*shape, self.bins + 1))
        self.scores_ = np.empty((*shape, self.bins))
        for channel, place in np.ndindex(shape):
            column = windows.values[windows.starts + place, channel].astype(np.float64)
            counts, edges = np.histogram(column, self.bins)
            density = counts / (len(column) * np.diff(edges) * unit[channel])
            self.edges_[channel, place] = edges
            self.scores_[channel, place] = -np.log2(density + self.alpha)

    def _point_scores(self, recording: Recording) -> FloatArray:
        windows = Windows([recording], self.window_)
        total = np.zeros(len(windows))
        for channel in range(windows.channels):
            values = windows.values[:, channel].astype(np.float64)
            known: dict[bytes, np.ndarray] = {}  # most places have the same edges
            for edges, scores, place in zip(
                self.edges_[channel], self.scores_[channel], range(self.window_), strict=True
            ):
                key = edges.tobytes()
                if key not in known:
                    known[key] = self._bins_of(values, edges)
                total += np.append(scores, scores.max())[known[key][place : place + len(total)]]
        return self._to_points(total, len(recording))

    def _bins_of(self, values: FloatArray, edges: FloatArray) -> np.ndarray:
        """The bin of each value, `bins` for those that lie far out of range."""
        found = np.digitize(values, edges, right=self._published) - 1
        found[(values >= edges[0]) & (found < 0)] = 0
        found[values == edges[-1]] = self.bins - 1
        near = self.tolerance * (edges[1] - edges[0])
        low, high = found < 0, found >= self.bins
        found[low] = np.where(edges[0] - values[low] <= near, 0, self.bins)
        found[high] = np.where(values[high] - edges[-1] <= near, self.bins - 1, self.bins)
        return found
