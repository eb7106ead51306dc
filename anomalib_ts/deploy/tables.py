"""Scores and alarms as files: CSV or Parquet of points, CSV and JSON of alarms."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from anomalib_ts.core.cells import csv_cell
from anomalib_ts.core.files import atomic_write
from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.deploy.alarms import Alarm, alarm_mask
from anomalib_ts.errors import AnomalibTsError, ConfigError

ALARM_COLUMNS = (
    *("recording", "start", "end", "points", "seconds", "peak", "peak_score"),
    "channels",
)
"""Of the table of alarms."""


@dataclass(frozen=True, eq=False)
class ScoredRecording:
    """A recording with its scores and alarms.

    Attributes:
        recording: what was scored.
        scores: `(n,)`.
        alarms: in order.
        blamed: of each alarm the channels that it comes from, see `PlantModel.blamed`; empty if
            that is not known.
    """

    recording: Recording
    scores: FloatArray
    alarms: list[Alarm]
    blamed: list[dict[str, float]] = field(default_factory=list)


def score_table(parts: Sequence[ScoredRecording]) -> pd.DataFrame:
    """A row a point: `time` (or `point`, from 0), `recording` if several, `score`, `alarm`."""
    frames = []
    for part in parts:
        name = "point" if part.recording.times is None else "time"
        columns: dict[str, Any] = {name: _times(part.recording)}
        if len(parts) > 1:
            columns["recording"] = csv_cell(part.recording.name)
        columns["score"] = part.scores
        columns["alarm"] = alarm_mask(part.alarms, len(part.scores))
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def alarm_rows(parts: Sequence[ScoredRecording]) -> list[dict[str, Any]]:
    """An alarm each, with times as ISO dates, or in seconds, or as points from 0.

    `start` and `end` are its first and last point, `seconds` is how long it lasted (None if the
    sampling period is unknown), `channels` are the shares of those that contributed, by name.
    """
    rows = []
    for part in parts:
        times = _times(part.recording)
        period = part.recording.sampling_period
        blamed = part.blamed or [dict[str, float]()] * len(part.alarms)
        rows += [
            {
                "recording": part.recording.name,
                "start": _shown(times[alarm.start]),
                "end": _shown(times[alarm.stop - 1]),
                "points": alarm.stop - alarm.start,
                "seconds": None if period is None else (alarm.stop - alarm.start) * period,
                "peak": _shown(times[alarm.peak]),
                "peak_score": alarm.score,
                "channels": channels,
            }
            for alarm, channels in zip(part.alarms, blamed, strict=True)
        ]
    return rows


def write_tables(
    folder: Path, name: str, parts: Sequence[ScoredRecording], kind: Literal["csv", "parquet"]
) -> list[Path]:
    """Write `NAME.scores.csv` (or `.parquet`), `NAME.alarms.csv` and `NAME.alarms.json`.

    Raises:
        AnomalibTsError: a file cannot be written, or pyarrow is missing for Parquet.
    """
    table, alarms = score_table(parts), alarm_rows(parts)
    scores = folder / f"{name}.scores.{kind}"
    if kind == "parquet":
        _write(scores, _as_parquet(table))
    else:
        _write(scores, _as_csv(table))
    texts = [row | {"channels": shares_as_text(row["channels"])} for row in alarms]
    cells = [{name: csv_cell(value) for name, value in row.items()} for row in texts]
    rows = pd.DataFrame(cells, columns=list(ALARM_COLUMNS))
    text = json.dumps({"alarms": alarms}, indent=1, allow_nan=False) + "\n"
    written = {f"{name}.alarms.csv": _as_csv(rows), f"{name}.alarms.json": text.encode()}
    for file, data in written.items():
        _write(folder / file, data)
    return [scores, *(folder / file for file in written)]


def shares_as_text(channels: dict[str, float]) -> str:
    """Shares by name as a text.

    >>> shares_as_text({"flow": 0.912, "heat": 0.066})
    'flow 91 %, heat 7 %'
    """
    return ", ".join(f"{name} {share:.0%}".replace("%", " %") for name, share in channels.items())


def _times(recording: Recording) -> Any:
    return np.arange(len(recording)) if recording.times is None else recording.times


def _shown(time: Any) -> str | int | float:
    if isinstance(time, np.datetime64):
        return pd.Timestamp(time).isoformat()
    plain: int | float = time.item()
    return plain


def _as_csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()


def _as_parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    try:
        table.to_parquet(buffer, index=False)
    except ImportError:
        raise ConfigError('Parquet needs pyarrow: pip install "anomalib-ts[tables]"') from None
    return buffer.getvalue()


def _write(path: Path, data: bytes) -> None:
    try:
        with atomic_write(path) as file:
            file.write(data)
    except OSError as error:
        raise AnomalibTsError(f"cannot write {path}: {error}") from error
