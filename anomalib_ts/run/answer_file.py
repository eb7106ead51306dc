"""An answer as bytes: JSON and then the arrays, so that reading it cannot run anything.

The process that writes it ran somebody else's code; what is read is checked like any input.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import IO, Any, get_args

import numpy as np

from anomalib_ts.core.plain import plain_numbers, plain_scores, plain_text
from anomalib_ts.errors import AnomalibTsError
from anomalib_ts.results.blamed import MOST_ROWS, Blamed
from anomalib_ts.results.record import Status
from anomalib_ts.run.task import Answer, Task

_LENGTH = 8  # bytes that say how long the JSON is
_LONGEST = 10_000_000
_encode = json.JSONEncoder(allow_nan=False).encode  # bound now: a detector may patch the class


def write_answer(answer: Answer, file: IO[bytes]) -> None:
    """Write an answer for `read_answer`."""
    shape = list(answer.blamed.parts.shape)
    content = vars(answer) | {"scores": len(answer.scores), "blamed": shape}
    text = _encode(content).encode()
    file.write(len(text).to_bytes(_LENGTH, "little"))
    file.write(text)
    for scores in answer.scores:
        file.write(scores.data)
    file.write(answer.blamed.stretches.astype(np.int64).tobytes())
    file.write(answer.blamed.parts.astype(np.float32).tobytes())
    file.flush()


def read_answer(file: IO[bytes], task: Task) -> Answer | None:
    """The answer to a task; None if there is none, or something else."""
    try:
        file.seek(0)
        length = int.from_bytes(file.read(_LENGTH), "little")
        if not 0 < length <= _LONGEST:
            return None
        content = json.loads(file.read(length))
        answer = _answer(content)
        if answer.status != "ok":
            return answer
        parts = [_scores(file, len(recording)) for recording in task.score]
        blamed = _blamed(file, content["blamed"], sum(map(len, task.score)))
        return replace(answer, scores=tuple(parts), blamed=blamed)
    except (AnomalibTsError, OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _answer(content: dict[str, Any]) -> Answer:
    status = content["status"]
    if status not in get_args(Status):
        raise ValueError(status)
    return Answer(
        status=status,
        fitted=plain_numbers(content["fitted"], "the detector")[0],
        left_out=[plain_text(name) for name in content["left_out"]],
        error={str(key): plain_text(text) for key, text in content["error"].items()},
        refused=plain_text(content["refused"]),
        fit_seconds=float(content["fit_seconds"]),
        score_seconds=tuple(map(float, content["score_seconds"])),
        peak_memory_mb=float(content["peak_memory_mb"]),
        attacked_by=plain_text(content["attacked_by"]),
        attack_seconds=float(content["attack_seconds"]),
        diagnosis={
            plain_text(layer): plain_numbers(row, "the detector")[0]
            for layer, row in content["diagnosis"].items()
        },
        blame_error=plain_text(content["blame_error"]),
    )


def _scores(file: IO[bytes], points: int) -> Any:
    return plain_scores(np.frombuffer(file.read(8 * points), np.float64), points)


def _blamed(file: IO[bytes], shape: Any, points: int) -> Blamed:
    rows, channels = map(int, shape)
    if not 0 <= rows <= MOST_ROWS or channels < 0:
        raise ValueError(shape)
    stretches = np.frombuffer(file.read(16 * rows), np.int64).reshape(rows, 2)
    parts = np.frombuffer(file.read(4 * rows * channels), np.float32).reshape(rows, channels)
    blamed = Blamed(stretches, parts)
    if not blamed.fits(points):
        raise ValueError("it is no table of these points")
    return blamed
