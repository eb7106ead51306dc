"""A user's own files: CSV and the like, and NumPy's NPZ."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.data.digests import file_digest, text_digest
from anomalib_ts.data.series_file import SeriesReader
from anomalib_ts.errors import ConfigError, DataNotFoundError, InputError
from anomalib_ts.names import nearest, pick

_SUFFIXES = (".csv", ".tsv", ".txt", ".npz")


class CsvFile(DataSet):
    """A CSV or NPZ file as a series, or several files as several series.

    A text file holds a point a line and a channel a column. Delimiter and header are found out;
    `value_columns`, `label_column` and `timestamp_column` take a name, or an index from 0. An NPZ
    file holds an array `values` `(n,)` or `(n, c)`, and may hold `labels` `(n,)` and `train`.

    Missing values are filled up to `max_gap` and refused beyond, see `fill_gaps`. With a timestamp
    column, points missing in time are inserted first and treated alike; an inserted point is
    labelled anomalous if both its neighbours are. Scores are then one a point of the even grid.

    Args:
        path: a file, a folder (its .csv, .tsv, .txt and .npz files), or a glob pattern.
        value_columns: the channels. By default all columns but those named label, anomaly,
            is_anomaly, timestamp, datetime, date or time and those that the next two name.
        label_column: 0 (normal) or 1 (anomalous). By default the column named label, anomaly or
            is_anomaly if there is one; without labels a file can be scored but not evaluated.
        timestamp_column: dates, or numbers that count seconds; None takes the points for evenly
            spaced.
        train_length: so many points at the start are the training part (`protocol=given`) and
            are not scored. 0 leaves that to `train_path` or to an NPZ file's own `train`.
        train_path: a file of the same columns to train on; or a folder with one for each series,
            of the same file name.
        delimiter: between columns; None finds out.
        header: whether the first line holds names; None finds out.
        max_gap: longest run of missing points that is filled.

    Raises:
        ConfigError: settings are out of range or contradict each other.
    """

    def __init__(
        self,
        path: str,
        *,
        value_columns: list[int | str] | None = None,
        label_column: int | str | None = None,
        timestamp_column: int | str | None = None,
        train_length: int = 0,
        train_path: str | None = None,
        delimiter: str | None = None,
        header: bool | None = None,
        max_gap: int = 5,
    ) -> None:
        if train_length < 0:
            raise ConfigError(f"train_length must be at least 0, not {train_length}")
        if train_length and train_path is not None:
            raise ConfigError("give train_length or train_path, not both")
        if value_columns is not None and not value_columns:
            raise ConfigError("value_columns is empty; name a column, or null for all")
        self.path = os.path.expanduser(path)  # noqa: PTH111  (may be a pattern, not a path)
        self.train_length = train_length
        self.train_path = None if train_path is None else Path(train_path).expanduser()
        self._reader = SeriesReader(
            value_columns=None if value_columns is None else list(value_columns),
            label_column=label_column,
            timestamp_column=timestamp_column,
            delimiter=delimiter,
            header=header,
            max_gap=max_gap,
        )
        columns = "" if value_columns is None else f"[{'+'.join(map(str, value_columns))}]"
        self.name = f"{_short_name(self.path)}{columns}"

    def case_names(self) -> list[str]:
        """Names of the files without suffix, sorted; none is read.

        Raises:
            DataNotFoundError: no file is there.
        """
        return sorted(self._files())

    def load(self, case_name: str) -> Case:
        """Read one file, and its training part where there is one.

        Raises:
            DataNotFoundError: there is no such file.
            InputError: the file cannot be used; the message says where and why.
        """
        path = self._file(case_name)
        test, train = self._reader.read(path)
        if self.train_path is not None:
            train, _ = self._reader.read(self._train_file(path))
        elif self.train_length:
            if self.train_length >= len(test):
                raise InputError(
                    f"{path}: train_length={self.train_length} leaves nothing to score of "
                    f"{len(test)} points"
                )
            train, test = test[: self.train_length], test[self.train_length :]
        if train is not None and train.channels != test.channels:
            raise InputError(
                f"{path} has {test.channels} channels, but its training part has {train.channels}"
            )
        return Case(case_name, (test,), () if train is None else (train,))

    def fingerprint(self, case_name: str) -> str:
        """Digest of the files and of the settings that change what is read from them."""
        path = self._file(case_name)
        files = [path] if self.train_path is None else [path, self._train_file(path)]
        return text_digest(self._reader, self.train_length, *map(file_digest, files))

    def _files(self) -> dict[str, Path]:
        root = Path(self.path)
        if root.is_dir():
            paths = [path for path in root.iterdir() if path.suffix.lower() in _SUFFIXES]
        elif root.exists():
            root, paths = root.parent, [root]
        else:
            paths = [Path(path) for path in glob.glob(self.path, recursive=True)]  # noqa: PTH207
            paths = [path for path in paths if path.is_file()]
            root = Path(os.path.commonpath([path.parent for path in paths])) if paths else root
        if self.train_path is not None and self.train_path.exists():
            paths = [path for path in paths if not path.samefile(self.train_path)]
        if not paths:
            raise DataNotFoundError(self._nothing_found())
        names = [path.relative_to(root).as_posix() for path in paths]
        stems = [str(Path(name).with_suffix("").as_posix()) for name in names]
        return dict(zip(stems if len(set(stems)) == len(stems) else names, paths, strict=True))

    def _nothing_found(self) -> str:
        if Path(self.path).is_dir():
            return f"the folder {self.path} holds no {', '.join(_SUFFIXES)} file to score"
        folder = Path(self.path).parent
        if not folder.is_dir():
            return f"there is no file {self.path}, nor the folder {folder}"
        others = sorted(path.name for path in folder.iterdir() if path.is_file())
        return f"there is no file {self.path}; {nearest(Path(self.path).name, others)}"

    def _file(self, case_name: str) -> Path:
        files = self._files()
        return files[pick(case_name, sorted(files), self.path)]

    def _train_file(self, path: Path) -> Path:
        assert self.train_path is not None
        file = self.train_path / path.name if self.train_path.is_dir() else self.train_path
        if not file.exists():
            raise DataNotFoundError(f"there is no file {file} to train on (train_path)")
        return file


def _short_name(path: str) -> str:
    """The last part of a path without suffix; of a pattern, also the fixed folder before it."""
    parts = Path(os.path.abspath(path)).parts  # noqa: PTH100  (may be a pattern, not a path)
    wild = [i for i, part in enumerate(parts) if glob.has_magic(part)]
    shown = parts[max(1, wild[0] - 1) :] if wild else parts[-1:]
    name = "/".join(shown)
    return name.removesuffix(Path(name).suffix) if name.endswith(_SUFFIXES) else name
