"""Stored records with the names under which tables show what they are results of.

What belongs together is decided in `anomalib_ts.results.methods`; here it gets names. Where a name
alone would hide a difference that occurs among the records, it shows it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from anomalib_ts.core.digests import digest
from anomalib_ts.results.flat_settings import Flat, differing, shown
from anomalib_ts.results.methods import FOLLOWS, MethodKey, SeriesKey, attack_name, sort_results
from anomalib_ts.results.record import Record

ORACLE = "oracle/"
"""Stands before a method whose settings were chosen by the labels that it is judged on."""


class Method(NamedTuple):
    """What a leaderboard compares.

    Attributes:
        name: the detector with its changed settings.
        protocol: what trained; empty for a quoted method.
        source: the published table that a quoted method comes from; empty for our own.
        attack: what the test data went through, in words; empty for nothing.
    """

    name: str
    protocol: str
    source: str = ""
    attack: str = ""

    @property
    def label(self) -> str:
        """What a line of a table or of a picture calls it, as in `iforest · whole`."""
        if self.source:
            return f"{self.name} [{self.source}]"
        return " · ".join(filter(None, [self.name, self.protocol, self.attack]))


class Series(NamedTuple):
    """A case of a data set."""

    data: str
    case: str


class Entry(NamedTuple):
    """A record with the method and the series it is a result of."""

    method: Method
    series: Series
    record: Record


@dataclass(frozen=True)
class Entries:
    """Records that may be compared.

    Attributes:
        kept: one entry a record.
        superseded: number of records of older versions of a detector, which are left out.
        outdated: number of records on an older version of their data, which are left out.
        remarks: a line about each kind of record that is left out, these two among them.
    """

    kept: list[Entry]
    superseded: int = 0
    outdated: int = 0
    remarks: list[str] = field(default_factory=list)


def entries(records: Iterable[Record]) -> Entries:
    """Give each record its method and its series, and leave out what no longer counts."""
    found = sort_results(records)
    variants: dict[MethodKey, str] = {}
    for one in found.kept:
        variants.setdefault(one.method, one.record.unit.variant)
    methods = _method_names(variants)
    series: dict[SeriesKey, Series] = {}
    kept = []
    for method, place, record in found.kept:
        if place not in series:
            series[place] = Series(place.data, series_name(place))
        kept.append(Entry(methods[method], series[place], record))
    return Entries(kept, found.superseded, found.outdated, found.remarks)


def unattacked(kept: Sequence[Entry]) -> list[Entry]:
    """The entries whose test data went through no attack, which all but a few tables are of."""
    return [entry for entry in kept if not entry.method.attack]


def series_name(series: SeriesKey) -> str:
    """The case, with what tells it from others of that name."""
    return f"{series.case} ({series.detail})" if series.detail else series.case


def _method_names(variants: Mapping[MethodKey, str]) -> dict[MethodKey, Method]:
    """A name for each method, no two alike.

    Args:
        variants: the changed settings of each method's detector, as text.
    """
    protocols: defaultdict[str, set[Flat]] = defaultdict(set)
    thresholds: defaultdict[Any, set[Flat]] = defaultdict(set)
    for key, variant in variants.items():
        protocols[key.protocol].add(key.protocol_settings)
        thresholds[key.detector, variant, key.protocol].add(key.threshold)
    names = {}
    for key, variant in variants.items():
        details = [variant]
        alike = thresholds[key.detector, variant, key.protocol]
        if len(alike) > 1:
            details.append(f"threshold {_described(key.threshold, differing(alike))}")
        details.append(_described(key.rules, [name for name, _ in key.rules]))
        protocol = _described(key.protocol_settings, differing(protocols[key.protocol]))
        names[key] = Method(
            ORACLE * key.oracle + _with(key.detector, "; ".join(filter(None, details))),
            _with(key.protocol, protocol),
            attack=attack_name(key.attack),
        )
    return _told_apart(names)


def _told_apart(names: dict[MethodKey, Method]) -> dict[MethodKey, Method]:
    """The names, those that are alike with the settings of the detector in which they differ.

    That happens where defaults have changed: the changed settings are then the same.
    """
    counts = Counter(names.values())
    alike: defaultdict[Method, list[MethodKey]] = defaultdict(list)
    for key, name in names.items():
        if counts[name] > 1:
            alike[name].append(key)
    found = dict(names)
    for name, keys in alike.items():
        settings = {key: (*key.settings, *_of_attack(key)) for key in keys}
        apart = differing(settings.values())
        for key in keys:
            detail = _described(settings[key], apart) or digest(key)[:6]
            found[key] = name._replace(name=f"{name.name} ({detail})")
    return found


def _of_attack(key: MethodKey) -> Flat:
    return tuple((f"attack.{name}", value) for name, value in key.attack)


def _with(name: str, detail: str) -> str:
    return f"{name} ({detail})" if detail else name


def _described(settings: Flat, names: list[str]) -> str:
    """`level=0.9, window=3`: the settings of these names; of a class alone its name."""
    told = [(name, shown(value)) for name, value in settings if name in names and value != FOLLOWS]
    plain = [f"{name}={text}" for name, text in told if not name.endswith("_target_")]
    return ", ".join(plain) or ", ".join(text.rpartition(".")[2] for _, text in told)
