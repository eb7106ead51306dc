"""The leaderboard as text: for the terminal, as Markdown, LaTeX, CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.console import Group
from rich.text import Text

from anomalib_ts.core.cells import csv_text
from anomalib_ts.metrics.registry import sign_of
from anomalib_ts.results.formats import Grid, as_latex_table, as_markdown_table, best_in_bold
from anomalib_ts.results.leaderboard import (
    COLUMNS,
    NO_LABELS_AT_ALL,
    UNRANKED,
    UNRANKED_REMARK,
    Row,
)
from anomalib_ts.results.terminal import tables


def grid(rows: list[Row], metrics: Iterable[str] = COLUMNS) -> Grid:
    """The rows as texts, ready for a table.

    Args:
        rows: to show.
        metrics: a column each, if any row has it; the first is the one that ranks, to which the
            coverage belongs. Where another's differs, it stands behind the value.
    """
    wanted = list(metrics)
    shown = [key for key in wanted if any(key in row.metrics for row in rows)]
    ranking = wanted[0] if wanted else ""
    attacked = any(row.attack for row in rows)
    header = ["data", "protocol", "detector", *["attack"] * attacked, *map(title, shown)]
    header += ["cases", "fit s", "score s", "peak MB"]
    cells = [
        [
            row.data,
            f"{row.protocol}, {row.source}" if row.source else row.protocol,
            row.detector,
            *[row.attack or "-"] * attacked,
            *(_cell(row, key, ranking) for key in shown),
            _coverage(row, ranking),
            number(row.fit_seconds, 1),
            number(row.score_seconds, 1),
            number(row.peak_memory_mb, 0),
        ]
        for row in rows
    ]
    return Grid(header, cells, text_columns=3 + attacked)


def remarks(rows: list[Row], metric: str) -> list[str]:
    """What a reader must know of the rows, a line each."""
    return [UNRANKED_REMARK] if any(_is_unranked(row, metric) for row in rows) else []


def as_table(rows: list[Row], width: int, metrics: Iterable[str] = COLUMNS) -> Group:
    """The rows for a terminal of `width` letters; what does not fit beside comes below."""
    shown = list(metrics)
    parts = tables(grid(rows, shown), width)
    notes = [Text(f"\n{line}") for line in remarks(rows, shown[0])]
    return Group(*parts[:1], *(part for piece in parts[1:] for part in ("", piece)), *notes)


def as_markdown(rows: list[Row], metrics: Iterable[str] = COLUMNS) -> str:
    """The rows as a Markdown table; the best value of each data set is bold."""
    shown = list(metrics)
    notes = "".join(f"\n{line}\n" for line in remarks(rows, shown[0]))
    return as_markdown_table(best_in_bold(grid(rows, shown), _scores(rows, shown))) + notes


def as_latex(rows: list[Row], metrics: Iterable[str] = COLUMNS) -> str:
    """The rows as a LaTeX `tabular` for the package booktabs; the best values are bold."""
    shown = list(metrics)
    return as_latex_table(best_in_bold(grid(rows, shown), _scores(rows, shown)))


def as_csv(rows: list[Row]) -> str:
    """The rows with all their metrics as CSV."""
    keys = sorted({key for row in rows for key in row.metrics})
    by_metric = ("metrics", "deviations", "covered", "without", "comparable")
    plain = [name for name in Row.__dataclass_fields__ if name not in by_metric]
    more = [f"{key} {what}" for what in ("cases", "comparable") for key in keys]
    table: list[list[Any]] = [[*plain, *keys, *more]]
    for row in rows:
        values = [getattr(row, name) for name in plain]
        covered = [row.covered.get(key, 0) for key in keys]
        comparable = [int(key in row.comparable) for key in keys]
        known = [row.metrics.get(key, "") for key in keys]
        table.append([*values, *known, *covered, *comparable])
    return csv_text(table)


def as_json(rows: list[Row]) -> str:
    """The rows as a JSON list."""
    plain = [asdict(row) for row in rows]
    return json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False)


def title(metric: str) -> str:
    """How a metric is headed."""
    return {"auroc": "AUROC", "aupr": "AUPR", "pauc": "pAUC"}.get(metric, metric)


def number(value: float | None, digits: int) -> str:
    """A number as text, `-` where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def coverage(covered: int, cases: int, failed: int, undefined: int, unlabelled: int = 0) -> str:
    """`26/27 1 failed`: cases that went into the mean, of all; then why the others did not."""
    if cases and unlabelled == cases:
        return NO_LABELS_AT_ALL
    counts = ((failed, "failed"), (undefined, "undef."), (unlabelled, "without labels"))
    return " ".join([f"{covered}/{cases}", *(f"{n} {why}" for n, why in counts if n)])


def _coverage(row: Row, metric: str) -> str:
    """How many cases are behind the mean of a metric."""
    without = row.without.get(metric, max(0, row.cases - row.failed - row.unlabelled))
    undefined = 0 if row.source else without
    covered = row.covered.get(metric, 0)
    text = coverage(covered, row.cases, row.failed, undefined, row.unlabelled)
    return f"{text} {UNRANKED}" if _is_unranked(row, metric) else text


def _is_unranked(row: Row, metric: str) -> bool:
    return metric in row.metrics and metric not in row.comparable


def _cell(row: Row, key: str, ranking: str) -> str:
    if key not in row.metrics:
        return "-"
    value = f"{row.metrics[key]:.3f}"
    if row.seeds > 1:
        value += f" ±{row.deviations[key]:.3f}"
    same = row.covered[key] == row.covered.get(ranking, 0)
    return value if same else f"{value} ({row.covered[key]}/{row.cases})"


def _scores(rows: list[Row], metrics: list[str]) -> dict[int, list[tuple[str, float | None]]]:
    """For each column of `grid` that holds a metric: the group and the goodness of each row.

    A group is a data set under an attack, or under none.

    Rows that are not over the same cases as the others have none.
    """
    shown = [key for key in metrics if any(key in row.metrics for row in rows)]
    found: dict[int, list[tuple[str, float | None]]] = {}
    first = 3 + any(row.attack for row in rows)
    for place, key in enumerate(shown, start=first):
        values = [row.metrics[key] if key in row.comparable else None for row in rows]
        found[place] = [
            (f"{row.data} {row.attack}", None if value is None else sign_of(key) * value)
            for row, value in zip(rows, values, strict=True)
        ]
    return found
