"""`anomalib-ts sparseness`: what the layers of image classifiers tell of attacks, unit by unit."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from rich.table import Table

from anomalib_ts.cli.stored_units import Stored, UnitCommand
from anomalib_ts.robustness.classifiers.study import SparsenessUnit, run_unit

LEARNT = {"one-class": "one_class", "supervised": "supervised"}
"""What has learnt from unchanged images alone, and what from both kinds; see `separability`."""

FEATURES = {"PSI": "psi", "rough.": "roughness", "both": "psi and roughness"}

HEAD = ("images", "classifier")
NO_VALUE = "\u2013"


def _told(result: Mapping[str, Any]) -> str:
    known = f"{100 * result['accuracy']:.1f} % of {result['attacked']} images recognised"
    return f"{known} ({result['seconds']:.0f} s)"


def tables(records: Sequence[Stored]) -> list[Table]:
    """Directions at the smallest size, layer by layer, and detection at all sizes; over seeds."""
    groups: defaultdict[str, list[Stored]] = defaultdict(list)
    for record in records:
        if record["status"] == "ok":
            settings = {k: v for k, v in record["unit"].items() if k != "seed"}
            settings["classifier"] = {**settings["classifier"], "seed": None}
            settings["images"] = [record["result"][key] for key in ("images", "classes", "trained")]
            groups[json.dumps(settings, sort_keys=True, default=dict)].append(record)
    found = list(groups.values())
    return [_directions(found), _detection(found)] if found else []


def _directions(groups: Sequence[Sequence[Stored]]) -> Table:
    """A line a layer: in how many seeds its sparseness rises, and how far beside noise's."""
    table = _table(
        "Layers under FGSM / noise at the smallest size",
        (*HEAD, "layer", "units"),
        ("epsilon", "PSI rises", "PSI before", "dz", "AUROC", "change by category"),
    )
    for records in groups:
        head = _head(records)
        size = min(records[0]["unit"]["epsilons"])
        rows = _by([r for r in _rows(records, "layers") if r["epsilon"] == size], "layer", "units")
        for (layer, units), seeds in rows.items():
            rises = [
                sum(_up(row.get(key), row.get("clean")) for row in seeds)
                for key in ("attacked", "noise")
            ]
            changes = [
                ", ".join(f"{row[f'category_{k}'] - row['category_clean']:+.3f}" for row in seeds)
                for k in ("fgsm", "noise")
            ]
            table.add_row(
                *(*head, layer, units, f"{size:g}", f"{rises[0]} / {rises[1]} of {len(seeds)}"),
                _mean(seeds, "clean", ".3f"),
                *(
                    _pair(seeds, key, f"noise_{key}", s)
                    for key, s in (("dz", "+.2f"), ("auroc", ".2f"))
                ),
                " / ".join(changes),
            )
    return table


def _detection(groups: Sequence[Sequence[Stored]]) -> Table:
    """A line a size: what is still recognised, and what tells changed images from others."""
    table = _table(
        "As a detector of changed images: AUROC under FGSM / noise, mean over seeds",
        HEAD,
        ("seeds", "epsilon", "accuracy", *(f"{how}\n{f}" for how in LEARNT for f in FEATURES)),
    )
    for records in groups:
        head = [*_head(records), str(len(records))]
        clean = fmean(record["result"]["accuracy"] for record in records)
        table.add_row(*head, "0", f"{clean:.3f}")
        sizes = _by(_rows(records, "detection"), "epsilon", "kind", "features")
        for size in dict.fromkeys(size for size, _, _ in sizes):
            cells = [_both(sizes, size, "psi", "accuracy")]
            cells += [
                _both(sizes, size, f, key) for key in LEARNT.values() for f in FEATURES.values()
            ]
            table.add_row(*head, f"{size:g}", *cells)
    return table


def _table(title: str, words: Iterable[str], numbers: Iterable[str]) -> Table:
    table = Table(
        title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold"
    )
    for heading in words:
        table.add_column(heading)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


def _head(records: Sequence[Stored]) -> list[str]:
    return [records[0]["result"]["images"], records[0]["unit"]["names"]["classifier"]]


def _rows(records: Iterable[Stored], kind: str) -> list[Mapping[str, Any]]:
    return [row for record in records for row in record["result"][kind]]


def _by(
    rows: Iterable[Mapping[str, Any]], *keys: str
) -> dict[tuple[Any, ...], list[Mapping[str, Any]]]:
    found: defaultdict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        found[tuple(row[key] for key in keys)].append(row)
    return found


def _up(after: float | None, before: float | None) -> bool:
    return after is not None and before is not None and after > before


def _mean(rows: Iterable[Mapping[str, Any]], key: str, digits: str) -> str:
    known = [row[key] for row in rows if key in row]
    return format(fmean(known), digits) if known else NO_VALUE


def _pair(rows: Sequence[Mapping[str, Any]], one: str, other: str, digits: str) -> str:
    return f"{_mean(rows, one, digits)} / {_mean(rows, other, digits)}"


def _both(
    sizes: Mapping[tuple[Any, ...], list[Mapping[str, Any]]], size: float, features: str, key: str
) -> str:
    return " / ".join(_mean(sizes[size, kind, features], key, ".3f") for kind in ("fgsm", "noise"))


COMMAND = UnitCommand(
    main="sparseness",
    unit=SparsenessUnit,
    parts=("classifier",),
    least={"seed": 0, "side": 8, "most_attacked": 20},
    run=run_unit,
    told=_told,
    tables=tables,
)
