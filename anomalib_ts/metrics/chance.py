"""What a random score is expected to reach: the value to print beside a metric."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Literal

import numpy as np
import numpy.typing as npt

from anomalib_ts.errors import InputError
from anomalib_ts.metrics.evaluation import evaluate
from anomalib_ts.metrics.metric import Settings
from anomalib_ts.metrics.registry import select
from anomalib_ts.metrics.scored import ScoredSeries


def chance(
    labels: npt.ArrayLike,
    metrics: str | Iterable[str] = "full",
    window: int | None = None,
    alarm_rate: float | None = None,
    *,
    max_fpr: float = 0.1,
    k: int | None = None,
    pa_k: float = 20.0,
    draws: int = 20,
    seed: int = 0,
    undefined: Literal["raise", "omit"] = "raise",
) -> dict[str, float]:
    """Expected metrics of a score without ties that does not look at the data.

    Exact for `auroc`, `aupr`, `pauc`, `precision_at_k` and the point metrics at a given alarm
    rate; for the others the mean over seeded random scores, evenly spread over (0, 1).

    >>> from anomalib_ts.metrics import chance
    >>> chance([0, 0, 0, 1], ["auroc", "aupr"], window=2)["auroc"]
    0.5

    Args:
        labels: `(n,)`, 0 = normal, 1 = anomalous.
        metrics: As in `evaluate`.
        window: As in `evaluate`.
        alarm_rate: Share of points that a given threshold predicts, in [0, 1]: pass the share
            that the detector's own threshold predicts. None = no metrics of a given threshold.
        max_fpr: As in `evaluate`.
        k: As in `evaluate`.
        pa_k: As in `evaluate`.
        draws: Number of random scores for the metrics without a closed form.
        seed: Seed of these random scores.
        undefined: `raise`, or `omit` metrics that have no value.

    Returns:
        Key -> expected value, in the order asked for.

    Raises:
        InputError: As `evaluate`; or `alarm_rate` lies outside [0, 1], or `draws` is not positive.
        UndefinedMetricError: As `evaluate`.
    """
    if alarm_rate is not None and not 0 <= alarm_rate <= 1:
        raise InputError(f"alarm_rate is a share of points in [0, 1], not {alarm_rate}")
    if draws < 1:
        raise InputError(f"chance needs at least one draw, not {draws}")
    keys = [metric.key for metric in select(metrics, has_threshold=alarm_rate is not None)]
    series = ScoredSeries(labels, np.zeros(np.shape(labels)))
    n_alarms = None if alarm_rate is None else round(alarm_rate * len(series))
    exact = _exact(series, n_alarms, max_fpr)
    values = {key: exact[key]() for key in keys if key in exact}
    threshold = None if n_alarms is None else 1 - n_alarms / len(series)
    settings = Settings(window, threshold, max_fpr, k, pa_k)
    drawn = [key for key in keys if key not in exact]
    values |= _drawn_means(series, drawn, settings, draws=draws, seed=seed, undefined=undefined)
    return {key: values[key] for key in keys if key in values}


def _drawn_means(
    series: ScoredSeries,
    keys: list[str],
    settings: Settings,
    *,
    draws: int,
    seed: int,
    undefined: Literal["raise", "omit"],
) -> dict[str, float]:
    """Means over random scores of metrics without a closed form; errors are those of `evaluate`."""
    n = len(series)
    random = np.random.default_rng(seed)
    tables = [
        evaluate(
            series.labels,
            (random.permutation(n) + 0.5) / n,
            keys,
            undefined=undefined,
            **asdict(settings),
        )
        for _ in range(draws if keys else 0)
    ]
    defined = tables[0] if tables else {}
    return {key: float(np.mean([table[key] for table in tables])) for key in defined}


def _exact(
    series: ScoredSeries, n_alarms: int | None, max_fpr: float
) -> dict[str, Callable[[], float]]:
    """The metrics with a closed form on these labels; none if a class is missing."""
    n, positive = len(series), series.n_positive
    if positive in {0, n}:
        return {}
    formulas: dict[str, Callable[[], float]] = {
        "auroc": lambda: 0.5,
        "aupr": lambda: _expected_average_precision(n, positive),
        "pauc": lambda: _expected_partial_auc(n - positive, max_fpr),
        "precision_at_k": lambda: positive / n,
    }
    if n_alarms:
        formulas |= {
            "precision": lambda: positive / n,
            "recall": lambda: n_alarms / n,
            "f1": lambda: 2 * positive * n_alarms / n / (positive + n_alarms),
        }
    return formulas


def _expected_average_precision(n: int, positive: int) -> float:
    """Mean over all orders of the points (Bestgen 2015, "Exact expected average precision")."""
    harmonic = float(np.sum(1 / np.arange(1, n + 1)))
    others = (positive - 1) / (n - 1)
    return others + (1 - others) * harmonic / n


def _expected_partial_auc(negative: int, max_fpr: float) -> float:
    """Standardised partial AUC: between false alarms j and j + 1 the mean TPR is (j + 1) / (N + 1).

    Slightly above 0.5, because the curve is a staircase of N steps.
    """
    whole = int(np.floor(max_fpr * negative + 1e-9))
    rest = max_fpr - whole / negative
    area = (whole * (whole + 1) / 2 / negative + rest * (whole + 1)) / (negative + 1)
    random = max_fpr**2 / 2
    return float(0.5 * (1 + (area - random) / (max_fpr - random)))
