"""Distance from a polynomial through the neighbourhood."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.core.windows import OverlapMean, Windows
from anomalib_ts.detectors.classical.period import window_length
from anomalib_ts.detectors.classical.window_detector import BATCH_VALUES, WindowDetector
from anomalib_ts.detectors.streaming import Margins
from anomalib_ts.settings.fields import configured, setting

NEIGHBOURHOOD = 10
"""Windows a neighbourhood, and at least 100 points."""

STEPS = 8
"""Windows that a point lies in."""

UNSCORED = 500
"""Points at the start, or a tenth of the series if that is less, not scored in published mode."""

ROUNDING = 1e-6
"""Errors (in standard deviations of the channel) below this are rounding errors."""


@configured
class Poly(WindowDetector):
    """How far a window lies from a polynomial fitted to what surrounds it.

    The window is left out of the fit, and lies in the middle of its neighbourhood except at the
    ends of a recording. The error is the root mean square, which is what TSB-UAD's Fourier
    distance amounts to (Parseval). The fit is linear in the values and the same wherever a
    neighbourhood lies, so that it is a product of matrices. Time O(n (neighbourhood / w) c).

    By default windows begin every eighth of a window and overlap, a point has the mean error of
    the windows that hold it, and each channel's error is divided by its root mean square in
    training; the norm over the channels is Euclidean. In published mode windows lie end to end,
    begin in the middle of their neighbourhood rather than lie there, those in the first 500 points
    (or tenth of the series, if less) score 0, and the polynomial is read off at points that are
    stretched over one point more than the window has.

    >>> import numpy as np
    >>> from anomalib_ts import Poly
    >>> wave = np.sin(np.arange(600) / 50)
    >>> new = wave.copy()
    >>> new[400:404] += 2
    >>> 392 <= int(Poly(window=8).fit(wave).score(new).argmax()) <= 411
    True

    Attributes:
        window_: points a window.
        scale_: `(c,)`, the typical error of each channel in training; ones in published mode.

    References:
        Paparrizos et al., TSB-UAD, PVLDB 15(8), 2022.
    """

    power: int = setting(3, "degree of the polynomial", at_least=0)
    neighbourhood: int | None = setting(
        None, "points fitted to; `null` for ten windows, at least 100", at_least=1
    )

    def _learn_from(self, recordings: Sequence[Recording]) -> None:
        self.window_ = window_length(self.window, recordings, published=self._published)
        self.scale_ = np.ones(recordings[0].channels)
        if not self._published:
            squares = [np.square(self._errors(self._overlapping(r))) for r in recordings]
            typical = np.sqrt(np.concatenate(squares).mean(axis=0))
            self.scale_ = np.where(typical > ROUNDING, typical, 1.0)

    def _learn(self, windows: Windows) -> None:
        """Only the scale is learnt."""

    def _point_scores(self, recording: Recording) -> FloatArray:
        if self._published:
            return self._as_published(recording)
        windows = self._overlapping(recording)
        errors = self._errors(windows) / self.scale_
        scores = np.sqrt(np.square(errors).sum(axis=1))
        points = OverlapMean(len(recording), self.window_)
        points.add(windows.starts, np.repeat(scores, self.window_).reshape(-1, self.window_))
        return points.mean()

    def _as_published(self, recording: Recording) -> FloatArray:
        n, w = len(recording), self.window_
        first = -(-min(UNSCORED, n // 10) // w)
        starts = np.arange(first * w, n, w)
        errors = self._errors_at(recording.values, starts)[:, 0]
        return np.concatenate((np.zeros(min(n, first * w)), np.repeat(errors, w)))[:n]

    @property
    def _margins(self) -> Margins | None:
        """The neighbourhoods of the windows that hold the point."""
        if self._published:
            return None
        span, stride = self._span, max(1, self.window_ // STEPS)
        windows = Margins.overlapping(self.window_, stride)
        beside = span - self.window_  # more than it lies on either side
        return Margins(windows.before + beside, windows.after + beside, span, stride)

    @property
    def _span(self) -> int:
        """Points of a neighbourhood."""
        return max(self.neighbourhood or max(NEIGHBOURHOOD * self.window_, 100), self.window_)

    def _overlapping(self, recording: Recording) -> Windows:
        return Windows([recording], self.window_, max(1, self.window_ // STEPS))

    def _errors(self, windows: Windows) -> FloatArray:
        return self._errors_at(windows.values, windows.starts)

    def _errors_at(self, values: NDArray[np.float32], starts: NDArray[np.int64]) -> FloatArray:
        """Root mean square errors `(k, c)` of windows that begin at `starts` (k,)."""
        w, span = self.window_, min(self._span, len(values))
        before = span // 2 if self._published else (span - w) // 2
        first = np.clip(starts - before, 0, len(values) - span)
        offsets = starts - first
        views = sliding_window_view(values, span, axis=0)
        errors = np.empty((len(starts), values.shape[1]))
        size = max(1, BATCH_VALUES // (span * values.shape[1]))
        for offset in np.unique(offsets):
            fit, read_off, inside = self._polynomial(span, int(offset))
            alike = np.flatnonzero(offsets == offset)
            for batch in np.split(alike, range(size, len(alike), size)):
                rows = views[first[batch]].astype(np.float64)
                residual = rows[..., inside] - (rows @ fit) @ read_off
                errors[batch] = np.sqrt(np.square(residual).mean(axis=-1))
        return errors

    def _polynomial(self, span: int, offset: int) -> tuple[FloatArray, FloatArray, slice]:
        """The fit to a neighbourhood without the window at `offset`, as matrices.

        Returns:
            `(span, k)` from values to coefficients, `(k, w)` from those to values in the window,
            and where the window lies, cropped to the neighbourhood.
        """
        inside = slice(offset, min(offset + self.window_, span))
        length = inside.stop - inside.start
        outside = np.ones(span, dtype=bool)
        outside[inside] = length == span  # where there is nothing else, the window itself
        at = np.arange(inside.start, inside.stop, dtype=np.float64)
        if self._published and length == self.window_:
            at = offset + np.linspace(0, length, length)
        degree = min(self.power, int(outside.sum()) - 1)
        middle, half = (span - 1) / 2, max(span - 1, 1) / 2
        basis = legvander((np.arange(span) - middle) / half, degree)
        fit = np.zeros((span, degree + 1))
        fit[outside] = np.linalg.pinv(basis[outside]).T
        read_off = legvander((at - middle) / half, degree).T.astype(np.float64)
        return fit, read_off, inside
