"""Values computed with the original authors' code, and which of our functions reproduces each.

`golden_cases.npz` and `golden_values.json` hold the 57 synthetic cases: scores, labels, window and
the values that TSB-AD and TSB-UAD (commits in the JSON file) return for them, null where they raise
or return nan. Six more cases, derived from real series, are read from the shared folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from anomalib_ts.metrics import affiliation as aff
from anomalib_ts.metrics import events, point, point_adjusted, range_auc, range_based
from anomalib_ts.metrics.metric import Settings
from anomalib_ts.metrics.registry import REGISTRY
from anomalib_ts.metrics.scored import ScoredSeries

HERE = Path(__file__).parent
# Not reproduced: TSB-AD's RangeAUC finds its segments in the fractional weights, so it divides by
# zero for every window >= 4 and is wrong for 2 and 3; its authors do not call it either.
UNUSABLE = {"R-AUC-ROC/tsb_ad", "R-AUC-PR/tsb_ad"}


@dataclass(frozen=True)
class Case:
    name: str
    labels: np.ndarray
    scores: np.ndarray
    window: int
    values: dict[str, float | None]

    def series(self) -> ScoredSeries:
        return ScoredSeries(self.labels, self.scores)


def checked_in_cases() -> list[Case]:
    arrays = np.load(HERE / "golden_cases.npz")
    cases = json.loads((HERE / "golden_values.json").read_text())["cases"]
    return [
        Case(name, arrays[f"{name}.label"], arrays[f"{name}.score"], c["window"], c["values"])
        for name, c in cases.items()
    ]


def shared_cases(shared: Path) -> list[Case]:
    arrays = np.load(shared / "golden" / "metrics_cases.npz")
    cases = json.loads((shared / "golden" / "metrics_golden.json").read_text())["cases"]
    return [
        Case(name, arrays[f"{name}.label"], arrays[f"{name}.score"], c["info"]["L"], c["values"])
        for name, c in cases.items()
    ]


Compute = Callable[[Case, ScoredSeries], float]


def _by_key(key: str) -> Compute:
    return lambda case, series: REGISTRY[key].function(series, Settings(window=case.window))


def _volume(convention: range_auc.Convention, kind: str) -> Compute:
    return lambda case, series: getattr(range_auc.vus(series, case.window, convention), kind)


def _slice(convention: range_auc.Convention, kind: str, smallest: bool) -> Compute:
    return lambda case, series: getattr(
        range_auc.range_auc(series, 0 if smallest else case.window, convention), kind
    )


def _with_thresholds(number: int) -> range_auc.Convention:
    curves = replace(range_auc.TSB_AD.curves, thresholds=number)
    return replace(range_auc.TSB_AD, curves=curves)


def _predicted(rate: str, compute: Callable[[ScoredSeries, float], float]) -> Compute:
    threshold = f"pred[{rate}]/threshold"
    return lambda case, series: compute(series, case.values[threshold])


def functions() -> dict[str, Compute]:
    """Golden name -> our computation of it."""
    table = {
        "AUC-ROC": _by_key("auroc"),
        "AUC-PR": _by_key("aupr"),
        "pAUC-0.1": _by_key("pauc"),
        "Standard-F1": _by_key("oracle/f1/tsb_ad"),
        "PA-F1": _by_key("pa/oracle/f1/tsb_ad"),
        "Event-based-F1": _by_key("oracle/event_f1/tsb_ad"),
        "R-based-F1": _by_key("oracle/range_f1/tsb_ad"),
        "Affiliation-F": _by_key("oracle/affiliation_f1/tsb_ad"),
    }
    for kind in ("roc", "pr"):
        upper = kind.upper()
        for suffix in ("tsb_ad", "tsb_uad", "tsb_uad_opt_time", "tsb_uad_basic"):
            table[f"VUS-{upper}/{suffix}"] = _by_key(f"vus_{kind}/{suffix}")
        for suffix in ("tsb_uad", "tsb_uad_basic"):
            table[f"R-AUC-{upper}/{suffix}"] = _by_key(f"range_auc_{kind}/{suffix}")
        table[f"VUS-{upper}/tsb_ad_opt_mem"] = _volume(range_auc.TSB_AD, kind)
        table[f"VUS-{upper}/tsb_uad_opt_mem"] = _volume(range_auc.TSB_UAD, kind)
        for number in (10, 100, 1000):
            table[f"VUS-{upper}/tsb_ad_thre{number}"] = _volume(_with_thresholds(number), kind)
        for suffix, smallest in (("w0", True), ("wL", False)):
            name = f"R-AUC-{upper}/tsb_ad_volume_slice_{suffix}"
            table[name] = _slice(range_auc.TSB_AD, kind, smallest)
    for rate in ("mean+3std", "q90"):
        for name, compute in _predictions().items():
            table[f"pred[{rate}]/{name}"] = _predicted(rate, compute)
    return table


def _predictions() -> dict[str, Callable[[ScoredSeries, float], float]]:
    return {
        "n_predicted": lambda s, t: float(s.predict(t).sum()),
        "Standard-F1": lambda s, t: point.point_scores(s, t).f1,
        "PA-F1": point_adjusted.adjusted_f1_tsb_ad,
        "Event-based-F1": events.event_f1_tsb_ad,
        "R-based-F1": range_based.range_f1_tsb_ad,
        "R-recall": lambda s, t: range_based.range_scores(s, t).recall,
        "R-existence": lambda s, t: events.event_scores(s, t).recall,
        "R-overlap": _overlap,
        # The original calls the precision of an empty prediction 0, we call it undefined.
        "R-precision": lambda s, t: float(np.nan_to_num(range_based.range_scores(s, t).precision)),
        "Affiliation-F": lambda s, t: aff.affiliation_scores(s, t).f1,
        "Affiliation-precision": lambda s, t: aff.affiliation_scores(s, t).precision,
        "Affiliation-recall": lambda s, t: aff.affiliation_scores(s, t).recall,
    }


def _overlap(series: ScoredSeries, threshold: float) -> float:
    """Range recall without its existence part, which carries a weight of 0.2."""
    recall = range_based.range_scores(series, threshold).recall
    return (recall - 0.2 * events.event_scores(series, threshold).recall) / 0.8


def differences(cases: Iterable[Case]) -> Iterator[tuple[str, str, float]]:
    """(golden name, case, absolute difference) for every stored value we reproduce."""
    table = functions()
    for case in cases:
        if case.labels.all() or not case.labels.any() or not np.isfinite(case.scores).all():
            continue
        series = case.series()
        for name, compute in table.items():
            if case.values.get(name) is not None:
                yield name, case.name, abs(compute(case, series) - case.values[name])
