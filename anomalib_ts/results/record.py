"""A unit of work (one detector on one case with one seed) and the record of what came of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

WITHOUT_EFFECT = ("progress",)
"""Settings that change what is shown, not what comes out."""

Status = Literal["ok", "error", "timeout", "oom", "skipped"]


def digest(content: Any) -> str:
    """SHA-256 of a JSON-like value, independent of the order of keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Unit:
    """All that decides the scores of one detector on one case; plain data, so it can travel.

    Attributes:
        detector: the detector's config name.
        detector_settings: its resolved settings, seed included.
        variant: the settings that differ from the defaults, as text; empty for the defaults.
        data: the data set's name.
        data_settings: its resolved settings (where it lies included, so not part of `key`).
        case: name of the series or machine type.
        protocol: the protocol's config name.
        protocol_settings: its settings.
        threshold: the threshold's settings.
        seed: of the detector.
        fingerprint: digest of the case's data.
        version: of the detector, see `Detector.version`.
    """

    detector: str
    detector_settings: dict[str, Any]
    variant: str
    data: str
    data_settings: dict[str, Any]
    case: str
    protocol: str
    protocol_settings: dict[str, Any]
    threshold: dict[str, Any]
    seed: int
    fingerprint: str
    version: int

    @cached_property
    def key(self) -> str:
        """The digest that identifies the unit: equal keys mean equal scores.

        It leaves out what has no bearing on the scores, such as where the data lies.
        """
        content = _effective(asdict(self))
        for cosmetic in ("variant", "data_settings"):
            del content[cosmetic]
        return digest(content)


@dataclass(frozen=True)
class Record:
    """What came of a unit.

    Attributes:
        unit: what was run.
        status: how it ended.
        metrics: values by name; a metric that is undefined on this case is not among them.
        undefined: why, for each metric that is undefined.
        judged: the rules behind the metrics, see `Evaluation.rules`.
        error: type, message and traceback, where the status is not `ok`.
        threshold: the decision threshold.
        decides: what it decides on: `points`, or clips by the reduction of their point scores.
        fitted: numbers that the detector learnt, see `Detector.fitted_values`.
        fit_seconds, score_seconds: wall clock.
        points: number of scored points.
        peak_memory_mb: largest resident set of the process while the unit ran.
        versions: of Python and of the packages that matter.
        scores: whether the scores are stored beside the record.
        threads: CPU threads of the numeric libraries, on which the last bits of results depend.
    """

    unit: Unit
    status: Status
    metrics: dict[str, float] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)
    judged: dict[str, Any] = field(default_factory=dict)
    error: dict[str, str] = field(default_factory=dict)
    threshold: float | None = None
    decides: str = "points"
    fitted: dict[str, float] = field(default_factory=dict)
    fit_seconds: float | None = None
    score_seconds: float | None = None
    points: int | None = None
    peak_memory_mb: float | None = None
    versions: dict[str, str] = field(default_factory=dict)
    scores: bool = False
    threads: int | None = None

    def to_json(self) -> str:
        """The record as text, with a checksum over its content."""
        content = asdict(self)
        return json.dumps(content | {"checksum": digest(content)}, indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Record | None:
        """Read a record back; None if the text is torn or was altered."""
        try:
            content = json.loads(text)
            checksum = content.pop("checksum")
            if digest(content) != checksum:
                return None
            unit = Unit(**content.pop("unit"))
            return cls(unit=unit, **content)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


def _effective(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without those that change what is shown, not what comes out; at every level."""
    return {
        key: _effective(value) if isinstance(value, dict) else value
        for key, value in settings.items()
        if key not in WITHOUT_EFFECT
    }


def describe(settings: Mapping[str, Any]) -> str:
    """Changed settings as one short text: `window=32, trainer.max_steps=50`."""
    return ", ".join(f"{key}={value}" for key, value in sorted(settings.items()))
