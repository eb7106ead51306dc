"""Small detectors of several kinds that keep the contract."""

import warnings

import numpy as np
from sklearn.ensemble import IsolationForest

from anomalib_ts.detectors.base import Capabilities, Detector
from anomalib_ts.detectors.streaming import Margins
from anomalib_ts.errors import AnomalibTsWarning, InputError


def windows_of(values, length):
    """Windows `(b, length, c)` at every start; a short recording is padded at its end."""
    padded = np.pad(values, ((0, max(0, length - len(values))), (0, 0)), mode="edge")
    view = np.lib.stride_tricks.sliding_window_view(padded, length, axis=0)
    return view.transpose(0, 2, 1)


def to_points(scores, n):
    """Means over all windows that cover a point, of window scores `(b,)` or `(b, length)`."""
    b, length = scores.shape
    total, count = np.zeros(b + length - 1), np.zeros(b + length - 1)
    for i in range(length):
        total[i : i + b] += scores[:, i]
        count[i : i + b] += 1
    return (total / count)[:n]


class Standardised(Detector):
    """Learns the training mean and deviation of each channel."""

    def _fit(self, train):
        values = np.concatenate([r.values for r in train]).astype(np.float64)
        self.mean_ = values.mean(0)
        self.std_ = np.where(values.std(0) > 1e-9, values.std(0), 1.0)

    def _z(self, recording):
        return (recording.values - self.mean_) / self.std_


class MovingMean(Standardised):
    """Distance from the centred moving mean, averaged over channels."""

    def __init__(self, window=16):
        self.window = window

    def _score(self, recording):
        z = self._z(recording)
        weights = np.ones(self.window)
        count = np.convolve(np.ones(len(z)), weights, "full")
        start = (self.window - 1) // 2
        part = slice(start, start + len(z))
        mean = np.stack([np.convolve(x, weights, "full")[part] for x in z.T], 1)
        return np.abs(z - mean / count[part, None]).mean(1)


class WarnsOfShortRecordings(MovingMean):
    """A warning to the user is no breach of the contract."""

    def _score(self, recording):
        if len(recording) < self.window:
            warnings.warn("shorter than the window", AnomalibTsWarning, stacklevel=2)
        return super()._score(recording)


class OneChannel(MovingMean):
    """A detector that takes one channel only, and says so."""

    capabilities = Capabilities(multivariate=False)


class WindowPCA(Standardised):
    """One score a window: its distance from the main components of training windows."""

    def __init__(self, window=16, components=3):
        self.window = window
        self.components = components

    def _fit(self, train):
        super()._fit(train)
        flat = np.concatenate([self._flat(recording) for recording in train])
        self.centre_ = flat.mean(0)
        values, vectors = np.linalg.eigh(np.cov(flat - self.centre_, rowvar=False))
        self.basis_ = vectors[:, np.argsort(values)[::-1][: self.components]]

    def _flat(self, recording):
        windows = windows_of(self._z(recording), self.window)
        return windows.reshape(len(windows), -1)

    def _residual(self, recording):
        flat = self._flat(recording) - self.centre_
        return flat - flat @ self.basis_ @ self.basis_.T

    def _score(self, recording):
        window_scores = (self._residual(recording) ** 2).mean(1)
        return to_points(np.repeat(window_scores[:, None], self.window, 1), len(recording))


class PositionAutoencoder(WindowPCA):
    """A linear autoencoder of windows; one error for each position of each window."""

    def _score(self, recording):
        residual = self._residual(recording)
        errors = residual.reshape(len(residual), self.window, -1) ** 2
        return to_points(errors.mean(2), len(recording))


class StridedAutoencoder(WindowPCA):
    """The same on windows that do not overlap; the last one is anchored at the end."""

    def _score(self, recording):
        residual = self._residual(recording)
        errors = (residual.reshape(len(residual), self.window, -1) ** 2).mean(2)
        starts = np.unique(np.append(np.arange(0, len(errors), self.window), len(errors) - 1))
        scores = np.zeros(len(errors) + self.window - 1)
        for start in starts:
            scores[start : start + self.window] = errors[start]
        return scores[: len(recording)]

    @property
    def _margins(self):
        return Margins.overlapping(self.window, self.window)


