"""One unit of work: load, pick the training part, let the detector work, judge.

Names and labels stay on this side. What a detector is given (`Task`) holds neither, and how its
scores compare with the truth is found out after it has ended.
"""

from __future__ import annotations

import json
import logging
import platform
import re
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from importlib import metadata
from statistics import fmean
from typing import TYPE_CHECKING
from typing import Protocol as Interface

import numpy as np

from anomalib_ts.core.plain import error_report, plain_text
from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.errors import AnomalibTsWarning, ConfigError, InputError
from anomalib_ts.evaluation.ground_truth import GroundTruth, looked_at_as_clips
from anomalib_ts.evaluation.judge import Evaluation
from anomalib_ts.evaluation.thresholds import Threshold
from anomalib_ts.protocols.base import Protocol
from anomalib_ts.protocols.split_table import split_table
from anomalib_ts.results.blamed import Blamed
from anomalib_ts.results.record import Record, Status
from anomalib_ts.results.unit_key import Unit
from anomalib_ts.run.fits import Fit, joined
from anomalib_ts.run.kept_answers import KeptAnswers
from anomalib_ts.run.process_state import preserved
from anomalib_ts.run.task import Answer, Task, status_of, work
from anomalib_ts.settings.config import class_of, create

if TYPE_CHECKING:
    from anomalib_ts.detectors.base import Detector
    from anomalib_ts.robustness.attack import Attack

log = logging.getLogger(__name__)

_REPORTED_VERSIONS = ("anomalib-ts", "numpy", "scikit-learn", "torch")
_READS = 3  # of a case whose files change while they are read


@dataclass(frozen=True)
class Outcome:
    """A unit's record and, if it succeeded, what is behind it.

    Attributes:
        record: what is stored of it.
        scores: `(n,)`, the test recordings' scores one after another.
        truth: what they were judged against.
        dealt: which clips trained, set the threshold and were tested, as `split_table` has it;
            empty for series.
        blamed: which channels the highest scores come from.
    """

    record: Record
    scores: FloatArray | None = None
    truth: GroundTruth | None = None
    dealt: str = ""
    blamed: Blamed = field(default_factory=Blamed.none)


class CaseLoader(Interface):
    """Loads a case as `load_case` does and keeps the last one."""

    def __call__(self, data_settings: str, case: str, fingerprint: str = "", /) -> Case:
        """The case, as `load_case` gives it."""
        ...

    def cache_clear(self) -> None:
        """Forget what was loaded."""
        ...


def execute(
    unit: Unit,
    evaluation: Evaluation,
    threads: int,
    kept: KeptAnswers | None = None,
    *,
    blame: bool = True,
) -> Outcome:
    """Run one unit in this process; whatever goes wrong in it becomes part of its record.

    What units of a process share (working folder, standard streams, random states, numeric
    settings ...) is put back afterwards. A crash, a hang or memory that runs out ends the process
    all the same, and a detector that searches the memory of the process will find the labels:
    `anomalib_ts.run.isolation.execute_isolated` withstands both.

    Raises:
        ConfigError: settings make no object, which is no property of the case.
        KeyboardInterrupt: the user pressed Ctrl-C.
    """
    return execute_with(_work_here, load_case, unit, evaluation, threads, kept=kept, blame=blame)


def execute_with(
    worker: Callable[[Task], Answer],
    loader: CaseLoader,
    unit: Unit,
    evaluation: Evaluation,
    threads: int,
    *,
    kept: KeptAnswers | None = None,
    blame: bool = True,
) -> Outcome:
    """Run one unit, its tasks wherever `worker` has them done.

    If the case's data has changed since the unit was planned, the record is that of the data that
    was read: its unit has the fingerprint of that.

    Args:
        worker: does a task.
        loader: loads the case.
        unit: what to run.
        evaluation: how it is judged.
        threads: of the numeric libraries.
        kept: where the answers are that were had before the unit was killed.
        blame: whether detectors are asked which channels their highest scores come from.

    Raises:
        ConfigError: settings make no object, which is no property of the case.
    """
    create(unit.data_settings, "data")
    protocol: Protocol = create(unit.protocol_settings, "protocol")
    rule: Threshold = create(unit.threshold, "threshold")
    attack: Attack | None = create(unit.attack, "attack") if unit.attack else None
    class_of(unit.detector_settings, "detector")  # judged here: a unit's process takes our word
    try:
        unit, tasks, judge = _prepare(
            unit,
            loader,
            protocol=protocol,
            rule=rule,
            attack=attack,
            evaluation=evaluation,
            threads=threads,
            blame=blame,
        )
    except Exception as error:
        return Outcome(_failure(unit, status_of(error), error_report(error), threads))
    answers = _answers(worker, tasks, unit, kept)
    try:
        return judge(answers)
    except Exception as error:
        return Outcome(_failure(unit, status_of(error), error_report(error), threads))


