"""The table of every metric by its key, and nothing heavy to import."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from anomalib_ts.errors import InputError
from anomalib_ts.metrics import threshold_free
from anomalib_ts.metrics.scored import ScoredSeries


@dataclass(frozen=True)
class Settings:
    """What metrics may need besides labels and scores.

    Attributes:
        window: Largest buffer of the range metrics, in points (usually the period).
        threshold: A point is predicted when its score lies above it.
        max_fpr: End of the false-positive range of `pauc`.
        k: Number of points for `precision_at_k`; None = the number of anomalous points.
        pa_k: Share of a segment, in percent, above which PA%K fills it in.
    """

    window: int | None = None
    threshold: float | None = None
    max_fpr: float = 0.1
    k: int | None = None
    pa_k: float = 20.0

    def __post_init__(self) -> None:
        if self.window is not None and (self.window != int(self.window) or self.window < 0):
            raise InputError(f"window must be a whole number of points >= 0, not {self.window}")

    def require_window(self) -> int:
        """The window, or an `InputError` that says to give one."""
        if self.window is None:
            raise InputError("range metrics need `window` (in points, for example the period)")
        return int(self.window)

    def require_threshold(self) -> float:
        """The threshold, or an `InputError` that says to give one."""
        if self.threshold is None:
            raise InputError(
                "metrics of a prediction need `threshold`; without one use their `oracle/` forms"
            )
        return self.threshold


@dataclass(frozen=True)
class Metric:
    """One row of the table.

    Attributes:
        key: Name, such as `vus_pr/tsb_ad`.
        function: Computes the value from a series and the settings.
        description: One line for a person.
        bounds: Smallest and largest value; None = unbounded.
        higher_is_better: False for delays.
        needs_window: Whether `window` must be given.
        needs_threshold: Whether `threshold` must be given.
        in_full: Whether `metrics="full"` includes it.
    """

    key: str
    function: Callable[[ScoredSeries, Settings], float]
    description: str
    bounds: tuple[float, float | None] = (0.0, 1.0)
    higher_is_better: bool = True
    needs_window: bool = False
    needs_threshold: bool = False
    in_full: bool = True

    @property
    def is_oracle(self) -> bool:
        """Whether the labels choose the threshold: such values are upper bounds."""
        return "oracle" in self.key.split("/")


DEFAULT = ("auroc", "aupr", "pauc")

_ROWS = (
    Metric("auroc", lambda s, _: threshold_free.auroc(s), "area under the ROC curve"),
    Metric("aupr", lambda s, _: threshold_free.aupr(s), "average precision"),
    Metric(
        "pauc",
        lambda s, o: threshold_free.pauc(s, o.max_fpr),
        "standardised area under the ROC curve up to max_fpr",
    ),
)

REGISTRY: dict[str, Metric] = {row.key: row for row in _ROWS}


def list_metrics() -> list[Metric]:
    """Every metric, in the order of the documentation."""
    return list(REGISTRY.values())


def select(metrics: str | Iterable[str], *, has_threshold: bool) -> list[Metric]:
    """Turns `default`, `full`, one key or several keys into rows of the table.

    `full` leaves out the metrics of a given threshold where none is given.

    Raises:
        InputError: A key is unknown; the message names the nearest one.
    """
    if metrics == "full":
        return [row for row in _ROWS if row.in_full and (has_threshold or not row.needs_threshold)]
    if metrics == "default":
        return [REGISTRY[key] for key in DEFAULT]
    keys = [metrics] if isinstance(metrics, str) else list(metrics)
    return [_find(key) for key in keys]


def _find(key: str) -> Metric:
    if key in REGISTRY:
        return REGISTRY[key]
    near = difflib.get_close_matches(key, [*REGISTRY, "default", "full"], n=1, cutoff=0.0)
    raise InputError(
        f"unknown metric {key!r}; the nearest name is {near[0]!r} (list_metrics() has all)"
    )
