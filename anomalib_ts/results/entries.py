"""Stored records sorted by what they are results of, so that nothing unlike is averaged.

Two records belong to the same method if detector, changed settings, protocol with its settings and
threshold agree; to the same series if data set, case and data agree. Where a name alone would hide
a difference that occurs among the records, the label shows it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from anomalib_ts.results.record import Record, Unit, describe


class Method(NamedTuple):
    """What a leaderboard compares.

    Attributes:
        name: the detector with its changed settings.
        protocol: what trained; empty for a quoted method.
        source: the published table that a quoted method comes from; empty for our own.
    """

    name: str
    protocol: str
    source: str = ""

    @property
    def label(self) -> str:
        """One short text."""
        return f"{self.name} [{self.source}]" if self.source else f"{self.name} · {self.protocol}"


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
    """

    kept: list[Entry]
    superseded: int = 0


def entries(records: Iterable[Record]) -> Entries:
    """Give each record its method and its series; only a detector's newest version is kept."""
    found = list(records)
    newest: defaultdict[str, int] = defaultdict(int)
    for record in found:
        newest[_class(record.unit)] = max(newest[_class(record.unit)], record.unit.version)
    current = [r for r in found if r.unit.version == newest[_class(r.unit)]]
    labels = _Labels([record.unit for record in current])
    kept = [Entry(labels.method(r.unit), labels.series(r.unit), r) for r in current]
    return Entries(kept, superseded=len(found) - len(kept))


def _class(unit: Unit) -> str:
    return str(unit.detector_settings.get("_target_", unit.detector))


class _Labels:
    """Names, with as much added to them as is needed to tell different things apart."""

    def __init__(self, units: list[Unit]) -> None:
        self._protocols: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self._thresholds: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
        self._data: defaultdict[Series, set[str]] = defaultdict(set)
        for unit in units:
            settings = _protocol_settings(unit)
            self._protocols[unit.protocol][_text(settings)] = settings
            self._thresholds[_name(unit)].add(_text(unit.threshold))
            self._data[Series(unit.data, unit.case)].add(unit.fingerprint)

    def method(self, unit: Unit) -> Method:
        details = [unit.variant]
        if len(self._thresholds[_name(unit)]) > 1:
            details.append(f"threshold {_shown(unit.threshold)}")
        detail = "; ".join(filter(None, details))
        name = f"{unit.detector} ({detail})" if detail else unit.detector
        return Method(name, self._protocol(unit))

    def _protocol(self, unit: Unit) -> str:
        """The protocol with those of its settings that are not the same in all records."""
        found = self._protocols[unit.protocol].values()
        settings = _protocol_settings(unit)
        differing = {
            key: value
            for key, value in settings.items()
            if any(key not in other or other[key] != value for other in found)
        }
        return f"{unit.protocol} ({_shown(differing)})" if differing else unit.protocol

    def series(self, unit: Unit) -> Series:
        plain = Series(unit.data, unit.case)
        if len(self._data[plain]) == 1:
            return plain
        return Series(unit.data, f"{unit.case} (data {unit.fingerprint[:6]})")


def _name(unit: Unit) -> tuple[str, str, str]:
    return unit.detector, unit.variant, unit.protocol


def _protocol_settings(unit: Unit) -> dict[str, Any]:
    """The protocol's settings less a seed that follows the unit's: repetitions are averaged."""
    return {k: v for k, v in unit.protocol_settings.items() if (k, v) != ("seed", unit.seed)}


def _text(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True)


def _shown(settings: Mapping[str, Any]) -> str:
    plain = {key: value for key, value in settings.items() if key != "_target_"}
    return describe(plain) or str(settings.get("_target_", "")).rpartition(".")[2]
