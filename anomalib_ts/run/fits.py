"""The fits of a unit: what each is given, and what its scores are worth beside the others'."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.protocols.base import Fold, Part
from anomalib_ts.protocols.hold_out import hold_out_recordings
from anomalib_ts.results.blamed import Blamed
from anomalib_ts.results.unit_key import Unit
from anomalib_ts.run.task import Answer, Task

if TYPE_CHECKING:
    from anomalib_ts.robustness.attack import Attack


@dataclass(frozen=True)
class Fit:
    """One fit of a unit, with all that its detector is not told.

    Attributes:
        train: what trains.
        held_out: what sets the threshold instead of what trains; empty if nothing does.
        parts: what is scored of the case.
        scored: what the detector is asked to score, in that order.
        weak: whether the detector learns from labels.
        wanted: what an attacker wants of each of `scored`, see `Attack`; None where he leaves it
            alone, and empty where there is no attacker.
    """

    train: tuple[Recording, ...]
    held_out: tuple[Recording, ...]
    parts: tuple[Part, ...]
    scored: tuple[Recording, ...]
    weak: bool
    wanted: tuple[NDArray[np.int8] | None, ...] = ()

    @classmethod
    def of(cls, fold: Fold, held_out: float, *, weak: bool, attack: Attack | None = None) -> Fit:
        """What becomes of a fold.

        Args:
            fold: as a protocol cuts it.
            held_out: share of what trains that sets the threshold, see `Threshold`.
            weak: whether the detector learns from labels.
            attack: what the parts go through before they are scored; what sets the threshold
                does not, even where it is the same recording.

        Raises:
            InputError: there is an attack, and a recording without labels.
        """
        train, kept = hold_out_recordings(fold.train, held_out)
        parts = fold.parts
        if attack is not None:
            parts = tuple(replace(part, recording=copy.copy(part.recording)) for part in parts)
        test = [part.recording for part in parts]
        scored = tuple(_order_of_scoring(test, kept or train, weak))
        wanted: tuple[NDArray[np.int8] | None, ...] = ()
        if attack is not None:
            known = {id(part.recording): _wanted(part, attack) for part in parts}
            wanted = tuple(known.get(id(recording)) for recording in scored)
        return cls(train, kept, parts, scored, weak, wanted)

    def task(self, unit: Unit, threads: int, *, blame: bool, whole: bool) -> Task:
        """What the detector has to do.

        Args:
            unit: whose fit it is.
            threads: of the numeric libraries.
            blame: whether it is asked which channels its highest scores come from.
            whole: whether recordings are judged as a whole.
        """
        counts = {id(p.recording): (p.counted.start, p.counted.stop) for p in self.parts}
        counted = tuple(counts.get(id(recording)) for recording in self.scored)
        return Task(
            detector=unit.detector_settings,
            train=tuple(
                _anonymous(recording, f"training recording {i}", labelled=self.weak)
                for i, recording in enumerate(self.train)
            ),
            score=tuple(_anonymous(r, f"recording {i}") for i, r in enumerate(self.scored)),
            seed=unit.seed,
            threads=threads,
            attack=unit.attack,
            wanted=self.wanted,
            counted=counted if blame else (),
            whole=whole,
        )

    def scores(self, answer: Answer) -> list[FloatArray]:
        """The scores of each part's points that count."""
        known = self._known(answer)
        return [known[id(part.recording)][part.counted] for part in self.parts]

    def blamed(self, answer: Answer, begins: Sequence[int]) -> Blamed:
        """Which channels its highest scores come from.

        Args:
            answer: of the detector.
            begins: the first point of each test recording of the case among all of them.
        """
        given = np.cumsum([0, *map(len, self.scored)])
        places = {id(recording): i for i, recording in enumerate(self.scored)}
        tables = []
        for part in self.parts:
            first = int(given[places[id(part.recording)]])
            here = slice(first + part.counted.start, first + part.counted.stop)
            found = answer.blamed.within(here)
            tables.append(Blamed(found.stretches + begins[part.number] + part.begin, found.parts))
        return Blamed.joined(tables)

    def normal_scores(self, answer: Answer) -> list[FloatArray]:
        """What a threshold is fitted on: no ignored points, no labelled anomalies that train."""
        known = self._known(answer)
        parts: list[FloatArray] = []
        for recording in self.held_out or self.train:
            scores = known.get(id(recording), np.empty(0))
            if len(scores):
                left_out = recording.ignored_points
                if self.weak:
                    left_out = left_out | recording.anomalous_points
                scores = scores[~left_out]
            if len(scores):
                parts.append(scores)
        return parts

    def unseen_points(self) -> int:
        """How many of the points that count did not train the model that scores them.

        A point has trained if the training recordings hold it in the same memory, as all do that
        a protocol cuts out of the test recordings.
        """
        spans = np.array([_span(recording.values) for recording in self.train])
        unseen = 0
        for part in self.parts:
            counted = part.recording.values[part.counted]
            first, last = _span(counted)
            shared = np.minimum(spans[:, 1], last) - np.maximum(spans[:, 0], first)
            unseen += len(counted) - int(shared.clip(0).sum()) // counted[:1].nbytes
        return unseen

    def _known(self, answer: Answer) -> dict[int, FloatArray]:
        return {id(r): s for r, s in zip(self.scored, answer.scores, strict=True)}


