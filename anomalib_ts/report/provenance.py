"""Which settings and versions the results of a report come from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anomalib_ts.results.entries import Entry, Method


@dataclass(frozen=True)
class Settings:
    """The settings of one thing, flattened to `trainer.max_steps: 3000`.

    Attributes:
        name: what they are of.
        note: one line about it.
        lines: name and value of each setting.
    """

    name: str
    note: str
    lines: list[tuple[str, str]]


def method_settings(entries: Sequence[Entry]) -> list[Settings]:
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
        lines = [
            *flat(unit.detector_settings),
            *flat(unit.protocol_settings, "protocol"),
            *flat(unit.threshold, "threshold"),
        ]
        kept = [(key, value) for key, value in lines if key.rpartition(".")[2] != "seed"]
        note = f"version {unit.version}, seeds {ran}"
        found.append(Settings(method.label, note, kept))
    return found


def data_settings(entries: Sequence[Entry]) -> list[Settings]:
    """Each data set's settings."""
    first: dict[str, Entry] = {}
    cases: defaultdict[str, set[str]] = defaultdict(set)
    for entry in entries:
        first.setdefault(entry.series.data, entry)
        cases[entry.series.data].add(entry.series.case)
    return [
        Settings(data, f"{len(cases[data])} series", flat(entry.record.unit.data_settings))
        for data, entry in sorted(first.items())
    ]


def versions(entries: Sequence[Entry]) -> list[tuple[str, list[tuple[str, int]]]]:
    """For each package, its versions and the number of units that ran with each."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        for package, version in entry.record.versions.items():
            counts[package][version] += 1
    return [(package, found.most_common()) for package, found in sorted(counts.items())]


def flat(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as pairs of dotted name and text."""
    pairs: list[tuple[str, str]] = []
    for key, value in settings.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        pairs += flat(value, name) if isinstance(value, Mapping) else [(name, str(value))]
    return pairs
