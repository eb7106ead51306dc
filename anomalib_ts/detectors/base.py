"""The contract that every detector fulfils."""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator

from anomalib_ts.errors import ContractError, InputError, NotFittedError
from anomalib_ts.files import atomic_write
from anomalib_ts.recording import FloatArray, Recording, RecordingLike, as_recording, as_recordings


@dataclass(frozen=True)
class Capabilities:
    """What a detector declares about itself; `anomalib_ts.testing.check_detector` verifies it.

    Attributes:
        multivariate: takes recordings of more than one channel and uses all of them.
        causal: the score of a point does not depend on later points.
        supervision: `weak` detectors are given the labels of the training recordings; all
            others never see a label.
        transductive: a score may depend on the whole scored recording (a matrix profile), not
            just on a neighbourhood of the point.
        needs_machine_ids: training needs recordings of at least two machine ids.
        uses_values: False only for baselines that score without looking (random).
    """

    multivariate: bool = True
    causal: bool = False
    supervision: Literal["none", "weak"] = "none"
    transductive: bool = False
    needs_machine_ids: bool = False
    uses_values: bool = True


class Detector(BaseEstimator, ABC):
    """Learns from training recordings and scores every point of a recording.

    A new detector subclasses this, declares `capabilities`, and writes `_fit` and `_score`; the
    public methods check input and output and are not meant to be overridden. As in scikit-learn,
    `__init__` only stores its arguments and what is learnt goes into attributes that end in `_`.

    Attributes:
        capabilities: what the detector declares about itself.
        version: raised whenever the same settings and seed give other scores than before, so
            that stored results are not mistaken for new ones.
    """

    capabilities: ClassVar[Capabilities] = Capabilities()
    version: ClassVar[int] = 1

    def fit(self, train: RecordingLike | Sequence[RecordingLike], y: None = None) -> Self:
        """Learn from training data.

        Args:
            train: one array `(n,)` or `(n, c)`, one recording, or a list of either, all with the
                same number of channels.
            y: ignored, there for scikit-learn; labels belong in the recordings.

        Raises:
            InputError: the data cannot be used by this detector.
        """
        del y
        recordings = as_recordings(train)
        channels = {recording.channels for recording in recordings}
        if len(channels) > 1:
            raise InputError(f"training recordings differ in channels: {sorted(channels)}")
        self._check_channels(recordings[0])
        if self.capabilities.supervision == "none":
            recordings = tuple(recording.without_labels() for recording in recordings)
        if self.capabilities.needs_machine_ids and len({r.machine_id for r in recordings}) < 2:
            raise InputError(
                f"{type(self).__name__} tells machines apart and needs training recordings of at "
                "least two machine ids; choose another detector"
            )
        self._fit(recordings)
        self.n_channels_: int = recordings[0].channels
        return self

    def score(self, recording: RecordingLike, y: None = None) -> FloatArray:
        """Score every point; higher is more anomalous.

        Args:
            recording: an array `(n,)` or `(n, c)`, or a recording.
            y: ignored, there for scikit-learn.

        Returns:
            `(n,)` finite float64.

        Raises:
            NotFittedError: `fit` was not called.
            InputError: the number of channels differs from the training data's.
            ContractError: the detector returned something else than n finite scores.
        """
        del y
        if not hasattr(self, "n_channels_"):
            raise NotFittedError(f"{type(self).__name__} must be fitted before it can score")
        item = as_recording(recording).without_labels()
        if item.channels != self.n_channels_:
            raise InputError(
                f"{item.name} has {item.channels} channels, "
                f"{type(self).__name__} was fitted on {self.n_channels_}"
            )
        return self._checked_scores(self._score(item), item)

    def fitted_values(self) -> dict[str, float]:
        """Numbers learnt in `fit` that belong beside the results, by name; none by default."""
        return {}

    @abstractmethod
    def _fit(self, train: tuple[Recording, ...]) -> None:
        """Learn from checked recordings, without labels unless `supervision` is `weak`."""

    @abstractmethod
    def _score(self, recording: Recording) -> FloatArray:
        """Score a checked recording that carries no labels."""

    def save(self, path: str | Path) -> Path:
        """Write the fitted detector to a file; `load_detector` reads it back."""
        with atomic_write(path) as file:
            pickle.dump(self, file, protocol=pickle.HIGHEST_PROTOCOL)
        return Path(path)

    def _check_channels(self, recording: Recording) -> None:
        if recording.channels > 1 and not self.capabilities.multivariate:
            raise InputError(
                f"{type(self).__name__} takes one channel, {recording.name} has "
                f"{recording.channels}; choose one, or a multivariate detector"
            )

    def _checked_scores(self, scores: Any, recording: Recording) -> FloatArray:
        array = np.asarray(scores, dtype=np.float64)
        if array.shape != (len(recording),):
            raise ContractError(
                f"{type(self).__name__} returned scores of shape {array.shape} for "
                f"{recording.name} of {len(recording)} points"
            )
        if not np.isfinite(array).all():
            at = int(np.argmin(np.isfinite(array)))
            raise ContractError(
                f"{type(self).__name__} scored point {at} of {recording.name} as {array[at]}"
            )
        return array


def load_detector(path: str | Path) -> Detector:
    """Read a detector that `Detector.save` wrote.

    The file is a pickle: load only files you trust, since loading can run code.

    Raises:
        InputError: the file holds something else.
    """
    try:
        with Path(path).open("rb") as file:
            detector = pickle.load(file)
    except (pickle.UnpicklingError, EOFError) as error:
        raise InputError(f"{path} holds no saved detector: {error}") from None
    if not isinstance(detector, Detector):
        raise InputError(f"{path} holds a {type(detector).__name__}, not a detector")
    return detector
