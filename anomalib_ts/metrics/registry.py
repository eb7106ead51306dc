"""The table of every metric by its key. Importing it imports numpy and nothing heavier."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from anomalib_ts.core.names import nearest
from anomalib_ts.errors import InputError
from anomalib_ts.metrics import (
    affiliation,
    events,
    location,
    point,
    point_adjusted,
    range_auc,
    range_based,
    threshold_free,
)
from anomalib_ts.metrics.metric import Metric, Settings
from anomalib_ts.metrics.prediction import PrecisionRecall
from anomalib_ts.metrics.scored import ScoredSeries

DEFAULT = ("auroc", "aupr", "pauc")

POOLED = "pooled/"
"""Begins the name of a metric over all clips of a case, whatever their machine."""


def list_metrics() -> list[Metric]:
    """Every metric, in the order of the documentation.

    >>> from anomalib_ts.metrics import list_metrics
    >>> [metric.key for metric in list_metrics()][:3]
    ['auroc', 'aupr', 'pauc']
    """
    return list(REGISTRY.values())


def select(metrics: str | Iterable[str], *, has_threshold: bool) -> list[Metric]:
    """Turns `default`, `full`, one key or several keys into rows of the table.

    `full` leaves out the metrics of a given threshold where none is given.

    Raises:
        InputError: A key is unknown; the message names the nearest one.
    """
    if metrics == "full":
        rows = [row for row in list_metrics() if row.in_full]
        return [row for row in rows if has_threshold or not row.needs_threshold]
    if metrics == "default":
        return [REGISTRY[key] for key in DEFAULT]
    keys = [metrics] if isinstance(metrics, str) else list(metrics)
    return [_find(key) for key in keys]


def sign_of(key: str) -> float:
    """The `Metric.sign` of the values stored under a name; 1 for those of no metric of ours.

    >>> sign_of("auroc"), sign_of("false_alarm_rate"), sign_of("pooled/auroc")
    (1.0, -1.0, 1.0)
    """
    metric = REGISTRY.get(key.removeprefix(POOLED))
    return 1.0 if metric is None else metric.sign


def _find(key: str) -> Metric:
    if key in REGISTRY:
        return REGISTRY[key]
    near = nearest(key, [*REGISTRY, "default", "full"])
    raise InputError(f"unknown metric {key!r}; {near} list_metrics() has all")


def _threshold_free() -> Iterator[Metric]:
    yield Metric("auroc", lambda s, _: threshold_free.auroc(s), "area under the ROC curve")
    yield Metric("aupr", lambda s, _: threshold_free.aupr(s), "average precision")
    yield Metric(
        "pauc",
        lambda s, o: threshold_free.pauc(s, o.max_fpr),
        "area under the ROC curve up to max_fpr, rescaled so that chance is 0.5",
    )
    yield Metric(
        "precision_at_k",
        lambda s, o: point.precision_at_k(s, o.k),
        "share of anomalous points among the k highest scores",
    )
    yield Metric(
        "ucr_score",
        lambda s, _: location.ucr_score(s),
        "whether the highest point lies within 100 points of an anomaly",
        in_full=False,
    )


_RangeArea = Callable[[ScoredSeries, int, range_auc.Convention], range_auc.Areas]


def _range_pair(
    measure: str, suffix: str, convention: range_auc.Convention, words: str, in_full: bool
) -> Iterator[Metric]:
    """The ROC and the PR row of one range measure under one convention."""
    compute: _RangeArea = range_auc.vus if measure == "vus" else range_auc.range_auc

    def roc(series: ScoredSeries, settings: Settings) -> float:
        return compute(series, settings.require_window(), convention).roc

    def pr(series: ScoredSeries, settings: Settings) -> float:
        return compute(series, settings.require_window(), convention).pr

    kind = "volume under the range {} surface" if measure == "vus" else "range AUC-{}"
    for name, function in (("roc", roc), ("pr", pr)):
        description = f"{kind.format(name.upper())}, {words}"
        key = f"{measure}_{name}{suffix}"
        yield Metric(key, function, description, needs_window=True, in_full=in_full)


def _range_areas() -> Iterator[Metric]:
    for measure in ("vus", "range_auc"):
        words = "exact over every threshold"
        yield from _range_pair(measure, "", range_auc.EXACT, words, True)
        words = "formulas of the paper, every threshold"
        yield from _range_pair(measure, "/paper", range_auc.PAPER, words, True)
    yield from _range_pair("vus", "/tsb_ad", range_auc.TSB_AD, "as TSB-AD computes it", True)
    words = "as TSB-UAD's generate_curve computes it (equals /tsb_ad)"
    yield from _range_pair("vus", "/tsb_uad", range_auc.TSB_UAD, words, False)
    words = "as TSB-UAD's RangeAUC_volume_opt_time computes it"
    yield from _range_pair("vus", "/tsb_uad_opt_time", range_auc.TSB_UAD_OPT_TIME, words, False)
    words = "as TSB-UAD's basic_metricor computes it"
    yield from _range_pair("vus", "/tsb_uad_basic", range_auc.TSB_UAD_BASIC, words, False)
    yield from _range_pair("range_auc", "/tsb_uad_basic", range_auc.TSB_UAD_BASIC, words, False)
    for measure in ("vus", "range_auc"):
        words = "as TimeEval computes it by default"
        yield from _range_pair(measure, "/timeeval", range_auc.TIMEEVAL, words, False)
    words = "as TSB-UAD's metricor computes it"
    yield from _range_pair("range_auc", "/tsb_uad", range_auc.TSB_UAD_RANGE, words, True)


def _best_threshold(
    prefix: str, family: str, best: Callable[[ScoredSeries, Settings], PrecisionRecall], words: str
) -> Iterator[Metric]:
    """F1, precision and recall at the threshold of the best F1."""
    stem = f"{prefix}oracle/{family}"
    yield Metric(f"{stem}f1", lambda s, o: best(s, o).f1, f"best {words} F1 over all thresholds")
    where = f"at the threshold of {stem}f1"
    yield Metric(
        f"{stem}precision", lambda s, o: best(s, o).precision, f"{words} precision {where}"
    )
    yield Metric(f"{stem}recall", lambda s, o: best(s, o).recall, f"{words} recall {where}")


def _given_threshold(
    prefix: str, family: str, at: Callable[[ScoredSeries, float], PrecisionRecall], words: str
) -> Iterator[Metric]:
    """F1, precision and recall at the threshold of the settings."""
    stem = f"{prefix}{family}"

    def scores(series: ScoredSeries, settings: Settings) -> PrecisionRecall:
        return series.memo((stem, settings), lambda: at(series, settings.require_threshold()))

    functions: dict[str, Callable[[ScoredSeries, Settings], float]] = {
        "f1": lambda s, o: scores(s, o).f1,
        "precision": lambda s, o: scores(s, o).defined_precision(f"{stem}precision"),
        "recall": lambda s, o: scores(s, o).recall,
    }
    for name, function in functions.items():
        description = f"{words} {name} above the given threshold"
        yield Metric(f"{stem}{name}", function, description, needs_threshold=True)


def _oracles() -> Iterator[Metric]:
    yield from _best_threshold("", "", lambda s, _: point.best_point_scores(s), "point")
    yield from _best_threshold(
        "", "range_", lambda s, _: range_based.best_range_scores(s), "range-based"
    )
    yield from _best_threshold("", "event_", lambda s, _: events.best_event_scores(s), "event")
    yield from _best_threshold(
        "", "affiliation_", lambda s, _: affiliation.best_affiliation_scores(s), "affiliation"
    )
    yield from _best_threshold(
        "pa/", "", lambda s, _: point_adjusted.best_adjusted_scores(s), "point-adjusted"
    )
    yield Metric(
        "pa/oracle/f1_at_k",
        lambda s, o: point_adjusted.best_adjusted_scores(s, o.pa_k).f1,
        "best PA%K F1 over all thresholds, K = pa_k percent",
    )
    yield Metric(
        "pa/oracle/f1_over_k",
        lambda s, _: point_adjusted.best_f1_over_percents(s),
        "area under the best PA%K F1 over K = 0..100",
    )
    yield _delay("oracle/detection_delay", lambda s, _: events.oracle_detection_delay(s), False)


def _predictions() -> Iterator[Metric]:
    yield from _given_threshold("", "", point.point_scores, "point")
    yield Metric(
        "false_alarm_rate",
        lambda s, o: point.false_alarm_rate(s, o.require_threshold()),
        "share of normal points above the given threshold",
        higher_is_better=False,
        needs_threshold=True,
    )
    yield from _given_threshold("", "range_", range_based.range_scores, "range-based")
    yield from _given_threshold("", "event_", events.event_scores, "event")
    yield from _given_threshold("", "affiliation_", affiliation.affiliation_scores, "affiliation")
    yield from _given_threshold("pa/", "", point_adjusted.adjusted_scores, "point-adjusted")
    yield Metric(
        "pa/f1_at_k",
        lambda s, o: point_adjusted.adjusted_scores(s, o.require_threshold(), o.pa_k).f1,
        "PA%K F1 above the given threshold, K = pa_k percent",
        needs_threshold=True,
    )
    yield _delay(
        "detection_delay", lambda s, o: events.detection_delay(s, o.require_threshold()), True
    )


def _delay(
    key: str, function: Callable[[ScoredSeries, Settings], float], needs_threshold: bool
) -> Metric:
    where = "above the given threshold" if needs_threshold else "at the threshold of oracle/f1"
    return Metric(
        key,
        function,
        f"mean points from the start of a segment to its first hit, {where}",
        bounds=(0.0, None),
        higher_is_better=False,
        needs_threshold=needs_threshold,
    )


def _tsb_ad() -> Iterator[Metric]:
    yield _as_in_tsb_ad("oracle/f1", lambda s, _: point.best_f1_tsb_ad(s))
    yield _as_in_tsb_ad("oracle/range_f1", lambda s, _: range_based.best_range_f1_tsb_ad(s))
    yield _as_in_tsb_ad("oracle/event_f1", lambda s, _: events.best_event_f1_tsb_ad(s))
    yield _as_in_tsb_ad(
        "oracle/affiliation_f1", lambda s, _: affiliation.best_affiliation_f1_tsb_ad(s)
    )
    yield _as_in_tsb_ad("pa/oracle/f1", lambda s, _: point_adjusted.best_adjusted_f1_tsb_ad(s))
    yield _as_in_tsb_ad(
        "range_f1", lambda s, o: range_based.range_f1_tsb_ad(s, o.require_threshold()), True
    )
    yield _as_in_tsb_ad(
        "event_f1", lambda s, o: events.event_f1_tsb_ad(s, o.require_threshold()), True
    )
    yield _as_in_tsb_ad(
        "pa/f1", lambda s, o: point_adjusted.adjusted_f1_tsb_ad(s, o.require_threshold()), True
    )


def _as_in_tsb_ad(
    key: str, function: Callable[[ScoredSeries, Settings], float], needs_threshold: bool = False
) -> Metric:
    words = f"{key} as TSB-AD computes it"
    return Metric(f"{key}/tsb_ad", function, words, needs_threshold=needs_threshold)


def _rows() -> Iterator[Metric]:
    yield from _threshold_free()
    yield from _range_areas()
    yield from _oracles()
    yield from _predictions()
    yield from _tsb_ad()


REGISTRY: dict[str, Metric] = {row.key: row for row in _rows()}
