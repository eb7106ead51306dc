"""One call from labels and scores to a flat table of metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import numpy.typing as npt

from anomalib_ts.errors import ConfigError, UndefinedMetricError
from anomalib_ts.metrics.metric import Settings
from anomalib_ts.metrics.registry import select
from anomalib_ts.metrics.scored import ScoredSeries


def evaluate(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    metrics: str | Iterable[str] = "full",
    window: int | None = None,
    threshold: float | None = None,
    *,
    max_fpr: float = 0.1,
    k: int | None = None,
    pa_k: float = 20.0,
    undefined: Literal["raise", "nan", "omit"] = "raise",
) -> dict[str, float]:
    """Evaluates one series; the score is sorted once for all metrics.

    >>> from anomalib_ts import evaluate
    >>> evaluate([0, 0, 1, 1], [0.1, 0.4, 0.3, 0.9], ["auroc", "f1"], threshold=0.2)
    {'auroc': 0.75, 'f1': 0.8}

    Args:
        labels: `(n,)`, 0 = normal, 1 = anomalous.
        scores: `(n,)`, finite, higher = more anomalous. Points that are masked in labels or
            scores (NumPy's masked arrays) are left out.
        metrics: `default` (auroc, aupr, pauc), `full`, one key or several; see `list_metrics`.
            `full` has the metrics of a given threshold only if one is given.
        window: Largest buffer of the range metrics in points, usually the period of the series.
        threshold: A point is predicted when its score lies above this value.
        max_fpr: End of the false-positive range of `pauc`, in (0, 1].
        k: Points taken by `precision_at_k`; None = as many as there are anomalous points.
        pa_k: Share of a segment, in percent, above which PA%K fills it in.
        undefined: what becomes of a metric that has no value here: `raise` an error, `nan` in its
            place, or `omit` it from the result.

    Returns:
        Key -> value, in the order asked for.

    Raises:
        InputError: Unknown key, unusable labels or scores, or a missing window or threshold.
        ConfigError: `undefined` is none of the three.
        UndefinedMetricError: A metric has no value here, for example because a class is missing.
    """
    if undefined not in ("raise", "nan", "omit"):
        raise ConfigError(f"undefined must be raise, nan or omit, not {undefined!r}")
    chosen = select(metrics, has_threshold=threshold is not None)
    settings = Settings(window, threshold, max_fpr, k, pa_k)
    series = ScoredSeries(labels, scores)
    values: dict[str, float] = {}
    for metric in chosen:
        try:
            values[metric.key] = metric.function(series, settings)
        except UndefinedMetricError as error:
            if undefined == "raise":
                how = "undefined='nan' or 'omit' goes on without it"
                raise UndefinedMetricError(f"{error}; {how}") from None
            if undefined == "nan":
                values[metric.key] = math.nan
    return values