class Ewma(Standardised):
    """Distance from an exponentially weighted mean of the past: causal, with a long memory."""

    capabilities = Capabilities(causal=True)

    def __init__(self, alpha=0.1):
        self.alpha = alpha

    def _score(self, recording):
        z = self._z(recording)
        mean, scores = np.zeros(z.shape[1]), np.empty(len(z))
        for i, point in enumerate(z):
            scores[i] = np.abs(point - mean).sum()
            mean = mean + self.alpha * (point - mean)
        return scores


class SmallForest(Detector):
    """Isolation forest with very few trees on flattened windows: coarse, jumpy scores."""

    def __init__(self, window=16, trees=5, seed=0):
        self.window = window
        self.trees = trees
        self.seed = seed

    def _fit(self, train):
        flat = np.concatenate([self._flat(recording) for recording in train])
        constant = np.flatnonzero(np.ptp(flat, axis=0) == 0)  # which no tree would look at
        noise = np.random.default_rng(self.seed).standard_normal((len(flat), len(constant)))
        flat[:, constant] += noise
        forest = IsolationForest(
            n_estimators=self.trees, max_samples=min(64, len(flat)), random_state=self.seed
        )
        self.forest_ = forest.fit(flat)

    def _flat(self, recording):
        windows = windows_of(recording.values, self.window)
        return windows.reshape(len(windows), -1)

    def _score(self, recording):
        scores = -self.forest_.score_samples(self._flat(recording))
        return to_points(np.repeat(scores[:, None], self.window, 1), len(recording))


class NearestWindow(Standardised):
    """Distance of a window to its nearest neighbour in the same recording: transductive."""

    capabilities = Capabilities(transductive=True)

    def __init__(self, window=16):
        self.window = window

    def _score(self, recording):
        windows = windows_of(self._z(recording), self.window)
        flat = windows.reshape(len(windows), -1)
        square = (flat**2).sum(1)
        distance = np.maximum(square[:, None] + square - 2 * flat @ flat.T, 0.0)
        starts = np.arange(len(flat))
        distance[np.abs(starts[:, None] - starts) < self.window // 2] = np.inf
        nearest = distance.min(1)
        nearest = np.where(np.isfinite(nearest), np.sqrt(nearest), 0.0)
        return to_points(np.repeat(nearest[:, None], self.window, 1), len(recording))


class Random(Detector):
    """Scores without looking."""

    capabilities = Capabilities(uses_values=False)

    def __init__(self, seed=0):
        self.seed = seed

    def _fit(self, train):
        pass

    def _score(self, recording):
        return np.random.default_rng(self.seed).random(len(recording))


class WeakEnergy(Standardised):
    """Learns from labels how much louder anomalous points are."""

    capabilities = Capabilities(supervision="weak")

    def __init__(self, window=8):
        self.window = window

    def _fit(self, train):
        super()._fit(train)
        energy = np.concatenate([self._energy(recording) for recording in train])
        if any(recording.labels is None for recording in train):
            raise InputError("WeakEnergy needs labels")
        labels = np.concatenate([recording.labels for recording in train])
        if len(set(labels)) < 2:
            raise InputError("WeakEnergy needs normal and anomalous points")
        self.weight_ = energy[labels == 1].mean(0) - energy[labels == 0].mean(0)

    def _energy(self, recording):
        return np.log1p(self._z(recording) ** 2)

    def _score(self, recording):
        return self._energy(recording) @ self.weight_


class MachineDistance(Standardised):
    """Distance from the nearest machine's mean."""

    capabilities = Capabilities(needs_machine_ids=True)

    def _fit(self, train):
        super()._fit(train)
        machines = sorted({recording.machine_id for recording in train})
        self.means_ = np.stack(
            [
                np.concatenate([r.values for r in train if r.machine_id == machine]).mean(0)
                for machine in machines
            ]
        )

    def _score(self, recording):
        difference = (recording.values[:, None] - self.means_) / self.std_
        return np.sqrt((difference**2).sum(2)).min(1)


HONEST = (
    MovingMean(),
    MovingMean(window=40),
    OneChannel(),
    WarnsOfShortRecordings(),
    WindowPCA(),
    WindowPCA(window=40),
    PositionAutoencoder(),
    PositionAutoencoder(window=33, components=8),
    StridedAutoencoder(window=24),
    Ewma(),
    Ewma(alpha=0.01),
    SmallForest(),
    SmallForest(window=32, seed=3),
    NearestWindow(),
    Random(),
    WeakEnergy(),
    MachineDistance(),
)
