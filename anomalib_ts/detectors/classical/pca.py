"""Principal components of windows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.classical.window_detector import WindowDetector, batches_of
from anomalib_ts.errors import InputError
from anomalib_ts.settings.fields import configured, setting

MOST_VALUES = 5000
"""Values a window at most: the covariance takes their square, its decomposition their cube."""

BLAMELESS = 1e-3
"""Directions of a channel with less than this share off the plane tell nothing of it."""

SMALLEST_SHARE = float(np.finfo(np.float64).eps) ** 2
"""Of the variance; what PyOD's singular value decomposition gives for a component of none."""


@configured
class Pca(WindowDetector):
    """Principal components: windows far from the plane in which the training windows lie.

    By default the score is the mean squared residual of a window outside the plane of the first
    components, those that explain a share of the training windows' variance. At least one
    component is left out of the plane, and all of them where the training windows never vary.

    In published mode each place of a window is standardised, and the score is that of PyOD: the
    sum over all components of the distance between the window and *the component itself, taken
    for a point*, divided by the share of variance it explains. The smallest components decide,
    and what they measure is little more than the length of the window as a vector.

    Time O(n c² w²), memory O(c² w²) beside a batch of windows.

    >>> import numpy as np
    >>> from anomalib_ts import Pca
    >>> wave = np.sin(np.arange(600) / 5)
    >>> new = wave[:200].copy()
    >>> new[100:104] += 2
    >>> 96 <= int(Pca(window=8).fit(wave).score(new).argmax()) <= 107
    True

    Attributes:
        window_: points a window.
        mean_: `(c * w,)` of the training windows.
        scale_: `(c * w,)`, what each place is divided by; ones by default.
        components_: `(k, c * w)`, of unit length, the first explains most; all in published mode,
            and fewer than `c * w` by default.
        shares_: `(c * w,)` of the variance that each component explains, descending.

    References:
        Shyu et al., A novel anomaly detection scheme based on principal component classifier,
        ICDM 2003 workshops; Jackson and Mudholkar, Control procedures for residuals associated
        with principal component analysis, Technometrics 21(3), 1979 (the residual).
    """

    version: ClassVar[int] = 2

    explained: float = setting(
        0.95,
        "share of the variance that the plane holds; published mode uses all components",
        above=0.0,
        below=1.0,
    )

    def _learn(self, windows: Windows) -> None:
        size = windows.window * windows.channels
        if size > MOST_VALUES:
            raise InputError(
                f"Pca takes windows of at most {MOST_VALUES} values, and {windows.window} points "
                f"of {windows.channels} channels are {size}; set detector.window to "
                f"{max(1, MOST_VALUES // windows.channels)} or less"
            )
        total, products = np.zeros(size), np.zeros((size, size))
        for rows in batches_of(windows):
            values = rows.astype(np.float64)
            total += values.sum(axis=0)
            products += values.T @ values
        self.mean_ = total / len(windows)
        covariance = products / len(windows) - np.outer(self.mean_, self.mean_)
        deviation = np.sqrt(np.maximum(covariance.diagonal(), 0))
        varies = self._published & (deviation > 0)
        self.scale_ = np.where(varies, deviation, 1.0)
        vectors, shares = principal_components(covariance / np.outer(self.scale_, self.scale_))
        self.shares_: FloatArray = np.maximum(shares, SMALLEST_SHARE)
        plane = holding(shares, self.explained) if shares.any() else 0
        kept = size if self._published else plane
        self.components_: FloatArray = np.ascontiguousarray(vectors[:kept])

    def _window_scores(self, rows: NDArray[np.float32]) -> FloatArray:
        centred = (rows - self.mean_) / self.scale_
        if not self._published:
            return mean_residuals(centred, self.components_)
        distances = centred @ self.components_.T  # in place from here on: it is the largest array
        distances *= -2
        distances += np.einsum("ij,ij->i", centred, centred)[:, None] + 1
        np.maximum(distances, 0, out=distances)
        np.sqrt(distances, out=distances)
        scores: FloatArray = distances @ (1 / self.shares_)
        return scores

    def _contributions(self, recording: Recording) -> FloatArray:
        """By default: by how much the score falls if a channel is what brings it next to the plane.

        `r_i' (M_ii)^+ r_i / d` for the residual r of a channel and its block of the projection M
        off the plane: a reconstruction-based contribution (Alcala and Qin, Automatica 45, 2009),
        which is the largest of a faulty channel where the residual alone is smeared over others.
        Where the plane leaves only one direction out, all channels are blamed alike.
        """
        if self._published:
            return super()._contributions(recording)
        windows = Windows([recording], self.window_)
        inverse = self._inverse_blocks(recording.channels)
        parts = np.concatenate([self._falls(rows, inverse) for rows in batches_of(windows)])
        return np.stack([self._to_points(part, len(recording)) for part in parts.T], axis=1)

    def _falls(self, rows: NDArray[np.float32], inverse: FloatArray) -> FloatArray:
        """What each channel takes off the scores of windows `(b, c * w)`, `(b, c)`."""
        centred = rows - self.mean_
        residuals = centred - centred @ self.components_.T @ self.components_
        by_channel = residuals.reshape(len(rows), len(inverse), -1)
        falls = np.einsum("bci,cij,bcj->bc", by_channel, inverse, by_channel, optimize=True)
        return np.asarray(falls / rows.shape[1])

    def _inverse_blocks(self, channels: int) -> FloatArray:
        """`(c, w, w)` pseudo-inverses of each channel's block of the projection off the plane."""
        components = self.components_.reshape(len(self.components_), channels, self.window_)
        inside = np.einsum("kci,kcj->cij", components, components, optimize=True)
        found: FloatArray = np.linalg.pinv(
            np.eye(components.shape[2]) - inside, rcond=BLAMELESS, hermitian=True
        )
        return found


def principal_components(covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The components `(d, d)`, one a row, and the share of the variance that each explains `(d,)`.

    >>> principal_components(np.diag([1.0, 3.0]))[1].tolist()
    [0.75, 0.25]
    """
    variances, vectors = eigh(covariance)
    shares: FloatArray = variances[::-1] / (max(variances.sum(), 0.0) or 1.0)
    return vectors.T[::-1], shares


def holding(shares: FloatArray, explained: float) -> int:
    """How many of the components it takes to explain a share of the variance.

    Never all of them: nothing lies outside of such a plane, and every residual would be 0.

    >>> holding(np.array([0.7, 0.2, 0.1]), 0.8), holding(np.array([0.4, 0.3, 0.3]), 0.9)
    (2, 2)
    """
    return min(1 + int(np.searchsorted(np.cumsum(shares), explained)), len(shares) - 1)


def mean_residuals(centred: FloatArray, components: FloatArray) -> FloatArray:
    """Mean squared residuals `(b,)` of rows `(b, d)` outside the plane of components `(k, d)`.

    >>> mean_residuals(np.array([[3.0, 4.0]]), np.array([[1.0, 0.0]])).tolist()
    [8.0]
    """
    inside = np.square(centred @ components.T).sum(axis=1)
    outside = np.maximum(np.square(centred).sum(axis=1) - inside, 0)
    residuals: FloatArray = outside / centred.shape[1]
    return residuals
