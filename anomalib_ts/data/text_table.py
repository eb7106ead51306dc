"""Tables of numbers in text files, read with errors that say line and column."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anomalib_ts.errors import DataNotFoundError, InputError
from anomalib_ts.names import nearest
from anomalib_ts.recording import FloatArray

if TYPE_CHECKING:
    import pandas as pd

_WHITESPACE = r"\s+"


@dataclass(frozen=True, eq=False)
class TextTable:
    """A text file that was read, one row a line that is not blank.

    Attributes:
        path: the file.
        frame: its cells; columns are named by the header, or 0, 1, ... without one.
        has_header: whether the first line holds names.
    """

    path: Path
    frame: pd.DataFrame
    has_header: bool

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in the order of the file."""
        return [str(name) for name in self.frame.columns]

    def position(self, column: int | str) -> int:
        """Index of a column that is given by name, or by index where no name matches.

        Raises:
            InputError: there is no such column; the message offers the nearest names.
        """
        names = self.columns
        if str(column) in names:
            return names.index(str(column))
        try:
            return range(len(names)).index(int(column))
        except ValueError:
            raise InputError(
                f"{self.path} has no column {str(column)!r}; {nearest(str(column), names)}"
            ) from None

    def line(self, row: int) -> int:
        """Line of the file, counted from 1, that holds a row, counted from 0."""
        lines = (number for number, _ in _numbered_lines(self.path))
        return next(islice(lines, row + self.has_header, None))

    def place(self, row: int, position: int) -> str:
        """Where a cell stands, in words: file, line and column."""
        named = f" ({self.columns[position]})" if self.has_header else ""
        return f"{self.path}, line {self.line(row)}, column {position + 1}{named}"

    def numbers(self, position: int) -> FloatArray:
        """A column as `(rows,)` float64, missing cells as NaN.

        Raises:
            InputError: a cell holds text or an infinite value; the message says line and column.
        """
        import pandas as pd  # noqa: PLC0415  (half a second that listing commands must not pay)

        column = self.frame.iloc[:, position]
        values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        text = np.isnan(values) & column.notna().to_numpy()
        if text.any():
            row = int(np.argmax(text))
            raise InputError(
                f"{self.place(row, position)}: {str(column.iloc[row])!r} is not a number; "
                "correct it, empty the cell if the value is missing, or leave the column out"
            )
        if np.isinf(values).any():
            row = int(np.argmax(np.isinf(values)))
            raise InputError(
                f"{self.place(row, position)}: the value is infinite; mend it, or leave the cell "
                "empty to have it treated as missing"
            )
        return values

    def labels(self, position: int) -> FloatArray:
        """A column of labels as `(rows,)` of 0.0 and 1.0.

        Raises:
            InputError: a label is missing or neither 0 nor 1; the message says line and column.
        """
        labels = self.numbers(position)
        bad = ~np.isin(labels, (0, 1))
        if bad.any():
            row = int(np.argmax(bad))
            found = "missing" if np.isnan(labels[row]) else f"{labels[row]:g}"
            raise InputError(
                f"{self.place(row, position)}: the label is {found}; labels must be 0 (normal) or "
                "1 (anomalous)"
            )
        return labels


def read_text_table(
    path: str | Path, delimiter: str | None = None, header: bool | None = None
) -> TextTable:
    r"""Read a delimited text file (UTF-8).

    Blank lines are skipped. Empty cells and `NaN`, `NA`, `null` and the like are missing.

    Args:
        path: the file.
        delimiter: between cells; None finds out which of `;`, tab, `|`, `,` and blanks splits
            the first lines evenly.
        header: whether the first line holds names; None takes it for one if it holds text and
            not a single number.

    Raises:
        DataNotFoundError: there is no such file.
        InputError: the file is empty, is not text, has lines of too many cells or fewer than two
            rows.
    """
    import pandas as pd  # noqa: PLC0415

    path = Path(path)
    first = _first_lines(path)
    delimiter = _guess_delimiter(first) if delimiter is None else delimiter
    header = _looks_like_header(first[0], delimiter) if header is None else header
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            frame = pd.read_csv(
                path,
                sep=delimiter,
                header=0 if header else None,
                index_col=False,
                skipinitialspace=True,
                low_memory=False,
            )
        except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
            raise InputError(f"{path} is not a table: {str(error).strip()}") from None
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is not a UTF-8 text file: {error}") from None
    if len(frame) < 2:
        raise InputError(f"{path} holds {len(frame)} points; a series needs at least two")
    return TextTable(path, frame, header)


def _numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, line


def _first_lines(path: Path) -> list[str]:
    try:
        first = [line.strip("\r\n") for _, line in islice(_numbered_lines(path), 20)]
    except FileNotFoundError:
        raise DataNotFoundError(f"there is no file {path}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a UTF-8 text file: {error}") from None
    if not first:
        raise InputError(f"{path} is empty")
    return first


def _cells(line: str, delimiter: str) -> list[str]:
    return line.split() if delimiter == _WHITESPACE else line.split(delimiter)


def _guess_delimiter(lines: list[str]) -> str:
    for delimiter in (";", "\t", "|", ",", _WHITESPACE):
        counts = {len(_cells(line, delimiter)) for line in lines}
        if len(counts) == 1 and counts != {1}:
            return delimiter
    # One column, or uneven lines that the parser will point at.
    return ","


def _looks_like_header(line: str, delimiter: str) -> bool:
    cells = [cell.strip().strip('"') for cell in _cells(line, delimiter)]
    return any(cells) and not any(_is_number(cell) for cell in cells)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
