"""Which records of a figure belong together."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from anomalib_ts.config import Settings
from anomalib_ts.results.record import WITHOUT_EFFECT, Record, Unit, digest


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


def placed(records: Iterable[Record], x: str | None = None) -> list[Result]:
    """Give each record its place.

    Seeds are not told apart, whether of the detector or of a part that follows it
    (`protocol.seed=${seed}`); every other difference is, save that in `x`. Settings of the data
    count only where there is a result for each of several data: a stored result keeps those of
    the command that made it, which may have had more cases or another folder.
    """
    found = [(record, settings_of(record.unit)) for record in records]
    ignored = {"seed", x, *_following_the_seed(found)}
    plain = [
        (record, {key: _short(value) for key, value in all_.items() if key not in ignored})
        for record, all_ in found
    ]
    plain = _with_data_settings(plain) if _several_data(plain, found, x) else _without_data(plain)
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


_Plain: TypeAlias = list[tuple[Record, dict[str, str]]]


def _without_data(found: _Plain) -> _Plain:
    return [
        (record, {key: text for key, text in settings.items() if not key.startswith("data.")})
        for record, settings in found
    ]


def _with_data_settings(found: _Plain) -> _Plain:
    """The settings of equal data made equal."""
    first: dict[str, dict[str, str]] = {}
    for record, settings in found:
        own = {key: text for key, text in settings.items() if key.startswith("data.")}
        first.setdefault(record.unit.fingerprint, own)
    return [
        (record, settings | first[record.unit.fingerprint])
        for (record, _), (_, settings) in zip(found, _without_data(found), strict=True)
    ]


def _several_data(plain: _Plain, found: list[tuple[Record, Settings]], x: str | None) -> bool:
    """Whether some results differ in nothing but the data they are results on."""
    data: defaultdict[str, set[str]] = defaultdict(set)
    for (record, settings), (_, all_) in zip(_without_data(plain), found, strict=True):
        unit = record.unit
        at = all_.get(x) if x else None
        rest = [unit.detector, unit.data, unit.case, unit.seed, at, settings]
        data[digest(rest)].add(unit.fingerprint)
    return any(len(fingerprints) > 1 for fingerprints in data.values())


def _following_the_seed(found: list[tuple[Record, Settings]]) -> set[str]:
    named = {key for _, settings in found for key in settings if key.endswith(".seed")}
    return {
        key
        for key in named
        if all(settings.get(key, r.unit.seed) == r.unit.seed for r, settings in found)
    }


def _differing(found: _Plain) -> dict[str, list[str]]:
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


def _short(value: Any) -> str:
    text = text_of(value)
    return text.rpartition(".")[2] if text.startswith("anomalib_ts.") else text


def text_of(x: Any) -> str:
    """The value of a setting as text; empty if there is none."""
    if x is NO_VALUE:
        return ""
    return x if isinstance(x, str) else json.dumps(x)
