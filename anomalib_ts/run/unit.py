"""One unit of work: load, pick the training part, let the detector work, judge.

Names and labels stay on this side. What a detector is given (`Task`) holds neither, and how its
scores compare with the truth is found out after it has ended.
"""

from __future__ import annotations

import copy
import json
import logging
import platform
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import metadata
from typing import TYPE_CHECKING
from typing import Protocol as Interface

import numpy as np

from anomalib_ts.core.plain import error_report, plain_text
from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.errors import AnomalibTsWarning, ConfigError, InputError
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.evaluation.judge import Evaluation
from anomalib_ts.evaluation.thresholds import Threshold
from anomalib_ts.protocols.base import Protocol
from anomalib_ts.protocols.split_table import hold_out_recordings, split_table
from anomalib_ts.results.record import Record, Status, Unit
from anomalib_ts.run.process_state import preserved
from anomalib_ts.run.task import Answer, Task, status_of, work
from anomalib_ts.settings.config import class_of, create

if TYPE_CHECKING:
    from anomalib_ts.detectors.base import Detector

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
    """

    record: Record
    scores: FloatArray | None = None
    truth: GroundTruth | None = None
    dealt: str = ""


class CaseLoader(Interface):
    """Loads a case as `load_case` does and keeps the last one."""

    def __call__(self, data_settings: str, case: str, fingerprint: str = "", /) -> Case:
        """The case, as `load_case` gives it."""
        ...

    def cache_clear(self) -> None:
        """Forget what was loaded."""
        ...


def execute(unit: Unit, evaluation: Evaluation, threads: int) -> Outcome:
    """Run one unit in this process; whatever goes wrong in it becomes part of its record.

    What units of a process share (working folder, standard streams, random states, numeric
    settings ...) is put back afterwards. A crash, a hang or memory that runs out ends the process
    all the same, and a detector that searches the memory of the process will find the labels:
    `anomalib_ts.run.isolation.execute_isolated` withstands both.

    Raises:
        ConfigError: settings make no object, which is no property of the case.
        KeyboardInterrupt: the user pressed Ctrl-C.
    """
    return execute_with(_work_here, load_case, unit, evaluation, threads)


def execute_with(
    worker: Callable[[Task], Answer],
    loader: CaseLoader,
    unit: Unit,
    evaluation: Evaluation,
    threads: int,
) -> Outcome:
    """Run one unit, its task wherever `worker` has it done.

    If the case's data has changed since the unit was planned, the record is that of the data that
    was read: its unit has the fingerprint of that.

    Raises:
        ConfigError: settings make no object, which is no property of the case.
    """
    create(unit.data_settings, "data")
    protocol: Protocol = create(unit.protocol_settings, "protocol")
    rule: Threshold = create(unit.threshold, "threshold")
    class_of(unit.detector_settings, "detector")  # judged here: a unit's process takes our word
    try:
        unit, task, judge = _prepare(
            unit, loader, protocol=protocol, rule=rule, evaluation=evaluation, threads=threads
        )
    except Exception as error:
        return Outcome(_failure(unit, status_of(error), error_report(error), threads))
    answer = worker(task)
    if answer.refused:
        raise ConfigError(answer.refused)
    try:
        return judge(answer)
    except Exception as error:
        return Outcome(_failure(unit, status_of(error), error_report(error), threads))


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


Judge = Callable[[Answer], Outcome]


def _prepare(
    unit: Unit,
    loader: CaseLoader,
    *,
    protocol: Protocol,
    rule: Threshold,
    evaluation: Evaluation,
    threads: int,
) -> tuple[Unit, Task, Judge]:
    """What is to be done, and the function that judges the answer.

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
    weak = supervision == "weak"
    train, held_out = hold_out_recordings(protocol.training(case, supervision), rule.held_out)
    scored = _order_of_scoring(case.test, held_out or train, weak)
    task = Task(
        detector=unit.detector_settings,
        train=tuple(
            _anonymous(recording, f"training recording {i}", labelled=weak)
            for i, recording in enumerate(train)
        ),
        score=tuple(_anonymous(r, f"recording {i}") for i, r in enumerate(scored)),
        seed=unit.seed,
        threads=threads,
    )

    def judge(answer: Answer) -> Outcome:
        if answer.status != "ok":
            report = _with_names(answer.error, train, scored)
            failure = _failure(unit, answer.status, report, threads)
            return Outcome(replace(failure, peak_memory_mb=answer.peak_memory_mb))
        for name in answer.left_out:
            log.warning("%s, %s: %s is not finite", unit.case, unit.detector, name)
        known = {id(r): s for r, s in zip(scored, answer.scores, strict=True)}
        truth = GroundTruth.of(case.test)
        scores = np.concatenate([known[id(recording)] for recording in case.test])
        normal = _normal_scores(held_out or train, known, weak)
        if truth.by_clip:
            normal = [evaluation.clip_scores([part]) for part in normal]
        threshold = rule.fit(np.concatenate(normal))
        judgement = evaluation.judge(truth, scores, threshold)
        record = Record(
            unit=unit,
            status="ok",
            metrics=judgement.values,
            undefined=judgement.undefined,
            judged=evaluation.rules,
            threshold=threshold,
            decides=evaluation.decides(truth),
            fitted=answer.fitted,
            fit_seconds=answer.fit_seconds,
            score_seconds=sum(answer.score_seconds[: len(case.test)]),
            points=len(scores),
            peak_memory_mb=answer.peak_memory_mb,
            versions=_versions(),
            threads=threads,
        )
        dealt = _split_table(case, held_out) if truth.by_clip else ""
        return Outcome(record, scores, truth, dealt)

    return unit, task, judge


def _warn_of_order(unit: Unit) -> None:
    """A window over points that do not follow each other holds what chance put side by side."""
    window = unit.detector_settings.get("window", 1)
    data_set: DataSet = create(unit.data_settings, "data")
    if not data_set.ordered and window != 1:
        warnings.warn(
            f"{unit.data}: its points follow each other in no order, so {unit.detector} with "
            f"window={window} looks at neighbours that mean nothing; use a detector with "
            "detector.window=1 and baselines=none",
            AnomalibTsWarning,
            stacklevel=2,
        )


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
    hidden = {"name": name, "domain": "", "kind": ""}
    vars(bare).update(hidden if labelled else hidden | {"labels": None, "label": None})
    return bare


def _normal_scores(
    recordings: Sequence[Recording], known: Mapping[int, FloatArray], weak: bool
) -> list[FloatArray]:
    """What a threshold is fitted on; anomalies that only weak supervision may see are left out."""
    parts: list[FloatArray] = []
    for recording in recordings:
        scores = known.get(id(recording), np.empty(0))
        if weak and len(scores):
            scores = scores[~recording.anomalous_points]
        if len(scores):
            parts.append(scores)
    return parts


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