def _answers(
    worker: Callable[[Task], Answer], tasks: list[Task], unit: Unit, kept: KeptAnswers | None
) -> list[Answer]:
    """The answers to all tasks, or to those up to the first that fails.

    Raises:
        ConfigError: the settings make no detector.
    """
    answers: list[Answer] = []
    keeps = kept if len(tasks) > 1 else None
    for number, task in enumerate(tasks):
        answer = keeps.find(unit, number, task) if keeps else None
        if answer is None:
            answer = worker(task)
            if keeps and answer.status == "ok":
                keeps.keep(unit, number, answer)
        if answer.refused:
            raise ConfigError(answer.refused)
        answers.append(answer)
        if answer.status != "ok":
            break
    return answers


_turn = threading.RLock()  # units of several threads would change what they share for each other


def _work_here(task: Task) -> Answer:
    with _turn, preserved():
        return work(task)


@lru_cache(maxsize=1)
def load_case(data_settings: str, case: str, fingerprint: str = "", /) -> Case:
    """Load a case; the last one is kept for the next detector.

    Args:
        data_settings: of the data set, as JSON.
        case: its name.
        fingerprint: of the data that is expected, so that a file that has changed is never
            answered from what was kept; empty for whatever there is now.

    Returns:
        The case, with the fingerprint of what was read.

    Raises:
        InputError: the data changes faster than it can be read.
    """
    data_set: DataSet = create(json.loads(data_settings), "data")
    before = fingerprint
    for _ in range(_READS):
        loaded = data_set.load(case)
        if loaded.fingerprint:
            return loaded
        after = data_set.fingerprint(case)
        if before in ("", after):
            return replace(loaded, fingerprint=after)
        before = after
    raise InputError(f"{case}: its files changed {_READS} times while they were read")


Judge = Callable[[list[Answer]], Outcome]


def _prepare(
    unit: Unit,
    loader: CaseLoader,
    *,
    protocol: Protocol,
    rule: Threshold,
    attack: Attack | None,
    evaluation: Evaluation,
    threads: int,
    blame: bool,
) -> tuple[Unit, list[Task], Judge]:
    """What is to be done, and the function that judges the answers.

    The labelled recordings are reached through that function alone: none of the frames below
    which a detector runs holds them in a variable.
    """
    loaded = loader(json.dumps(unit.data_settings), unit.case, unit.fingerprint)
    if loaded.fingerprint != unit.fingerprint:
        log.debug("%s has changed since the job was planned", unit.case)
        loader.cache_clear()  # it was asked for by a fingerprint that it does not have
        unit = replace(unit, fingerprint=loaded.fingerprint)
    _warn_of_order(unit)
    case = protocol.deal(loaded)
    kind: type[Detector] = class_of(unit.detector_settings, "detector")
    supervision = kind.capabilities.supervision
    fits = [
        Fit.of(fold, rule.held_out, weak=supervision == "weak", attack=attack)
        for fold in protocol.folds(case, supervision)
    ]

    def judge(answers: list[Answer]) -> Outcome:
        fit, answer = fits[len(answers) - 1], answers[-1]
        if answer.status != "ok":
            report = _with_names(answer.error, fit.train, fit.scored)
            failure = _failure(unit, answer.status, report, threads)
            return Outcome(replace(failure, peak_memory_mb=_peak(answers)))
        for name in {name for one in answers for name in one.left_out}:
            log.warning("%s, %s: %s is not finite", unit.case, unit.detector, name)
        if why := next((one.blame_error for one in answers if one.blame_error), ""):
            said = "%s, %s failed to say which channels its scores come from: %s"
            log.warning(said, unit.case, unit.detector, _ANONYMOUS_NAME.sub("a recording", why))
        if attack is not None and answer.attacked_by != type(attack).__name__.lower():
            what = type(attack).__name__.lower(), answer.attacked_by
            log.warning("%s has no gradient: attack=%s was made as %s", unit.detector, *what)
        return _judged(unit, case, fits, answers, rule=rule, evaluation=evaluation, threads=threads)

    whole = looked_at_as_clips(case.test)
    tasks = [fit.task(unit, threads, blame=blame, whole=whole) for fit in fits]
    return unit, tasks, judge


