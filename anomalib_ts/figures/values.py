"""What figures read off records: which ones belong together, and their values over seeds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any, NamedTuple

from anomalib_ts.config import Settings
from anomalib_ts.errors import ConfigError, UndefinedMetricError
from anomalib_ts.evaluation import AREAS
from anomalib_ts.metrics.registry import REGISTRY, select
from anomalib_ts.names import nearest
from anomalib_ts.results.leaderboard import title
from anomalib_ts.results.record import WITHOUT_EFFECT, Record, Unit

FITTED = "fitted/"
"""Begins the name of a number that the detector learnt, see `Detector.fitted_values`."""

MACHINE = "harmonic_mean"
"""A score of whole machines that no single metric stands for."""


class Result(NamedTuple):
    """A record with its place in a figure.

    Attributes:
        method: the detector, with the settings in which it differs from its like in the figure.
        case: the case, with the data set where there are several.
        record: what came of the unit.
        x: the value of the setting that the figure is drawn against; `NO_VALUE` without one.
    """

    method: str
    case: str
    record: Record
    x: Any


class NoValue:
    """The type of `NO_VALUE`."""


NO_VALUE = NoValue()
"""In the place of a setting that a unit does not have, because None may be its value."""


class Summary(NamedTuple):
    """A value over seeds.

    Attributes:
        mean: of the seeds that have it.
        deviation: their standard deviation (n - 1); None of a single one.
        values: of each seed.
        runs: number of seeds that were run, failed ones included.
    """

    mean: float
    deviation: float | None
    values: dict[int, float]
    runs: int


def flat_settings(parts: Mapping[str, Any], above: str = "") -> Settings:
    """Nested settings by their full name, such as `detector.trainer.max_steps`."""
    found: Settings = {}
    for key, value in parts.items():
        if isinstance(value, Mapping):
            found |= flat_settings(value, f"{above}{key}.")
        elif key not in WITHOUT_EFFECT:
            found[f"{above}{key}"] = value
    return found


def settings_of(unit: Unit) -> Settings:
    """All settings of a unit by the names that the command line has for them."""
    parts = {
        "detector": unit.detector_settings,
        "data": unit.data_settings,
        "protocol": unit.protocol_settings,
        "threshold": unit.threshold,
        "seed": unit.seed,
    }
    return flat_settings(parts)


def results(records: Iterable[Record], x: str | None = None) -> list[Result]:
    """Give each record its place.

    Seeds are not told apart, whether of the detector or of a part that follows it
    (`protocol.seed=${seed}`); every other difference is, save that in `x`.
    """
    found = [(record, settings_of(record.unit)) for record in records]
    ignored = {"seed", x, *_following_the_seed(found)}
    plain = [
        (record, {key: _text(value) for key, value in all_.items() if key not in ignored})
        for record, all_ in found
    ]
    differing = _differing(plain)
    several = len({record.unit.data for record, _ in found}) > 1
    return [
        Result(
            method=_method(record.unit.detector, settings, differing[record.unit.detector]),
            case=f"{record.unit.data} {record.unit.case}" if several else record.unit.case,
            record=record,
            x=NO_VALUE if x is None else all_.get(x, NO_VALUE),
        )
        for (record, settings), (_, all_) in zip(plain, found, strict=True)
    ]


def _following_the_seed(found: list[tuple[Record, Settings]]) -> set[str]:
    named = {key for _, settings in found for key in settings if key.endswith(".seed")}
    return {
        key
        for key in named
        if all(settings.get(key, r.unit.seed) == r.unit.seed for r, settings in found)
    }


def _differing(found: list[tuple[Record, dict[str, str]]]) -> dict[str, list[str]]:
    """For each detector, the settings that take several values on one and the same case."""
    groups: defaultdict[tuple[str, str, str], list[dict[str, str]]] = defaultdict(list)
    for record, settings in found:
        unit = record.unit
        groups[unit.detector, unit.data, unit.case].append(settings)
    keys: defaultdict[str, set[str]] = defaultdict(set)
    for (detector, *_), group in groups.items():
        known = {key for settings in group for key in settings}
        keys[detector] |= {key for key in known if len({s.get(key) for s in group}) > 1}
    return {detector: sorted(names) for detector, names in keys.items()}


def _method(detector: str, settings: dict[str, str], differing: list[str]) -> str:
    details = [
        f"{key.removesuffix('._target_').removeprefix('detector.')}={settings[key]}"
        for key in differing
        if key in settings
    ]
    return f"{detector} ({', '.join(details)})" if details else detector


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.rpartition(".")[2] if text.startswith("anomalib_ts.") else text


def value(record: Record, key: str) -> float | None:
    """A metric of a record, or a number that its detector learnt; None if it has none."""
    if key.startswith(FITTED):
        return record.fitted.get(key.removeprefix(FITTED))
    return record.metrics.get(key)


def summary(records: Sequence[Record], key: str) -> Summary | None:
    """A value over the seeds of one method; None if none of them has it."""
    found = {r.unit.seed: value(r, key) for r in records}
    return summary_of({seed: v for seed, v in found.items() if v is not None}, len(found))


def summary_of(values: dict[int, float], runs: int) -> Summary | None:
    """The same from values by seed."""
    if not values:
        return None
    deviation = stdev(values.values()) if len(values) > 1 else None
    return Summary(fmean(values.values()), deviation, values, runs)


def cell(found: Summary | None, digits: int = 3) -> str:
    """`0.812 ±0.012`, and `(2/3)` after it where a seed has no value."""
    if found is None:
        return "-"
    texts = [f"{found.mean:.{digits}f}"]
    if found.deviation is not None:
        texts.append(f"±{found.deviation:.{digits}f}")
    if len(found.values) < found.runs:
        texts.append(f"({len(found.values)}/{found.runs})")
    return " ".join(texts)


def digits_for(values: Iterable[float]) -> int:
    """Digits after the point that give about four in all."""
    largest = max(map(abs, values), default=0.0)
    return sum(largest < bound for bound in (10.0, 100.0, 1000.0))


def heading(key: str) -> str:
    """How a value is headed in a table."""
    pooled, _, metric = key.rpartition("/")
    if key.startswith(FITTED):
        return key.removeprefix(FITTED)
    return f"{title(metric)}, pooled" if pooled == "pooled" else title(key)


def goodness(key: str) -> float:
    """1 where more is better, -1 where less is."""
    name = key.removeprefix("pooled/")
    return -1.0 if name in REGISTRY and not REGISTRY[name].higher_is_better else 1.0


def chance(key: str) -> float | None:
    """What a random score gets, where that does not depend on the data."""
    return 0.5 if key.removeprefix("pooled/").partition("/")[0] in AREAS else None


def check_value(key: str, metrics: str | list[str], where: str) -> None:
    """Refuse a value that no record will have.

    Args:
        key: what `value` is to be asked for. Which numbers a detector learns is not known before.
        metrics: what is computed, see `Evaluation`.
        where: the setting that names it.

    Raises:
        ConfigError: nothing computes it.
    """
    computed = [row.key for row in select(metrics, has_threshold=True)]
    areas = [name for name in AREAS if name in computed]
    base = key.partition("/")[0].partition("@")[0].partition("_")[0]
    allowed = key in computed or (key == MACHINE and areas) or base in areas
    allowed = allowed or key in [f"pooled/{name}" for name in areas]
    if allowed or key.startswith(FITTED):
        return
    name = key.removeprefix("pooled/")
    if name in REGISTRY and (name == key or name in AREAS):
        raise ConfigError(f"{where}: {key} is not computed; set metrics=[{name},...]")
    near = nearest(key, [*computed, *(f"pooled/{area}" for area in areas)])
    raise ConfigError(f"{where}: unknown value {key!r}; {near}")


def refuse_nothing(found: Sequence[Result], keys: Sequence[str]) -> None:
    """Go on only if there is a value to show.

    Raises:
        UndefinedMetricError: no record has any of them; the message says what they have.
    """
    if any(value(result.record, key) is not None for result in found for key in keys):
        return
    records = [result.record for result in found]
    if all(record.status != "ok" for record in records):
        raise UndefinedMetricError(f"nothing to draw: no unit of {len(records)} succeeded")
    known = sorted({key for r in records for key in r.metrics})
    known += sorted({f"{FITTED}{key}" for r in records for key in r.fitted})
    raise UndefinedMetricError(
        f"nothing to draw: no result has {' or '.join(keys)}; there are {', '.join(known)}"
    )


def text_of(x: Any) -> str:
    """The value of a setting as text."""
    if isinstance(x, str):
        return x
    return f"{x:g}" if isinstance(x, float) else json.dumps(x)


def _at(result: Result) -> list[str]:
    return [] if result.x is NO_VALUE else [f"at {text_of(result.x)}"]


def remarks(found: Sequence[Result]) -> list[str]:
    """How many seeds the means are over, and what is left out."""
    seeds = sorted({result.record.unit.seed for result in found})
    lines = [
        f"Mean ± standard deviation over {len(seeds)} seeds ({', '.join(map(str, seeds))})."
        if len(seeds) > 1
        else f"One seed ({seeds[0]}): the spread between seeds is not known."
    ]
    lost = [result for result in found if result.record.status != "ok"]
    if lost:
        named = [
            " ".join([r.method, *_at(r), f"on {r.case}, seed {r.record.unit.seed}"]) for r in lost
        ]
        more = f" and {len(named) - 5} more" if len(named) > 5 else ""
        of_all = f"{len(lost)} of {len(found)} units failed"
        lines.append(f"{of_all} and are left out: {'; '.join(named[:5])}{more}.")
    return lines
