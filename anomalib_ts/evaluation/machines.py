"""Clips judged as in DCASE: AUROC a machine, a domain and a kind of fault, and their means."""

from __future__ import annotations

from anomalib_ts.core.recording import FloatArray, LabelArray
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.evaluation.judgement import Judgement, judge_series
from anomalib_ts.metrics import Metric, evaluate_kinds
from anomalib_ts.metrics.metric import Settings
from anomalib_ts.metrics.records import DOMAINS, record_areas
from anomalib_ts.metrics.registry import POOLED

AREAS = ("auroc", "pauc")
"""What is computed for each machine where whole recordings are labelled."""

DECISIONS = ("f1", "precision", "recall", "false_alarm_rate")
"""What is defined for decisions on whole recordings."""

RECORD_METRICS = (*AREAS, "aupr", *DECISIONS)
"""What is defined for labels of whole recordings."""


def chance_level(key: str) -> float | None:
    """What a random score gets at a metric, where that does not depend on the data."""
    return 0.5 if key.removeprefix(POOLED).partition("/")[0] in AREAS else None


def judge_clips(
    rows: list[Metric],
    truth: GroundTruth,
    labels: LabelArray,
    scores: FloatArray,
    threshold: float | None,
) -> Judgement:
    """Metrics of clips from labels and scores `(r,)`, of all and machine by machine."""
    wanted = [row for row in rows if row.key in RECORD_METRICS]
    judgement = Judgement(
        undefined={row.key: "it needs labels for points" for row in rows if row not in wanted}
    )
    if threshold is None:
        lost = [row for row in wanted if row.needs_threshold]
        why = "the threshold was fitted on clips reduced in another way; run again"
        judgement.undefined.update({row.key: why for row in lost})
        wanted = [row for row in wanted if row not in lost]
    pooled = judge_series(wanted, labels, scores, Settings(threshold=threshold))
    areas = [row.key for row in wanted if row.key in AREAS]
    for key, value in pooled.values.items():
        judgement.values[f"{POOLED}{key}" if key in areas else key] = value
    judgement.undefined.update(pooled.undefined)
    _judge_machines(judgement, areas, truth, labels, scores)
    return judgement


def _judge_machines(
    judgement: Judgement,
    areas: list[str],
    truth: GroundTruth,
    labels: LabelArray,
    scores: FloatArray,
) -> None:
    """Add the areas of each machine, and their means; why an area has no value goes with it."""
    domains, unknown = _known_domains(truth)
    found = record_areas(labels, scores, truth.machine_ids.tolist(), domains)

    def wanted(key: str) -> bool:
        area, _, machine = key.partition("/")
        named = machine or not key.endswith("/")  # where machines have no ids, the mean says it all
        return bool(named) and (key == "harmonic_mean" or area.partition("_")[0] in areas)

    judgement.values.update({key: v for key, v in found.values.items() if wanted(key)})
    judgement.undefined.update({key: why for key, why in found.undefined.items() if wanted(key)})
    if "auroc" not in found.values:
        judgement.undefined.update(dict.fromkeys(areas, "no machine has both classes"))
    if unknown:
        judgement.undefined["harmonic_mean"] = unknown
    if "auroc" in areas and truth.kinds.any():
        judgement.values.update(
            evaluate_kinds(labels, scores, truth.kinds.tolist(), truth.machine_ids.tolist())
        )


def _known_domains(truth: GroundTruth) -> tuple[list[str] | None, str]:
    """The domain of each clip, or None and, if only some have one, what is in the way."""
    domains = truth.domains.tolist()
    other = [
        name for name, domain in zip(truth.names, domains, strict=True) if domain not in DOMAINS
    ]
    if not other:
        return domains, ""
    if not truth.domains.any():
        return None, ""
    return None, (
        f"the domain of {len(other)} of {len(domains)} clips is neither source nor target, first "
        f"{other[0]}"
    )
