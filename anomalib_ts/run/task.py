"""What a detector has to do in one unit, and what comes back: plain data without any label.

`work` is the only place where the engine calls a detector. It runs in this process or in one of
its own, and is given nothing that says where the anomalies are. The exception is an attack: the
attacker knows the labels, and works where the detector does. He tells it nothing, but a detector
that searches the memory of its process finds there what he wants of each point.
"""

from __future__ import annotations

import contextvars
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from os import _exit, getpid  # by name: a detector may patch what `os` holds
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.peak_memory import peak_memory
from anomalib_ts.core.plain import (
    error_report,
    plain_numbers,
    plain_scores,
    plain_text,
    type_name,
)
from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.errors import ConfigError
from anomalib_ts.results.blamed import Blamed
from anomalib_ts.results.record import Status
from anomalib_ts.settings.config import Settings, create

if TYPE_CHECKING:
    from anomalib_ts.detectors.base import Detector
    from anomalib_ts.robustness.attack import Attack


@dataclass(frozen=True)
class Task:
    """The part of a unit that a detector takes part in.

    Attributes:
        detector: its settings.
        train: what it is fitted on; without labels, unless it declares that it learns from them.
        score: what it scores then, without labels; see `anomalib_ts.run.unit` for the order.
        seed: of the global random states, for a detector that uses them.
        threads: of the numeric libraries.
        attack: settings of what recordings go through before they are scored; empty for nothing.
        wanted: for each of `score`, what the attacker wants of its points, or None.
        counted: for each of `score`, the points that count in the result, or None: where their
            highest scores come from is asked of the detector, see `blame`. Empty to ask nothing.
        whole: whether recordings are judged as a whole.
    """

    detector: Settings
    train: tuple[Recording, ...]
    score: tuple[Recording, ...]
    seed: int = 0
    threads: int = 1
    attack: Settings = field(default_factory=dict)
    wanted: tuple[NDArray[np.int8] | None, ...] = ()
    counted: tuple[tuple[int, int] | None, ...] = ()
    whole: bool = False


@dataclass(frozen=True)
class Answer:
    """What came of a task.

    Attributes:
        status: how it ended.
        scores: `(n,)` finite float64 for each of `Task.score`; empty unless all went well.
        fitted: numbers that the detector learnt, see `Detector.fitted_values`.
        left_out: the names of those that are not finite.
        error: type, message and traceback, bounded, where the status is not `ok`.
        refused: why the settings make no detector; empty if they do.
        fit_seconds: wall clock of `fit`.
        score_seconds: `(r,)` wall clock of each `score`.
        peak_memory_mb: largest resident set of the process (10^6 bytes).
        attacked_by: the kind of attack; empty where there was none.
        attack_seconds: its wall clock.
        diagnosis: what the layers of the network tell of it, of the first recording that was
            attacked; see `diagnose`.
        blamed: which channels the highest scores come from, points of `Task.score` one recording
            after another.
        blame_error: why the detector failed to say so.
    """

    status: Status = "ok"
    scores: tuple[FloatArray, ...] = ()
    fitted: dict[str, float] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    error: dict[str, str] = field(default_factory=dict)
    refused: str = ""
    fit_seconds: float = 0.0
    score_seconds: tuple[float, ...] = ()
    peak_memory_mb: float | None = None
    attacked_by: str = ""
    attack_seconds: float = 0.0
    diagnosis: dict[str, dict[str, float]] = field(default_factory=dict)
    blamed: Blamed = field(default_factory=Blamed.none)
    blame_error: str = ""


def failed(status: Status, why: str) -> Answer:
    """The answer of a task that could not give one itself."""
    return Answer(status, error={"type": status, "message": why, "traceback": ""})


def work(task: Task) -> Answer:
    """Create, fit and score; whatever the detector does is made plain.

    The global random states are seeded before, so that even a detector that uses them gives the
    same scores whatever ran before it.
    """
    process = getpid()
    with peak_memory() as memory:
        answer = contextvars.copy_context().run(_guarded, task)
    if getpid() != process:
        _exit(0)  # a child that the detector forked: the unit is its parent's, not its own
    return replace(answer, peak_memory_mb=memory.megabytes)


