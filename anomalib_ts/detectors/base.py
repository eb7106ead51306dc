"""The contract that every detector fulfils."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy, deepcopy
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, final

import numpy as np
from sklearn.base import BaseEstimator

from anomalib_ts.core.recording import (
    FloatArray,
    Recording,
    RecordingLike,
    as_recording,
    as_recordings,
)
from anomalib_ts.detectors.capabilities import Capabilities
from anomalib_ts.detectors.channel_order import alike, warn_of_missing_names
from anomalib_ts.detectors.contributions import by_replacement
from anomalib_ts.detectors.manners import EstimatorManners, UnfittedError, healthy_sample
from anomalib_ts.detectors.scaling import ChannelScaler, Scaling
from anomalib_ts.detectors.streaming import Margins, Stream
from anomalib_ts.errors import ContractError, InputError
from anomalib_ts.saved.detector import load_model, save_model
from anomalib_ts.settings.fields import check_settings

if TYPE_CHECKING:
    from anomalib_ts.detectors.deep.score_function import ScoreFunction

__all__ = ["Capabilities", "Detector", "load_detector"]


class Detector(EstimatorManners, BaseEstimator, ABC):
    """Learns from training recordings and scores every point of a recording.

    A new detector subclasses this, declares `capabilities`, and writes `_fit` and `_score`. The
    public methods prepare what these two are given, and cannot be overridden: channels are put in
    the order of the training data, standardised (see `ChannelScaler`) and copied, so that nothing
    a detector does to them is seen elsewhere; labels, names and all else that might give an
    anomaly away are taken out. As in scikit-learn, `__init__` only stores its arguments and what
    is learnt goes into attributes that end in `_`.

    >>> import numpy as np
    >>> from anomalib_ts import Detector
    >>> class Distance(Detector):
    ...     def _fit(self, train):
    ...         self.centre_ = np.median(np.concatenate([one.values for one in train]), axis=0)
    ...
    ...     def _score(self, recording):
    ...         return abs(recording.values - self.centre_).max(axis=1)
    >>> int(Distance().fit([1.0, 3.0, 5.0]).score([3.0, 7.0]).argmax())
    1

    Attributes:
        capabilities: what the detector declares about itself.
        version: raised whenever the same settings and seed give other scores than before, so
            that stored results are not mistaken for new ones.
        n_channels_: of the training data.
        channel_names_: of the training data, None where they have none.
        scaler_: what standardises, learnt from the training data.
    """

    capabilities: ClassVar[Capabilities] = Capabilities()
    version: ClassVar[int] = 1
    n_channels_: int
    channel_names_: tuple[str, ...] | None
    scaler_: ChannelScaler

    def __init_subclass__(cls, **options: Any) -> None:
        """Let no object be made of a class that overrides `fit` or `score`."""
        super().__init_subclass__(**options)
        for name in ("fit", "score"):
            if getattr(cls, name) is not getattr(Detector, name):
                type.__setattr__(cls, "__init__", _refusal(cls.__name__, name))

    @final
    def fit(self, train: RecordingLike | Sequence[RecordingLike], y: None = None) -> Self:
        """Learn from training data.

        >>> import numpy as np
        >>> from anomalib_ts import MovingMean
        >>> MovingMean(window=3).fit(np.zeros((50, 2))).n_channels_
        2
        >>> MovingMean(window=3).fit([np.zeros(50), np.ones(80)]).n_channels_
        1

        Args:
            train: one array `(n,)` or `(n, c)`, one recording, or a list of either, all with the
                same number of channels; see `as_recording` for the kinds of array.
            y: ignored, there for scikit-learn; labels belong in the recordings.

        Raises:
            InputError: the data cannot be used by this detector.
            ConfigError: a setting has the wrong type or lies out of its limits.
        """
        del y
        self.__dict__.pop("n_channels_", None)  # not fitted until all has gone well
        recordings = alike(as_recordings(train))
        self._check_channels(recordings[0])
        if self.capabilities.needs_machine_ids and len({r.machine_id for r in recordings}) < 2:
            raise InputError(
                f"{type(self).__name__} tells machines apart and needs training recordings of at "
                "least two machine ids; choose another detector"
            )
        if self.capabilities.supervision == "none":
            recordings = tuple(recording.without_labels() for recording in recordings)
        self._check_settings()
        self.channel_names_ = recordings[0].channel_names
        self.scaler_ = ChannelScaler.fit(recordings, self._scaling)
        self._params_of_fit_ = deepcopy(self.get_params(deep=False))
        given = tuple(
            replace(recording, name=f"training recording {number}", kind="")
            for number, recording in enumerate(self.scaler_.transform(recordings))
        )
        self._healthy_ = healthy_sample(given)
        self._fit(given)
        self.n_channels_ = recordings[0].channels
        return self

    @final
    def score(self, recording: RecordingLike, y: None = None) -> FloatArray:
        """Score every point; higher is more anomalous.

        Channels with names are matched to those of the training data by name. What `set_params`
        changed after `fit` has no effect before the next `fit`.

        >>> from anomalib_ts import MovingMean
        >>> detector = MovingMean(window=3)
        >>> detector.score([0.0, 1.0])
        Traceback (most recent call last):
        ...
        anomalib_ts.detectors.manners.UnfittedError: MovingMean must be fitted before it can score
        >>> detector.fit([0.0, 1.0, 0.0, 1.0]).score([0.0, 1.0]).shape
        (2,)

        Args:
            recording: an array `(n,)` or `(n, c)`, or a recording.
            y: ignored, there for scikit-learn.

        Returns:
            `(n,)` finite float64.

        Raises:
            NotFittedError: `fit` was not called.
            InputError: the channels are not those of the training data, by number or by name.
            ContractError: the detector returned something else than n finite scores.
        """
        del y
        as_fitted, item = self._as_fitted(), as_recording(recording)
        return self._checked_scores(as_fitted._score(self._prepared(item)), item)

    @final
    def contributions(self, recording: RecordingLike, part: slice = slice(None)) -> FloatArray:
        """Which channels (of a spectrogram: bands) each score comes from.

        Where a score is a sum over channels these are its parts, see the detector's own words;
        else a channel's contribution is by how much the score falls when the channel is replaced
        by what the others make one expect, with the deviations from it that training data had,
        and is negative where the score rises. That takes one more scoring for each channel.

        >>> import numpy as np
        >>> from anomalib_ts import MovingMean
        >>> values = np.random.default_rng(0).standard_normal((200, 3))
        >>> detector = MovingMean(window=5).fit(values)
        >>> values[150, 2] = 20
        >>> int(detector.contributions(values)[150].argmax())
        2

        Args:
            recording: as `score` takes it.
            part: the points that are asked about; all of them by default. Where it is known how
                far a score reaches (see `stream`), no more of the recording is scored than that.

        Returns:
            `(n, c)` finite float64 in the unit of the scores, a row a point of `part`, channels in
            the order of the training data; comparable between the channels of a point.

        Raises:
            InputError: the detector declares that it cannot say (`blames_channels=False`), the
                channels are not those of the training data, or `part` has a step.
            NotFittedError, ContractError: as `score` does.
        """
        as_fitted, item = self._as_fitted(), as_recording(recording)
        if not self.capabilities.blames_channels:
            raise InputError(
                f"{type(self).__name__} cannot say which channels a score comes from; choose a "
                "detector that declares blames_channels=True"
            )
        start, stop, step = part.indices(len(item))
        if step != 1:
            raise InputError(f"contributions are of points in a row, not of every {step}")
        margins = as_fitted._margins
        needed = slice(0, len(item)) if margins is None else margins.piece(start, stop, len(item))
        given = self._prepared(item)[needed]
        mean = np.zeros((1, item.channels), dtype=np.float32)  # for models of before
        healthy = getattr(self, "_healthy_", mean)
        as_fitted._healthy_ = np.roll(healthy, -needed.start, axis=0)  # as in the whole recording
        shares = self._checked_scores(as_fitted._contributions(given), given, (item.channels,))
        return shares[start - needed.start : stop - needed.start]

    def contribution_cost(self) -> int:
        """How many scorings of a recording `contributions` takes.

        >>> import numpy as np
        >>> from anomalib_ts import IForest, MovingMean
        >>> values = np.random.default_rng(0).standard_normal((200, 3))
        >>> MovingMean(window=3).fit(values).contribution_cost()  # parts of a sum
        1
        >>> IForest(window=3).fit(values).contribution_cost()  # each channel replaced in turn
        4

        Raises:
            NotFittedError: `fit` was not called.
        """
        fitted = self._as_fitted()
        return 1 if fitted._has_own_contributions else 1 + self.n_channels_

    @property
    def _has_own_contributions(self) -> bool:
        """Whether there is another way to contributions than replacing each channel."""
        return type(self)._contributions is not Detector._contributions

    def score_function(self, recording: RecordingLike) -> ScoreFunction | None:
        """The scores of a recording as a function of its values that torch can differentiate.

        >>> from anomalib_ts import MovingMean
        >>> MovingMean(window=3).fit([0.0, 1.0, 0.0]).score_function([0.0, 1.0]) is None
        True

        Args:
            recording: as `score` takes it; its values are those that the function is given first.

        Returns:
            The function, which deep detectors have; None where the scores have no gradient.

        Raises:
            NotFittedError, InputError: as `score` does.
        """
        self._as_fitted()._prepared(as_recording(recording))
        return None

    @final
    def margins(self) -> Margins | None:
        """How far a score reaches: the points before and after its own that it depends on.

        >>> from anomalib_ts import MovingMean
        >>> MovingMean(window=3).fit([0.0, 1.0, 0.0]).margins().before
        1

        Returns:
            None where a score may depend on the whole recording.

        Raises:
            NotFittedError: `fit` was not called.
        """
        return self._as_fitted()._margins

    def fitted_values(self) -> dict[str, float]:
        """Numbers learnt in `fit` that belong beside the results, by name; none by default."""
        return {}

    def _check_settings(self) -> None:
        """Compare the settings with their declarations; override it for what concerns several.

        Raises:
            ConfigError: a setting has the wrong type or lies out of its limits.
        """
        check_settings(self)

    @property
    def _scaling(self) -> Scaling:
        """Whether each channel is divided by its own deviation or all by a common one."""
        return "channel"

    @abstractmethod
    def _fit(self, train: tuple[Recording, ...]) -> None:
        """Learn from standardised recordings, unlabelled unless `supervision` is `weak`."""

    @abstractmethod
    def _score(self, recording: Recording) -> FloatArray:
        """Score a standardised recording that carries no labels.

        Attributes that are set here are forgotten afterwards.
        """

    def _score_each(self, recordings: Iterable[Recording]) -> Iterator[FloatArray]:
        """The scores of several recordings; overridden where all at once is faster."""
        return map(self._score, recordings)

    def _contributions(self, recording: Recording) -> FloatArray:
        """What each channel adds to each score, `(n, c)`; given what `_score` is given.

        Overridden where the score is a sum over channels.
        """
        return by_replacement(self._score_each, recording, self._healthy_)

    @final
    def stream(self) -> Stream:
        """Score points as they come, with a stated delay and in bounded memory.

        >>> from anomalib_ts import MovingMean
        >>> stream = MovingMean(window=3).fit([0.0, 1.0, 0.0, 1.0]).stream()
        >>> [len(stream.push(value)) for value in (0.0, 1.0, 0.0)], len(stream.finish())
        ([0, 1, 1], 1)

        Returns:
            What takes the points. Its scores are those of `score` on the whole recording.

        Raises:
            NotFittedError: `fit` was not called.
            InputError: a score may depend on the whole recording, or the detector does not say how
                far it reaches.
        """
        fitted = self._as_fitted()
        if (margins := fitted._margins) is None:
            raise InputError(
                f"{type(self).__name__} cannot score a stream: its scores may depend on the whole "
                "recording. Score whole recordings, or choose another detector"
            )
        return Stream(
            fitted._score_as_fitted,
            fitted._prepared,
            margins,
            self.n_channels_,
            self.channel_names_,
        )

    @property
    def _margins(self) -> Margins | None:
        """How far a score reaches; None where there is no bound, so that `stream` is refused.

        By default one window (`window_` or else `window`) to both sides, for causal detectors to
        the past; None for transductive detectors and for those that have no window.
        """
        window = getattr(self, "window_", getattr(self, "window", None))
        if self.capabilities.transductive or not isinstance(window, Integral):
            return None
        return Margins(int(window), 0 if self.capabilities.causal else int(window), int(window))

    def save(self, path: str | Path) -> Path:
        """Write the fitted detector to a file of data, no code; `load_detector` reads it back.

        Raises:
            NotFittedError: `fit` was not called.
            ContractError: it has learnt something that such a file cannot hold, see `_state`.
            AnomalibTsError: the file cannot be written.
        """
        if not hasattr(self, "n_channels_"):
            raise UnfittedError(f"{type(self).__name__} must be fitted before it can be saved")
        return save_model(path, self)

    def _state(self) -> dict[str, Any]:
        """What was learnt, by name, of the kinds that `anomalib_ts.saved.values` has.

        Overridden together with `_restore` where something is of another kind: a network.
        """
        return {
            name: value for name, value in vars(self).items() if name not in self.get_params(False)
        }

    def _restore(self, state: dict[str, Any]) -> None:
        """Take up what `_state` gave; the settings are set already."""
        self.__dict__.update(state)

    def _check_channels(self, recording: Recording) -> None:
        if recording.channels > 1 and not self.capabilities.multivariate:
            raise InputError(
                f"{type(self).__name__} takes one channel, {recording.name} has "
                f"{recording.channels}; choose one, or a multivariate detector"
            )

    def _as_fitted(self) -> Self:
        """A shallow copy with the settings that it was fitted with."""
        if not hasattr(self, "n_channels_"):
            raise UnfittedError(f"{type(self).__name__} must be fitted before it can score")
        as_fitted = copy(self)
        as_fitted.__dict__.update(self._params_of_fit_)
        return as_fitted

    def _score_as_fitted(self, given: Recording) -> FloatArray:
        return self._checked_scores(self._as_fitted()._score(given), given)

    def _prepared(self, item: Recording) -> Recording:
        """What `_score` is given of a recording: checked, in order, bare and standardised."""
        if item.channels != self.n_channels_:
            raise InputError(
                f"{item.name} has {item.channels} channels, {type(self).__name__} was fitted on "
                f"{self.n_channels_}. Reshape your data to (points, {self.n_channels_}), or choose "
                f"its columns: X has {item.channels} features, but {type(self).__name__} is "
                f"expecting {self.n_channels_} features as input"
            )
        warn_of_missing_names(item, self.channel_names_)
        item = item.ordered_like(self.channel_names_, "the training data")
        bare = replace(item.without_labels(), name="recording", domain="")
        (given,) = self.scaler_.transform([bare])
        return given

    def _checked_scores(
        self, scores: Any, recording: Recording, per_point: tuple[int, ...] = ()
    ) -> FloatArray:
        array = np.asarray(scores, dtype=np.float64)
        if array.shape != (len(recording), *per_point):
            what = "contributions" if per_point else "scores"
            raise ContractError(
                f"{type(self).__name__} returned {what} of shape {array.shape} for "
                f"{recording.name} of {len(recording)} points"
            )
        finite = np.isfinite(array)
        if not finite.all():
            at = int(np.argwhere(~finite)[0, 0])
            raise ContractError(
                f"{type(self).__name__} scored point {at} of {recording.name} as {array[at]}"
            )
        return array


def _refusal(kind: str, name: str) -> Callable[..., None]:
    """A constructor for a class that overrides what keeps labels and others' memory out of reach.

    It refuses when an object is made rather than when the class is, so that a module with one
    such class can be imported for the others in it.
    """

    def refuse(_self: object, **_settings: Any) -> None:
        raise ContractError(
            f"{kind} overrides `{name}`, which checks and prepares what a detector is given; write "
            f"`_{name}` instead"
        )

    return refuse


def load_detector(path: str | Path) -> Detector:
    """Read a detector that `Detector.save` or `anomalib-ts fit` wrote; no code in it is run.

    Detectors of this package load, those of installed plug-ins, and classes of modules that the
    program has imported itself.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from anomalib_ts import MovingMean, load_detector
    >>> detector = MovingMean(window=3).fit([0.0, 1.0, 0.0, 1.0])
    >>> with TemporaryDirectory() as folder:
    ...     again = load_detector(detector.save(Path(folder) / "detector.ats"))
    >>> again.score([0.0, 5.0]).tolist() == detector.score([0.0, 5.0]).tolist()
    True

    Raises:
        DataNotFoundError: there is no such file.
        UntrustedError: its detector is of a plug-in that is not installed here.
        InputError: the file holds something else, is damaged, or cannot be read by this version.
    """
    detector: Detector = load_model(path)[0]
    return detector
