"""Windows of recordings without copying them, and window scores back to points.

All windows of a long recording would be as many times larger than the recording as a window has
points, so windows are cut on demand, a batch at a time.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.typing import ArrayLike, NDArray

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.errors import AnomalibTsWarning, ConfigError

Tail: TypeAlias = Literal["overlap", "pad", "drop"]

PERIOD_POINTS = 20_000
"""How many points of a series `find_period` looks at."""


class Windows:
    """Every window of some recordings; none crosses from one recording into the next.

    Windows start every `stride` points. A recording shorter than a window is reflected at its
    end until it fills one.

    >>> import numpy as np
    >>> from anomalib_ts.core.recording import Recording
    >>> windows = Windows([Recording(np.arange(10.0, dtype="f4"))], window=4, stride=4)
    >>> windows.starts.tolist(), windows.gather(np.array([0]))[0, 0].tolist()
    ([0, 4, 6], [0.0, 1.0, 2.0, 3.0])

    Args:
        recordings: at least one, all with the same number of channels c.
        window: points a window, w >= 1.
        stride: points between the starts of two windows, in [1, window].
        tail: what becomes of the points after a recording's last whole window: `overlap` adds a
            window that ends at the end, `pad` reflects the recording at its end until it fills
            one, `drop` leaves them out.

    Attributes:
        values: `(points, c)`, all recordings end to end, with what `tail` adds to them or takes
            away; not copied where they lie so already.
        ends: `(r,)` int64, where each recording ends in `values`.
        starts: `(m,)` int64, where each window begins in `values`.

    Raises:
        ConfigError: a setting is out of range.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        window: int,
        stride: int = 1,
        tail: Tail = "overlap",
    ) -> None:
        check_window(window, stride)
        if tail not in ("overlap", "pad", "drop"):
            raise ConfigError(f"tail must be overlap, pad or drop, not {tail!r}")
        self.window, self.stride, self.tail = window, stride, tail
        fitted = [self.fitted(recording.values) for recording in recordings]
        self.values: NDArray[np.float32] = _end_to_end(fitted)
        self.ends: NDArray[np.int64] = np.cumsum([len(values) for values in fitted])
        self.starts: NDArray[np.int64] = np.concatenate(
            [
                end - len(values) + window_starts(len(values), window, stride)
                for end, values in zip(self.ends, fitted, strict=True)
            ]
        )
        self._view: NDArray[np.float32] = sliding_window_view(self.values, window, axis=0)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def channels(self) -> int:
        """Number of channels, c."""
        return int(self.values.shape[1])

    def fitted(self, points: NDArray[Any]) -> NDArray[Any]:
        """Something a recording has for each point, `(n, ...)`, cropped or reflected alike."""
        missing = self.window - len(points)
        if missing <= 0:
            rest = -missing % self.stride
            if self.tail == "overlap" or not rest:
                return points
            if self.tail == "drop":
                return points[: len(points) - rest]
            missing = self.stride - rest
        return np.pad(points, ((0, missing), *((0, 0),) * (points.ndim - 1)), mode="reflect")

    def gather(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """Copy the windows numbered `index` (b,) into one array `(b, c, window)`."""
        return np.ascontiguousarray(self._view[self.starts[index]])

    def batches(self, size: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """All windows in order, `size` at a time, as `(starts, windows)` pairs.

        Yields:
            `(b,)` starts and `(b, c, window)` values, b <= size.
        """
        for first in range(0, len(self), size):
            index = np.arange(first, min(first + size, len(self)))
            yield self.starts[index], self.gather(index)


def training_windows(
    recordings: Sequence[Recording], window: int, stride: int = 1, tail: Tail = "overlap"
) -> Windows:
    """Windows to learn from, see `Windows`; a warning tells where no recording fills one.

    >>> from anomalib_ts.core.recording import Recording
    >>> len(training_windows([Recording(np.zeros(10)), Recording(np.zeros(8))], window=4))
    12
    """
    windows = Windows(recordings, window, stride, tail)
    longest = max(map(len, recordings))
    if longest < window:
        warnings.warn(
            f"the training data fill no window of {window} points: the longest recording has "
            f"{longest}, so what is learnt from are its reflections; use a shorter window or more "
            "data",
            AnomalibTsWarning,
            stacklevel=2,
        )
    return windows


def check_window(window: int, stride: int = 1) -> None:
    """Check a window length and a stride that a user has set.

    >>> check_window(4, stride=5)
    Traceback (most recent call last):
    ...
    anomalib_ts.errors.ConfigError: stride must lie in [1, window=4], not 5

    Raises:
        ConfigError: one of them is no whole number, the window is shorter than one point, or the
            stride would leave gaps.
    """
    given: dict[str, Any] = {"window": window, "stride": stride}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise ConfigError(f"{name} must be a whole number of points, not {value!r}")
    if window < 1:
        raise ConfigError(f"window must be at least 1 point, not {window}")
    if not 1 <= stride <= window:
        raise ConfigError(f"stride must lie in [1, window={window}], not {stride}")


def window_starts(n: int, window: int, stride: int = 1) -> NDArray[np.int64]:
    """Where windows begin in n >= window points: every `stride`, and one that ends at the end.

    >>> window_starts(10, 4, stride=4).tolist()
    [0, 4, 6]
    """
    last = n - window
    starts = np.arange(0, last + 1, stride, dtype=np.int64)
    return starts if starts[-1] == last else np.append(starts, last)


def _end_to_end(arrays: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Arrays `(n_i, c)` joined; those that follow each other in memory are not copied.

    Standardised training recordings do (`ChannelScaler.transform`), and a copy of thousands of
    clips would be as large as the data.
    """
    ends = [_address(array) + array.nbytes for array in arrays[:-1]]
    neighbours = all(
        array.base is arrays[0].base is not None
        and array.flags.c_contiguous
        and array.dtype == arrays[0].dtype
        for array in arrays
    )
    if not neighbours or ends != [_address(array) for array in arrays[1:]]:
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    shape = (sum(map(len, arrays)), arrays[0].shape[1])
    return as_strided(arrays[0], shape, arrays[0].strides, writeable=False)


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])


class OverlapMean:
    """Averages the scores that overlapping windows give to each point, batch by batch.

    >>> points = OverlapMean(3, window=2)
    >>> points.add(np.array([0, 1]), np.array([[1.0, 1.0], [3.0, 3.0]]))
    >>> points.mean().tolist()
    [1.0, 2.0, 3.0]

    Args:
        n: points of the recording.
        window: points a window; a recording shorter than that was filled up by `Windows`, and
            the scores of the filling are dropped.
    """

    def __init__(self, n: int, window: int) -> None:
        self._n = n
        self._window = window
        self._total = np.zeros(max(n, window))
        self._edges = np.zeros(max(n, window) + 1, dtype=np.int64)

    def add(self, starts: NDArray[np.int64], scores: NDArray[Any]) -> None:
        """Add the scores `(b, window)` of windows that begin at `starts` (b,)."""
        points = starts[:, None] - starts.min() + np.arange(self._window)
        sums = np.bincount(points.ravel(), weights=np.ravel(scores))
        self._total[starts.min() : starts.min() + len(sums)] += sums
        np.add.at(self._edges, starts, 1)
        np.add.at(self._edges, starts + self._window, -1)

    def mean(self) -> FloatArray:
        """The mean score of every point, `(n,)`, once every window has been added."""
        windows_per_point = np.cumsum(self._edges[:-1])
        return (self._total / windows_per_point)[: self._n]


def centre_scores(scores: ArrayLike, n: int, window: int) -> FloatArray:
    """Give the score of each window to the point at its centre, as TSB-UAD does.

    The first and the last score also serve the points before the first and after the last
    centre.

    >>> centre_scores([1.0, 5.0, 2.0], n=5, window=3).tolist()
    [1.0, 1.0, 5.0, 2.0, 2.0]

    Args:
        scores: `(m,)`, one score a window, windows of stride 1.
        n: points of the recording.
        window: points a window.

    Returns:
        `(n,)`.
    """
    padding = (window // 2, (window - 1) // 2)
    return np.pad(np.asarray(scores, dtype=np.float64), padding, mode="edge")[:n]


def find_period(values: ArrayLike, default: int = 125) -> int:
    """Estimate the period of a series from its autocorrelation, as TSB-UAD's `find_length` does.

    The period is the lag of the highest local maximum of the autocorrelation of the first 20,000
    points. Lags from 6 to 303 count; if the highest maximum lies elsewhere, or there is none,
    the answer is `default`. TSB-UAD's published table was made with 125, its present code has 100.

    >>> find_period(np.sin(2 * np.pi * np.arange(1000) / 50))
    50

    Args:
        values: `(n,)` numbers.
        default: the answer for a series without a usable period.

    Returns:
        Points a period.
    """
    series = np.asarray(values)[:PERIOD_POINTS].astype(np.float64)
    correlation = _autocorrelation(series, lags=400)[3:]
    inner = correlation[1:-1]
    peaks = 1 + np.flatnonzero((inner > correlation[:-2]) & (inner > correlation[2:]))
    if not len(peaks):
        return default
    highest = int(peaks[np.argmax(correlation[peaks])])
    return highest + 3 if 3 <= highest <= 300 else default


def _autocorrelation(series: FloatArray, lags: int) -> FloatArray:
    n = len(series)
    centred = series - series.mean()
    largest = float(np.abs(centred).max())
    # What is left of a constant series is rounding at its level, and has no period.
    if largest <= 8 * np.finfo(np.float64).eps * float(np.abs(series).max()):
        return np.zeros(min(lags + 1, n))
    spectrum = np.fft.rfft(centred / largest, n=1 << (2 * n).bit_length())
    covariance = np.fft.irfft(np.abs(spectrum) ** 2)[: min(lags + 1, n)]
    return np.asarray(covariance / covariance[0])
