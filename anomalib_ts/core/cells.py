"""Text that other programs read, made so that it is only text to them.

Names come from file names, settings and records, and so from anybody. What stands in a table must
not be a formula to a spreadsheet, a command to LaTeX or markup to Markdown.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

from anomalib_ts.core.streams import printable

_FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20"
"""What a spreadsheet takes for the beginning of a formula, in both widths."""

_LATEX = {
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # after a row's end or a rule it would be read as its argument
    "]": "{]}",
    "*": "{*}",
    "±": r"$\pm$",
    "·": r"$\cdot$",
    "\t": " ",
}
_MARKDOWN = {
    **{mark: f"\\{mark}" for mark in "\\|*_`[]~$"},
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "\t": " ",
}
_TO_LATEX, _TO_MARKDOWN = str.maketrans(_LATEX), str.maketrans(_MARKDOWN)


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Rows as CSV.

    Numbers and None (an empty cell) stay as they are. A text that a spreadsheet would take for a
    formula gets an apostrophe in front, unless it is a number; control characters are written
    out, line ends among them.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([csv_cell(value) for value in row] for row in rows)
    return buffer.getvalue()


def latex(text: str) -> str:
    """A text for LaTeX, on one line."""
    return re.sub("-(?=-)", "-{}", printable(_flat(text)).translate(_TO_LATEX))


def markdown(text: str) -> str:
    """A text for Markdown as GitHub reads it, on one line."""
    return printable(_flat(text)).translate(_TO_MARKDOWN)


def csv_cell(value: Any) -> Any:
    """A value as `csv_text` writes it; for tables that another library writes."""
    if not isinstance(value, str):
        return value
    text = printable(value).replace("\n", r"\n").replace("\t", r"\t")
    bare = text.strip()
    formula = len(bare) > 1 and bare[0] in _FORMULA and not _is_number(bare)
    return f"'{text}" if formula else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _flat(text: str) -> str:
    """The text with a blank for each line's end."""
    return " ".join(text.splitlines())
