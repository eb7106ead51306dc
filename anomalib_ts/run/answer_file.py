"""An answer as bytes: JSON and then the scores, so that reading it cannot run anything.

The process that writes it ran somebody else's code; what is read is checked like any input.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import IO, Any, get_args

import numpy as np

from anomalib_ts.core.plain import plain_numbers, plain_scores, plain_text
from anomalib_ts.errors import AnomalibTsError
from anomalib_ts.results.record import Status
from anomalib_ts.run.task import Answer, Task

_LENGTH = 8  # bytes that say how long the JSON is
_LONGEST = 10_000_000
_encode = json.JSONEncoder(allow_nan=False).encode  # bound now: a detector may patch the class


def write_answer(answer: Answer, file: IO[bytes]) -> None:
    """Write an answer for `read_answer`."""
    content = vars(answer) | {"scores": len(answer.scores)}
    text = _encode(content).encode()
    file.write(len(text).to_bytes(_LENGTH, "little"))
    file.write(text)
    for scores in answer.scores:
        file.write(scores.data)
    file.flush()


def read_answer(file: IO[bytes], task: Task) -> Answer | None:
    """The answer to a task; None if there is none, or something else."""
    try:
        file.seek(0)
        length = int.from_bytes(file.read(_LENGTH), "little")
        if not 0 < length <= _LONGEST:
            return None
        answer = _answer(json.loads(file.read(length)))
        if answer.status != "ok":
            return answer
        parts = [_scores(file, len(recording)) for recording in task.score]
        return replace(answer, scores=tuple(parts))
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
    )


def _scores(file: IO[bytes], points: int) -> Any:
    return plain_scores(np.frombuffer(file.read(8 * points), np.float64), points)
