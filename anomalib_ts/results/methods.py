"""When two results are of the same method, and when they are on the same series.

The one definition of both, which leaderboard, figures and report share:

- **Method**: the same detector, protocol, threshold and attack with the same settings, judged by
  the same rules. A seed among the settings is no difference where it follows the unit's seed: where
  there are several, each the unit's own and no other unit's. Settings that only change what is
  shown do not count.
- **Series**: the same case of the same data set with the same data; or with data that differs only
  in a seed that follows. Where two results have the same case and the same settings of the data
  but not the same data, the data has changed between them, and the older one is outdated. With
  other settings of the data (another number of points, another folder), it is another series.

A figure that is drawn against a setting leaves it out of both.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from anomalib_ts.core.digests import digest
from anomalib_ts.results.flat_settings import (
    HOW_FETCHED,
    Flat,
    as_flat,
    differing,
    flat_settings,
    settings_of,
    shown,
)
from anomalib_ts.results.outdated import (
    LOCATION,
    cases_with_several_data,
    of_newest_version,
    on_newest_data,
)
from anomalib_ts.results.record import Record
from anomalib_ts.results.unit_key import Unit

LONGEST_DETAIL = 60
"""Letters of settings of the data that a name shows."""

FOLLOWS = '"follows"'
"""In the place of a seed that follows the unit's."""


class MethodKey(NamedTuple):
    """What makes two results results of the same method.

    Attributes:
        detector: config name.
        settings: of the detector.
        protocol: config name.
        protocol_settings, threshold: settings.
        rules: by which the metrics were judged, those that are not the same in all results.
        attack: settings; empty where there was none.
        oracle: see `Unit`.
    """

    detector: str
    settings: Flat
    protocol: str
    protocol_settings: Flat
    threshold: Flat
    rules: Flat = ()
    attack: Flat = ()
    oracle: bool = False


class SeriesKey(NamedTuple):
    """What makes two results results on the same series.

    Attributes:
        data: the data set.
        case: its case.
        detail: what tells it from other series of that name; empty where there are none.
    """

    data: str
    case: str
    detail: str = ""


class Sorted(NamedTuple):
    """A record with what it is a result of."""

    method: MethodKey
    series: SeriesKey
    record: Record


@dataclass(frozen=True)
class Results:
    """Records that may be compared.

    Attributes:
        kept: one each, in the order in which they came.
        superseded: number of records of older versions of a detector, which are left out.
        outdated: number of records on an older version of their data, which are left out.
        copies: number of records that repeat another one, which are left out.
    """

    kept: list[Sorted] = field(default_factory=list)
    superseded: int = 0
    outdated: int = 0
    copies: int = 0

    @property
    def remarks(self) -> list[str]:
        """A line about each kind of record that is left out."""
        counts = {
            "of older versions of their detectors": self.superseded,
            "on an older version of their data": self.outdated,
            "stored twice": self.copies,
        }
        return [
            f"{count} result{'s'[: count > 1]} {what} {'are' if count > 1 else 'is'} left out"
            for what, count in counts.items()
            if count
        ]


def sort_results(records: Iterable[Record], x: str | None = None) -> Results:
    """Give each record its method and its series, and leave out what no longer counts.

    Args:
        records: any.
        x: full name of a setting that is not to make a difference, such as `detector.level`.
    """
    found = list(records)
    current = of_newest_version(found)
    fresh = on_newest_data(current)
    settings = _Settings(fresh, x)
    methods = _with_rules([settings.method(record.unit) for record in fresh], fresh)
    series = _series(fresh, settings, x)
    sorted_ = [Sorted(*each) for each in zip(methods, series, fresh, strict=True)]
    kept = sorted_ if x is not None else _once(sorted_)
    return Results(
        kept,
        superseded=len(found) - len(current),
        outdated=len(current) - len(fresh),
        copies=len(sorted_) - len(kept),
    )


def attack_name(attack: Flat) -> str:
    """What tables call an attack: its kind, its goal and its size; empty where there was none.

    >>> attack_name((("_target_", '"a.Pgd"'), ("epsilon", "0.1"), ("goal", '"hide"')))
    'pgd hide 0.1'
    """
    known = {name: json.loads(value) for name, value in attack if value != FOLLOWS}
    kind = str(known.get("_target_", "")).rpartition(".")[2].lower()
    words = [kind, known.get("goal"), known.get("epsilon"), known.get("clip") and "clipped"]
    return " ".join(str(word) for word in words if word)


