"""One unit of work: load, pick the training part, fit, score, judge."""

from __future__ import annotations

import json
import platform
import sys
import time
import traceback
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import metadata

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.config import create
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.detectors.base import Detector
from anomalib_ts.errors import ConfigError
from anomalib_ts.evaluation import Evaluation
from anomalib_ts.ground_truth import GroundTruth
from anomalib_ts.memory import peak_memory
from anomalib_ts.protocol import Protocol
from anomalib_ts.recording import FloatArray, Recording
from anomalib_ts.results.record import Record, Status, Unit

_REPORTED_VERSIONS = ("anomalib-ts", "numpy", "scikit-learn", "torch")


@dataclass(frozen=True)
class Outcome:
    """A unit's record, and the arrays behind it if it succeeded."""

    record: Record
    scores: FloatArray | None = None
    truth: GroundTruth | None = None


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
    train = protocol.training(case, detector.capabilities.supervision)
    _use_threads(threads)
    start = time.perf_counter()
    detector.fit(train)
    fitted = time.perf_counter()
    parts = [detector.score(recording) for recording in case.test]
    scored = time.perf_counter()
    known = {id(recording): part for recording, part in zip(case.test, parts, strict=True)}
    threshold = _fit_threshold(unit, detector, train, known)
    scores = np.concatenate(parts)
    truth = GroundTruth.of(case.test)
    judgement = evaluation.judge(truth, scores, threshold)
    record = Record(
        unit=unit,
        status="ok",
        metrics=judgement.values,
        undefined=judgement.undefined,
        judged=evaluation.rules,
        threshold=threshold,
        fit_seconds=fitted - start,
        score_seconds=scored - fitted,
        points=len(scores),
    )
    return Outcome(record, scores, truth)


@lru_cache(maxsize=1)
def load_case(data_settings: str, case: str) -> Case:
    """Load a case from a data set's settings (JSON); the last one is kept for the next detector."""
    return _data_set(data_settings).load(case)


@lru_cache(maxsize=1)
def _data_set(settings: str) -> DataSet:
    data_set: DataSet = create(json.loads(settings), "data")
    return data_set


def _fit_threshold(
    unit: Unit,
    detector: Detector,
    train: tuple[Recording, ...],
    test_scores: dict[int, FloatArray],
) -> float:
    """Fit the threshold on training scores, less the labelled anomalies of weak supervision.

    A recording that is also scored as a test (protocol `whole`) is not scored twice.
    """
    parts = []
    for recording in train:
        scores = test_scores.get(id(recording))
        parts.append(detector.score(recording) if scores is None else scores)
        if detector.capabilities.supervision == "weak":
            parts[-1] = parts[-1][~_known_anomalies(recording)]
    threshold: float = create(unit.threshold, "threshold").fit(np.concatenate(parts))
    return threshold


def _known_anomalies(recording: Recording) -> NDArray[np.bool_]:
    if recording.label is not None or recording.labels is None:
        return np.full(len(recording), recording.label == 1)
    return recording.labels.astype(bool)


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
