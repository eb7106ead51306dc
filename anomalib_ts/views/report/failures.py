"""Units that did not end well, put together by what went wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from anomalib_ts.results.entries import Entry, Method

MAX_UNITS = 50
"""Units that a group names; the others are counted."""
_SHOWN_APART = ("type", "message", "traceback")


@dataclass(frozen=True)
class Failure:
    """Units of one method that failed in the same way.

    Attributes:
        method: whose.
        status: how they ended.
        kind: type of the error.
        message: of the first unit.
        traceback: of the first unit; empty where there is none.
        details: what else the first record says about its failure.
        units: the first units, as text.
        count: number of units.
    """

    method: Method
    status: str
    kind: str
    message: str
    traceback: str
    details: dict[str, str]
    units: list[str]
    count: int


def failures(entries: Sequence[Entry]) -> list[Failure]:
    """Group the failed units by method, status, type and message; the largest group first."""
    groups: defaultdict[tuple[Method, str, str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.record.status != "ok":
            error = entry.record.error
            key = error.get("type", ""), error.get("message", "")
            groups[entry.method, entry.record.status, *key].append(entry)
    found = [_failure(*key, group) for key, group in groups.items()]
    return sorted(found, key=lambda failure: (-failure.count, failure.method, failure.message))


def _failure(method: Method, status: str, kind: str, message: str, group: list[Entry]) -> Failure:
    error = group[0].record.error
    return Failure(
        method=method,
        status=status,
        kind=kind,
        message=message,
        traceback=error.get("traceback", ""),
        details={key: text for key, text in error.items() if key not in _SHOWN_APART},
        units=[
            f"{entry.series.data} / {entry.series.case}, seed {entry.record.unit.seed}"
            for entry in group[:MAX_UNITS]
        ],
        count=len(group),
    )
