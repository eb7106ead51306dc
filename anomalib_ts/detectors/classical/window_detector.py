"""The base of classical detectors: windows of one period, as published or done right."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.core.windows import Windows, centre_scores, training_windows
from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.capabilities import Capabilities
from anomalib_ts.detectors.classical.period import WindowLength, window_length
from anomalib_ts.detectors.modes import Mode, by_mode
from anomalib_ts.detectors.streaming import Margins
from anomalib_ts.settings.fields import configured, setting

BATCH_VALUES = 2**20
"""Values of windows held in memory at a time."""


@configured
class WindowDetector(Detector):
    """A detector that scores windows of stride 1, in two modes.

    By default it learns from the windows of the training recordings, their channels side by side,
    and a point's score is the mean over the windows that hold it.

    In published mode it does what TSB-UAD did, so that figures can stand beside its table: it
    learns from the very series that it scores, whatever it was fitted on (`protocol=whole` says
    so), takes the period from there, and gives a window's score to the point at its centre. Such
    a score has seen what it judges, and is for one channel.

    Attributes:
        window_: points a window (by default; in published mode each scored series has its own).
    """

    capabilities = by_mode(Capabilities())

    mode: Mode = setting(
        "default", "`published` repeats what TSB-UAD's table was made with, faults included"
    )
    window: WindowLength = setting(
        "period",
        "points a window, or `period` to estimate it from the longest training recording (the "
        "median over the channels, 125 where there is none, at most its length); in published "
        "mode from the scored series, at most a twentieth of it",
        at_least=1,
    )

    def _fit(self, train: tuple[Recording, ...]) -> None:
        if not self._published:
            self._learn_from(train)

    def _score(self, recording: Recording) -> FloatArray:
        if self._published:
            self._learn_from([recording])  # forgotten afterwards, like all that is set here
        return self._point_scores(recording)

    def _learn_from(self, recordings: Sequence[Recording]) -> None:
        self.window_ = window_length(self.window, recordings, published=self._published)
        self._learn(training_windows(recordings, self.window_))

    def _score_each(self, recordings: Iterable[Recording]) -> Iterator[FloatArray]:
        if self._published or type(self)._window_scores is WindowDetector._window_scores:
            yield from super()._score_each(recordings)
            return
        for group in self._groups(recordings):
            windows = Windows(group, self.window_)
            firsts = np.searchsorted(windows.starts, windows.ends[:-1])  # of the second on
            parts = np.split(self._row_scores(windows), firsts)
            yield from (self._to_points(p, len(one)) for p, one in zip(parts, group, strict=True))

    def _groups(self, recordings: Iterable[Recording]) -> Iterator[list[Recording]]:
        """Recordings in turn, so many together as their windows fill one batch."""
        group: list[Recording] = []
        values = 0
        for recording in recordings:
            size = recording.values.size * self.window_
            if group and values + size > BATCH_VALUES:
                yield group
                group, values = [], 0
            group.append(recording)
            values += size
        if group:
            yield group

    def _point_scores(self, recording: Recording) -> FloatArray:
        windows = Windows([recording], self.window_)
        return self._to_points(self._row_scores(windows), len(recording))

    def _row_scores(self, windows: Windows) -> FloatArray:
        return np.concatenate([self._window_scores(rows) for rows in batches_of(windows)])

    def _to_points(self, scores: FloatArray, n: int) -> FloatArray:
        to_points = centre_scores if self._published else mean_scores
        return to_points(scores, n, self.window_)

    @property
    def _margins(self) -> Margins | None:
        return None if self._published else Margins.overlapping(self.window_)

    @property
    def _published(self) -> bool:
        return self.mode == "published"

    @abstractmethod
    def _learn(self, windows: Windows) -> None:
        """Learn from standardised windows."""

    def _window_scores(self, rows: NDArray[np.float32]) -> FloatArray:
        """Scores `(b,)` of windows `(b, c * w)`; whoever overrides `_point_scores` needs none."""
        raise NotImplementedError


def batches_of(windows: Windows) -> Iterator[NDArray[np.float32]]:
    """All windows in order as rows `(b, c * w)`, so many at a time as memory is meant for.

    >>> [rows.shape for rows in batches_of(Windows([Recording(np.zeros(10))], window=4))]
    [(7, 4)]
    """
    size = max(1, BATCH_VALUES // (windows.window * windows.channels))
    for _, values in windows.batches(size):
        yield values.reshape(len(values), -1)


def drawn_rows(windows: Windows, most: int, random: np.random.Generator) -> NDArray[np.float32]:
    """All windows as rows `(b, c * w)`, or `most` of them drawn at random, in order.

    >>> windows = Windows([Recording(np.arange(10.0, dtype="f4"))], window=2)
    >>> drawn_rows(windows, 3, np.random.default_rng(0)).shape
    (3, 2)
    """
    drawn = drawn_windows(windows, most, random)
    return drawn.reshape(len(drawn), -1)


def drawn_windows(windows: Windows, most: int, random: np.random.Generator) -> NDArray[np.float32]:
    """All windows `(b, c, w)`, or `most` of them drawn at random, in order.

    >>> windows = Windows([Recording(np.arange(10.0, dtype="f4"))], window=2)
    >>> drawn_windows(windows, 3, np.random.default_rng(0)).shape
    (3, 1, 2)
    """
    index = np.arange(len(windows))
    if len(windows) > most:
        index = np.sort(random.choice(len(windows), most, replace=False))
    return windows.gather(index)


def mean_scores(scores: FloatArray, n: int, window: int) -> FloatArray:
    """Give every point the mean score of the windows that hold it.

    >>> mean_scores(np.array([1.0, 5.0, 3.0]), n=4, window=2).tolist()
    [1.0, 3.0, 4.0, 3.0]

    Args:
        scores: `(m,)`, one score a window, windows of stride 1.
        n: points of the recording; at most `m + window - 1`.
        window: points a window.

    Returns:
        `(n,)`.
    """
    sums = np.convolve(scores, np.ones(window))
    first = np.arange(len(sums))
    held_by = np.minimum(np.minimum(first + 1, first[::-1] + 1), min(window, len(scores)))
    return (sums / held_by)[:n]
