"""Stored scores as a table that a person can use: when, which recording, the score, an alarm."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from anomalib_ts.core.cells import csv_cell
from anomalib_ts.core.files import atomic_write
from anomalib_ts.errors import AnomalibTsError
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store

_UNIT_COLUMNS = ("data", "case", "protocol", "detector", "variant", "seed")
_POINT_COLUMNS = ("time", "point", "recording", "score", "alarm")


def scores_table(store: Store, record: Record) -> str:
    """The scores of a stored unit as CSV, a row a point under a header.

    The columns are `time`, as a date or in seconds, or else `point`, counted from 0 in each
    recording, where the times are not known; `recording`, its name, if there are several; `score`;
    and `alarm`, 1 where the score is above the threshold, if the threshold decides on points.

    Raises:
        DataNotFoundError: scores or case were not stored.
    """
    text = io.StringIO(newline="")
    write_scores(text, store, [record])
    return text.getvalue()


def write_scores(file: IO[str], store: Store, records: Sequence[Record]) -> None:
    """Write the scores of stored units one after another, see `scores_table`.

    Several units are told apart by leading columns: those of data, case, protocol, detector,
    variant and seed in which they differ. A cell is empty where it does not apply to a unit.

    Args:
        file: open for text.
        store: where their scores lie.
        records: of the units; one at a time is held in memory.

    Raises:
        DataNotFoundError: scores or case were not stored.
    """
    told_apart = [
        name
        for name in _UNIT_COLUMNS
        if len({getattr(record.unit, name) for record in records}) > 1
    ]
    there = {name for record in records for name in _point_columns(record, _truth(store, record))}
    columns = [*told_apart, *(name for name in _POINT_COLUMNS if name in there)]
    for place, record in enumerate(records):
        table = _table(store, record)
        for name in told_apart:
            table[name] = csv_cell(getattr(record.unit, name))
        table = table.reindex(columns=columns)
        table.to_csv(file, index=False, header=place == 0, lineterminator="\n")


def save_scores(path: str | Path, store: Store, records: Sequence[Record]) -> None:
    """Write them into a file that is either whole or not there, see `write_scores`.

    Raises:
        AnomalibTsError: it cannot be written.
        DataNotFoundError: scores or case were not stored.
    """
    try:
        with atomic_write(path) as file:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="")
            write_scores(text, store, records)
            text.flush()
            text.detach()
    except AnomalibTsError:  # some are OSErrors, too
        raise
    except OSError as error:
        raise AnomalibTsError(f"cannot write the scores {path}: {error}") from error


def _point_columns(record: Record, truth: GroundTruth) -> list[str]:
    """What is known of the points of a unit."""
    return [
        "point" if truth.times is None else "time",
        *(["recording"] if len(truth.lengths) > 1 else []),
        "score",
        *(["alarm"] if record.decides == "points" and record.threshold is not None else []),
    ]


def _table(store: Store, record: Record) -> pd.DataFrame:
    case, scores = store.scored(record)
    truth = GroundTruth.from_arrays(case)
    threshold = np.inf if record.threshold is None else record.threshold
    columns: dict[str, Any] = {
        "time": truth.times,
        "point": np.concatenate([np.arange(length) for length in truth.lengths]),
        "recording": np.repeat([csv_cell(str(name)) for name in truth.names], truth.lengths),
        "score": scores,
        "alarm": (scores > threshold).astype(np.int8),
    }
    return pd.DataFrame({name: columns[name] for name in _point_columns(record, truth)})


def _truth(store: Store, record: Record) -> GroundTruth:
    return GroundTruth.from_arrays(store.case(record.unit, record.case_digest))
