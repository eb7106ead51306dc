"""TSB-AD, the curated benchmark of one-channel (U) and of multi-channel (M) series."""

from __future__ import annotations

import re
import warnings
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anomalib_ts.core.digests import file_digest, text_digest
from anomalib_ts.core.names import nearest, pick
from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.data.series.gaps import fill_gaps
from anomalib_ts.data.series.selection import (
    as_patterns,
    described,
    listed_rows,
    selected,
    series_below,
)
from anomalib_ts.data.series.text_layout import TextLayout
from anomalib_ts.data.series.text_table import TextTable, read_text_table
from anomalib_ts.errors import AnomalibTsWarning, DataNotFoundError, InputError

LABEL = "Label"
"""The column that holds the labels."""

LISTS = ("evaluation", "tuning")
_FILE_LISTS = Path(__file__).with_name("tsb_ad_lists.csv")
_LAYOUT = TextLayout(delimiter=",", header=True, decimal=".")
_FILE = re.compile(r".*_tr_.*_1st_.*\.(?i:csv)")
_NAME = re.compile(r".+_tr_(?P<train>\d+)_1st_(?P<first>\d+)")


class TsbAd(DataSet):
    """One of the two collections of TSB-AD (Liu and Paparrizos, NeurIPS 2024).

    A series is a file `<number>_<source>_id_<i>_<domain>_tr_<train>_1st_<first>.csv` anywhere
    below `root`, with a line of column names and a column `Label`; all other columns are
    channels. A case is named by its file without `.csv`. As in TSB-AD, the whole series is scored
    and the first `<train>` points of it are the training part for `protocol=given`; they may hold
    anomalies. `<first>` is the first anomalous point, counted from 0, and a warning tells where
    the labels say otherwise.

    The names of the files of each list are those of TSB-AD's repository (Apache-2.0). Settings
    may be tuned on the list `tuning`; figures are reported on `evaluation`.

    Attributes:
        collection: `TSB-AD-U` or `TSB-AD-M`; also the name of the archive.
        most_channels: that a series of it may have.
    """

    collection: ClassVar[str]
    most_channels: ClassVar[float] = float("inf")

    @abstractmethod
    def __init__(self, root: str, files: str, series: Any, max_gap: int) -> None:
        self.root = Path(root).expanduser()
        self.files = files
        self.max_gap = max_gap
        self.patterns = as_patterns(series)
        which = "" if files == "all" else f" {Path(files).stem}"
        self.name = described(f"{self.collection}{which}", self.patterns)
        self._paths: dict[str, Path] = {}

    @property
    def for_tuning(self) -> bool:
        """Whether these are the series of the list `tuning`."""
        return self.files == "tuning"

    def case_names(self) -> list[str]:
        """Names of the selected series, sorted; no series is read.

        Raises:
            DataNotFoundError: the root, the list of files or a series is not there, or files of
                the list are missing.
            InputError: the list cannot be read, or a series is there twice.
        """
        there = series_below(self.root, _FILE)
        if not there:
            raise DataNotFoundError(
                f"no {self.collection} series in {self.root} (data.root): unpack "
                f"https://www.thedatum.org/datasets/{self.collection}.zip there, or set data.root "
                f"to a folder that holds files such as {_EXAMPLES[self.collection]}"
            )
        names = sorted(there)
        if self.files != "all":
            names = [name.removesuffix(".csv") for name in self._listed()]
        where = f"{self.name} in {self.root}"
        chosen = selected(names, self.patterns, where, lambda name: (f"{name}.csv", name))
        missing = [name for name in chosen if name not in there]
        if missing:
            raise DataNotFoundError(
                f"{where}: {len(missing)} of {len(chosen)} series are missing, first "
                f"{missing[0]}.csv; unpack the whole archive, or set data.files=all for those "
                "that are there"
            )
        self._paths = {name: there[name] for name in chosen}
        return chosen

    def load(self, case_name: str) -> Case:
        """Read one series.

        Raises:
            DataNotFoundError: there is no such series.
            InputError: the file is not in the format, or has a gap longer than `max_gap`.
        """
        path = self._path(case_name)
        table = read_text_table(path, _LAYOUT)
        facts = _facts(path)
        series = self._series(table, case_name)
        if facts.train >= len(series):
            raise InputError(
                f"{path}: the name says that {facts.train} points train, and there are "
                f"{len(series)}; unpack the archive again"
            )
        found = np.flatnonzero(series.anomalous_points)[:1].tolist()
        if found != [facts.first]:
            warnings.warn(
                f"{path}: the first anomalous point is {found[0] if found else 'nowhere'}, but "
                f"{facts.first} by its name",
                AnomalibTsWarning,
                stacklevel=2,
            )
        fingerprint = text_digest(self.max_gap, path.name, table.digest)
        return Case(case_name, (series,), (series[: facts.train],), fingerprint)

    def fingerprint(self, case_name: str) -> str:
        """Digest of the file, of its name and of the settings that change what is read from it."""
        path = self._path(case_name)
        return text_digest(self.max_gap, path.name, file_digest(path))

    def _path(self, case_name: str) -> Path:
        if case_name not in self._paths:
            pick(case_name, self.case_names(), self.name)
        return self._paths[case_name]

    def _series(self, table: TextTable, name: str) -> Recording:
        if LABEL not in table.columns or len(table.columns) < 2:
            raise InputError(
                f"{table.path} has the columns {', '.join(table.columns[:5])}, but a TSB-AD file "
                f"has at least two, one of them called {LABEL}; read other files with data=csv"
            )
        label = table.position(LABEL)
        channels = [i for i in range(len(table.columns)) if i != label]
        names = tuple(table.columns[i] for i in channels)
        if len(names) > self.most_channels:
            raise InputError(
                f"{table.path} has the channels {', '.join(names[:5])}, and a series of "
                f"{self.collection} has one; those of several are read with data=tsb_ad_m, other "
                "files with data=csv"
            )
        values = fill_gaps(table.matrix(channels), self.max_gap, name, names)
        return Recording(
            values,
            labels=table.labels(label),
            name=name,
            channel_names=names if len(set(names)) == len(names) > 1 else None,
        )

    def _listed(self) -> list[str]:
        """The file names of the chosen list."""
        if self.files in LISTS:
            rows = listed_rows(_FILE_LISTS, ("collection", "list", "file_name"))
            wanted = (self.collection, self.files)
            return [r["file_name"] for r in rows if (r["collection"], r["list"]) == wanted]
        path = Path(self.files).expanduser()
        if not path.is_file():
            near = nearest(self.files, [*LISTS, "all"])
            raise DataNotFoundError(
                f"data.files: there is no list {self.files!r}, nor a CSV file of that name with a "
                f"column file_name; {near}"
            )
        return [row["file_name"] for row in listed_rows(path, ("file_name",))]