def _wanted(part: Part, attack: Attack) -> NDArray[np.int8]:
    """What an attacker wants of a part: nothing of the points that do not count."""
    from anomalib_ts.robustness.problem import wanted_of  # noqa: PLC0415 - few units are attacked

    wanted = wanted_of(attack.goal, part.recording)
    wanted[: part.counted.start] = 0
    wanted[part.counted.stop :] = 0
    return wanted


@dataclass(frozen=True)
class Scores:
    """What all fits of a unit gave.

    Attributes:
        test: for each test recording the score `(n,)` of every point.
        normal: scores that a threshold is fitted on, a recording each.
        blamed: which channels the highest scores come from.
    """

    test: list[FloatArray]
    normal: list[FloatArray]
    blamed: Blamed


def joined(test: Sequence[Recording], fits: Sequence[Fit], answers: Sequence[Answer]) -> Scores:
    """The scores of all fits, put where they belong; those of several are made comparable.

    From the scores of each of several models the median of those is taken away that it gives to
    normal training data (or to what is held out for the threshold).
    """
    begins = np.cumsum([0, *map(len, test)]).tolist()
    blamed = Blamed.joined([f.blamed(a, begins) for f, a in zip(fits, answers, strict=True)])
    scores = Scores([np.empty(len(recording)) for recording in test], [], blamed)
    for fit, answer in zip(fits, answers, strict=True):
        normal = fit.normal_scores(answer)
        level = float(np.median(np.concatenate(normal))) if len(fits) > 1 else 0.0
        scores.normal.extend(part - level for part in normal)
        for part, found in zip(fit.parts, fit.scores(answer), strict=True):
            scores.test[part.number][part.begin : part.end] = found - level
    return scores


def _span(values: NDArray[Any]) -> tuple[int, int]:
    """Where the rows of an array begin and end in memory."""
    first = int(values.__array_interface__["data"][0])
    return first, first + values.nbytes


def _order_of_scoring(
    test: Sequence[Recording], normal: Iterable[Recording], weak: bool
) -> list[Recording]:
    """The test recordings, shuffled, then what else is scored for the threshold.

    Shuffled because the order of files often tells the anomalous ones: `anomaly_...` comes before
    `normal_...`. A recording that is tested and trains (protocol `whole`) is scored once, and one
    that is a known anomaly throughout need not be.
    """
    order = np.random.default_rng(len(test)).permutation(len(test))
    scored = [test[i] for i in order]
    known = {id(recording) for recording in test}
    more = (r for r in normal if id(r) not in known and not (weak and r.is_anomalous_throughout))
    return [*scored, *more]


def _anonymous(recording: Recording, name: str, *, labelled: bool = False) -> Recording:
    """The recording without what could tell where the anomalies are.

    It shares the values, which were checked before: `dataclasses.replace` would check them again.
    """
    bare = copy.copy(recording)
    hidden = {"name": name, "domain": "", "kind": "", "ignored": None}
    vars(bare).update(hidden if labelled else hidden | {"labels": None, "label": None})
    return bare
