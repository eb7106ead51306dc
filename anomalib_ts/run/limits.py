"""What a unit may use; apart from what holds it to that, which is slow to import."""

from __future__ import annotations

from dataclasses import dataclass

from anomalib_ts.errors import ConfigError


@dataclass(frozen=True)
class Limits:
    """What one unit may use; the unit is stopped when it uses more.

    Under `protocol=folds` each of a unit's fits may use that.

    Attributes:
        seconds: wall clock of fitting and scoring.
        memory_mb: resident memory of the unit's process and of all that it starts (10^6 bytes),
            some 400 MB of it for the imports.
    """

    seconds: float | None = None
    memory_mb: float | None = None

    def __post_init__(self) -> None:
        for name in ("seconds", "memory_mb"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigError(f"limits.{name} must be above 0, not {value}")
