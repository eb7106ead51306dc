"""Matrix profile: distance to the most similar window elsewhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import daxpy

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.classical.window_detector import WindowDetector
from anomalib_ts.settings.fields import configured

DIAGONALS = 2**15
"""Diagonals followed at a time: what is held of each stays in the processor's cache."""

ROWS = 2**10
"""Steps along a diagonal before the covariance is computed anew, so that no error adds up."""

FLAT = 1e-6
"""Windows with a smaller deviation (in standard deviations of the channel) are constant."""


@configured
class MatrixProfile(WindowDetector):
    """Matrix profile: a window is as anomalous as the window most like it is far away.

    The distance is that between z-normalised windows, its square averaged over the channels;
    level and size do not count. A constant window has distance 0 from another and `sqrt(w)` from
    any that is not.

    By default the nearest window is sought in the training recordings (an AB-join), so that a
    series which was trained on scores 0: use `protocol=prefix`, `given` or `folds`. In published
    mode it is sought in the scored series itself, a quarter of a window away or more.

    Time O(n n_train c), or O(n² / 2), whatever the window; memory O(n). Covariances are updated
    along the diagonals in double precision, many diagonals at a time.

    >>> import numpy as np
    >>> from anomalib_ts import MatrixProfile
    >>> wave = np.sin(np.arange(600) / 5)
    >>> new = wave[:200].copy()
    >>> new[100:104] += 2
    >>> 90 <= int(MatrixProfile(window=8).fit(wave).score(new).argmax()) <= 112
    True

    Attributes:
        window_: points a window.
        train_: `(n, c)` standardised values of each recording that is compared with.

    References:
        Yeh et al., Matrix profile I, ICDM 2016; Zimmerman et al., Matrix profile XIV (the update
        of the covariance), SoCC 2019.
    """

    def _learn(self, windows: Windows) -> None:
        self.train_ = [part.copy() for part in np.split(windows.values, windows.ends[:-1])]

    def _point_scores(self, recording: Recording) -> FloatArray:
        if self._published:
            scored = Subsequences(self.train_[0], self.window_, constants_match=False)
            similar = np.maximum(*similarities(scored, scored, -(-self.window_ // 4) + 1))
        else:
            scored = Subsequences(Windows([recording], self.window_).values, self.window_)
            similar = np.full(len(scored), -np.inf)
            for values in self.train_:
                other = Subsequences(values, self.window_)
                ahead, _ = similarities(scored, other, 0)
                _, behind = similarities(other, scored, 1)
                similar = np.maximum(similar, np.maximum(ahead, behind))
        similar = np.where(np.isfinite(similar), similar, 0.5)  # nothing to compare with
        distances = np.sqrt(2 * self.window_ * np.maximum(1 - similar, 0))
        return self._to_points(distances, len(recording))


class Subsequences:
    """What the comparison needs to know of every window of a series.

    Attributes:
        values: `(c, n)`, without the mean of the channel.
        mean: `(c, m)` of each window.
        inverse: `(c, m)`, one divided by the norm of the centred window; 0 if it is constant.
        flat: `(m,)`, half the share of the channels in which it is constant; 0 throughout where a
            constant window is to resemble no window at all.
        ahead: `(c, m)`, half of what enters minus what leaves when the window moves there.
        about: `(c, m)`, the sum of both, without the means of their windows.
    """

    def __init__(
        self, values: NDArray[np.float32], window: int, *, constants_match: bool = True
    ) -> None:
        self.window = window
        x = np.ascontiguousarray(values.T, dtype=np.float64)
        self.values = x - x.mean(axis=1, keepdims=True)
        m = len(values) - window + 1
        lagged = [self.values[:, lag : lag + m] for lag in range(window)]
        self.mean = sum(lagged[1:], start=lagged[0]) / window
        norm = np.sqrt(sum(np.square(lag - self.mean) for lag in lagged))
        level = np.maximum(1, np.abs(self.mean))
        constant = norm <= FLAT * np.sqrt(window) * level
        self.inverse = np.where(constant, 0, 1 / np.where(constant, 1, norm))
        self.flat = constant.mean(axis=0) / 2 * constants_match
        self.ahead, self.about = np.zeros_like(self.mean), np.zeros_like(self.mean)
        enters, leaves = self.values[:, window:], self.values[:, : m - 1]
        self.ahead[:, 1:] = (enters - leaves) / 2
        self.about[:, 1:] = enters - self.mean[:, 1:] + leaves - self.mean[:, :-1]

    def __len__(self) -> int:
        return int(self.mean.shape[1])

    @property
    def channels(self) -> int:
        """Number of channels, c."""
        return len(self.values)


def similarities(a: Subsequences, b: Subsequences, first: int) -> tuple[FloatArray, FloatArray]:
    """How much each window resembles the one most like it, of those that begin later in `b`.

    Compared are windows `i` of `a` with `j >= i + first` of `b`. The measure is 1 minus the squared
    distance of the z-normalised windows divided by `2 w`: their correlation, where neither is
    constant.

    >>> wave = Subsequences(np.sin(np.arange(100.0) * np.pi / 10)[:, None], window=8)
    >>> similarities(wave, wave, first=5)[0][:3].round(6).tolist()
    [1.0, 1.0, 1.0]

    Returns:
        Of each window of `a`, and of each of `b`; minus infinity where there is none to compare.
    """
    join = _Join(a, b)
    for low in range(first, len(b), DIAGONALS):
        for start in range(0, min(len(a), len(b) - low), ROWS):
            join.follow(low, start)
    return join.of_a, join.of_b


class _Join:
    """The similarities found so far, of each window of `a` and of each of `b`."""

    def __init__(self, a: Subsequences, b: Subsequences) -> None:
        self.a, self.b = a, b
        self.of_a, self.of_b = np.full(len(a), -np.inf), np.full(len(b), -np.inf)
        self._any_flat = bool(b.flat.any())

    def follow(self, low: int, start: int) -> None:
        """Compare rows from `start` on along the diagonals from `low` on."""
        a, b = self.a, self.b
        width = min(DIAGONALS, len(b) - start - low)
        covariances = [self._covariances(c, start, start + low, width) for c in range(a.channels)]
        total, part = np.empty(width), np.empty(width)
        for i in range(start, min(start + ROWS, len(a), len(b) - low)):
            k = min(width, len(b) - i - low)
            others, now = slice(i + low, i + low + k), total[:k]
            for c, covariance in enumerate(covariances):
                if i > start:
                    daxpy(b.about[c, others], covariance, n=k, a=a.ahead[c, i])
                    daxpy(b.ahead[c, others], covariance, n=k, a=a.about[c, i])
                if c == 0:
                    np.multiply(covariance[:k], b.inverse[c, others], out=now)
                    now *= a.inverse[c, i] / a.channels
                else:
                    np.multiply(covariance[:k], b.inverse[c, others], out=part[:k])
                    daxpy(part, total, n=k, a=a.inverse[c, i] / a.channels)
            if self._any_flat:
                now += b.flat[others]
            if a.flat[i]:
                now += a.flat[i]
            self.of_a[i] = max(self.of_a[i], now.max())
            np.maximum(self.of_b[others], now, out=self.of_b[others])

    def _covariances(self, c: int, i: int, j: int, width: int) -> FloatArray:
        """In channel c, of window `i` of `a` with `width` windows of `b` from `j` on."""
        a, b = self.a, self.b
        window = a.values[c, i : i + a.window] - a.mean[c, i]
        products = np.correlate(b.values[c, j : j + width + a.window - 1], window, "valid")
        return np.ascontiguousarray(products)
