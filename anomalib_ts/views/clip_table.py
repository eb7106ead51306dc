"""Ranked clips as a table for the terminal and as CSV."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from anomalib_ts.core.cells import csv_text
from anomalib_ts.core.streams import printable
from anomalib_ts.views.clips import RankedClip, RankedUnit, clip_files, clip_threshold
from anomalib_ts.views.culprits import as_text as culprits_as_text

LABELS = {0: "normal", 1: "anomalous"}
"""What a true label is called where a person reads it."""

_ALARMS = {True: "yes", False: "no"}
_CSV_COLUMNS = (
    *("data", "case", "protocol", "detector", "variant", "seed"),
    *("rank", "score", "threshold", "alarm", "label", "kind", "channels"),
    *("machine_id", "domain", "name", "path"),
)


def as_text(ranked: RankedUnit, top: int) -> Group:
    """A unit's heading and the table of its `top` most anomalous clips, for a terminal."""
    clips = ranked.clips[:top]
    names = [clip.name for clip in clips]
    title, *lines = _heading(ranked)
    files = [file for file in clip_files(ranked.record.unit, clips) if file]
    if len(files) == len(clips):
        folder = Path(os.path.commonpath([file.parent for file in files]))
        names = [str(file.relative_to(folder)) for file in files]
        there = all(file.is_file() for file in files)
        lines.append(f"files in {folder}" if there else f"files not found in {folder}")
    return Group(
        Text(printable(title), style="bold"),
        *map(Text, map(printable, lines)),
        _table(clips, names),
    )


def as_csv(units: Iterable[RankedUnit], top: int) -> str:
    """The `top` most anomalous clips of each unit, a row each, under a header.

    `alarm` and `label` are 1 or 0, or empty where nobody knows; `channels` are those (of sounds the
    bands) that the score comes from with their shares, empty where the detector cannot say or was
    not asked about that clip; `path` is empty where there is no such file (any more).
    """
    rows: list[tuple[object, ...]] = [_CSV_COLUMNS]
    for ranked in units:
        clips = ranked.clips[:top]
        files = clip_files(ranked.record.unit, clips)
        rows += [_csv_row(ranked, *pair) for pair in zip(clips, files, strict=True)]
    return csv_text(rows)


def _csv_row(ranked: RankedUnit, clip: RankedClip, file: Path | None) -> tuple[object, ...]:
    unit = ranked.record.unit
    alarm = None if clip.alarm is None else int(clip.alarm)
    return (
        *(unit.data, unit.case, unit.protocol, unit.detector, unit.variant, unit.seed),
        *(clip.rank, clip.score, clip_threshold(ranked.record), alarm, clip.label, clip.kind),
        culprits_as_text(clip.blamed),
        *(clip.machine_id, clip.domain, clip.name, str(file) if file and file.is_file() else None),
    )


def _heading(ranked: RankedUnit) -> list[str]:
    unit, clips = ranked.record.unit, ranked.clips
    changed = f" ({unit.variant})" if unit.variant else ""
    return [
        f"{unit.case}: {unit.detector}{changed}, protocol {unit.protocol}, seed {unit.seed}",
        _alarms(clips, clip_threshold(ranked.record)),
    ]


def _alarms(clips: Sequence[RankedClip], threshold: float | None) -> str:
    if threshold is None:
        return f"{len(clips)} clips; no threshold was fitted for clip scores"
    counts = []
    for label, name in ((1, "anomalous clips"), (0, "normal clips"), (None, "clips")):
        alarms = [clip.alarm for clip in clips if clip.label == label]
        if alarms:
            counts.append(f"{alarms.count(True)} of {len(alarms)} {name}")
    return f"alarm above {threshold:.4g}: {', '.join(counts)}"


def _table(clips: Sequence[RankedClip], names: Sequence[str]) -> Table:
    """Columns of which nothing is known are left out; names are never cut, to be copied."""
    columns = {
        "rank": [str(clip.rank) for clip in clips],
        "score": [f"{clip.score:#.4g}".rstrip(".") for clip in clips],
        "alarm": ["" if clip.alarm is None else _ALARMS[clip.alarm] for clip in clips],
        "truth": ["" if clip.label is None else LABELS[clip.label] for clip in clips],
        "kind": [clip.kind for clip in clips],
        "comes from": [culprits_as_text(clip.blamed) for clip in clips],
        "machine": [clip.machine_id for clip in clips],
        "domain": [clip.domain for clip in clips],
        "clip": list(names),
    }
    shown = {name: cells for name, cells in columns.items() if any(cells)}
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in shown:
        right = name in ("rank", "score")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for cells in zip(*shown.values(), strict=True):
        table.add_row(*map(Text, map(printable, cells)))
    return table
