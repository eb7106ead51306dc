"""How the scores of a case are judged: at the level its labels are given at."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.errors import ConfigError, UndefinedMetricError
from anomalib_ts.ground_truth import GroundTruth
from anomalib_ts.metrics import ScoredSeries
from anomalib_ts.metrics.registry import Metric, Settings, select
from anomalib_ts.recording import FloatArray, LabelArray
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store
from anomalib_ts.windows import find_period


@dataclass(frozen=True)
class Judgement:
    """Metric values by name, and why the others have none on this case."""

    values: dict[str, float] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """Which metrics are computed.

    Attributes:
        metrics: `default`, `full`, or a list of names (`anomalib_ts.metrics.list_metrics`).
        window: of the range-aware metrics, in points; `period` estimates it from the scored
            series, as TSB-AD does.
    """

    metrics: str | list[str] = "default"
    window: int | str = "period"

    def __post_init__(self) -> None:
        select(self.metrics, has_threshold=True)
        if isinstance(self.window, str) and self.window != "period":
            raise ConfigError(f"metrics.window must be a number or period, not {self.window!r}")

    def judge(self, truth: GroundTruth, scores: FloatArray, threshold: float | None) -> Judgement:
        """Compute the metrics of one case: per recording, then the mean over recordings.

        Args:
            truth: labels of the case's recordings.
            scores: `(n,)`, the recordings' scores one after another.
            threshold: for the metrics that need a decision; None leaves those out.
        """
        rows = select(self.metrics, has_threshold=threshold is not None)
        if truth.labels is None:
            return Judgement(undefined={row.key: "the data has no labels" for row in rows})
        parts = []
        for part in truth.stretches:
            values = None if truth.values is None else truth.values[part]
            settings = Settings(window=self._window(rows, values), threshold=threshold)
            parts.append(_judge_series(rows, truth.labels[part], scores[part], settings))
        return _mean(parts)

    def rejudge(self, store: Store, record: Record) -> Record:
        """Compute the metrics from stored scores and add them to the record, here and on disk."""
        if not record.scores:
            return record
        truth = GroundTruth.from_arrays(store.case(record.unit))
        judged = self.judge(truth, store.scores(record.unit), record.threshold)
        values = record.metrics | judged.values
        undefined = {k: why for k, why in record.undefined.items() if k not in values}
        updated = replace(record, metrics=values, undefined=undefined | judged.undefined)
        store.save(updated)
        return updated

    def complete(self, store: Store, record: Record) -> Record:
        """The record with all wanted metrics, computed only if one is missing."""
        rows = select(self.metrics, has_threshold=record.threshold is not None)
        known = record.metrics.keys() | record.undefined.keys()
        missing = any(row.key not in known for row in rows)
        return self.rejudge(store, record) if missing else record

    def _window(self, rows: list[Metric], values: NDArray[np.float32] | None) -> int | None:
        if isinstance(self.window, int):
            return self.window
        if values is None or not any(row.needs_window for row in rows):
            return None
        return find_period(values)


def evaluate_store(store: Store, metrics: str | list[str]) -> list[Record]:
    """Compute metrics of all stored scores, and add them to the records; nothing is refitted.

    Returns:
        All records; those without stored scores as they were.
    """
    evaluation = Evaluation(metrics)
    return [evaluation.rejudge(store, record) for record in store.records()]


def _judge_series(
    rows: list[Metric], labels: LabelArray, scores: FloatArray, settings: Settings
) -> Judgement:
    judgement = Judgement()
    series = ScoredSeries(labels, scores)
    for row in rows:
        try:
            judgement.values[row.key] = float(row.function(series, settings))
        except UndefinedMetricError as error:
            judgement.undefined[row.key] = str(error)
    return judgement


def _mean(parts: list[Judgement]) -> Judgement:
    """The mean of each metric over the recordings on which it is defined."""
    mean = Judgement()
    for key in {key: None for part in parts for key in (*part.values, *part.undefined)}:
        values = [part.values[key] for part in parts if key in part.values]
        if values:
            mean.values[key] = float(np.mean(values))
        else:
            mean.undefined[key] = next(p.undefined[key] for p in parts if key in p.undefined)
    return mean