class TsbAdU(TsbAd):
    r"""TSB-AD-U: 870 one-channel series, 350 of them for evaluation and 48 for tuning.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from anomalib_ts.data import TsbAdU
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "001_Mine_id_1_Sensor_tr_2_1st_3.csv"
    ...     _ = file.write_text("Data,Label\n1.5,0\n1.7,0\n1.6,0\n9.0,1\n")
    ...     case = TsbAdU(root=folder, files="all").load(file.stem)
    >>> len(case.test[0]), len(case.train[0])
    (4, 2)

    Args:
        root: the folder that the archive was unpacked into.
        files: `evaluation`, `tuning`, `all` that are there, or the path of a CSV file with a
            column `file_name`.
        series: a name, a pattern such as `*_NAB_*`, or a list of these.
        max_gap: longest run of missing values that is filled, in points, see `fill_gaps`.
    """

    collection = "TSB-AD-U"
    most_channels = 1

    def __init__(
        self,
        *,
        root: str = "data/TSB-AD-U",
        files: str = "evaluation",
        series: Any = "*",
        max_gap: int = 5,
    ) -> None:
        super().__init__(root, files, series, max_gap)


class TsbAdM(TsbAd):
    r"""TSB-AD-M: 200 series of several channels, 180 for evaluation and 20 for tuning.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from anomalib_ts.data import TsbAdM
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "001_Mine_id_1_Sensor_tr_1_1st_2.csv"
    ...     _ = file.write_text("flow,heat,Label\n1.5,20,0\n1.7,21,0\n9.0,40,1\n")
    ...     (series,) = TsbAdM(root=folder, files="all").load(file.stem).test
    >>> series.channel_names
    ('flow', 'heat')

    Args:
        root: the folder that the archive was unpacked into.
        files: `evaluation`, `tuning`, `all` that are there, or the path of a CSV file with a
            column `file_name`.
        series: a name, a pattern such as `*_SMD_*`, or a list of these.
        max_gap: longest run of missing values that is filled, in points, see `fill_gaps`.
    """

    collection = "TSB-AD-M"

    def __init__(
        self,
        *,
        root: str = "data/TSB-AD-M",
        files: str = "evaluation",
        series: Any = "*",
        max_gap: int = 5,
    ) -> None:
        super().__init__(root, files, series, max_gap)


_EXAMPLES = {
    "TSB-AD-U": "001_NAB_id_1_Facility_tr_1007_1st_2014.csv",
    "TSB-AD-M": "001_Genesis_id_1_Sensor_tr_4055_1st_15538.csv",
}


class _Facts(NamedTuple):
    """What the name of a file says: how many points train, and which is the first anomaly."""

    train: int
    first: int


def _facts(path: Path) -> _Facts:
    match = _NAME.fullmatch(path.stem)
    if match is None or not int(match["train"]):
        raise InputError(
            f"{path}: the name of a TSB-AD file ends in _tr_<points that train>_1st_<first "
            "anomaly>.csv; read other files with data=csv"
        )
    return _Facts(int(match["train"]), int(match["first"]))
