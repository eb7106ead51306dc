"""Which series of a benchmark are meant: names, patterns, and what results call the choice."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from anomalib_ts.core.digests import text_digest
from anomalib_ts.core.files import is_clutter
from anomalib_ts.core.names import nearest
from anomalib_ts.errors import ConfigError, DataNotFoundError, InputError


def as_patterns(series: Any) -> list[str]:
    """The setting `series` as a list: a name, a pattern, or a list of these.

    Raises:
        ConfigError: the list is empty.
    """
    if isinstance(series, str) or not isinstance(series, Sequence):
        return [str(series)]
    if not series:
        raise ConfigError("data.series is empty; give names or patterns, '*' for all")
    return [str(pattern) for pattern in series]


def selected(
    names: Sequence[str],
    patterns: Sequence[str],
    where: str,
    aliases: Callable[[str], Sequence[str]] = lambda name: (name,),
) -> list[str]:
    """The names that one of the patterns matches, sorted.

    Args:
        names: of all series that there are.
        patterns: names or patterns such as `C-*`.
        where: what messages call the place.
        aliases: what a series may be called besides.

    Raises:
        DataNotFoundError: a pattern matches nothing; the message offers near names.
    """
    chosen: set[str] = set()
    for pattern in patterns:
        matching = {name for name in names if _matches(aliases(name), pattern)}
        if not matching:
            near = nearest(pattern, [aliases(name)[-1] for name in names])
            raise DataNotFoundError(f"{where} has no series {pattern!r}; {near}")
        chosen |= matching
    return sorted(chosen)


def series_below(root: Path, name: re.Pattern[str]) -> dict[str, Path]:
    """The files anywhere below a folder that are called so, by their names without suffix.

    What systems and archivers leave behind (`__MACOSX`, `._x.csv`) is passed over.

    Raises:
        InputError: two of them have one name, so that it would be left to chance which is read.
    """
    found: dict[str, Path] = {}
    for path in sorted(root.rglob("*")):
        clutter = any(map(is_clutter, path.relative_to(root).parts))
        if clutter or not name.fullmatch(path.name) or path.is_dir():
            continue
        if (other := found.setdefault(path.stem, path)) is not path:
            raise InputError(
                f"two files below {root} (data.root) are of one series: {other} and {path}; remove "
                "one of them, or set data.root to a folder that holds only one"
            )
    return found


def listed_rows(
    path: Path, filled: Sequence[str], others: Sequence[str] = ()
) -> list[dict[str, str]]:
    """The rows of a CSV file that lists series, by column; blanks around a cell do not count.

    Args:
        path: the file, which is there.
        filled: columns that must be there, with something in every row.
        others: columns that must be there.

    Raises:
        InputError: it is no CSV file in UTF-8, or lacks such a column, a row or a cell.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        if "\0" in text:
            raise InputError(f"{path} holds NUL bytes; save it as CSV in UTF-8")
        reader = csv.reader(io.StringIO(text, newline=""))
        header = next(reader, [])
        rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV in UTF-8: {error}") from None
    lacking = [name for name in (*filled, *others) if name not in header]
    if lacking:
        raise InputError(
            f"{path} has no column {lacking[0]}; a list of series needs "
            f"{', '.join((*filled, *others))}, separated by commas"
        )
    if not rows:
        raise InputError(f"{path} lists no series: there is no line below its header")
    return [_listed_row(f"{path}, line {line}", header, row, filled) for line, row in rows]


def _listed_row(
    where: str, header: list[str], row: list[str], filled: Sequence[str]
) -> dict[str, str]:
    if len(row) > len(header):
        raise InputError(f"{where}: it has {len(row)} cells, and the header has {len(header)}")
    cells = dict.fromkeys(header, "") | dict(zip(header, map(str.strip, row), strict=False))
    empty = [name for name in filled if not cells[name]]
    if empty:
        raise InputError(f"{where}: {empty[0]} is missing")
    return cells


def described(name: str, patterns: Sequence[str]) -> str:
    """What results call these series of a data set: `Dodgers`, or `NASA-MSL[C-*]`."""
    if list(patterns) == ["*"]:
        return name
    listed = "+".join(patterns)
    if len(listed) > 60:
        listed = f"{len(patterns)} series, {text_digest(listed)[:6]}"
    return f"{name}[{listed}]"


def _matches(aliases: Sequence[str], pattern: str) -> bool:
    return pattern in aliases or any(fnmatchcase(alias, pattern) for alias in aliases)
