"""What alarms are to be like: the promise that their threshold has to keep."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

from anomalib_ts.errors import ConfigError
from anomalib_ts.saved.values import storable

Method = Literal["pot", "gamma", "empirical"]


@storable
@dataclass(frozen=True)
class AlarmTarget:
    """What alarms are to be like; exactly one of `per_day`, `rate` and `value` sets the threshold.

    >>> from anomalib_ts.deploy.target import AlarmTarget
    >>> AlarmTarget(per_day=0.1).method
    'pot'

    Attributes:
        per_day: false alarms a day, > 0.
        rate: share of healthy points above the threshold, in (0, 1).
        value: the threshold itself.
        method: how the threshold is found.
        shortest: see `AlarmRule`.
        merge: see `AlarmRule`.
        hysteresis: in (0, 1]; an alarm goes on until the score has fallen to this share of the way
            from the median healthy score to the threshold. 1 for no dead band.

    Raises:
        ConfigError: a value is out of range, or not exactly one of three is given.
    """

    per_day: float | None = None
    rate: float | None = None
    value: float | None = None
    method: Method = "pot"
    shortest: int = 1
    merge: int = 0
    hysteresis: float = 1.0

    def __post_init__(self) -> None:
        if sum(one is not None for one in (self.per_day, self.rate, self.value)) != 1:
            raise ConfigError(
                "give one of false alarms a day, the false-alarm rate, and the threshold itself"
            )
        if self.per_day is not None and not 0 < self.per_day < math.inf:
            raise ConfigError(f"false alarms a day must be above 0, not {self.per_day}")
        if self.rate is not None and not 0 < self.rate < 1:
            raise ConfigError(f"the false-alarm rate must lie in (0, 1), not {self.rate}")
        if self.method not in get_args(Method):
            raise ConfigError(f"the method must be pot, gamma or empirical, not {self.method!r}")
        if not 0 < self.hysteresis <= 1:
            raise ConfigError(f"the hysteresis must lie in (0, 1], not {self.hysteresis}")
        if self.shortest < 1 or self.merge < 0:
            raise ConfigError("alarms take at least 1 point, and at least 0 points end one")


def in_points(text: str, period: float | None, what: str) -> int:
    """A number of points, or of a duration: `3`, `10min`.

    >>> from anomalib_ts.deploy.target import in_points
    >>> in_points("3", None, "shortest"), in_points("10min", 60.0, "shortest")
    (3, 10)

    Raises:
        ConfigError: it is neither, or a duration and the sampling period is unknown.
    """
    if text.isdecimal():
        return int(text)
    import pandas as pd  # noqa: PLC0415

    try:
        seconds = pd.Timedelta(text).total_seconds()
    except ValueError:
        raise ConfigError(f"{what}: {text!r} is no number of points and no duration") from None
    if not 0 <= seconds < math.inf:
        raise ConfigError(f"{what}: {text!r} is no duration")
    if period is None:
        raise ConfigError(f"{what}: the sampling period is unknown, so say it in points")
    return math.ceil(seconds / period - 1e-9)


def retargeted(target: AlarmTarget, **changes: object) -> AlarmTarget:
    """A target with what is not None changed; one way to set the threshold ousts the others."""
    given = {name: value for name, value in changes.items() if value is not None}
    if given.keys() & {"per_day", "rate", "value"}:
        given = {"per_day": None, "rate": None, "value": None} | given
    return replace(target, **given)  # type: ignore[arg-type]
