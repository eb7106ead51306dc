"""Data sets, loaders for files and arrays, and the policy for missing points."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from anomalib_ts.data.base import Case, DataSet

if TYPE_CHECKING:
    from anomalib_ts.data.arrays import Arrays
    from anomalib_ts.data.csv_file import CsvFile
    from anomalib_ts.data.gaps import fill_gaps
    from anomalib_ts.data.mackey_glass import MackeyGlass
    from anomalib_ts.data.tsb_uad import TsbUad

__all__ = ["Arrays", "Case", "CsvFile", "DataSet", "MackeyGlass", "TsbUad", "fill_gaps"]

_HOMES = {
    "Arrays": "arrays",
    "CsvFile": "csv_file",
    "MackeyGlass": "mackey_glass",
    "TsbUad": "tsb_uad",
    "fill_gaps": "gaps",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
