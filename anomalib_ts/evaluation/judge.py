"""How the scores of a case are judged: at the level its labels are given at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray, LabelArray
from anomalib_ts.core.windows import find_period
from anomalib_ts.errors import ConfigError, UndefinedMetricError
from anomalib_ts.evaluation.ground_truth import NO_LABELS, GroundTruth
from anomalib_ts.metrics import Metric, ScoredSeries, evaluate_kinds
from anomalib_ts.metrics.metric import Settings
from anomalib_ts.metrics.records import DOMAINS, record_areas
from anomalib_ts.metrics.registry import POOLED, select

AREAS = ("auroc", "pauc")
"""What is computed for each machine where whole recordings are labelled."""

DECISIONS = ("f1", "precision", "recall", "false_alarm_rate")
"""What is defined for decisions on whole recordings."""

RECORD_METRICS = (*AREAS, "aupr", *DECISIONS)
"""What is defined for labels of whole recordings."""


@dataclass(frozen=True)
class Judgement:
    """Metric values by name, and why the others have none on this case."""

    values: dict[str, float] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """Which metrics are computed, and how.

    With labels for points, each metric is computed per recording and averaged over them. With
    labels for whole recordings (sound clips), the point scores of each are reduced to one score;
    `auroc` and `pauc` are then means over machine ids as in DCASE Task 2, `auroc/ID` the value of
    one machine, `auroc@KIND` the mean for one kind of anomaly where kinds are known, and
    `pooled/auroc` ignores ids, as all other metrics do.

    Attributes:
        metrics: `default`, `full`, or a list of names (`anomalib_ts.metrics.list_metrics`).
        window: of the range-aware metrics, in points; `period` estimates it from the scored
            series, as TSB-AD does.
        reduce: how the point scores of a recording become one score; `top_k` is the mean of its
            highest tenth.
    """

    metrics: str | list[str] = "default"
    window: int | str = "period"
    reduce: Literal["mean", "max", "top_k"] = "mean"

    def __post_init__(self) -> None:
        select(self.metrics, has_threshold=True)
        object.__setattr__(self, "window", _checked_window(self.window))
        if self.reduce not in _REDUCE:
            raise ConfigError(f"metrics.reduce must be mean, max or top_k, not {self.reduce!r}")

    @property
    def rules(self) -> dict[str, Any]:
        """All that decides the values of the metrics, besides scores and labels."""
        return {"window": self.window, "reduce": self.reduce}

    def judge(self, truth: GroundTruth, scores: FloatArray, threshold: float | None) -> Judgement:
        """Compute the metrics of one case.

        Args:
            truth: labels of the case's recordings.
            scores: `(n,)`, the recordings' scores one after another.
            threshold: for the metrics that need a decision, of points or of clips (see
                `decides`); None leaves those out.
        """
        rows = select(self.metrics, has_threshold=threshold is not None)
        if truth.labels is not None:
            return self._judge_points(rows, truth, truth.labels, scores, threshold)
        if truth.record_labels is None:
            return Judgement(undefined={row.key: NO_LABELS for row in rows})
        clips = self.clip_scores([scores[part] for part in truth.stretches])
        return _judge_records(rows, truth, truth.record_labels, clips, threshold)

    def clip_scores(self, parts: Sequence[FloatArray]) -> FloatArray:
        """One score `(r,)` for each recording's point scores."""
        return np.array([_REDUCE[self.reduce](part) for part in parts], dtype=np.float64)

    def decides(self, truth: GroundTruth) -> str:
        """What a threshold decides on: `points`, or clips by the name of their reduction."""
        return self.reduce if truth.by_clip else "points"

    def _judge_points(
        self,
        rows: list[Metric],
        truth: GroundTruth,
        labels: LabelArray,
        scores: FloatArray,
        threshold: float | None,
    ) -> Judgement:
        parts = []
        for part in truth.stretches:
            values = None if truth.values is None else truth.values[part]
            settings = Settings(window=self._window(rows, values), threshold=threshold)
            parts.append(_judge_series(rows, labels[part], scores[part], settings))
        return _mean(parts)

    def _window(self, rows: list[Metric], values: NDArray[np.float32] | None) -> int | None:
        if isinstance(self.window, int):
            return self.window
        if values is None or not any(row.needs_window for row in rows):
            return None
        return find_period(values[:, 0])


def _checked_window(window: object) -> int | str:
    """The window as a plain whole number, or `period`: any other would be taken for `period`."""
    if window == "period":
        return "period"
    if isinstance(window, bool) or not isinstance(window, Integral) or window < 0:
        raise ConfigError(
            f"metrics.window must be a whole number of points or period, not {window!r}"
        )
    return int(window)


def _top_tenth(scores: FloatArray) -> float:
    k = max(1, len(scores) // 10)
    return float(np.partition(scores, -k)[-k:].mean())


_REDUCE: dict[str, Callable[[FloatArray], Any]] = {
    "mean": np.mean,
    "max": np.max,
    "top_k": _top_tenth,
}


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


def _judge_records(
    rows: list[Metric],
    truth: GroundTruth,
    labels: LabelArray,
    scores: FloatArray,
    threshold: float | None,
) -> Judgement:
    wanted = [row for row in rows if row.key in RECORD_METRICS]
    judgement = Judgement(
        undefined={row.key: "it needs labels for points" for row in rows if row not in wanted}
    )
    if threshold is None:
        lost = [row for row in wanted if row.needs_threshold]
        why = "the threshold was fitted on clips reduced in another way; run again"
        judgement.undefined.update({row.key: why for row in lost})
        wanted = [row for row in wanted if row not in lost]
    pooled = _judge_series(wanted, labels, scores, Settings(threshold=threshold))
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
