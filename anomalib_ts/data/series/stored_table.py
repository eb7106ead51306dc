"""Tables in Parquet and Excel files, read through pandas and the engines of the extra `tables`."""

from __future__ import annotations

import io
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anomalib_ts.data.series.file_bytes import open_once
from anomalib_ts.data.series.text_layout import TextLayout, find_header
from anomalib_ts.data.series.text_table import TextTable, names_of
from anomalib_ts.errors import DataNotFoundError, InputError

if TYPE_CHECKING:
    pass

PARQUET = (".parquet", ".pq")
EXCEL = (".xlsx", ".xlsm")


def read_stored_table(path: Path, layout: TextLayout) -> TextTable:
    """Read a Parquet file, or the first sheet of an Excel file.

    Of the layout only `header`, `decimal` and `skip_rows` concern an Excel file, and nothing a
    Parquet file.

    Raises:
        DataNotFoundError: there is no such file.
        InputError: it is damaged, its engine is not installed, or it has fewer than two rows.
    """
    with open_once(path, unpack=False) as opened:
        content = io.BytesIO(opened.stream.read())
        digest = opened.digest()
    parquet = path.suffix.lower() in PARQUET
    try:
        import_module("pyarrow" if parquet else "openpyxl")
        table = (
            _parquet(path, content, digest) if parquet else _excel(path, content, digest, layout)
        )
    except ImportError:
        raise InputError(
            f"{path} needs {'pyarrow' if parquet else 'openpyxl'}, which is missing: "
            'pip install "anomalib-ts[tables]"'
        ) from None
    except (InputError, DataNotFoundError):
        raise
    except Exception as error:  # whatever an engine makes of a damaged file
        raise InputError(f"{path} cannot be read as {path.suffix[1:]}: {error}") from None
    if len(table.frame) < 2:
        raise InputError(f"{path} holds {len(table.frame)} of the two points that a series needs")
    return table


def _parquet(path: Path, content: io.BytesIO, digest: str) -> TextTable:
    import pandas as pd  # noqa: PLC0415

    frame = pd.read_parquet(content)
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    return TextTable(
        path=path,
        frame=frame.set_axis(range(frame.shape[1]), axis=1),
        columns=names_of([str(name) for name in frame.columns]),
        has_header=True,
        decimal=".",
        digest=digest,
        remarks=[],
        locate=lambda row: f"row {row + 1}",
    )


def _excel(path: Path, content: io.BytesIO, digest: str, layout: TextLayout) -> TextTable:
    import pandas as pd  # noqa: PLC0415

    cells: Any = pd.read_excel(content, header=None, skiprows=layout.skip_rows)
    if not len(cells):
        raise InputError(f"{path} is empty")
    rows = cells.head(20).to_numpy(object)
    first = [["" if pd.isna(cell) else str(cell) for cell in row] for row in rows]
    header, remark = find_header(first) if layout.header is None else (layout.header, "")
    return TextTable(
        path=path,
        frame=cells.iloc[int(header) :].reset_index(drop=True).infer_objects(),
        columns=names_of(first[0]) if header else [str(i) for i in range(len(first[0]))],
        has_header=header,
        decimal=layout.decimal or ".",
        digest=digest,
        remarks=[remark] if remark else [],
        locate=lambda row: f"row {1 + layout.skip_rows + header + row}",
    )
