"""The UCR anomaly archive (KDD21): one anomaly a series, and the name of the file says where."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from pathlib import Path
from typing import Any

import numpy as np

from anomalib_ts.core.digests import file_digest, read_content, text_digest
from anomalib_ts.core.files import check_regular
from anomalib_ts.core.names import pick
from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.data.series.selection import as_patterns, described, selected, series_below
from anomalib_ts.errors import DataNotFoundError, InputError

ARCHIVE_URL = (
    "https://www.cs.ucr.edu/~eamonn/time_series_data_2018/UCR_TimeSeriesAnomalyDatasets2021.zip"
)
_FILE = re.compile(r".*_UCR_Anomaly_.*\.(?i:txt)")
_NAME = re.compile(r"\d+_UCR_Anomaly_.+_(?P<train>\d+)_(?P<begin>\d+)_(?P<end>\d+)")


class Ucr(DataSet):
    r"""The UCR anomaly archive of 250 series (Wu and Keogh, TKDE 2023), or some of them.

    A series is a file `<number>_UCR_Anomaly_<name>_<train>_<begin>_<end>.txt` anywhere below
    `root`: one value a line, or all on one line. A case is named by its file without `.txt`. The
    first `<train>` points hold no anomaly and are the training part for `protocol=given`; the
    points after them are scored. The one anomaly reaches from point `<begin>` to point `<end>`,
    both included and counted from 1.

    No detector sees a name, so none can read the answer off it. The archive's own measure is the
    metric `ucr_score`; its mean over the series is the share of series solved. TSB-UAD's copy of
    these files (`KDD21`, `value,label` a line, training part included) is read by
    `data=tsb_uad`, and figures on the one are not figures on the other.

    >>> from tempfile import TemporaryDirectory
    >>> from anomalib_ts.data import Ucr
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "001_UCR_Anomaly_mine_3_5_6.txt"
    ...     _ = file.write_text("0.1\n0.2\n0.1\n0.2\n9.0\n8.0\n0.1\n")
    ...     case = Ucr(root=folder).load(file.stem)
    >>> len(case.train[0]), case.test[0].labels.tolist()
    (3, [0, 1, 1, 0])

    Args:
        root: the folder that the archive was unpacked into.
        series: a name, a pattern such as `00*`, or a list of these.
    """

    def __init__(self, *, root: str = "data/ucr", series: Any = "*") -> None:
        self.root = Path(root).expanduser()
        self.patterns = as_patterns(series)
        self.name = described("UCR", self.patterns)
        self._paths: dict[str, Path] = {}

    def case_names(self) -> list[str]:
        """Names of the selected series, sorted; no file is read.

        Raises:
            DataNotFoundError: the root or a series is not there.
            InputError: a series is there twice.
        """
        there = series_below(self.root, _FILE)
        if not there:
            raise DataNotFoundError(
                f"no series of the UCR anomaly archive in {self.root} (data.root): unpack "
                f"{ARCHIVE_URL} there, or set data.root to a folder that holds files such as "
                "001_UCR_Anomaly_DISTORTED1sddb40_35000_52000_52620.txt"
            )
        where = f"{self.name} in {self.root}"
        chosen = selected(sorted(there), self.patterns, where, lambda name: (f"{name}.txt", name))
        self._paths = {name: there[name] for name in chosen}
        return chosen

    def load(self, case_name: str) -> Case:
        """Read one series.

        Raises:
            DataNotFoundError: there is no such series.
            InputError: a value is no number, or the name does not fit the file.
        """
        path = self._path(case_name)
        check_regular(path)
        content, digest = read_content(path)
        values = _values(content, path)
        labels = np.zeros(len(values), dtype=np.int8)
        train, begin, end = _facts(path, len(values))
        labels[begin:end] = 1
        series = Recording(values, labels=labels, name=case_name)
        fingerprint = text_digest(path.name, digest)
        return Case(case_name, (series[train:],), (series[:train],), fingerprint)

    def fingerprint(self, case_name: str) -> str:
        """Digest of the file and of its name, which holds the labels."""
        path = self._path(case_name)
        return text_digest(path.name, file_digest(path))

    def _path(self, case_name: str) -> Path:
        if case_name not in self._paths:
            pick(case_name, self.case_names(), self.name)
        return self._paths[case_name]


def _values(content: bytes, path: Path) -> FloatArray:
    lines = [line.split() for line in content.removeprefix(BOM_UTF8).splitlines()]
    filled = [(number, cells) for number, cells in enumerate(lines, 1) if cells]
    if not filled:
        raise InputError(f"{path} is empty; unpack the archive again")
    several = [(number, cells) for number, cells in filled if len(cells) > 1]
    if several and len(filled) > 1:
        number, cells = several[0]
        raise InputError(
            f"{path}, line {number} holds {len(cells)} values, but a file of the archive has one "
            "value a line, or all on one line; read other files with data=csv"
        )
    try:
        return np.array([cell for _, cells in filled for cell in cells], dtype=np.float64)
    except ValueError as error:
        raise InputError(
            f"{path}: {error}; a file of the archive holds numbers between blanks or line ends "
            "and nothing else; read other files with data=csv"
        ) from None


def _facts(path: Path, points: int) -> tuple[int, int, int]:
    """Points that train, and begin and end of the anomaly, from 0 and end exclusive."""
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise InputError(
            f"{path}: a name of the archive ends in _<points that train>_<begin>_<end>.txt"
        )
    train, begin, end = (int(match[name]) for name in ("train", "begin", "end"))
    if not 0 < train < begin <= end <= points:
        raise InputError(
            f"{path}: by its name {train} of {points} points train and the anomaly reaches from "
            f"point {begin} to {end}, which cannot be; unpack the archive again"
        )
    return train, begin - 1, end