def attack_of(unit: Unit) -> str:
    """What tables call the attack of a unit; empty where there was none."""
    return attack_name(as_flat(flat_settings(unit.attack)))


class _Settings:
    """Settings of units in a form that can be compared, seeds that follow made equal."""

    def __init__(self, records: Sequence[Record], x: str | None) -> None:
        self._x = x
        self._flat: dict[int, tuple[Mapping[str, Any], Flat]] = {}
        self._of_part: dict[tuple[int, str, int], tuple[Mapping[str, Any], Flat]] = {}
        self._methods: dict[tuple[Any, ...], MethodKey] = {}
        self._seeds: defaultdict[Any, defaultdict[str, set[int]]]
        self._seeds = defaultdict(lambda: defaultdict(set))
        noted: set[tuple[int, str, int]] = set()
        for record in records:
            unit = record.unit
            for part, settings in _parts(unit):
                place = id(settings), part, unit.seed
                if place not in noted:
                    noted.add(place)
                    self._note_seeds(part, settings, unit.seed)

    def method(self, unit: Unit) -> MethodKey:
        """What makes a unit's method, before it is judged."""
        place = (
            unit.detector,
            unit.protocol,
            unit.seed,
            unit.oracle,
            id(unit.detector_settings),
            id(unit.protocol_settings),
            id(unit.threshold),
            id(unit.attack),
        )
        known = self._methods.get(place)
        if known is None:
            known = MethodKey(
                unit.detector,
                self.of("detector", unit.detector_settings, unit.seed),
                unit.protocol,
                self.of("protocol", unit.protocol_settings, unit.seed),
                self.of("threshold", unit.threshold, unit.seed),
                attack=self.of("attack", unit.attack, unit.seed),
                oracle=unit.oracle,
            )
            self._methods[place] = known
        return known

    def of(self, part: str, settings: Mapping[str, Any], seed: int) -> Flat:
        """The settings of one part of a unit with that seed."""
        place = id(settings), part, seed
        if place not in self._of_part:  # which keeps the settings, so that no other has their id
            flat = self._plain(part, settings)
            found = tuple(
                (name, FOLLOWS if self._follows(part, flat, name, value, seed) else value)
                for name, value in flat
            )
            self._of_part[place] = settings, found
        return self._of_part[place][1]

    def _follows(self, part: str, flat: Flat, name: str, value: str, seed: int) -> bool:
        """Whether a seed is the unit's own, as several are, and no other unit has it."""
        if not _is_seed(name) or value != json.dumps(seed):
            return False
        seeds = self._seeds[part, _without_seeds(flat), name]
        following = [v for v, of in seeds.items() if len(of) == 1 and json.dumps(*of) == v]
        return len(following) > 1 and value in following

    def _note_seeds(self, part: str, settings: Mapping[str, Any], seed: int) -> None:
        flat = self._plain(part, settings)
        rest = None
        for name, value in flat:
            if _is_seed(name):
                rest = _without_seeds(flat) if rest is None else rest
                self._seeds[part, rest, name][value].add(seed)

    def _plain(self, part: str, settings: Mapping[str, Any]) -> Flat:
        if id(settings) not in self._flat:
            flat = flat_settings(settings)
            if self._x is not None and self._x.startswith(f"{part}."):
                flat.pop(self._x.removeprefix(f"{part}."), None)
            if part == "data":
                flat = {name: value for name, value in flat.items() if name not in HOW_FETCHED}
            self._flat[id(settings)] = settings, as_flat(flat)
        return self._flat[id(settings)][1]


def _parts(unit: Unit) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    return (
        ("detector", unit.detector_settings),
        ("protocol", unit.protocol_settings),
        ("threshold", unit.threshold),
        ("attack", unit.attack),
        ("data", unit.data_settings),
    )


def _is_seed(name: str) -> bool:
    return name.rpartition(".")[2] == "seed"


def _without_seeds(flat: Flat) -> Flat:
    return tuple(pair for pair in flat if not _is_seed(pair[0]))


