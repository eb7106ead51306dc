"""What a metric declares about itself, and the settings it may need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from anomalib_ts.errors import InputError
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
        if self.window is not None and not float(self.window).is_integer():
            raise InputError(f"window must be a whole number of points, not {self.window}")

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

    >>> from anomalib_ts.metrics import REGISTRY
    >>> delay = REGISTRY["detection_delay"]
    >>> delay.sign, delay.needs_threshold, delay.is_oracle
    (-1.0, True, False)

    Attributes:
        key: Name, such as `vus_pr/tsb_ad`.
        function: Computes the value from a series and the settings.
        description: One line for a person.
        bounds: Smallest and largest value; None = unbounded.
        higher_is_better: False for delays and false alarms.
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
    def sign(self) -> float:
        """1 where more is better, -1 where less is: values times it rank the best highest."""
        return 1.0 if self.higher_is_better else -1.0

    @property
    def is_oracle(self) -> bool:
        """Whether the labels choose the threshold: such values are upper bounds."""
        return "oracle" in self.key.split("/")