def _guarded(task: Task) -> Answer:
    """NumPy's error state and the like are the context's, and end with it."""
    try:
        detector: Detector = create(task.detector, "detector")
        detector._check_settings()  # before data are at work: what is wrong is no property of them
    except ConfigError as error:
        return Answer("error", refused=plain_text(error), error=error_report(error))
    except BaseException as error:
        return Answer(status_of(error), error=error_report(error))
    try:
        return _fit_and_score(detector, task)
    except BaseException as error:
        return Answer(status_of(error), error=error_report(error))


def _fit_and_score(detector: Detector, task: Task) -> Answer:
    # Not above: a command that finds everything stored looks at `Limits` only, and that is dear.
    # Not below: a detector may leave a process in which nothing can be imported any more.
    from anomalib_ts.detectors.base import Detector as Base  # noqa: PLC0415
    from anomalib_ts.run.blame import blame  # noqa: PLC0415

    seed_everything(task.seed)
    _use_threads(task.threads)
    start = time.perf_counter()
    # The functions of the base class, since an override could do without what they see to.
    Base.fit(detector, task.train)
    fit_seconds = time.perf_counter() - start
    start = time.perf_counter()
    given, attacked_by = _attacked(detector, task)
    attack_seconds = time.perf_counter() - start
    scores, seconds = _score(partial(Base.score, detector), given)
    fitted, left_out = plain_numbers(detector.fitted_values(), type(detector).__name__)
    diagnosis = _diagnosed(detector, task, given) if attacked_by else {}
    blamed, blame_error = Blamed.none(), ""
    if task.counted:
        blamed, blame_error = blame(detector, given, scores, task.counted, whole=task.whole)
    return Answer(
        scores=tuple(scores),
        fitted=fitted,
        left_out=left_out,
        fit_seconds=fit_seconds,
        score_seconds=tuple(seconds),
        attacked_by=attacked_by,
        attack_seconds=attack_seconds if attacked_by else 0.0,
        diagnosis=diagnosis,
        blamed=blamed,
        blame_error=blame_error,
    )


def _attacked(detector: Detector, task: Task) -> tuple[Sequence[Recording], str]:
    """What is scored, as an attacker leaves it, and the kind of his attack."""
    if not task.attack:
        return task.score, ""
    from anomalib_ts.robustness.problem import TrainingRange  # noqa: PLC0415 - see above

    wished: Attack = create(task.attack, "attack")
    attack = wished.for_detector(detector, task.score[0])
    known = TrainingRange.of(task.train)
    given = [
        recording if wanted is None else attack.attack(detector, recording, known, wanted)
        for recording, wanted in zip(task.score, task.wanted, strict=True)
    ]
    return given, type(attack).__name__.lower()


def _diagnosed(
    detector: Detector, task: Task, given: Sequence[Recording]
) -> dict[str, dict[str, float]]:
    """What the layers tell of an attack on the first recording that there is one on."""
    from anomalib_ts.robustness import Noise, TrainingRange, diagnose  # noqa: PLC0415 - see above

    attack: Attack = create(task.attack, "attack")
    shared: dict[str, Any] = {name: getattr(attack, name) for name in ("epsilon", "goal", "clip")}
    for clean, attacked, wanted in zip(task.score, given, task.wanted, strict=True):
        if wanted is not None and wanted.any():
            known = TrainingRange.of(task.train)
            noise = Noise(**shared, seed=attack.seed + 1).attack(detector, clean, known, wanted)
            found = diagnose(detector, clean, noise, attacked, wanted)
            return {name: plain_numbers(row, name)[0] for name, row in found.items()}
    return {}


def _score(
    score: Callable[[Recording], object], recordings: Sequence[Recording]
) -> tuple[list[FloatArray], list[float]]:
    scores: list[FloatArray] = []
    seconds: list[float] = []
    for recording in recordings:
        start = time.perf_counter()
        scores.append(plain_scores(score(recording), len(recording)))
        seconds.append(time.perf_counter() - start)
    return scores, seconds


def seed_everything(seed: int) -> None:
    """Seed the global random states of Python, of NumPy and, if it is there, of torch."""
    random.seed(seed)
    np.random.seed(abs(seed) % 2**32)  # noqa: NPY002  (the state that other people's code uses)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(abs(seed) % 2**32)


def _use_threads(threads: int) -> None:
    """The numeric libraries took OMP_NUM_THREADS when they were loaded; torch can still be told."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def status_of(error: BaseException) -> Status:
    """How a unit ended that ended in this error."""
    # torch's error for a full GPU is no MemoryError
    full = isinstance(error, MemoryError) or type_name(error) == "OutOfMemoryError"
    return "oom" if full else "error"
