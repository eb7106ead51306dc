"""How a text file is laid out: its records, and what its first lines tell."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from anomalib_ts.errors import ConfigError

WHITESPACE = r"\s+"
_DELIMITERS = (";", "\t", "|", ",", WHITESPACE)
_MISSING = {"", "na", "n/a", "nan", "null", "none", "<na>", "#n/a", "-nan"}
_INFINITE = {"inf", "-inf", "+inf", "infinity", "-infinity"}
_DATA = re.compile(r"[+-]?[\d.,' ]+(e[+-]?\d+)?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*|\d+:\d\d.*", re.I)
_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_POINT_NUMBER = re.compile(r"[+-]?\d*\.\d+(e[+-]?\d+)?", re.I)
_DOTTED_DATE = re.compile(r"\d{1,2}\.\d{1,2}\.(\d{4}|\d{2})\b.*")
_EXCEL_LINE = re.compile(r'"?sep=(.)"?', re.I)


@dataclass(frozen=True)
class TextLayout:
    """How to read a text file; None is found out from its first lines.

    Args:
        delimiter: between cells.
        header: whether the first record holds names.
        decimal: decimal sign, `.` or `,`.
        encoding: of the text; None is UTF-8.
        comment: a character; the rest of a line after it is skipped. None: there are no comments.
        skip_rows: lines at the start that are no part of the table.

    Raises:
        ConfigError: a setting is out of range.
    """

    delimiter: str | None = None
    header: bool | None = None
    decimal: str | None = None
    encoding: str | None = None
    comment: str | None = None
    skip_rows: int = 0

    def __post_init__(self) -> None:
        if self.decimal not in (None, ".", ","):
            raise ConfigError(f"decimal must be '.' or ',', not {self.decimal!r}")
        if self.decimal is not None and self.decimal == self.delimiter:
            raise ConfigError(f"{self.decimal!r} is both the delimiter and the decimal sign")
        if self.comment is not None and len(self.comment) != 1:
            raise ConfigError(f"comment must be one character, not {self.comment!r}")
        if self.skip_rows < 0:
            raise ConfigError(f"skip_rows must be at least 0, not {self.skip_rows}")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                raise ConfigError(
                    f"encoding {self.encoding!r} is unknown; try latin-1, cp1252 or utf-16"
                ) from None


@dataclass(frozen=True)
class Record:
    """One record of a text file: the lines `first` to `last` (counted from 1) and its cells."""

    first: int
    last: int
    cells: list[str]


def records(lines: Iterable[str], layout: TextLayout) -> Iterator[Record]:
    """The records that are not blank; a quoted line end does not end a record.

    Raises:
        csv.Error: a cell is longer than any cell of a table.
    """
    blank = layout.delimiter == WHITESPACE
    reader = csv.reader(
        (_prepared(line, layout) for line in lines),
        delimiter=" " if blank else layout.delimiter or ",",
        skipinitialspace=True,
    )
    first = 1
    for cells in reader:
        if cells:
            yield Record(first, reader.line_num, [cell.strip() for cell in cells])
        first = reader.line_num + 1


def find_out(lines: list[str], layout: TextLayout) -> tuple[TextLayout, list[str]]:
    """The layout without a None in delimiter, header and decimal, and what was guessed.

    Args:
        lines: the first lines of the file, after those to skip; at least one is not blank.
        layout: as far as it is known.

    Returns:
        The whole layout, and a sentence for each surprising guess.
    """
    remarks = []
    excel = _EXCEL_LINE.fullmatch(_content(lines[0], layout))
    if excel and layout.delimiter is None:
        layout = replace(layout, delimiter=excel[1], skip_rows=layout.skip_rows + 1)
        remarks.append(f"its first line says that {excel[1]!r} is the delimiter")
        lines = lines[1:]
    guessed = layout.delimiter is None
    if layout.delimiter is None:
        layout = replace(layout, delimiter=_find_delimiter(lines, layout))
    table = [record.cells for record in records(lines, layout)]
    if layout.decimal is None:
        comma = layout.delimiter != "," and _has_decimal_comma(table)
        layout = replace(layout, decimal="," if comma else ".")
        if comma:
            remarks.append("its numbers have a decimal comma; decimal=',' says so")
        elif guessed and not layout.header and layout.delimiter == "," and _may_be_commas(table):
            remarks.append(
                f"its rows such as {','.join(table[-1])!r} are read as two columns; if the comma "
                "is a decimal sign or parts thousands, set delimiter=';' and decimal, or mend it"
            )
    if layout.header is None:
        header, remark = find_header(table)
        layout = replace(layout, header=header)
        remarks += [remark] if remark else []
    return layout, remarks


def is_missing(cell: str) -> bool:
    """Whether a cell stands for a missing value."""
    return cell.lower() in _MISSING


def _content(line: str, layout: TextLayout) -> str:
    return (line.split(layout.comment, 1)[0] if layout.comment else line).strip("\r\n")


def _prepared(line: str, layout: TextLayout) -> str:
    """The line as the csv module needs it: blank ones empty, comments gone."""
    if layout.comment and layout.comment in line:
        line = line.split(layout.comment, 1)[0] + "\n"
    if layout.delimiter == WHITESPACE:
        return " ".join(line.split()) + "\n"
    blank = " \r\n" if layout.delimiter == "\t" else None
    return line if line.strip(blank) else "\n"


def _find_delimiter(lines: list[str], layout: TextLayout) -> str:
    """The one that parts all lines evenly; or most of them, and the parser shows where not."""
    counts = {}
    for delimiter in _DELIMITERS:
        counts[delimiter] = [1]
        if not any(
            re.search(re.escape(delimiter) if len(delimiter) == 1 else delimiter, line)
            for line in lines
        ):
            continue
        found = records(lines, replace(layout, delimiter=delimiter))
        counts[delimiter] = [len(record.cells) for record in found]
        if len(set(counts[delimiter])) == 1 and counts[delimiter][0] > 1:
            return delimiter
    parting = [d for d in _DELIMITERS[:-1] if sum(n > 1 for n in counts[d]) > len(counts[d]) / 2]
    return parting[0] if parting else ","


def _has_decimal_comma(table: list[list[str]]) -> bool:
    cells = [cell for row in table for cell in row]
    commas = [cell for cell in cells if _COMMA_NUMBER.fullmatch(cell)]
    points = any(_POINT_NUMBER.fullmatch(cell) for cell in cells)
    if points or not commas:
        return False
    # Three digits behind every comma may be thousands, but not where dates have points.
    dotted = any(_DOTTED_DATE.fullmatch(cell) for cell in cells)
    return dotted or not all(_THOUSANDS.fullmatch(cell) for cell in commas)


def _may_be_commas(table: list[list[str]]) -> bool:
    """Whether two columns of whole numbers without names may be one of decimals or thousands."""
    if any(
        len(row) != 2 or not all(re.fullmatch(r"[+-]?\d+", cell) for cell in row) for row in table
    ):
        return False
    behind = {row[1] for row in table}
    thousands = all(len(row[1]) == 3 for row in table)
    return thousands or not behind <= {"0", "1"}


def find_header(table: list[list[str]]) -> tuple[bool, str]:
    """Whether the first row holds names, and a remark where that is doubtful.

    Names are text over something else; a row with a number, a date or nothing but missing cells
    is a point. A name that comes again below it in its column is a value.
    """
    first, body = table[0], table[1:]
    named = [i for i, cell in enumerate(first) if _is_text(cell)]
    if named and not any(_DATA.fullmatch(cell) for cell in first):
        if all(any(len(row) > i and row[i] == first[i] for row in body) for i in named):
            return False, "its first row repeats below and is taken for a point, not for names"
        if first[0].startswith("#"):
            return True, (
                "its first line starts with '#' and is taken for the names; comment='#' skips "
                "such lines"
            )
        return True, ""
    return _numbered(first, body)


def _numbered(first: list[str], body: list[list[str]]) -> tuple[bool, str]:
    """Whether a first row without texts holds names that are numbers, and a remark."""
    shown = ", ".join(first[:4])
    if _may_be_numbered(first, body):
        return False, (
            f"its first row {shown} holds whole numbers over decimals, as names that are numbers "
            "do, but is taken for a point; header=true says that it holds names"
        )
    counted = first[1:] if first[0] == "" else first
    if len(counted) < 2 or not _counts_up(counted) or _counts_up_further(first, body):
        return False, ""
    if first[0] == "":
        return True, f"its first row {shown} ... is taken for names; header=false says no"
    return False, (
        f"its first row {shown} looks like names that are numbers, but is taken for a point; "
        "header=true says that it holds names"
    )


def _may_be_numbered(first: list[str], body: list[list[str]]) -> bool:
    """Whether a row of different whole numbers stands over decimals: perhaps sensors' numbers."""
    whole = all(re.fullmatch(r"\d+", cell) for cell in first)
    different = len(first) > 1 and len(set(first)) == len(first)
    below = [cell for row in body for cell in row if not is_missing(cell)]
    decimals = all(re.fullmatch(r"[+-]?\d*[.,]\d+(e[+-]?\d+)?", cell, re.I) for cell in below)
    return whole and different and len(below) > 0 and decimals


def _is_text(cell: str) -> bool:
    lowered = cell.lower()
    return not (lowered in _MISSING or lowered in _INFINITE or _DATA.fullmatch(cell))


def _counts_up(cells: list[str]) -> bool:
    if not all(re.fullmatch(r"\d+", cell) for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _counts_up_further(first: list[str], body: list[list[str]]) -> bool:
    """Whether the rows below count in the same way: then the first one is a point like them."""
    return bool(body) and all(_counts_up(row) and len(row) == len(first) for row in body)
