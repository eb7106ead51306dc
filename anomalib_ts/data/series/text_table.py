"""Tables of numbers in files, read with errors that say line and column."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.array_kinds import LARGEST_WHOLE
from anomalib_ts.core.names import nearest
from anomalib_ts.core.recording import FloatArray
from anomalib_ts.data.series.file_bytes import OpenFile, open_once
from anomalib_ts.data.series.text_layout import Record, TextLayout, find_out, records
from anomalib_ts.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

AS_FOUND = TextLayout()
"""Everything about a text file is found out."""

_LARGEST = float(np.finfo(np.float32).max)
_SNIFFED = 20
_WIDE = 1000


@dataclass(frozen=True, eq=False)
class TextTable:
    """A table that was read from a file, one row a record that is not blank.

    Attributes:
        path: the file.
        frame: its cells; columns are numbered from 0.
        columns: their names, or `0`, `1`, ... without a header. Two may be the same.
        has_header: whether the first record holds names.
        decimal: decimal sign of numbers that are still text.
        digest: SHA-256 of the very bytes that were read.
        remarks: what was guessed about the layout and should be known.
        locate: where a row stands in the file, in words, for example `line 3`.
    """

    path: Path
    frame: pd.DataFrame
    columns: list[str]
    has_header: bool
    decimal: str
    digest: str
    remarks: list[str]
    locate: Callable[[int], str]

    def position(self, column: int | str) -> int:
        """Index of a column that is given by name, or by index where no name matches.

        Raises:
            InputError: there is no such column, and the message offers the nearest names; or two
                have that name.
        """
        name = str(column)
        found = [i for i, known in enumerate(self.columns) if known == name]
        if len(found) > 1:
            places = " and ".join(map(str, found[:4]))
            raise InputError(
                f"{self.path} has {len(found)} columns {name!r}; choose by index: {places}"
            )
        if found:
            return found[0]
        try:
            return range(len(self.columns)).index(int(column))
        except ValueError:
            raise InputError(
                f"{self.path} has no column {name!r}; {nearest(name, self.columns)}"
            ) from None

    def place(self, row: int, position: int) -> str:
        """Where a cell stands, in words: file, line and column."""
        named = f" ({self.columns[position]})" if self.has_header else ""
        return f"{self.path}, {self.locate(row)}, column {position + 1}{named}"

    def cell(self, row: int, position: int) -> str:
        """What a cell holds, cut where it is long."""
        text = str(self.frame.iat[row, position])
        return text if len(text) <= 60 else f"{text[:60]}..."

    def matrix(self, positions: Sequence[int]) -> FloatArray:
        """Columns as `(rows, len(positions))` float64, missing cells as NaN.

        Raises:
            InputError: a cell is no number that can be kept; the message says line and column.
        """
        part = self.frame.iloc[:, list(positions)]
        if all(dtype.kind == "f" for dtype in part.dtypes.unique()):
            values = part.to_numpy(np.float64, copy=True)  # one's own, to fill gaps in
        else:
            values = np.empty((len(part), len(positions)))
            for i, position in enumerate(positions):
                values[:, i] = self.numbers(position)
        for i in np.flatnonzero(_exceeds(values)).tolist():
            self._refuse_beyond(values[:, i], positions[i])
        return values

    def numbers(self, position: int) -> FloatArray:
        """A column as `(rows,)` float64, missing cells as NaN.

        Raises:
            InputError: a cell is text, infinite, beyond float32, or a whole number that float64
                cannot tell from its neighbour; the message says line and column.
        """
        values = to_numbers(self.frame.iloc[:, position], self.decimal)
        text = np.isnan(values) & self.frame.iloc[:, position].notna().to_numpy()
        if text.any():
            row = int(np.argmax(text))
            raise InputError(
                f"{self.place(row, position)}: {self.cell(row, position)!r} is not a number; "
                f"correct it, empty the cell if the value is missing, or leave the column out"
                f"{_hint(self.cell(row, position), self.decimal)}"
            )
        self._refuse_beyond(values, position)
        self._refuse_unresolved(values, position)
        return values

    def labels(self, position: int) -> FloatArray:
        """A column of labels as `(rows,)` of 0.0 and 1.0.

        Raises:
            InputError: a label is missing or neither 0 nor 1; the message says line and column.
        """
        return self._flags(position, "label", "labels must be 0 (normal) or 1 (anomalous)")

    def ignored(self, position: int) -> FloatArray:
        """A column that marks points which do not count, as `labels` has it."""
        return self._flags(position, "mark of an ignored point", "it must be 0 or 1")

    def _flags(self, position: int, what: str, rule: str) -> FloatArray:
        flags = self.numbers(position)
        bad = ~np.isin(flags, (0, 1))
        if bad.any():
            row = int(np.argmax(bad))
            found = "missing" if np.isnan(flags[row]) else f"{flags[row]:g}"
            raise InputError(f"{self.place(row, position)}: the {what} is {found}; {rule}")
        return flags

    def _refuse_beyond(self, values: FloatArray, position: int) -> None:
        if not _exceeds(values[:, None]).any():
            return
        row = int(np.argmax(np.abs(values) > _LARGEST))
        found = (
            "the value is infinite" if np.isinf(values[row]) else f"{values[row]:g} is beyond 3e38"
        )
        raise InputError(
            f"{self.place(row, position)}: {found}; mend it, or leave the cell empty to have it "
            "treated as missing"
        )

    def _refuse_unresolved(self, values: FloatArray, position: int) -> None:
        column = self.frame.iloc[:, position]
        if column.dtype.kind not in "iu" or np.abs(values).max(initial=0.0) < LARGEST_WHOLE:
            return
        lost = values.astype(object) != column.to_numpy().astype(object)
        if lost.any():
            row = int(np.argmax(lost))
            raise InputError(
                f"{self.place(row, position)}: {self.cell(row, position)} is beyond 2^53, where "
                "float64 does not hold every whole number; subtract the first value from the "
                "column before, or leave it out (exclude_columns)"
            )


def read_text_table(
    path: str | Path, layout: TextLayout = AS_FOUND, *, is_series: bool = True
) -> TextTable:
    """Read a delimited text file, packed or not.

    Blank lines are skipped. Empty cells and `NaN`, `NA`, `null` and the like are missing.

    Args:
        path: the file.
        layout: how it is written, as far as that is known.
        is_series: whether its rows are points of a series, which needs two.

    Raises:
        DataNotFoundError: there is no such file.
        InputError: the file is empty, is not text of the given encoding, has lines of too many
            cells or a series fewer than two rows, or is damaged where it is packed.
    """
    path = Path(path)
    try:
        with open_once(path) as opened:
            table = _read(path, opened, layout)
    except UnicodeError as error:
        raise InputError(_not_text(path, layout, error)) from None
    except csv.Error as error:
        raise InputError(f"{path} is not a table: {error}") from None
    if is_series and len(table.frame) < 2:
        raise InputError(f"{path} holds {len(table.frame)} of the two points that a series needs")
    return table


def to_numbers(column: pd.Series[Any], decimal: str = ".") -> FloatArray:
    """A column as float64; what is missing or is no number is NaN."""
    import pandas as pd  # noqa: PLC0415  (half a second that listing commands must not pay)

    if decimal == "," and not pd.api.types.is_numeric_dtype(column):
        # pandas reads a comma only where the whole column is numbers, and a point anywhere
        column = column.astype("str").str.replace(".", "?", regex=False)
        column = column.str.replace(",", ".", regex=False)
    numbers: Any = pd.to_numeric(column, errors="coerce")
    return cast(FloatArray, numbers.to_numpy(np.float64, na_value=np.nan))


def _read(path: Path, opened: OpenFile, layout: TextLayout) -> TextTable:
    text = _TextFile(opened.stream, path, layout.encoding)
    for _ in range(layout.skip_rows):
        text.readline()
    head = list(_until(iter(text), _SNIFFED))
    if not any(line.strip() for line in head):
        raise InputError(f"{path} is empty")
    found, remarks = find_out(head, layout)
    head = head[found.skip_rows - layout.skip_rows :]
    first = next(records(head, found), None)
    if first is None:
        raise InputError(f"{path} is empty")
    columns = names_of(first.cells) if found.header else [str(i) for i in range(len(first.cells))]
    text.push_back("".join(head[first.last :] if found.header else head))
    frame = _parse(text, path, found, len(columns))
    if len(columns) > _WIDE:
        frame = frame.copy()  # into one block: pandas is slow with thousands of single columns
    return TextTable(
        path=path,
        frame=frame,
        columns=columns,
        has_header=bool(found.header),
        decimal=found.decimal or ".",
        digest=opened.digest(),
        remarks=remarks,
        locate=lambda row: f"line {_line(path, found, row)}",
    )


def _parse(text: _TextFile, path: Path, layout: TextLayout, width: int) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            frame: pd.DataFrame = pd.read_csv(
                cast(Any, text),
                sep=layout.delimiter,
                header=None,
                names=range(width),
                index_col=False,
                skipinitialspace=True,
                low_memory=False,
                decimal=layout.decimal or ".",
                comment=layout.comment,
                **_exactly(pd.__version__),
            )
            return frame
        except pd.errors.EmptyDataError:
            return pd.DataFrame(columns=range(width))
        except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
            raise InputError(
                f"{path} is not a table: {_uneven(path, layout, width, error)}"
            ) from None


def _exactly(version: str) -> Any:
    """What has pandas read each number as the nearest one there is, as it does unasked from 3.1."""
    known = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    return {"float_precision": "round_trip"} if known < (3, 1) else {}


def _uneven(path: Path, layout: TextLayout, width: int, error: Exception) -> str:
    """Which line has too many cells; pandas counts lines in a way of its own."""
    try:
        for record in _file_records(path, layout):
            if len(record.cells) > width:
                return (
                    f"line {record.first} has {len(record.cells)} cells, but {width} are expected; "
                    "mend it, or skip what is no part of the table with skip_rows or comment"
                )
    except csv.Error as found:
        return str(found)
    return re.sub(r"^Error tokenizing data\. C error: ", "", str(error).strip())


def _file_records(path: Path, layout: TextLayout) -> Iterator[Record]:
    """The records of a file with their line numbers, for messages."""
    with open_once(path) as opened:
        lines = iter(_TextFile(opened.stream, path, layout.encoding))
        for record in records(islice(lines, layout.skip_rows, None), layout):
            skipped = layout.skip_rows
            yield replace(record, first=record.first + skipped, last=record.last + skipped)


def _line(path: Path, layout: TextLayout, row: int) -> int:
    return next(islice(_file_records(path, layout), row + bool(layout.header), None)).first


def _until(lines: Iterator[str], filled: int) -> Iterator[str]:
    """Lines until so many are not blank."""
    for line in lines:
        yield line
        filled -= bool(line.strip())
        if not filled:
            return


def names_of(cells: list[str]) -> list[str]:
    """Column names on one line each; one without a name is called as pandas calls it."""
    names = [" ".join(cell.split()) for cell in cells]
    names[0] = names[0].removeprefix("#").strip()
    return [name or f"Unnamed: {i}" for i, name in enumerate(names)]


def _exceeds(values: FloatArray) -> NDArray[np.bool_]:
    """`(c,)`: which columns of `(n, c)` hold a number beyond float32."""
    with np.errstate(invalid="ignore"):
        beyond = np.fmax.reduce(values, axis=0, initial=0.0) > _LARGEST
        below = np.fmin.reduce(values, axis=0, initial=0.0) < -_LARGEST
    return np.asarray(beyond | below)


def _hint(cell: str, decimal: str) -> str:
    if decimal == "." and re.fullmatch(r"[+-]?[\d.]*\d,\d+", cell):
        return " (a decimal comma? decimal=',' says so)"
    if decimal == "," and re.fullmatch(r"[+-]?[\d,]*\.\d+", cell):
        return " (a decimal point? decimal='.' says so)"
    return ""


def _not_text(path: Path, layout: TextLayout, error: UnicodeError) -> str:
    if layout.encoding is not None:
        return f"{path} is not a text file in {layout.encoding}: {error}"
    other = "utf-16" if "byte 0xff in position 0" in str(error) else "latin-1"
    return (
        f"{path} is not a UTF-8 text file: {error}; if it is text in another encoding, name it, "
        f"for example encoding={other}"
    )


class _TextFile:
    """The text of a file from which lines can be taken before pandas reads the rest."""

    def __init__(self, stream: BinaryIO, path: Path, encoding: str | None) -> None:
        self._text = io.TextIOWrapper(stream, encoding=encoding or "utf-8-sig")
        self._pushed = ""
        self._path = path

    def push_back(self, text: str) -> None:
        self._pushed = text

    def __iter__(self) -> Iterator[str]:
        return iter(self.readline, "")

    def readline(self) -> str:
        return self._checked(self._text.readline())

    def read(self, size: int = -1) -> str:
        if self._pushed:
            whole = len(self._pushed) if size < 0 else size
            text, self._pushed = self._pushed[:whole], self._pushed[whole:]
            return text
        return self._checked(self._text.read(size))

    def _checked(self, text: str) -> str:
        if "\0" in text:
            raise InputError(
                f"{self._path} holds NUL bytes: it is damaged, or text in another encoding "
                "(for example encoding=utf-16-le)"
            )
        return text
