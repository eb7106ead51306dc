"""What a plant takes home: a fitted detector, its alarms and facts about its data, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.data.base import Case
from anomalib_ts.data.digests import case_digest
from anomalib_ts.deploy.alarms import Alarm, AlarmRule, find_alarms
from anomalib_ts.deploy.calibration import HeldBack
from anomalib_ts.deploy.healthy import Healthy, common_period, split_healthy
from anomalib_ts.deploy.target import AlarmTarget
from anomalib_ts.detectors.base import Detector
from anomalib_ts.errors import ConfigError, InputError
from anomalib_ts.results.blamed import Blamed, foremost
from anomalib_ts.saved.detector import load_model, save_model

READING = (
    *("value_columns", "timestamp_column", "exclude_columns", "delimiter", "header", "decimal"),
    *("date_format", "encoding", "comment", "skip_rows", "max_gap"),
)
"""Settings of `CsvFile` that say how files are read, and not which."""

_PARTS = ("rule", "target", "held_back", "healthy", "reading")


@dataclass(frozen=True, eq=False)
class PlantModel:
    """A fitted detector with alarms.

    >>> import numpy as np
    >>> from anomalib_ts import MovingMean, Recording
    >>> from anomalib_ts.deploy.target import AlarmTarget
    >>> from anomalib_ts.deploy.model import PlantModel
    >>> noise = np.random.default_rng(2).standard_normal(20_000)
    >>> healthy = Recording(noise, sampling_period=60.0)
    >>> model = PlantModel.fit(MovingMean(window=9), [healthy], AlarmTarget(per_day=0.1))
    >>> bad = noise[:500].copy()
    >>> bad[200] += 9
    >>> [alarm.start for alarm in model.alarms(model.score(Recording(bad)))]
    [200]

    Attributes:
        detector: fitted.
        rule: when there is an alarm.
        target: what the rule was made for.
        held_back: healthy scores that the rule comes from.
        healthy: facts about the training data.
        reading: settings of `CsvFile` that the training data were read with, to read others alike.
    """

    detector: Detector
    rule: AlarmRule
    target: AlarmTarget
    held_back: HeldBack
    healthy: Healthy
    reading: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        detector: Detector,
        recordings: Sequence[Recording],
        target: AlarmTarget,
        *,
        hold_back: float = 0.2,
        reading: dict[str, Any] | None = None,
    ) -> Self:
        """Fit a detector on healthy recordings, and its alarms on a part that it did not see.

        Args:
            detector: what scores.
            recordings: at least one. Of fewer than five, the last part of each is held back, else
                some as a whole.
            target: what alarms are to be like.
            hold_back: the share of the data that the detector is not fitted on, in (0, 1).
            reading: see the class.

        Raises:
            InputError: the data cannot be used, or is too little.
            ConfigError: a setting is out of range.
        """
        if not 0 < hold_back < 1:
            raise ConfigError(f"hold_back must lie in (0, 1), not {hold_back}")
        weak = detector.capabilities.supervision == "weak"
        train, held = split_healthy(recordings, hold_back)
        detector.fit(train)
        parts: list[FloatArray] = []
        for recording in held:
            scores = detector.score(recording)
            parts.append(scores[~recording.anomalous_points])
        healthy = Healthy.of(recordings, normal_only=weak)
        held_back = HeldBack.of(parts, healthy.period)
        return cls(detector, held_back.rule(target), target, held_back, healthy, reading or {})

    def score(self, recording: Recording) -> FloatArray:
        """Score `(n,)` a recording, channels by name.

        Channels whose values look like another unit, or lie outside of what training has shown,
        are warned of.

        Raises:
            InputError: its channels are not those of the training data.
        """
        self.healthy.check_channels(recording)
        self.healthy.warn_of_differences(recording)
        return self.detector.score(recording)

    def alarms(self, scores: FloatArray) -> list[Alarm]:
        """The alarms that `(n,)` scores raise."""
        return find_alarms(scores, self.rule)

    def blamed(self, recording: Recording, alarms: Sequence[Alarm]) -> list[dict[str, float]]:
        """Which channels alarms come from: their shares of the scores from start to end.

        Args:
            recording: what was scored, `(n, c)`.
            alarms: that it raised.

        Returns:
            For each alarm the shares, in (0, 1], of the channels that contributed most, by name
            (`channel 0` without), the largest first: at most five, and none below 5 % but the
            first. Empty if there is one channel, if the detector cannot say, or if nothing that
            was replaced made the scores fall.
        """
        if recording.channels == 1 or not self.detector.capabilities.blames_channels:
            return [{} for _ in alarms]
        known = self.healthy.names
        if (known is None) != (recording.channel_names is None):  # by position, as `score` said
            recording = replace(recording, channel_names=known)
        names = known or [f"channel {c}" for c in range(recording.channels)]
        found = []
        for alarm in alarms:
            parts = self.detector.contributions(recording, slice(alarm.start, alarm.stop))
            (shares,) = Blamed.of(parts, [slice(0, len(parts))]).shares
            found.append({names[c]: float(shares[c]) for c in foremost(shares)})
        return found

    def with_target(self, target: AlarmTarget) -> PlantModel:
        """The same model with other alarms; nothing is fitted again.

        Raises:
            InputError: the held-back scores cannot tell such a threshold.
        """
        return replace(self, target=target, rule=self.held_back.rule(target))

    def recalibrated(
        self, recordings: Sequence[Recording], target: AlarmTarget | None = None
    ) -> PlantModel:
        """The same model with alarms set on new healthy data; nothing is fitted again.

        >>> import numpy as np
        >>> from anomalib_ts import MovingMean, Recording
        >>> from anomalib_ts.deploy.model import PlantModel
        >>> from anomalib_ts.deploy.target import AlarmTarget
        >>> noise = np.random.default_rng(0).standard_normal(10_000)
        >>> model = PlantModel.fit(MovingMean(), [Recording(noise)], AlarmTarget(rate=0.001))
        >>> louder = model.recalibrated([Recording(2 * noise)])
        >>> bool(louder.rule.threshold > 1.5 * model.rule.threshold)
        True

        Args:
            recordings: at least one, that the detector was not fitted on; points that are labelled
                anomalous are left out. Their scores take the place of those held back before.
            target: what alarms are to be like; None for what they were to be like before.

        Raises:
            InputError: there are too few points, they cannot tell such a threshold, or the
                detector was fitted on them.
        """
        if not recordings:
            raise InputError("there is no healthy data to set a threshold on")
        if case_digest(Case("", test=tuple(recordings))) == self.healthy.digest:
            raise InputError(
                f"{_named(recordings)}: the model was fitted on these very data, and scores them "
                "lower than any others; set the threshold on new healthy data"
            )
        parts = [self.score(one)[~one.anomalous_points] for one in recordings]
        held_back = HeldBack.of(
            parts, common_period(recordings) or self.healthy.period, _named(recordings)
        )
        wanted = target or self.target
        return replace(self, held_back=held_back, target=wanted, rule=held_back.rule(wanted))

    def expected_per_day(self) -> float | None:
        """False alarms a day to expect on healthy data; None if that cannot be told."""
        return self.held_back.expected_per_day(self.target, self.rule)

    def save(self, path: str | Path) -> Path:
        """Write it to one file of data, no code.

        Raises:
            ContractError: the detector holds something that such a file cannot.
            AnomalibTsError: the file cannot be written.
        """
        return save_model(path, self.detector, {name: getattr(self, name) for name in _PARTS})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` or `anomalib-ts fit` wrote; no code in it is run.

        Raises:
            DataNotFoundError: there is no such file.
            InputError: it is no such model, or damaged.
        """
        detector, parts = load_model(path)
        if not parts:
            raise InputError(
                f"{path} holds a detector without alarms, as Detector.save writes it; "
                "`anomalib-ts fit` writes models that can score here"
            )
        kinds = (AlarmRule, AlarmTarget, HeldBack, Healthy, dict)
        if set(parts) != set(_PARTS):
            raise InputError(f"the model {path} is damaged or was altered: it has other parts")
        for name, kind in zip(_PARTS, kinds, strict=True):
            if type(parts.get(name)) is not kind:
                raise InputError(f"the model {path} is damaged or was altered: its {name} is none")
        model = cls(detector, *(parts[name] for name in _PARTS))
        try:
            model.healthy.check(detector.n_channels_, detector.channel_names_)
            model.held_back.check()
            if not set(model.reading) <= set(READING):
                raise InputError("it says more than how files are read")
            model.held_back.alarms(model.rule)
        except Exception as error:  # whatever odd values lead to
            raise InputError(f"the model {path} is damaged or was altered: {error}") from None
        return model


def _named(recordings: Sequence[Recording]) -> str:
    """`feb.csv`, `feb.csv and 2 more`."""
    more = len(recordings) - 1
    return f"{recordings[0].name} and {more} more" if more else recordings[0].name