def _with_rules(methods: list[MethodKey], records: Sequence[Record]) -> list[MethodKey]:
    """The methods, with those rules of judging that are not the same in all records.

    A unit that failed was judged by none: it counts among the results of its method, or, if these
    are of several rules, among the most of them.
    """
    rules = [_rules(record) for record in records]
    values: defaultdict[str, set[str]] = defaultdict(set)
    for known in set(rules):
        for name, value in known or ():
            values[name].add(value)
    several = {name for name, found in values.items() if len(found) > 1}
    if not several:
        return methods
    own = [None if r is None else tuple(p for p in r if p[0] in several) for r in rules]
    counts: defaultdict[MethodKey, Counter[Flat]] = defaultdict(Counter)
    for method, known in zip(methods, own, strict=True):
        if known is not None:
            counts[method][known] += 1
    most = {method: found.most_common(1)[0][0] for method, found in counts.items()}
    return [
        method._replace(rules=most.get(method, ()) if known is None else known)
        for method, known in zip(methods, own, strict=True)
    ]


def _rules(record: Record) -> Flat | None:
    """The rules that decide the values of a record: a window for points, a reduction for clips."""
    if not record.judged:
        return None
    name = "window" if record.decides == "points" else "reduce"
    return tuple((k, json.dumps(v)) for k, v in record.judged.items() if k == name)


def _series(records: Sequence[Record], settings: _Settings, x: str | None) -> list[SeriesKey]:
    several = cases_with_several_data(records)
    groups: defaultdict[tuple[str, str], list[Unit]] = defaultdict(list)
    for record in records:
        unit = record.unit
        if (unit.data, unit.case) in several:
            groups[unit.data, unit.case].append(unit)
    details = {case: _details(units, settings, x) for case, units in groups.items()}
    known: dict[tuple[str, str, str], SeriesKey] = {}
    found = []
    for record in records:
        unit = record.unit
        place = unit.data, unit.case, unit.fingerprint
        if place not in known:
            detail = details.get(place[:2], {}).get(unit.fingerprint, "")
            known[place] = SeriesKey(unit.data, unit.case, detail)
        found.append(known[place])
    return found


def _details(units: Sequence[Unit], settings: _Settings, x: str | None) -> dict[str, str]:
    """What tells the data of units of one case apart, by its fingerprint.

    The same data is one series whatever settings it was found with, and so is data of the same
    settings, which then has a seed that follows the unit's. Where it lies counts only if nothing
    else tells it apart.
    """
    full = [settings.of("data", unit.data_settings, unit.seed) for unit in units]
    plain = [tuple(pair for pair in flat if pair[0] not in LOCATION) for flat in full]
    data: defaultdict[Any, set[str]] = defaultdict(set)
    for unit, flat in zip(units, plain, strict=True):
        at = json.dumps(settings_of(unit).get(x)) if x is not None else ""
        data[flat, unit.seed, at].add(unit.fingerprint)
    is_enough = all(len(fingerprints) == 1 for fingerprints in data.values())
    pairs = zip([unit.fingerprint for unit in units], plain if is_enough else full, strict=True)
    groups = _joined(dict.fromkeys(pairs))
    apart = differing(flat for _, flats in groups for flat in flats)
    return {
        fingerprint: _detail(flats[0], apart) if len(groups) > 1 else ""
        for fingerprints, flats in groups
        for fingerprint in fingerprints
    }


def _joined(pairs: Iterable[tuple[str, Flat]]) -> list[tuple[list[str], list[Flat]]]:
    """Fingerprints and settings that hang together by pairs, group by group."""
    groups: list[tuple[list[str], list[Flat]]] = []
    for fingerprint, flat in pairs:
        touched = [g for g in groups if fingerprint in g[0] or flat in g[1]]
        groups = [g for g in groups if g not in touched]
        groups.append(
            (
                list(dict.fromkeys([*(f for g in touched for f in g[0]), fingerprint])),
                list(dict.fromkeys([*(f for g in touched for f in g[1]), flat])),
            )
        )
    return groups


def _detail(flat: Flat, apart: list[str]) -> str:
    """The settings in which data differs, or a digest where they are long or paths."""
    text = ", ".join(f"{name}={shown(value)}" for name, value in flat if name in apart)
    if 0 < len(text) <= LONGEST_DETAIL and not set("/\\") & set(text):
        return text
    return f"data {digest(flat)[:6]}"


def _once(found: list[Sorted]) -> list[Sorted]:
    """The newest of results that are of the same method, series and seed: copies of one file."""
    newest: dict[tuple[MethodKey, SeriesKey, int], Sorted] = {}
    for one in found:
        place = one.method, one.series, one.record.unit.seed
        known = newest.get(place)
        if known is None or known.record.finished <= one.record.finished:
            newest[place] = one
    if len(newest) == len(found):
        return found
    chosen = {id(one) for one in newest.values()}
    return [one for one in found if id(one) in chosen]
