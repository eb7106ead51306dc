"""Which part of a case trains and which is scored.

A protocol turns a case as the data set gives it into the case as a detector meets it. All but
`weak` score the whole test recordings. All but `folds` fit once.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.runs import run_slices
from anomalib_ts.data.base import Case
from anomalib_ts.errors import AnomalibTsWarning, ConfigError, InputError
from anomalib_ts.protocols.weak_split import weak_split


@dataclass(frozen=True)
class Part:
    """What one fit scores of a test recording.

    Attributes:
        recording: what is scored; it may begin before and end after the points that count.
        number: of the test recording among those of its case.
        begin, end: the points of the test recording that count, end exclusive.
        lead: points of `recording` before the first that counts.
    """

    recording: Recording
    number: int
    begin: int
    end: int
    lead: int = 0

    @property
    def counted(self) -> slice:
        """The points of `recording` that count."""
        return slice(self.lead, self.lead + self.end - self.begin)


@dataclass(frozen=True)
class Fold:
    """One fit: what trains, and what its model scores."""

    train: tuple[Recording, ...]
    parts: tuple[Part, ...]


class Protocol(ABC):
    """A rule that picks training and test recordings."""

    @abstractmethod
    def deal(self, case: Case) -> Case:
        """The case with `train` as this protocol has it.

        Raises:
            InputError: the case has nothing that this protocol could train on.
        """

    def training(self, case: Case, supervision: str) -> tuple[Recording, ...]:
        """What a detector trains on.

        Args:
            case: what `deal` gave.
            supervision: of the detector, see `Capabilities`.
        """
        del supervision
        return case.train

    def folds(self, case: Case, supervision: str) -> tuple[Fold, ...]:
        """The fits whose scores together cover every test recording once: one, as here.

        Args:
            case: what `deal` gave.
            supervision: of the detector, see `Capabilities`.
        """
        return (Fold(self.training(case, supervision), whole_parts(enumerate(case.test))),)


def whole_parts(recordings: Iterable[tuple[int, Recording]]) -> tuple[Part, ...]:
    """Parts that are whole test recordings, given with their numbers."""
    return tuple(Part(recording, i, 0, len(recording)) for i, recording in recordings)


@dataclass(frozen=True)
class Prefix(Protocol):
    """Trains on the beginning of each test recording; it may hold anomalies.

    TSB-UAD's semi-supervised methods are measured like this.

    >>> from anomalib_ts import Case, Recording
    >>> case = Case("pump", test=(Recording(range(50)),))
    >>> [len(recording) for recording in Prefix(fraction=0.1).deal(case).train]
    [5]

    Attributes:
        fraction: the part that trains, in (0, 1].
    """

    fraction: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise ConfigError(f"fraction must lie in (0, 1], not {self.fraction}")

    def deal(self, case: Case) -> Case:
        """The case with the beginning of each test recording, at least one point, to train on."""
        train = tuple(r[: max(1, round(self.fraction * len(r)))] for r in case.test)
        return replace(case, train=train)


@dataclass(frozen=True)
class Whole(Protocol):
    """Trains on the test recordings themselves, unlabelled; transductive.

    TSB-UAD's unsupervised methods are measured like this.

    >>> from anomalib_ts import Case, Recording
    >>> case = Case("pump", test=(Recording(range(50)),))
    >>> Whole().deal(case).train is case.test
    True
    """

    def deal(self, case: Case) -> Case:
        """The case with its test recordings to train on, too."""
        return replace(case, train=case.test)


@dataclass(frozen=True)
class Normal(Protocol):
    """Trains on every stretch of the test recordings that is labelled normal.

    Labels choose the training data, and it is scored again as test data: say so beside a figure.

    >>> from anomalib_ts import Case, Recording
    >>> case = Case("pump", test=(Recording(range(6), labels=[0, 0, 1, 0, 0, 0]),))
    >>> [len(recording) for recording in Normal().deal(case).train]
    [2, 3]
    """

    def deal(self, case: Case) -> Case:
        """The case with its normal stretches to train on.

        Raises:
            InputError: a recording has no labels, or nothing is labelled normal.
        """
        stretches = tuple(stretch for r in case.test for stretch in _normal_stretches(r))
        if not stretches:
            raise InputError(
                f"{case.name}: nothing in it is labelled normal, so protocol=normal has nothing to "
                "train on; use protocol=whole or protocol=prefix"
            )
        return replace(case, train=stretches)


@dataclass(frozen=True)
class Given(Protocol):
    """Trains on the data set's own training part.

    Recordings in it that are labelled as anomalous throughout train only detectors that learn
    from labels; others that have some anomalous points train all detectors. A warning says so.

    >>> from anomalib_ts import Case, Recording
    >>> case = Case("fan", test=(Recording([1.0], label=1),), train=(Recording([1.0], label=0),))
    >>> len(Given().training(case, supervision="none"))
    1
    """

    def deal(self, case: Case) -> Case:
        """The case as it is.

        Raises:
            InputError: the data set has no training part.
        """
        if not case.train:
            raise InputError(
                f"{case.name}: the data set has no training part of its own; use protocol=prefix, "
                "whole or normal"
            )
        return case

    def training(self, case: Case, supervision: str) -> tuple[Recording, ...]:
        """The training part; a warning says what is anomalous in it and what becomes of it.

        Raises:
            InputError: nothing is left.
        """
        if supervision == "weak":
            return case.train
        normal = tuple(r for r in case.train if not r.is_anomalous_throughout)
        _warn_of_labelled_points(case.name, normal)
        anomalous = [r.name for r in case.train if r.is_anomalous_throughout]
        if not anomalous:
            return case.train
        found = (
            f"{case.name}: {len(anomalous)} of {len(case.train)} training recordings are labelled "
            f"as anomalous, first {anomalous[0]}"
        )
        if len(anomalous) == len(case.train):
            raise InputError(f"{found}; a detector that learns without labels needs normal ones")
        warnings.warn(
            f"{found}; they are left out, since this detector learns what is normal without "
            "labels. protocol=weak lets them train detectors that learn from labels",
            AnomalibTsWarning,
            stacklevel=2,
        )
        return normal


@dataclass(frozen=True)
class Weak(Protocol):
    """Deals all clips anew: a test part, and a training part that holds some labelled anomalies.

    The protocol of the weakly supervised autoencoder's paper, which tests 200 normal and 200
    anomalous clips. Only detectors that learn from labels are given the anomalies; all others
    train on the same normal clips. See `weak_split`.

    >>> from anomalib_ts import Case, Recording
    >>> clips = tuple(Recording([float(i)], label=i % 2) for i in range(8))
    >>> weak = Weak(n_test_normal=2, n_test_anomalous=2, n_train_anomalous=1)
    >>> dealt = weak.deal(Case("fan", test=clips))
    >>> [recording.label for recording in dealt.train]
    [0, 0, 1]

    Attributes:
        n_test_normal: normal clips that are tested, as a number, or as a fraction in (0, 1) of
            all of them; the others train.
        n_test_anomalous: likewise of the anomalous clips.
        n_train_anomalous: how many of the other anomalous clips train, as a number or as a
            fraction of them; None for all.
        unlabelled_kinds: kinds of anomaly (`Recording.kind`) that never train and are only tested,
            to see what a detector makes of faults that nobody labelled. The tested clips do not
            depend on it.
        seed: of the draw.
    """

    n_test_normal: int | float = 0.5
    n_test_anomalous: int | float = 0.5
    n_train_anomalous: int | float | None = None
    unlabelled_kinds: list[str] = field(default_factory=list)
    seed: int = 0

    def deal(self, case: Case) -> Case:
        """The case with its clips dealt anew, the anomalous ones that train included.

        Raises:
            InputError: there are too few clips, or no anomalous clip is of an unlabelled kind.
        """
        self._check_kinds(case)
        return weak_split(
            case,
            self.n_test_normal,
            self.n_test_anomalous,
            n_train_anomalous=self.n_train_anomalous,
            seed=self.seed,
            may_train=lambda recording: recording.kind not in self.unlabelled_kinds,
        )

    def training(self, case: Case, supervision: str) -> tuple[Recording, ...]:
        """All clips that train, or for a detector without labels the normal ones."""
        if supervision == "weak":
            return case.train
        return tuple(recording for recording in case.train if not recording.is_anomalous)

    def _check_kinds(self, case: Case) -> None:
        known = sorted({r.kind for r in (*case.train, *case.test) if r.is_anomalous and r.kind})
        unknown = [kind for kind in self.unlabelled_kinds if kind not in known]
        if not unknown:
            return
        there = f"there are {', '.join(known)}" if known else "its data tells no kinds apart"
        raise InputError(
            f"{case.name}: no anomalous clip is of the kind {unknown[0]!r} that "
            f"protocol.unlabelled_kinds names; {there}"
        )


def _warn_of_labelled_points(case: str, train: Sequence[Recording]) -> None:
    """A series cannot be trained on with holes in it, so it trains as it is."""
    labelled = [recording for recording in train if recording.anomalous_points.any()]
    if labelled:
        count = sum(int(r.anomalous_points.sum()) for r in labelled)
        warnings.warn(
            f"{case}: {count} of {sum(map(len, train))} training points are labelled as "
            f"anomalous, first in {labelled[0].name}; this detector learns without labels and "
            "takes them for normal: use training data without anomalies if you can",
            AnomalibTsWarning,
            stacklevel=3,
        )


def _normal_stretches(recording: Recording) -> list[Recording]:
    if not recording.is_labelled:
        raise InputError(
            f"{recording.name}: protocol=normal needs labels, and there are none; use "
            "protocol=whole or protocol=prefix"
        )
    if not recording.anomalous_points.any():
        return [recording]  # itself, so that it is scored once as training and as test data
    return [recording[part] for part in run_slices(~recording.anomalous_points)]
