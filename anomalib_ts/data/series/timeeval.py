"""Benchmarks in TimeEval's layout: an index of data sets, and a CSV file for each."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from anomalib_ts.core.digests import file_digest, text_digest
from anomalib_ts.core.names import pick
from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.data.series.gaps import fill_gaps
from anomalib_ts.data.series.selection import as_patterns, described, listed_rows, selected
from anomalib_ts.data.series.text_layout import TextLayout
from anomalib_ts.data.series.text_table import TextTable, read_text_table
from anomalib_ts.errors import AnomalibTsWarning, DataNotFoundError, InputError

INDEX = "datasets.csv"
"""The file in `root` that lists all series."""

LABEL = "is_anomaly"
"""The last column of a series."""

_FILLED = ("collection_name", "dataset_name", "test_path")
_LAYOUT = TextLayout(delimiter=",", header=True, decimal=".")


class TimeEval(DataSet):
    r"""Series in the layout of TimeEval (Wenig, Schmidl and Papenbrock, PVLDB 15(12), 2022).

    `<root>/datasets.csv` has a line for each series; a case is named `<collection>/<series>` as
    there. A series is a CSV file with a column of times, the channels, and a last column
    `is_anomaly`. Points are taken to be evenly spaced, as TimeEval takes them, whatever their
    times. Where the index has a `train_path`, that file is the training part for
    `protocol=given`, with its labels (TimeEval's "supervised" series have anomalies in it).

    >>> from tempfile import TemporaryDirectory
    >>> from anomalib_ts.data import TimeEval
    >>> with TemporaryDirectory() as folder:
    ...     index = "collection_name,dataset_name,train_path,test_path\nMine,a,,a.test.csv\n"
    ...     _ = (Path(folder) / "datasets.csv").write_text(index)
    ...     series = "timestamp,value,is_anomaly\n1,0.5,0\n2,9.5,1\n"
    ...     _ = (Path(folder) / "a.test.csv").write_text(series)
    ...     (recording,) = TimeEval(root=folder).load("Mine/a").test
    >>> recording.values.ravel().tolist(), recording.labels.tolist()
    ([0.5, 9.5], [0, 1])

    Args:
        root: the folder that holds `datasets.csv`.
        series: a name, a pattern such as `NAB/*`, or a list of these.
        max_gap: longest run of missing values that is filled, in points, see `fill_gaps`.
    """

    def __init__(self, *, root: str = "data/timeeval", series: Any = "*", max_gap: int = 5) -> None:
        self.root = Path(root).expanduser()
        self.max_gap = max_gap
        self.patterns = as_patterns(series)
        self.name = described("TimeEval", self.patterns)
        self._index: dict[str, dict[str, str]] = {}

    def case_names(self) -> list[str]:
        """Names of the selected series, sorted; of the files only the index is read.

        Raises:
            DataNotFoundError: the index or a series is not there.
            InputError: the index cannot be read, lacks a column or has a series twice.
        """
        index = self._read_index()
        chosen = selected(sorted(index), self.patterns, f"{self.root / INDEX}")
        self._index = {name: index[name] for name in chosen}
        return chosen

    def load(self, case_name: str) -> Case:
        """Read one series, and its training part where there is one.

        Raises:
            DataNotFoundError: there is no such series, or no such file.
            InputError: a file is not in the format, or has a gap longer than `max_gap`.
        """
        entry = self._entry(case_name)
        tables = [read_text_table(path, _LAYOUT) for path in self._paths(entry)]
        recordings = tuple(self._recording(table, case_name) for table in tables)
        expected = entry.get("length") or str(len(recordings[0]))
        if expected != str(len(recordings[0])):
            warnings.warn(
                f"{tables[0].path} has {len(recordings[0])} points, but {expected} by {INDEX}; it "
                "may be of another version, or incomplete",
                AnomalibTsWarning,
                stacklevel=2,
            )
        fingerprint = text_digest(self.max_gap, *(table.digest for table in tables))
        return Case(case_name, recordings[:1], recordings[1:], fingerprint)

    def fingerprint(self, case_name: str) -> str:
        """Digest of the files and of the settings that change what is read from them."""
        paths = self._paths(self._entry(case_name))
        return text_digest(self.max_gap, *map(file_digest, paths))

    def _entry(self, case_name: str) -> dict[str, str]:
        if case_name not in self._index:
            pick(case_name, self.case_names(), self.name)
        return self._index[case_name]

    def _paths(self, entry: dict[str, str]) -> list[Path]:
        """The file of a series, and that of its training part where there is one."""
        names = [entry["test_path"], *filter(None, [entry["train_path"]])]
        paths = [self.root / name for name in names]
        for path in paths:
            if not path.is_file():
                raise DataNotFoundError(
                    f"there is no file {path}, which {INDEX} names; unpack the data beside it"
                )
        return paths

    def _read_index(self) -> dict[str, dict[str, str]]:
        path = self.root / INDEX
        if not path.is_file():
            raise DataNotFoundError(
                f"no {INDEX} in {self.root} (data.root): unpack data sets from "
                "https://timeeval.github.io/evaluation-paper/notebooks/Datasets.html there, or "
                "set data.root to a folder in TimeEval's layout"
            )
        index: dict[str, dict[str, str]] = {}
        for row in listed_rows(path, _FILLED, ("train_path",)):
            name = f"{row['collection_name']}/{row['dataset_name']}"
            if name in index:
                raise InputError(f"{path} lists {name} twice; leave one of the two lines out")
            index[name] = row
        return index

    def _recording(self, table: TextTable, name: str) -> Recording:
        if len(table.columns) < 3 or table.columns[-1] != LABEL:
            raise InputError(
                f"{table.path} has the columns {', '.join(table.columns[:5])}, but TimeEval's "
                f"files have times first and {LABEL} last; read other files with data=csv"
            )
        channels = list(range(1, len(table.columns) - 1))
        names = tuple(table.columns[1:-1])
        values = fill_gaps(table.matrix(channels), self.max_gap, f"{table.path}", names)
        several = len(set(names)) == len(names) > 1
        return Recording(
            values,
            labels=table.labels(len(table.columns) - 1),
            name=name,
            channel_names=names if several else None,
        )
