"""A user's own files: CSV and the like, Parquet, Excel, and NumPy's NPZ."""

from __future__ import annotations

import os
from pathlib import Path

from anomalib_ts.core.digests import FileDigests, text_digest
from anomalib_ts.core.names import pick
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.data.series.channel_order import same_channels
from anomalib_ts.data.series.open_columns import Chosen
from anomalib_ts.data.series.series_file import Series, SeriesReader
from anomalib_ts.data.series.series_folder import series_files, short_name
from anomalib_ts.data.series.text_layout import TextLayout
from anomalib_ts.errors import ConfigError, DataNotFoundError, InputError


class CsvFile(DataSet):
    r"""A table or NPZ file as a series, or several files as several series.

    A text file holds a point a line and a channel a column, and may be packed (`.csv.gz`, `.bz2`,
    `.xz`, `.zip`). Delimiter, header, decimal sign and the order of day and month are found out.
    Parquet and Excel files need the extra `tables`. An NPZ file holds an array `values` `(n,)` or
    `(n, c)`, and may hold `labels` `(n,)`, `ignored` `(n,)`, `times` `(n,)`, `channel_names` `(c,)`
    and `train`.
    Columns are named by name, or by index from 0.

    What each column was taken for is one line of the log, and a warning where it was guessed. By
    default a column named label, anomaly or is_anomaly holds the labels, one named timestamp,
    datetime, date or time the time; text, row numbers and what is named like labels or an index
    are left out; all others are channels.

    With a time column, points missing in time are inserted first, with the times in between, and
    treated as missing values; an inserted point is labelled anomalous if both its neighbours are.
    Scores are then one a point of the even grid, as `Recording.times` says. Times that come twice
    or fall, and gaps longer than `max_gap`, are errors. Missing values are filled up to `max_gap`
    and refused beyond, see `fill_gaps`.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from anomalib_ts.data import CsvFile
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "pump.csv"
    ...     _ = path.write_text("flow,label\n1.5,0\n1.7,0\n9.0,1\n")
    ...     (pump,) = CsvFile(str(path)).load("pump").test
    >>> pump.channel_names, pump.labels.tolist()
    (('flow',), [0, 0, 1])

    Args:
        path: a file, a folder (its files of these kinds), or a glob pattern.
        value_columns: the channels. By default all columns that are nothing else.
        label_column: 0 (normal) or 1 (anomalous). By default found by its name; `none`: there is
            none. Without labels a file can be scored but not evaluated.
        timestamp_column: dates, or numbers that count seconds (or the unit that the name has in
            brackets). By default found by its name; `none` takes the points for evenly spaced.
        exclude_columns: columns to leave out.
        ignored_column: 1 where a point is scored, but counts in no metric and sets no threshold
            (an outage, maintenance, an unknown label), else 0. None: all points count.
        train_length: so many points at the start are the training part (`protocol=given`) and
            are not scored. 0 leaves that to `train_path` or to an NPZ file's own `train`.
        train_path: a file to train on, of the same columns in any order; or a folder with one for
            each series, of the same file name.
        delimiter: between columns; None finds out.
        header: whether the first line holds names; None finds out.
        decimal: decimal sign, `.` or `,`; None finds out.
        date_format: of dates, as in `strptime` (`%d.%m.%Y %H:%M`); None finds out.
        encoding: of text files, for example `latin-1`; None is UTF-8.
        comment: a character; the rest of a line after it is skipped.
        skip_rows: lines at the start of a file that are no part of the table.
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
        exclude_columns: list[int | str] | None = None,
        ignored_column: int | str | None = None,
        train_length: int = 0,
        train_path: str | None = None,
        delimiter: str | None = None,
        header: bool | None = None,
        decimal: str | None = None,
        date_format: str | None = None,
        encoding: str | None = None,
        comment: str | None = None,
        skip_rows: int = 0,
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
            Chosen(
                value_columns=None if value_columns is None else list(value_columns),
                label_column=label_column,
                timestamp_column=timestamp_column,
                exclude_columns=None if exclude_columns is None else list(exclude_columns),
                ignored_column=ignored_column,
                date_format=date_format,
            ),
            TextLayout(
                delimiter=delimiter,
                header=header,
                decimal=decimal,
                encoding=encoding,
                comment=comment,
                skip_rows=skip_rows,
            ),
            max_gap,
        )
        columns = "" if value_columns is None else f"[{'+'.join(map(str, value_columns))}]"
        self.name = f"{short_name(self.path)}{columns}"
        self._files: dict[str, Path] = {}
        self._digests = FileDigests()

    def case_names(self) -> list[str]:
        """Names of the files without suffix, sorted; none is read.

        Raises:
            DataNotFoundError: no file is there.
        """
        self._files = series_files(self.path, self.train_path)
        return list(self._files)

    def load(self, case_name: str) -> Case:
        """Read one file, and its training part where there is one.

        Raises:
            DataNotFoundError: there is no such file.
            InputError: the file cannot be used; the message says where and why.
        """
        path = self._file(case_name)
        series = self._reader.read(path)
        test, train, digests = series.test, series.train, [series.digest]
        if self.train_path is not None:
            part: Series = self._reader.read(self._train_file(path), series)
            train = part.test
            digests.append(part.digest)
        elif self.train_length:
            if self.train_length >= len(test):
                raise InputError(
                    f"{path}: train_length={self.train_length} leaves nothing to score of "
                    f"{len(test)} points"
                )
            train, test = test[: self.train_length], test[self.train_length :]
        train = None if train is None else same_channels(train, test)
        fingerprint = self._fingerprint(digests)
        return Case(case_name, (test,), () if train is None else (train,), fingerprint)

    def fingerprint(self, case_name: str) -> str:
        """Digest of the files and of the settings that change what is read from them."""
        path = self._file(case_name)
        files = [path] if self.train_path is None else [path, self._train_file(path)]
        return self._fingerprint([self._digests.of(file) for file in files])

    def _fingerprint(self, digests: list[str]) -> str:
        return text_digest(self._reader, self.train_length, *digests)

    def _file(self, case_name: str) -> Path:
        if case_name not in self._files:
            pick(case_name, self.case_names(), self.path)
        return self._files[case_name]

    def _train_file(self, path: Path) -> Path:
        assert self.train_path is not None
        file = self.train_path / path.name if self.train_path.is_dir() else self.train_path
        if not file.exists():
            raise DataNotFoundError(f"there is no file {file} to train on (train_path)")
        return file
