"""Detectors that each break one rule of the contract, and the checks that must notice."""

import random
import time

import numpy as np

from anomalib_ts.detectors.base import Capabilities
from anomalib_ts.errors import InputError
from anomalib_ts.recording import as_recording, as_recordings
from tests.helpers.honest_detectors import (
    Ewma,
    MovingMean,
    PositionAutoencoder,
    Random,
    SmallForest,
    Standardised,
    StridedAutoencoder,
    WindowPCA,
    to_points,
)


class ScalesByTestMinMax(MovingMean):
    def _score(self, recording):
        low, high = recording.values.min(0), recording.values.max(0)
        span = np.where(high > low, high - low, 1.0)
        return np.abs((recording.values - low) / span - 0.5).mean(1)


class StandardisesScores(MovingMean):
    def _score(self, recording):
        scores = super()._score(recording)
        return (scores - scores.mean()) / (scores.std() or 1.0)


class RanksScores(MovingMean):
    def _score(self, recording):
        return super()._score(recording).argsort().argsort() / len(recording)


class CalibratesOnTheBeginning(MovingMean):
    def _score(self, recording):
        scores = super()._score(recording)
        return scores / (scores[: len(scores) // 10 + 1].mean() or 1.0)


class ScoresTooFew(WindowPCA):
    def _score(self, recording):
        return super()._score(recording)[self.window - 1 :]


class ScoresTooFewUnchecked(MovingMean):
    def score(self, recording, y=None):
        return super().score(recording)[self.window - 1 :]


class ScoresInFloat32(MovingMean):
    def score(self, recording, y=None):
        return super().score(recording).astype(np.float32)


class IgnoresChannels(MovingMean):
    def _z(self, recording):
        return super()._z(recording)[:, :1]


class HidesItsOneChannel(IgnoresChannels):
    capabilities = Capabilities(multivariate=False)

    def _check_channels(self, recording):
        pass


class AcceptsOtherChannels(MovingMean):
    def score(self, recording, y=None):
        channels = getattr(self, "n_channels_", None)
        return super().score(as_recording(recording).values[:, :channels])


class ReshapesWindows(PositionAutoencoder):
    """`(b, l, c)` reshaped to `(b, c, l)` before the errors of a position are averaged."""

    def _score(self, recording):
        residual = self._residual(recording)
        errors = residual.reshape(len(residual), -1, self.window) ** 2
        return to_points(errors.mean(1), len(recording))


class ReshapesStridedWindows(StridedAutoencoder):
    def _residual(self, recording):
        residual = super()._residual(recording)
        windows = residual.reshape(len(residual), -1, self.window)
        return windows.transpose(0, 2, 1).reshape(len(residual), -1)


class ReshapesRecording(MovingMean):
    """`(n, c)` reshaped to `(c, n)`."""

    def _z(self, recording):
        z = super()._z(recording)
        return z.reshape(z.shape[1], -1).T


class ReshapesTransposedRecording(MovingMean):
    """`(c, n)` reshaped to `(n, c)`."""

    def _z(self, recording):
        z = super()._z(recording)
        return np.ascontiguousarray(z.T).reshape(z.shape)


class DividesByTestDeviation(MovingMean):
    """NaN on a constant recording; declared transductive, so that nothing else is wrong."""

    capabilities = Capabilities(transductive=True)

    def _fit(self, train):
        if all(np.ptp(recording.values) == 0 for recording in train):
            raise InputError("constant training data")
        super()._fit(train)

    def _score(self, recording):
        values = recording.values.astype(np.float64)
        if len(values) < 4:
            return np.zeros(len(values))
        with np.errstate(invalid="ignore"):
            return np.abs((values - values.mean(0)) / values.std(0)).mean(1)


class DividesByTrainingDeviation(MovingMean):
    """NaN where a channel was constant in training."""

    def _fit(self, train):
        super()._fit(train)
        self.std_ = np.concatenate([r.values for r in train]).std(0)

    def _score(self, recording):
        with np.errstate(all="ignore"):
            return super()._score(recording)


class DividesItsOneChannel(DividesByTrainingDeviation):
    capabilities = Capabilities(multivariate=False)


class NeedsAWindow(MovingMean):
    def _score(self, recording):
        np.lib.stride_tricks.sliding_window_view(recording.values, self.window, axis=0)
        return super()._score(recording)


class NeedsLongTraining(MovingMean):
    def _fit(self, train):
        for recording in train:
            np.lib.stride_tricks.sliding_window_view(recording.values, self.window, axis=0)
        super()._fit(train)


class RefusesOneShortRecording(MovingMean):
    """It may refuse training data that is too short, but not for one short stretch in it."""

    def _fit(self, train):
        if min(map(len, train)) < self.window:
            raise InputError("too short")
        super()._fit(train)


class TurnsScoresRound(SmallForest):
    def _score(self, recording):
        return -super()._score(recording)


class DrawsFromNumpyGlobally(MovingMean):
    def _fit(self, train):
        super()._fit(train)
        self.std_ = self.std_ * (1 + np.random.random())  # noqa: NPY002 - the fault


class DrawsFromPythonGlobally(MovingMean):
    def _fit(self, train):
        super()._fit(train)
        self.std_ = self.std_ * (1 + random.random())


class SeedsGlobally(MovingMean):
    """The same scores each time, at the price of everybody else's random numbers."""

    def _fit(self, train):
        super()._fit(train)
        np.random.seed(0)  # noqa: NPY002 - the fault
        self.std_ = self.std_ * (1 + np.random.random())  # noqa: NPY002 - the fault


class DrawsByTheClock(MovingMean):
    def _fit(self, train):
        super()._fit(train)
        self.std_ = self.std_ * (1 + 1e-9 * (time.perf_counter_ns() % 1000003))


class ReadsTrainingLabels(MovingMean):
    def fit(self, train, y=None):
        super().fit(train)
        labels = [r.labels for r in as_recordings(train) if r.labels is not None]
        self.std_ = self.std_ * (1 + sum(x.mean() for x in labels))
        return self


class ReadsScoredLabels(MovingMean):
    def score(self, recording, y=None):
        scores = super().score(recording)
        labels = as_recording(recording).labels
        return scores if labels is None else scores + labels


class ReadsRecordLabel(MovingMean):
    def score(self, recording, y=None):
        return super().score(recording) * (1 + (as_recording(recording).label or 0))


class ReadsNames(MovingMean):
    def _score(self, recording):
        return super()._score(recording) + ("anomaly" in recording.name)


class PretendsToUseLabels(MovingMean):
    capabilities = Capabilities(supervision="weak")


class ScalesRecordingsInPlace(MovingMean):
    def _fit(self, train):
        for recording in train:
            if recording.values.flags.owndata:
                recording.values.setflags(write=True)
                recording.values[:] *= 2
        super()._fit(train)


class UsesTheFirstTrainingArray(MovingMean):
    def fit(self, train, y=None):
        return super().fit(train[0] if isinstance(train[0], np.ndarray) else train)


class ScalesArraysInPlace(MovingMean):
    def score(self, recording, y=None):
        if isinstance(recording, np.ndarray):
            recording *= 2
            return super().score(recording / 2)
        return super().score(recording)


class AdaptsWhileScoring(MovingMean):
    def _score(self, recording):
        scores = super()._score(recording)
        self.std_ = 0.9 * self.std_ + 0.1 * np.maximum(recording.values.std(0), 0.1)
        return scores


class CalibratesOnFirstRecording(MovingMean):
    """The first recording scored sets the scale of all later ones, for good."""

    def _score(self, recording):
        scores = super()._score(recording)
        if not hasattr(self, "scale_"):
            self.scale_ = scores.max() or 1.0
        return scores / self.scale_

    def _fit(self, train):
        vars(self).pop("scale_", None)
        super()._fit(train)

    capabilities = Capabilities(transductive=True)


class AdvancesItsGenerator(Random):
    def _fit(self, train):
        self.rng_ = np.random.default_rng(self.seed)

    def _score(self, recording):
        return self.rng_.random(len(recording))


class PretendsToBeCausal(MovingMean):
    capabilities = Capabilities(causal=True)


class KnowsTheLength(Ewma):
    """Causal in values, but a score depends on how much is still to come."""

    def _score(self, recording):
        return super()._score(recording) / len(recording)


class KeepsALambda(MovingMean):
    def _fit(self, train):
        super()._fit(train)
        self.norm_ = lambda z: z


class LosesPrecisionOnSaving(MovingMean):
    def __getstate__(self):
        return {**vars(self), "mean_": self.mean_.astype(np.float32)}


class KeepsEarlierFits(MovingMean):
    def _fit(self, train):
        super()._fit(train)
        self.largest_ = max(getattr(self, "largest_", 0.0), float(self.std_.max()))
        self.std_ = np.full_like(self.std_, self.largest_)


class ComputesInInit(MovingMean):
    def __init__(self, window=16):
        self.window = window
        self.half_ = window // 2


class ChangesParametersInFit(MovingMean):
    def _fit(self, train):
        self.window = min(self.window, len(train[0]) // 100)
        super()._fit(train)


class LearnsIntoPlainNames(MovingMean):
    def _fit(self, train):
        super()._fit(train)
        self.spread = self.std_


class ScoresUnfitted(MovingMean):
    def score(self, recording, y=None):
        item = as_recording(recording)
        return super().score(item) if hasattr(self, "mean_") else np.zeros(len(item))


class PretendsToBeBlind(Standardised):
    capabilities = Capabilities(uses_values=False)

    def _score(self, recording):
        return np.abs(self._z(recording)).sum(1)


class RefusesQuietRecordings(MovingMean):
    def _score(self, recording):
        if len(recording) > 1 and recording.values.std() < 1e-9:
            raise ZeroDivisionError("no deviation")
        return super()._score(recording)


FAULTS = (
    (ScalesByTestMinMax(), "locality"),
    (StandardisesScores(), "locality"),
    (RanksScores(), "locality"),
    (CalibratesOnTheBeginning(), "locality"),
    (ScoresTooFew(), "output"),
    (ScoresTooFewUnchecked(), "output"),
    (ScoresInFloat32(), "output"),
    (IgnoresChannels(), "every_channel"),
    (HidesItsOneChannel(), "one_channel"),
    (AcceptsOtherChannels(), "channel_count"),
    (ReshapesWindows(), "time_and_channels"),
    (ReshapesWindows(window=33, components=5), "time_and_channels"),
    (ReshapesStridedWindows(), "time_and_channels"),
    (ReshapesRecording(), "time_and_channels"),
    (ReshapesTransposedRecording(), "time_and_channels"),
    (DividesByTestDeviation(), "constant"),
    (DividesByTrainingDeviation(), "constant"),
    (DividesItsOneChannel(), "constant"),
    (NeedsAWindow(), "short_recordings"),
    (NeedsLongTraining(), "short_recordings"),
    (RefusesOneShortRecording(), "short_recordings"),
    (TurnsScoresRound(), "direction"),
    (DrawsFromNumpyGlobally(), "random_state"),
    (DrawsFromPythonGlobally(), "random_state"),
    (SeedsGlobally(), "random_state"),
    (DrawsByTheClock(), "random_state"),
    (ReadsTrainingLabels(), "training_labels"),
    (ReadsScoredLabels(), "scored_labels"),
    (ReadsRecordLabel(), "scored_labels"),
    (ReadsNames(), "scored_labels"),
    (PretendsToUseLabels(), "weak_labels"),
    (ScalesRecordingsInPlace(), "input_untouched"),
    (ScalesArraysInPlace(), "input_untouched"),
    (UsesTheFirstTrainingArray(), "arrays"),
    (AdaptsWhileScoring(), "history"),
    (CalibratesOnFirstRecording(), "history"),
    (AdvancesItsGenerator(), "history"),
    (PretendsToBeCausal(), "causality"),
    (KnowsTheLength(), "causality"),
    (KeepsALambda(), "save_and_load"),
    (LosesPrecisionOnSaving(), "save_and_load"),
    (KeepsEarlierFits(), "refit"),
    (ComputesInInit(), "parameters"),
    (ChangesParametersInFit(), "parameters"),
    (LearnsIntoPlainNames(), "parameters"),
    (ScoresUnfitted(), "parameters"),
    (PretendsToBeBlind(), "values_unused"),
    (RefusesQuietRecordings(), "constant"),
)
"""Each faulty detector and the first check that it must fail."""
