"""The record of what came of a unit, and its text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Literal

from anomalib_ts.core.digests import digest
from anomalib_ts.evaluation.ground_truth import NO_LABELS
from anomalib_ts.results.schema import (
    DEEPEST,
    AnyFloat,
    UnreadableRecordError,
    fitting,
    is_nested_deeper,
)
from anomalib_ts.results.unit_key import Unit, without_nothing

LONGEST = {"message": 2_000, "traceback": 20_000}
"""Letters of an error that a record keeps; of any other text about an error `SHORT`."""

SHORT = 500

REDUCTIONS = ("mean", "max", "top_k")
"""How the point scores of a recording may become one, see `Evaluation`."""

Status = Literal["ok", "error", "timeout", "oom", "skipped"]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True)
class Record:
    """What came of a unit.

    Texts about errors are cut to a bound, and what no file can hold as text is written out; a
    metric that is not finite becomes an undefined one.

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
        folds: number of fits behind the scores, see `Protocol.folds`.
        unseen: share of the scored points, in [0, 1], that did not train the model which scores
            them; None where unknown.
        peak_memory_mb: largest resident set of the process while the unit ran.
        versions: of Python and of the packages that matter.
        scores: whether the scores are stored beside the record.
        finished: when, in ISO 8601 and UTC; of records that do not say, when their file was
            written.
        scores_digest, case_digest: of the stored scores and of what they were judged against (see
            `Store`); empty where nothing is stored, and in records of before there were digests.
        threads: CPU threads of the numeric libraries; None where unknown.
        attacked_by: the kind of attack that was made, which is another than the unit's where the
            detector has no gradient; empty where there was none.
        attack_seconds: wall clock of the attack.
        diagnosis: what the layers of the detector's network tell of the attack, see `diagnose`; of
            the first fit and recording.
    """

    unit: Unit
    status: Status
    metrics: dict[str, float] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)
    judged: dict[str, Any] = field(default_factory=dict)
    error: dict[str, str] = field(default_factory=dict)
    threshold: AnyFloat | None = None
    decides: str = "points"
    fitted: dict[str, AnyFloat] = field(default_factory=dict)
    fit_seconds: float | None = None
    score_seconds: float | None = None
    points: int | None = None
    folds: int = 1
    unseen: float | None = None
    peak_memory_mb: float | None = None
    versions: dict[str, str] = field(default_factory=dict)
    scores: bool = False
    finished: str = field(default_factory=_now, compare=False)
    scores_digest: str = field(default="", compare=False)
    case_digest: str = field(default="", compare=False)
    threads: int | None = None
    attacked_by: str = ""
    attack_seconds: float | None = None
    diagnosis: dict[str, dict[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.error or self.status != "ok":
            bounded = {k: _bounded(v, LONGEST.get(k, SHORT)) for k, v in self.error.items()}
            empty = dict.fromkeys(("type", "message", "traceback"), "")
            self._set("error", empty | bounded)
        if not all(map(isfinite, self.metrics.values())):
            odd = {key: value for key, value in self.metrics.items() if not isfinite(value)}
            whys = {key: f"the value is {value}" for key, value in odd.items()}
            self._set("metrics", {k: v for k, v in self.metrics.items() if k not in odd})
            self._set("undefined", self.undefined | whys)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def unlabelled(self) -> bool:
        """Whether there are no metrics because nobody labelled the data."""
        reasons = self.undefined.values()
        return not self.metrics and bool(reasons) and all(why == NO_LABELS for why in reasons)

    def to_json(self) -> str:
        """The record as text, with a checksum over its content.

        It holds two: `checksum` covers the content however it is laid out, `seal` the letters
        before it as they stand, which is checked ten times as fast.
        """
        content = without_nothing(asdict(self), "attacked_by", "attack_seconds", "diagnosis")
        content["unit"] = without_nothing(content["unit"], "attack", "oracle")
        try:
            return _sealed(content, ensure_ascii=False)
        except UnicodeEncodeError:  # half a surrogate pair, from a file name that is not UTF-8
            return _sealed(content, ensure_ascii=True)

    @classmethod
    def read(cls, text: bytes, written: str = "") -> Record:
        """Read a record back.

        Args:
            text: as `to_json` gave it.
            written: stands for `finished` where the record does not say.

        Raises:
            UnreadableRecordError: it is torn, altered or of a later version.
        """
        content = _content(text)
        optional = frozenset({"attack", "oracle"})
        unit = Unit(**fitting(Unit, content.pop("unit", None), "the unit", optional))
        known = fitting(cls, content, "the record", optional=_OPTIONAL)
        _check_rules(known.get("judged", {}))
        known.setdefault("finished", written)
        return cls(unit=unit, **known)


_SEAL = b',\n "seal": "'
_CHECKSUM = b'",\n "checksum": "'
_HEX = 64
_OPTIONAL = frozenset(Record.__dataclass_fields__) - {"status"}


def _check_rules(judged: Mapping[str, Any]) -> None:
    for name, rule in judged.items():
        if name not in ("window", "reduce"):
            reason = f"written by a later (newer) version: a rule {name[:40]!r}"
            raise UnreadableRecordError(reason, later=True)
        known = rule in REDUCTIONS if name == "reduce" else rule == "period" or type(rule) is int
        if not known:
            raise UnreadableRecordError(f"damaged: the rule {name} has no such value")


def _sealed(content: dict[str, Any], *, ensure_ascii: bool) -> str:
    text = json.dumps(content, indent=1, ensure_ascii=ensure_ascii).removesuffix("\n}")
    seal = hashlib.sha256(text.encode()).hexdigest()
    checksum = digest(content | {"seal": seal})
    return f'{text}{_SEAL.decode()}{seal}{_CHECKSUM.decode()}{checksum}"\n}}'


def _content(text: bytes) -> dict[str, Any]:
    """The checked content of a record's text, without its checksums."""
    try:
        content = json.loads(text.decode("utf-8", errors="surrogatepass"))
        if text.count(b"{") + text.count(b"[") > DEEPEST and is_nested_deeper(content, DEEPEST):
            raise UnreadableRecordError("damaged: nested too deep")
        if not isinstance(content, dict):
            raise UnreadableRecordError("damaged: it is no record")
        checksum = content.pop("checksum", None)
        if not _seal_holds(text) and digest(content) != checksum:
            raise UnreadableRecordError("damaged: torn or altered")
    except (ValueError, RecursionError, MemoryError):
        raise UnreadableRecordError("damaged: torn or altered") from None
    content.pop("seal", None)
    return content


def _seal_holds(text: bytes) -> bool:
    before, found, after = text.rpartition(_SEAL)
    seal = hashlib.sha256(before).hexdigest().encode()
    after_seal = seal + _CHECKSUM
    return bool(found) and after.startswith(after_seal) and len(after) == len(after_seal) + _HEX + 3


def _bounded(text: Any, longest: int) -> str:
    """The text with its middle left out if it is too long, in letters that a file can hold."""
    plain = str(text)
    if len(plain) > longest:
        kept = (longest - 40) // 2
        plain = f"{plain[:kept]} [... {len(plain) - 2 * kept} letters ...] {plain[-kept:]}"
    return plain.encode(errors="backslashreplace").decode()