def _judged(
    unit: Unit,
    case: Case,
    fits: list[Fit],
    answers: list[Answer],
    *,
    rule: Threshold,
    evaluation: Evaluation,
    threads: int,
) -> Outcome:
    """The outcome of a unit all of whose fits went well."""
    truth = GroundTruth.of(case.test)
    found = joined(case.test, fits, answers)
    scores, normal = np.concatenate(found.test), found.normal
    if truth.by_clip:
        normal = [evaluation.clip_scores([part]) for part in normal]
    threshold = rule.fit(np.concatenate(normal)) if normal else None
    judgement = evaluation.judge(truth, scores, threshold)
    record = Record(
        unit=unit,
        status="ok",
        metrics=judgement.values,
        undefined=judgement.undefined,
        judged=evaluation.rules,
        threshold=threshold,
        decides=evaluation.decides(truth),
        fitted=_fitted(answers),
        fit_seconds=sum(answer.fit_seconds for answer in answers),
        score_seconds=sum(
            sum(answer.score_seconds[: len(fit.parts)])
            for fit, answer in zip(fits, answers, strict=True)
        ),
        points=len(scores),
        folds=len(fits),
        unseen=sum(fit.unseen_points() for fit in fits) / len(scores),
        peak_memory_mb=_peak(answers),
        versions=_versions(),
        threads=threads,
        attacked_by=answers[0].attacked_by,
        diagnosis=answers[0].diagnosis,
        attack_seconds=sum(answer.attack_seconds for answer in answers) if unit.attack else None,
    )
    held_out = [recording for fit in fits for recording in fit.held_out]
    dealt = _split_table(case, held_out) if truth.by_clip else ""
    return Outcome(record, scores, truth, dealt, found.blamed)


def _warn_of_order(unit: Unit) -> None:
    """A window over points that do not follow each other holds what chance put side by side."""
    window = unit.detector_settings.get("window", 1)
    around = "neighbourhood" in unit.detector_settings  # beside the window, however short it is
    data_set: DataSet = create(unit.data_settings, "data")
    if not data_set.ordered and (window != 1 or around):
        warnings.warn(
            f"{unit.data}: its points follow each other in no order, so {unit.detector} with "
            f"window={window} looks at neighbours that mean nothing; use a detector of "
            "single points, as most are with detector.window=1, and baselines=none",
            AnomalibTsWarning,
            stacklevel=2,
        )


def _fitted(answers: Sequence[Answer]) -> dict[str, float]:
    """What the models learnt; of several, the mean of what all of them give."""
    shared = set.intersection(*(set(answer.fitted) for answer in answers))
    return {
        name: fmean(answer.fitted[name] for answer in answers)
        for name in answers[0].fitted
        if name in shared
    }


def _peak(answers: Sequence[Answer]) -> float | None:
    return max((a.peak_memory_mb for a in answers if a.peak_memory_mb is not None), default=None)


_ANONYMOUS_NAME = re.compile(r"\b(training )?recording (\d{1,9})\b")


def _with_names(
    error: Mapping[str, str], train: Sequence[Recording], scored: Sequence[Recording]
) -> dict[str, str]:
    """An error's texts, with its name beside each recording that they name by number."""

    def named(match: re.Match[str]) -> str:
        recordings, place = train if match[1] else scored, int(match[2])
        return f"{match[0]} ({recordings[place].name})" if place < len(recordings) else match[0]

    return {key: plain_text(_ANONYMOUS_NAME.sub(named, text)) for key, text in error.items()}


def _split_table(case: Case, held_out: Sequence[Recording]) -> str:
    """Which clips went where."""
    kept = {id(recording) for recording in held_out}
    train = [recording for recording in case.train if id(recording) not in kept]
    return split_table({"train": train, "threshold": held_out, "test": case.test})


def _failure(unit: Unit, status: Status, error: dict[str, str], threads: int) -> Record:
    return Record(unit, status, error=error, versions=_versions(), threads=threads)


@cache
def _versions() -> dict[str, str]:
    packages = {name: metadata.version(name) for name in _REPORTED_VERSIONS}
    return {"python": platform.python_version(), **packages}
