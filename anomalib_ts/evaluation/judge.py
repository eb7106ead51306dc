"""How the scores of a case are judged: at the level its labels are given at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray, LabelArray
from anomalib_ts.core.windows import find_period
from anomalib_ts.errors import ConfigError
from anomalib_ts.evaluation.ground_truth import NO_LABELS, NONE_COUNTS, GroundTruth
from anomalib_ts.evaluation.judgement import Judgement, judge_series, mean_judgement
from anomalib_ts.evaluation.machines import judge_clips
from anomalib_ts.metrics import Metric
from anomalib_ts.metrics.metric import Settings
from anomalib_ts.metrics.registry import select


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
        return judge_clips(rows, truth, truth.record_labels, clips, threshold)

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
        parts, every = [], truth.counted
        for part in truth.stretches:
            values = None if truth.values is None else truth.values[part]
            settings = Settings(window=self._window(rows, values), threshold=threshold)
            counted = every[part]
            if not counted.any():
                parts.append(Judgement(undefined={row.key: NONE_COUNTS for row in rows}))
                continue
            found = judge_series(rows, labels[part][counted], scores[part][counted], settings)
            parts.append(found)
        return mean_judgement(parts)

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
