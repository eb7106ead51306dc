"""Which results no longer count: of an older detector, or on data that has changed since."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from anomalib_ts.results.flat_settings import HOW_FETCHED, Flat, as_flat, flat_settings
from anomalib_ts.results.record import Record
from anomalib_ts.results.unit_key import Unit

LOCATION = frozenset({"path", "root"})
"""Settings of data sets that say where the data lies."""


def of_newest_version(records: list[Record]) -> list[Record]:
    """The records of the newest version of each detector that is among them."""
    newest: defaultdict[str, int] = defaultdict(int)
    for record in records:
        detector = _class(record.unit)
        newest[detector] = max(newest[detector], record.unit.version)
    return [record for record in records if record.unit.version == newest[_class(record.unit)]]


def _class(unit: Unit) -> str:
    return str(unit.detector_settings.get("_target_", unit.detector))


def on_newest_data(records: list[Record]) -> list[Record]:
    """The records whose data is the newest that was seen with the same settings of the data."""
    several = cases_with_several_data(records)
    if not several:
        return records
    newest: dict[Any, tuple[str, int, str]] = {}
    places: dict[int, Any] = {}
    for number, record in enumerate(records):
        unit = record.unit
        if (unit.data, unit.case) in several:
            place = unit.data, unit.case, _source(unit)
            places[number] = place
            age = (record.finished, number, unit.fingerprint)  # of the same age: the later in order
            newest[place] = max(newest.get(place, age), age)
    return [
        record
        for number, record in enumerate(records)
        if number not in places or newest[places[number]][2] == record.unit.fingerprint
    ]


def cases_with_several_data(records: Sequence[Record]) -> set[tuple[str, str]]:
    """Data set and case where not all records were made with the same data."""
    found: dict[tuple[str, str], str] = {}
    several = set()
    for record in records:
        unit = record.unit
        case = unit.data, unit.case
        if found.setdefault(case, unit.fingerprint) != unit.fingerprint:
            several.add(case)
    return several


def _source(unit: Unit) -> Flat:
    """Where a unit's data comes from: settings of the data, a path in a form that can be compared.

    A folder of files, a pattern and the file itself name the same file of a case.
    """
    settings = {
        name: value
        for name, value in flat_settings(unit.data_settings).items()
        if name not in HOW_FETCHED
    }
    for name in LOCATION:
        if isinstance(settings.get(name), str):
            settings[name] = os.path.abspath(settings[name])  # noqa: PTH100 - links stay as named
    path = PurePath(str(settings.get("path", "")))
    if set("*?[") & set(path.name) or path.stem == unit.case:
        settings["path"] = str(path.parent)
    return as_flat(settings)
