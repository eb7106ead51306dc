"""Which files of a user's own are the series of a data set: one, a folder of them, or a pattern."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path, PurePath

from anomalib_ts.core.names import nearest
from anomalib_ts.data.series.file_bytes import COMPRESSED
from anomalib_ts.data.series.stored_table import EXCEL, PARQUET
from anomalib_ts.errors import DataNotFoundError

_TEXT = (".csv", ".tsv", ".txt")
_WHOLE = (".npz", *PARQUET, *EXCEL)


def series_files(path: str, train_path: Path | None = None) -> dict[str, Path]:
    """The files at a path by case name, sorted; none is read.

    Names are those of the files without suffix, or with it where two were the same.

    Args:
        path: a file, a folder or a glob pattern.
        train_path: a file that is no case.

    Raises:
        DataNotFoundError: no file is there.
    """
    root = Path(path)
    if root.is_dir():
        with os.scandir(root) as entries:
            paths = [
                root / entry.name
                for entry in entries
                if is_series(entry.name) and not entry.name.startswith(".") and entry.is_file()
            ]
    elif root.exists():
        root, paths = root.parent, [root]
    else:
        found = [Path(name) for name in glob.glob(path, recursive=True)]  # noqa: PTH207
        paths = [path for path in found if path.is_file()]
        root = Path(os.path.commonpath([path.parent for path in paths])) if paths else root
    if train_path is not None and train_path.is_file():
        paths = _without(paths, train_path)
    if not paths:
        raise DataNotFoundError(_nothing_found(path))
    paths.sort()
    names = [path.relative_to(root).as_posix() for path in paths]
    stems = [without_suffix(name) for name in names]
    return dict(zip(stems if len(set(stems)) == len(stems) else names, paths, strict=True))


def is_series(name: str) -> bool:
    """Whether a file's name ends as those of series do."""
    lowered = name.lower()
    if lowered.endswith(COMPRESSED):
        lowered = lowered.rpartition(".")[0]
        return lowered.endswith(_TEXT)
    return lowered.endswith(_TEXT + _WHOLE)


def without_suffix(name: str) -> str:
    """A file's path without suffix, `run.csv.gz` becomes `run`."""
    path = PurePath(name)
    if path.suffix.lower() in COMPRESSED and path.with_suffix("").suffix.lower() in _TEXT:
        path = path.with_suffix("")
    return path.with_suffix("").as_posix()


def short_name(path: str) -> str:
    """The last part of a path without suffix; of a pattern, also the fixed folder before it."""
    parts = Path(os.path.abspath(path)).parts  # noqa: PTH100  (may be a pattern, not a path)
    wild = [i for i, part in enumerate(parts) if glob.has_magic(part)]
    shown = parts[max(1, wild[0] - 1) :] if wild else parts[-1:]
    name = "/".join(shown)
    return without_suffix(name) if is_series(name) else name


def _without(paths: Iterable[Path], train_path: Path) -> list[Path]:
    train = train_path.stat()
    return [path for path in paths if not os.path.samestat(path.stat(), train)]


def _nothing_found(path: str) -> str:
    if Path(path).is_dir():
        return f"the folder {path} holds no {', '.join(_TEXT + _WHOLE)} file to score"
    folder = Path(path).parent
    if not folder.is_dir():
        return f"there is no file {path}, nor the folder {folder}"
    others = sorted(path.name for path in folder.iterdir() if path.is_file())
    if not others:
        return f"there is no file {path}, and no other in its folder"
    return f"there is no file {path}; {nearest(Path(path).name, others)}"
