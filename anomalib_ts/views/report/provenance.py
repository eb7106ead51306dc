"""Which settings and versions the results of a report come from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anomalib_ts.results.entries import Entry, Method
from anomalib_ts.results.flat_settings import flat_settings


@dataclass(frozen=True)
class ShownSettings:
    """The settings of one thing, flattened to `trainer.max_steps: 3000`.

    Attributes:
        name: what they are of.
        note: one line about it.
        lines: name and value of each setting.
    """

    name: str
    note: str
    lines: list[tuple[str, str]]


def method_settings(entries: Sequence[Entry]) -> list[ShownSettings]:
    """Each method's settings, those of the protocol and the threshold included, seeds apart."""
    first: dict[Method, Entry] = {}
    seeds: defaultdict[Method, set[int]] = defaultdict(set)
    for entry in entries:
        first.setdefault(entry.method, entry)
        seeds[entry.method].add(entry.record.unit.seed)
    found = []
    for method, entry in sorted(first.items()):
        unit = entry.record.unit
        ran = ", ".join(map(str, sorted(seeds[method])))
        parts = {"protocol": unit.protocol_settings, "threshold": unit.threshold}
        lines = _lines(unit.detector_settings) + _lines(parts)
        kept = [(key, value) for key, value in lines if key.rpartition(".")[2] != "seed"]
        note = f"version {unit.version}, seeds {ran}"
        found.append(ShownSettings(method.label, note, kept))
    return found


def data_settings(entries: Sequence[Entry]) -> list[ShownSettings]:
    """Each data set's settings."""
    first: dict[str, Entry] = {}
    cases: defaultdict[str, set[str]] = defaultdict(set)
    for entry in entries:
        first.setdefault(entry.series.data, entry)
        cases[entry.series.data].add(entry.series.case)
    return [
        ShownSettings(data, f"{len(cases[data])} series", _lines(entry.record.unit.data_settings))
        for data, entry in sorted(first.items())
    ]


def versions(entries: Sequence[Entry]) -> list[tuple[str, list[tuple[str, int]]]]:
    """For each package, its versions and the number of units that ran with each."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        for package, version in entry.record.versions.items():
            counts[package][version] += 1
    return [(package, found.most_common()) for package, found in sorted(counts.items())]


def _lines(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in flat_settings(settings).items()]
