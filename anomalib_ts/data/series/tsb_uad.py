"""TSB-UAD, the largest public benchmark of one-channel anomaly detection."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from filelock import FileLock

from anomalib_ts.core.digests import file_digest, text_digest
from anomalib_ts.core.files import is_clutter
from anomalib_ts.core.names import pick
from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.data.fetching.unpack import fetch_zip
from anomalib_ts.data.series.gaps import fill_gaps
from anomalib_ts.data.series.selection import as_patterns, described, selected
from anomalib_ts.data.series.text_layout import TextLayout
from anomalib_ts.data.series.text_table import read_text_table
from anomalib_ts.errors import DataNotFoundError, InputError

ARCHIVE_URL = "https://www.thedatum.org/datasets/TSB-UAD-Public.zip"
_LAYOUT = TextLayout(delimiter=",", header=False, decimal=".")
_LOG = logging.getLogger(__name__)


class TsbUad(DataSet):
    r"""One data set of TSB-UAD (Paparrizos et al., PVLDB 15(8), 2022), or some of its series.

    A series is a file `<root>/<dataset>/<series>.out` with a line `value,label` a point, without a
    header; each is a case named by its file without `.out`. Where `X.train.out` lies beside
    `X.test.out` (NASA-MSL, NASA-SMAP), it becomes the training part of the case `X.test`, for
    `protocol=given`, and is no case of its own.

    In Dodgers -1 marks a missing reading and is labelled anomalous (2,903 of its 5,612 anomalous
    points), so a detector that finds nothing but -1 does well; `ignored_value=-1` leaves them out.
    In Occupancy an "anomaly" means that somebody is in the room. Some NAB series hold no anomaly:
    AUROC is undefined on them.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from anomalib_ts.data import TsbUad
    >>> with TemporaryDirectory() as folder:
    ...     (Path(folder) / "Dodgers").mkdir()
    ...     _ = (Path(folder) / "Dodgers" / "a.out").write_text("1.5,0\n1.7,0\n9.0,1\n")
    ...     (series,) = TsbUad(root=folder, dataset="Dodgers").load("a").test
    >>> series.labels.tolist()
    [0, 0, 1]

    Args:
        root: the folder that holds a folder for each data set.
        dataset: one of these folders, for example `Dodgers` or `NASA-MSL`.
        series: a name, a pattern such as `C-*`, or a list of these; `.test` and `.out` at the end
            of a name may be left out.
        max_gap: longest run of missing values that is filled, see `fill_gaps`. The public files
            have none.
        ignored_value: points of this value are scored, but count in no metric and set no
            threshold: -1 leaves Dodgers' missing readings out. None: all points count.
        download: fetch and unpack the archive if `root` does not hold any data.
        url: where the archive is.
        sha256: the archive's SHA-256, if known. Its publishers give none; the CRC-32 of each
            member is checked in any case.
    """

    def __init__(
        self,
        *,
        root: str = "data/tsb-uad",
        dataset: str = "Dodgers",
        series: Any = "*",
        max_gap: int = 5,
        ignored_value: float | None = None,
        download: bool = False,
        url: str = ARCHIVE_URL,
        sha256: str | None = None,
    ) -> None:
        self.root = Path(root).expanduser()
        self.dataset = str(dataset)
        self.max_gap = max_gap
        self.ignored_value = ignored_value
        self.download = download
        self.url = url
        self.sha256 = sha256
        self.patterns = as_patterns(series)
        self.name = described(self.dataset, self.patterns)
        self._known: frozenset[str] = frozenset()

    def case_names(self) -> list[str]:
        """Names of the selected series, sorted; no file is read.

        Raises:
            DataNotFoundError: the root, the data set or a series is not there.
        """
        folder = self._folder()
        files = {path.name for path in folder.glob("*.out") if not is_clutter(path.name)}
        names = sorted(
            name.removesuffix(".out")
            for name in files
            if not name.endswith(".train.out") or _test_of(name) not in files
        )
        chosen = selected(names, self.patterns, f"{self.dataset} in {self.root}", _aliases)
        self._known = frozenset(chosen)
        return chosen

    def load(self, case_name: str) -> Case:
        """Read one series, and its training part where there is one.

        Raises:
            DataNotFoundError: there is no such series.
            InputError: the file is not in the format, or has a gap longer than `max_gap`.
        """
        read = [self._read(path) for path in self._files(case_name)]
        recordings = tuple(recording for recording, _ in read)
        fingerprint = self._fingerprint([digest for _, digest in read])
        return Case(case_name, recordings[:1], recordings[1:], fingerprint)

    def fingerprint(self, case_name: str) -> str:
        """Digest of the files and of the settings that change what is read from them."""
        return self._fingerprint([file_digest(path) for path in self._files(case_name)])

    def _fingerprint(self, digests: list[str]) -> str:
        ignored = () if self.ignored_value is None else (f"ignored {self.ignored_value:g}",)
        return text_digest(self.max_gap, *ignored, *digests)

    def _files(self, case_name: str) -> list[Path]:
        """The file of a case, and that of its training part where there is one."""
        if case_name not in self._known:
            pick(case_name, self.case_names(), self.dataset)
        test = self.root / self.dataset / f"{case_name}.out"
        train = test.with_name(f"{case_name.removesuffix('.test')}.train.out")
        paired = case_name.endswith(".test") and train.exists()
        return [test, train] if paired else [test]

    def _read(self, path: Path) -> tuple[Recording, str]:
        """One file as a recording, and the digest of what was read."""
        table = read_text_table(path, _LAYOUT)
        if len(table.columns) != 2:
            raise InputError(
                f"{path} has {len(table.columns)} columns, but a TSB-UAD file has two, value and "
                "label, without a header; read other files with data=csv"
            )
        name = f"{self.dataset}/{path.name.removesuffix('.out')}"
        values = fill_gaps(table.numbers(0), self.max_gap, name)
        ignored = None if self.ignored_value is None else values == self.ignored_value
        recording = Recording(values, labels=table.labels(1), name=name, ignored=ignored)
        return recording, table.digest

    def _folder(self) -> Path:
        folders = _data_folders(self.root)
        if not folders and self.download:
            fetch_archive(self.root, self.url, self.sha256)
            folders = _data_folders(self.root)
        if not folders:
            raise DataNotFoundError(
                f"no TSB-UAD data in {self.root} (data.root): unpack {self.url} so that there are "
                f"files {self.root}/<data set>/<series>.out, set data.root to a folder that has "
                "them, or let data.download=true fetch them"
            )
        return self.root / pick(self.dataset, folders, f"{self.root}")


def fetch_archive(root: Path, url: str = ARCHIVE_URL, sha256: str | None = None) -> None:
    """Download the TSB-UAD archive and unpack it as `root`; a second process waits for the first.

    Raises:
        DataNotFoundError: the archive could not be had.
        InputError: it is damaged, or something that is no data lies at `root`.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(root.with_name(f".{root.name}.lock")):
        if _data_folders(root):
            return
        archive = root.with_name(f"{root.name}.zip")
        fetch_zip(url, archive, root, "*/*.out", sha256=sha256)
        _LOG.info("unpacked %s to %s", url, root)


def _data_folders(root: Path) -> list[str]:
    found = {path.parent.name for path in root.glob("*/*.out")}
    return sorted(name for name in found if not is_clutter(name))


def _test_of(train_file: str) -> str:
    return train_file.removesuffix(".train.out") + ".test.out"


def _aliases(name: str) -> tuple[str, ...]:
    return name, f"{name}.out", name.removesuffix(".test")
