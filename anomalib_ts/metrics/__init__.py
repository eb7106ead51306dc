"""Metrics of anomaly scores: threshold-free, range-aware, at a threshold, per record.

`evaluate` computes any of them in one call; `list_metrics` is the table of keys. The functions of
the modules take a `ScoredSeries`, so that several of them share one sort.
"""

from anomalib_ts.metrics.evaluation import evaluate
from anomalib_ts.metrics.registry import DEFAULT, REGISTRY, Metric, list_metrics
from anomalib_ts.metrics.scored import ScoredSeries

__all__ = ["DEFAULT", "REGISTRY", "Metric", "ScoredSeries", "evaluate", "list_metrics"]
