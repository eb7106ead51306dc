"""Where the records of a figure belong: what is shown as one line, row or panel.

What is the same method and the same series is decided in `anomalib_ts.results.methods`, as for
every other table; only the names are shorter here, since a figure shows one study.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from anomalib_ts.core.digests import digest
from anomalib_ts.results.entries import series_name
from anomalib_ts.results.flat_settings import Flat, differing, settings_of, shown
from anomalib_ts.results.methods import FOLLOWS, MethodKey, Sorted, attack_name, sort_results
from anomalib_ts.results.record import Record

SIZE = "attack.epsilon"
"""A setting that results without an attack have, too: they are those of an attack of size 0."""


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


def placed(records: Iterable[Record], x: str | None = None) -> list[Result]:
    """Give each record its place.

    Args:
        records: of the study; those that no longer count are left out, see `sort_results`.
        x: full name of the setting that the figure is drawn against, which is no difference.
    """
    found = sort_results(records, x).kept
    if x == SIZE:
        found = _with_size_0(found)
    names = _names(dict.fromkeys(one.method for one in found))
    several = len({one.series.data for one in found}) > 1
    return [
        Result(
            method=names[method],
            case=f"{series.data} {series_name(series)}" if several else series_name(series),
            record=record,
            x=NO_VALUE if x is None else _value_of(record, x),
        )
        for method, series, record in found
    ]


def _value_of(record: Record, x: str) -> Any:
    if x == SIZE and not record.unit.attack:
        return 0.0
    return settings_of(record.unit).get(x, NO_VALUE)


def _with_size_0(found: list[Sorted]) -> list[Sorted]:
    """The results, those without an attack as the smallest of every attack on their method."""
    attacks: defaultdict[MethodKey, dict[MethodKey, None]] = defaultdict(dict)
    for one in found:
        if one.method.attack:
            attacks[one.method._replace(attack=())][one.method] = None
    return [
        one._replace(method=method)
        for one in found
        for method in (attacks.get(one.method) or [one.method])
    ]


def _names(methods: Iterable[MethodKey]) -> dict[MethodKey, str]:
    """The detector of each method, with the settings in which it differs from its like."""
    by_detector: defaultdict[str, dict[MethodKey, Flat]] = defaultdict(dict)
    for method in methods:
        by_detector[method.detector][method] = _settings(method)
    names = {}
    for detector, settings in by_detector.items():
        apart = differing(settings.values())
        for method, flat in settings.items():
            told = [(k, shown(v)) for k, v in flat if k in apart and v != FOLLOWS]
            details = [f"{k.removesuffix('._target_')}={text}" for k, text in told]
            names[method] = f"{detector} ({', '.join(details)})" if details else detector
    taken = list(names.values())
    return {
        method: name if taken.count(name) == 1 else f"{name} ({digest(method)[:6]})"
        for method, name in names.items()
    }


def _settings(method: MethodKey) -> Flat:
    """All that tells methods of one detector apart, by full names without `detector.`."""
    return (
        *method.settings,
        ("protocol", json.dumps(method.protocol)),
        *((f"protocol.{name}", value) for name, value in method.protocol_settings),
        *((f"threshold.{name}", value) for name, value in method.threshold),
        *method.rules,
        ("attack", json.dumps(attack_name(method.attack) or "none")),
    )


def text_of(x: Any) -> str:
    """The value of a setting as text; empty if there is none."""
    if x is NO_VALUE:
        return ""
    return x if isinstance(x, str) else json.dumps(x)
