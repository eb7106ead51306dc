"""Metric values of scores, and why others have none."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from anomalib_ts.core.recording import FloatArray, LabelArray
from anomalib_ts.errors import UndefinedMetricError
from anomalib_ts.metrics import Metric, ScoredSeries
from anomalib_ts.metrics.metric import Settings


@dataclass(frozen=True)
class Judgement:
    """Metric values by name, and why the others have none on this case."""

    values: dict[str, float] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)


def judge_series(
    rows: list[Metric], labels: LabelArray, scores: FloatArray, settings: Settings
) -> Judgement:
    """Metrics of scores `(n,)` against labels `(n,)`."""
    judgement = Judgement()
    series = ScoredSeries(labels, scores)
    for row in rows:
        try:
            judgement.values[row.key] = float(row.function(series, settings))
        except UndefinedMetricError as error:
            judgement.undefined[row.key] = str(error)
    return judgement


def mean_judgement(parts: list[Judgement]) -> Judgement:
    """The mean of each metric over the recordings on which it is defined."""
    mean = Judgement()
    for key in {key: None for part in parts for key in (*part.values, *part.undefined)}:
        values = [part.values[key] for part in parts if key in part.values]
        if values:
            mean.values[key] = float(np.mean(values))
        else:
            mean.undefined[key] = next(p.undefined[key] for p in parts if key in p.undefined)
    return mean
