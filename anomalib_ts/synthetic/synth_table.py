"""The results of `anomalib-ts synth` as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table as TextTable


def as_table(records: Sequence[Mapping[str, Any]]) -> TextTable:
    """A line a unit: its accuracy, and what the judge says of real and of generated rows.

    Scores of real rows stand in brackets behind those of the generated ones, so many of each label,
    since scores of other numbers of rows cannot be compared. With `split=paper`
    the judge was tested on rows that it trained on, and the line says so, as it does if the judge
    gives all rows one label.
    """
    table = TextTable(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("judge", "dense", "image", "generator", "seed", "split"):
        table.add_column(title)
    for title in ("accuracy", "rows a label", "IS", "FID prob.", "FID feat.", "seconds"):
        table.add_column(title, justify="right")
    for record in records:
        table.add_row(*_cells(record))
    return table


def _cells(record: Mapping[str, Any]) -> list[str]:
    unit = record["unit"]
    leaky = unit["split"] == "paper"
    head = [
        unit["names"]["judge"],
        str(unit["judge"].get("dense", "")),
        unit["names"]["image"],
        unit["names"]["generator"],
        str(unit["seed"]),
        "paper (1,402 rows leak)" if leaky else unit["split"],
    ]
    if record["status"] != "ok":
        return [*head, "failed", "", "", "", "", ""]
    result = record["result"]
    last, real = result["curve"][-1], result["real"]
    pairs = [
        f"{last[key]:.{digits}f} ({real[key]:.{digits}f})"
        for key, digits in (("inception_score", 2), ("fid_probabilities", 3), ("fid_features", 1))
    ]
    accuracy, rows = f"{100 * result['accuracy']:.2f} %", str(unit["per_label"])
    if result.get("degenerate"):  # which units of before do not tell
        accuracy += ", degenerate"
    return [*head, accuracy, rows, *pairs, f"{result['seconds']:.0f}"]
