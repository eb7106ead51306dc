"""One unit of work: load, pick the training part, fit, score, judge."""

from __future__ import annotations

import json
import platform
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.config import create
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.data.split_table import hold_out, split_table
from anomalib_ts.errors import ConfigError
from anomalib_ts.evaluation import Evaluation
from anomalib_ts.ground_truth import GroundTruth
from anomalib_ts.memory import peak_memory
from anomalib_ts.protocol import Protocol
from anomalib_ts.recording import FloatArray, Recording
from anomalib_ts.results.record import Record, Status, Unit
from anomalib_ts.thresholds import Threshold

if TYPE_CHECKING:
    from anomalib_ts.detectors.base import Detector

_REPORTED_VERSIONS = ("anomalib-ts", "numpy", "scikit-learn", "torch")


@dataclass(frozen=True)
class Outcome:
    """A unit's record and, if it succeeded, what is behind it; `split` as `split_table` has it."""

    record: Record
    scores: FloatArray | None = None
    truth: GroundTruth | None = None
    split: str = ""


def execute(unit: Unit, evaluation: Evaluation, threads: int) -> Outcome:
    """Run one unit; whatever goes wrong in it becomes part of its record.

    Raises:
        ConfigError: a setting is out of range, which is no property of the case.
    """
    with peak_memory() as memory:
        try:
            outcome = _execute(unit, evaluation, threads)
        except ConfigError:
            raise  # the same mistake would meet every unit of the job
        except Exception as error:
            outcome = Outcome(Record(unit, _status_of(error), error=_report(error)))
    record = replace(outcome.record, peak_memory_mb=memory.megabytes, versions=_versions())
    return replace(outcome, record=record)


def _execute(unit: Unit, evaluation: Evaluation, threads: int) -> Outcome:
    protocol: Protocol = create(unit.protocol_settings, "protocol")
    case = protocol.split(load_case(json.dumps(unit.data_settings), unit.case))
    detector: Detector = create(unit.detector_settings, "detector")
    rule: Threshold = create(unit.threshold, "threshold")
    train, held_out = hold_out(
        protocol.training(case, detector.capabilities.supervision), rule.held_out
    )
    _use_threads(threads)
    start = time.perf_counter()
    detector.fit(train)
    fitted = time.perf_counter()
    parts = [detector.score(recording) for recording in case.test]
    scored = time.perf_counter()
    truth, scores = GroundTruth.of(case.test), np.concatenate(parts)
    known = {id(recording): part for recording, part in zip(case.test, parts, strict=True)}
    threshold = rule.fit(_normal_scores(detector, held_out or train, known, evaluation, truth))
    judgement = evaluation.judge(truth, scores, threshold)
    record = Record(
        unit=unit,
        status="ok",
        metrics=judgement.values,
        undefined=judgement.undefined,
        judged=evaluation.rules,
        threshold=threshold,
        decides=evaluation.decides(truth),
        fitted=detector.fitted_values(),
        fit_seconds=fitted - start,
        score_seconds=scored - fitted,
        points=len(scores),
    )
    split = _split_table(case, held_out) if truth.by_clip else ""
    return Outcome(record, scores, truth, split)


@lru_cache(maxsize=1)
def load_case(data_settings: str, case: str) -> Case:
    """Load a case from a data set's settings (JSON); the last one is kept for the next detector."""
    return _data_set(data_settings).load(case)


@lru_cache(maxsize=1)
def _data_set(settings: str) -> DataSet:
    data_set: DataSet = create(json.loads(settings), "data")
    return data_set


def _normal_scores(
    detector: Detector,
    recordings: Sequence[Recording],
    known: Mapping[int, FloatArray],
    evaluation: Evaluation,
    truth: GroundTruth,
) -> FloatArray:
    """What a threshold is fitted on: normal scores at the level that decisions are made at.

    Anomalies that only weak supervision may see are left out. A recording that is also scored as
    a test (protocol `whole`) is not scored twice.
    """
    weak = detector.capabilities.supervision == "weak"
    parts: list[FloatArray] = []
    for recording in recordings:
        scores = known.get(id(recording))
        scores = detector.score(recording) if scores is None else scores
        if weak:
            scores = scores[~_known_anomalies(recording)]
        if len(scores):
            parts.append(evaluation.clip_scores([scores]) if truth.by_clip else scores)
    return np.concatenate(parts)


def _known_anomalies(recording: Recording) -> NDArray[np.bool_]:
    if recording.label is not None or recording.labels is None:
        return np.full(len(recording), recording.label == 1)
    return recording.labels.astype(bool)


def _split_table(case: Case, held_out: Sequence[Recording]) -> str:
    """Which clips went where."""
    kept = {id(recording) for recording in held_out}
    train = [recording for recording in case.train if id(recording) not in kept]
    return split_table({"train": train, "threshold": held_out, "test": case.test})


def _use_threads(threads: int) -> None:
    """The numeric libraries took OMP_NUM_THREADS when they were loaded; torch can still be told."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def _status_of(error: Exception) -> Status:
    # torch's error for a full GPU is no MemoryError
    full = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return "oom" if full else "error"


def _report(error: Exception) -> dict[str, str]:
    shown = traceback.format_exc()
    return {"type": type(error).__name__, "message": str(error), "traceback": shown}


@cache
def _versions() -> dict[str, str]:
    packages = {name: metadata.version(name) for name in _REPORTED_VERSIONS}
    return {"python": platform.python_version(), **packages}
