"""Detectors that each break one rule of the contract, and the checks that must notice."""

import random
import sys
import time
from dataclasses import replace

import numpy as np
import torch
from scipy.linalg import cho_solve

from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors import Mahalanobis
from anomalib_ts.detectors.base import Capabilities
from anomalib_ts.detectors.streaming import Margins
from anomalib_ts.errors import InputError
from tests.makers.honest_detectors import (
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


class IgnoresChannels(MovingMean):
    def _z(self, recording):
        return super()._z(recording)[:, :1]


class HidesItsOneChannel(IgnoresChannels):
    capabilities = Capabilities(multivariate=False)

    def _check_channels(self, recording):
        pass


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


class TurnsTheScoreOfARecordingRound(SmallForest):
    capabilities = Capabilities(transductive=True)

    def _score(self, recording):
        return np.full(len(recording), -super()._score(recording).mean())


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


def callers_recordings():
    """Recordings that somebody up the call stack holds, as only a detector set on it finds them."""
    frame = sys._getframe(2)
    while frame is not None:
        for value in frame.f_locals.values():
            for item in value if isinstance(value, list | tuple) else [value]:
                if isinstance(item, Recording):
                    yield item
        frame = frame.f_back


def double_in_place(recording):
    owner = recording.values
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    owner.setflags(write=True)
    owner *= 2


class ReadsTrainingLabels(MovingMean):
    def _fit(self, train):
        super()._fit(train)
        labels = [r.labels for r in callers_recordings() if r.labels is not None]
        self.std_ = self.std_ * (1 + sum(x.mean() for x in labels))


class ReadsScoredLabels(MovingMean):
    def _score(self, recording):
        scores = super()._score(recording)
        for other in callers_recordings():
            if other.labels is not None and len(other) == len(scores):
                return scores + other.labels
        return scores


class ReadsRecordLabel(MovingMean):
    def _score(self, recording):
        known = [r.label for r in callers_recordings() if r.label is not None]
        return super()._score(recording) * (1 + sum(known))


class ReadsNames(MovingMean):
    def _score(self, recording):
        return super()._score(recording) + any("anomaly" in r.name for r in callers_recordings())


class ScalesTrainingInPlace(MovingMean):
    def _fit(self, train):
        for recording in callers_recordings():
            double_in_place(recording)
        super()._fit(train)


class ScalesScoredInPlace(MovingMean):
    def _score(self, recording):
        for other in callers_recordings():
            if other is not recording and len(other) == len(recording):
                double_in_place(other)
        return super()._score(recording)


class AdaptsWhileScoring(MovingMean):
    def _score(self, recording):
        scores = super()._score(recording)
        self.std_ *= 1.1  # in place: it is the fitted detector's own array
        return scores


class CalibratesOnFirstRecording(MovingMean):
    """The first recording scored sets the scale of all later ones, for good."""

    capabilities = Capabilities(transductive=True)

    def _fit(self, train):
        super()._fit(train)
        self.scale_ = []

    def _score(self, recording):
        scores = super()._score(recording)
        self.scale_.append(scores.max() or 1.0)
        return scores / self.scale_[0]


class ReadsSettingsWhileScoring(MovingMean):
    """Settings of the object that was fitted, which a user may change after `fit`."""

    def _fit(self, train):
        super()._fit(train)
        self.origin_ = self

    def _score(self, recording):
        return super()._score(recording) * self.origin_.window


class WorksInOriginalUnits(MovingMean):
    """Turns the standardisation back, and takes what is below 1e-6 for nothing."""

    def _score(self, recording):
        deviations = super()._score(recording) * self.scaler_.scale.mean()
        return np.where(deviations > 1e-6, deviations, 0.0)


class LeavesConstantChannelsOut(MovingMean):
    def _fit(self, train):
        super()._fit(train)
        spread = np.concatenate([r.values for r in train]).std(0)
        self.kept_ = spread > 0 if (spread > 0).any() else np.ones(len(spread), bool)

    def _z(self, recording):
        return super()._z(recording)[:, self.kept_]


class SharesAScratchpad(MovingMean):
    """Fine alone; with a second fit at the same time the later one's moments win."""

    scratch = None

    def _fit(self, train):
        super()._fit(train)
        type(self).scratch = 1 + np.abs(train[0].values[0])
        time.sleep(0.05)
        self.std_ = type(self).scratch


class PretendsToUseLabels(MovingMean):
    capabilities = Capabilities(supervision="weak")


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
    def _state(self):
        rounded = replace(self.scaler_, scale=np.round(self.scaler_.scale, 6))
        return super()._state() | {"scaler_": rounded}


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


class PretendsToBeBlind(Standardised):
    capabilities = Capabilities(uses_values=False)

    def _score(self, recording):
        return np.abs(self._z(recording)).sum(1)


class BlamesTheNextChannel(MovingMean):
    def _contributions(self, recording):
        return np.roll(super()._contributions(recording), 1, axis=1)


class BlamesTheNeighbours(Mahalanobis):
    """The parts that add up to the score: none of them is that of a sensor at its mean."""

    def _contributions(self, recording):
        centred = recording.values - self.mean_
        return centred * cho_solve(self._factor, centred.T).T


class StatesShortMargins(MovingMean):
    @property
    def _margins(self):
        return Margins(self.window // 4, self.window // 4)


class GivesAnotherScoreFunction(MovingMean):
    def score_function(self, recording):
        return lambda values: values.sum(dim=1)


class CutsTheGradient(MovingMean):
    def score_function(self, recording):
        return lambda values: torch.from_numpy(self.score(values.detach().numpy()))


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
    (IgnoresChannels(), "every_channel"),
    (HidesItsOneChannel(), "one_channel"),
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
    (TurnsTheScoreOfARecordingRound(), "direction"),
    (DrawsFromNumpyGlobally(), "random_state"),
    (DrawsFromPythonGlobally(), "random_state"),
    (SeedsGlobally(), "random_state"),
    (DrawsByTheClock(), "random_state"),
    (ReadsTrainingLabels(), "training_labels"),
    (ReadsScoredLabels(), "scored_labels"),
    (ReadsRecordLabel(), "scored_labels"),
    (ReadsNames(), "scored_labels"),
    (PretendsToUseLabels(), "weak_labels"),
    (ScalesTrainingInPlace(), "input_untouched"),
    (ScalesScoredInPlace(), "input_untouched"),
    (AdaptsWhileScoring(), "history"),
    (CalibratesOnFirstRecording(), "history"),
    (ReadsSettingsWhileScoring(), "settings_after_fit"),
    (WorksInOriginalUnits(), "units"),
    (LeavesConstantChannelsOut(), "constant_change"),
    (SharesAScratchpad(), "threads"),
    (AdvancesItsGenerator(), "history"),
    (PretendsToBeCausal(), "causality"),
    (KnowsTheLength(), "causality"),
    (KeepsALambda(), "save_and_load"),
    (LosesPrecisionOnSaving(), "save_and_load"),
    (KeepsEarlierFits(), "refit"),
    (ComputesInInit(), "parameters"),
    (ChangesParametersInFit(), "parameters"),
    (LearnsIntoPlainNames(), "parameters"),
    (PretendsToBeBlind(), "values_unused"),
    (BlamesTheNextChannel(), "blame"),
    (BlamesTheNeighbours(), "blame_correlated"),
    (StatesShortMargins(), "streaming"),
    (GivesAnotherScoreFunction(), "gradient"),
    (CutsTheGradient(), "gradient"),
    (RefusesQuietRecordings(), "constant"),
)
"""Each faulty detector and the first check that it must fail."""
