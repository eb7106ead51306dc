"""Metrics of anomaly scores: threshold-free, range-aware, at a threshold, per record.

`evaluate` computes any of them in one call; `list_metrics` is the table of keys. The functions of
the modules take a `ScoredSeries`, so that several of them share one sort.
"""

from anomalib_ts.metrics.bootstrap import Interval, bootstrap_mean, bootstrap_series
from anomalib_ts.metrics.chance import chance
from anomalib_ts.metrics.evaluation import evaluate
from anomalib_ts.metrics.metric import Metric
from anomalib_ts.metrics.records import evaluate_kinds, evaluate_records
from anomalib_ts.metrics.registry import DEFAULT, REGISTRY, list_metrics
from anomalib_ts.metrics.scored import ScoredSeries

__all__ = [
    "DEFAULT",
    "REGISTRY",
    "Interval",
    "Metric",
    "ScoredSeries",
    "bootstrap_mean",
    "bootstrap_series",
    "chance",
    "evaluate",
    "evaluate_kinds",
    "evaluate_records",
    "list_metrics",
]
