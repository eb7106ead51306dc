"""NSL-KDD, connections of a simulated military network, as an anomaly data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.digests import FileDigests, text_digest
from anomalib_ts.core.names import pick
from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.data.tables.nsl_kdd_rows import (
    COLUMNS,
    KINDS,
    LABEL,
    SYMBOLIC,
    TEST_FILE,
    TRAIN_FILE,
    nsl_kdd_file,
    read_rows,
)
from anomalib_ts.errors import ConfigError, InputError

if TYPE_CHECKING:
    import pandas as pd

CASES = ("all", "dos", "probe", "r2l", "u2r", "unseen")
"""What is anomalous in a case: every attack, one kind, or attacks that KDDTrain+ does not have."""

Encoding = Literal["codes", "one_hot", "log"]


class NslKdd(DataSet):
    r"""NSL-KDD (Tavallaee et al., CISDA 2009): train on normal connections, score KDDTest+.

    A case is a kind of attack: all normal connections of KDDTest+ and the attacks of that kind,
    one a point, as one recording. Rows are connections in no order: only windows of one point
    make sense, and detectors that look at neighbours are warned about (`DataSet.ordered`).

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from anomalib_ts.data import NslKdd
    >>> row = "0,tcp,http,SF" + ",1" * 37
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("KDDTrain+.txt", "KDDTest+.txt"):
    ...         _ = (Path(folder) / name).write_text(f"{row},normal,20\n{row},neptune,21\n")
    ...     case = NslKdd(root=folder, encoding="codes").load("dos")
    >>> case.test[0].labels.tolist(), case.train[0].values.shape
    ([0, 1], (1, 41))

    Args:
        root: the folder that holds `KDDTrain+.txt` and `KDDTest+.txt`.
        cases: some of `all`, `dos`, `probe`, `r2l`, `u2r` and `unseen` (attacks that are not in
            KDDTrain+).
        encoding: of columns as channels. `codes`: the three symbolic columns as numbers from 0 in
            the order of first appearance (41 channels); `one_hot`: a channel a symbol (122);
            `log`: the same, and log(1 + x) of all other columns.
        train_path: a file in the layout of KDDTrain+ whose normal rows train instead, for example
            synthetic ones.
        labelled_attacks: whether the attacks of the training file are there, too, for detectors
            that learn from labels (all others are warned and do without). The case `unseen` then
            tells what labels do for attacks that nobody labelled.

    Raises:
        ConfigError: a setting is not one of its choices.
    """

    ordered = False

    def __init__(
        self,
        *,
        root: str = "data/nsl-kdd",
        cases: list[str] | None = None,
        encoding: Encoding = "log",
        train_path: str | None = None,
        labelled_attacks: bool = False,
    ) -> None:
        unknown = [case for case in cases or [] if case not in CASES]
        if unknown or cases == []:
            raise ConfigError(f"cases must be some of {', '.join(CASES)}, not {cases}")
        if encoding not in get_args(Encoding):
            raise ConfigError(f"encoding must be {', '.join(get_args(Encoding))}, not {encoding!r}")
        self.root = Path(root).expanduser()
        self.cases = list(CASES) if cases is None else list(cases)
        self.encoding = encoding
        self.train_path = None if train_path is None else Path(train_path).expanduser()
        self.labelled_attacks = labelled_attacks
        self.name = f"nsl_kdd[{encoding}{'+attacks' if labelled_attacks else ''}]"
        self._digests = FileDigests()

    def case_names(self) -> list[str]:
        """Names of the chosen cases; no file is read.

        Raises:
            DataNotFoundError: the files are not there.
        """
        _ = self._files()
        return self.cases

    def load(self, case_name: str) -> Case:
        """The normal rows that train, and the rows of one kind with all normal ones to score.

        Raises:
            DataNotFoundError: there is no such case or file.
            InputError: a file is not in the layout, or has no normal row or no such attack.
        """
        pick(case_name, self.cases, self.name)
        train_file, test_file, given = self._files()
        given_rows, test = read_rows(given), read_rows(test_file)
        train = given_rows if train_file == given else read_rows(train_file)
        frames = [train.frame, test.frame]
        symbols = symbols_of(frames if train_file == given else [*frames, given_rows.frame])
        is_normal = (given_rows.frame[LABEL] == "normal").to_numpy()
        wanted = _wanted(case_name, test.frame, train.frame)
        labels = (test.frame[LABEL] != "normal").to_numpy()[wanted].astype(np.int8)
        if not is_normal.any():
            raise InputError(f"{given}: no row is labelled normal, so there is none to train on")
        if not labels.any() or labels.all():
            raise InputError(f"{test_file}: no {'attack' if labels.all() else 'such row'}")
        parts = [
            (f"{TEST_FILE}, {case_name}", test.frame[wanted], labels),
            (f"{given.name}, normal", given_rows.frame[is_normal], None),
        ]
        if self.labelled_attacks and not is_normal.all():
            attacks = given_rows.frame[~is_normal]
            parts.append((f"{given.name}, attacks", attacks, np.ones(len(attacks), dtype=np.int8)))
        tested, *trained = [
            Recording(
                encoded(frame, symbols, self.encoding),
                labels=truth,
                name=name,
                channel_names=channel_names(symbols, self.encoding),
            )
            for name, frame, truth in parts
        ]
        fingerprint = self._fingerprint([train.digest, test.digest, given_rows.digest])
        return Case(case_name, (tested,), tuple(trained), fingerprint)

    def fingerprint(self, case_name: str) -> str:
        """Digest of the files and of the encoding."""
        pick(case_name, self.cases, self.name)
        return self._fingerprint([self._digests.of(file) for file in self._files()])

    def _fingerprint(self, digests: list[str]) -> str:
        return text_digest(self.encoding, self.labelled_attacks, *digests)

    def _files(self) -> tuple[Path, Path, Path]:
        """KDDTrain+, KDDTest+, and the file whose normal rows train."""
        train = nsl_kdd_file(self.root, TRAIN_FILE)
        return train, nsl_kdd_file(self.root, TEST_FILE), self.train_path or train


def symbols_of(frames: list[pd.DataFrame]) -> dict[str, list[str]]:
    """The symbols of each symbolic column, in the order in which they first appear."""
    return {
        column: list(dict.fromkeys(symbol for frame in frames for symbol in frame[column].unique()))
        for column in SYMBOLIC
    }


def channel_names(symbols: dict[str, list[str]], encoding: Encoding) -> tuple[str, ...]:
    """Names of the channels, see `encoded`."""
    if encoding == "codes":
        return COLUMNS
    return tuple(
        name
        for column in COLUMNS
        for name in ([f"{column}={s}" for s in symbols[column]] if column in symbols else [column])
    )


def encoded(frame: pd.DataFrame, symbols: dict[str, list[str]], encoding: Encoding) -> FloatArray:
    """Rows as `(n, c)` numbers; `c` is 41 with `codes`, else a channel a symbol more."""
    parts: list[FloatArray] = []
    for column in COLUMNS:
        values = frame[column].to_numpy()
        if column in symbols:
            place = {symbol: code for code, symbol in enumerate(symbols[column])}
            codes = np.array([place[symbol] for symbol in values])
            hot = np.eye(len(place))[codes]
            parts.append(codes[:, None].astype(np.float64) if encoding == "codes" else hot)
        else:
            numbers = values[:, None].astype(np.float64)
            parts.append(np.log1p(numbers) if encoding == "log" else numbers)
    return np.hstack(parts)


def _wanted(case: str, test: pd.DataFrame, train: pd.DataFrame) -> NDArray[np.bool_]:
    """`(n,)` which rows of the test file belong to a case."""
    label = test[LABEL]
    if case == "all":
        return np.ones(len(test), dtype=np.bool_)
    kinds = label.map(KINDS)
    chosen = ~label.isin(train[LABEL].unique()) if case == "unseen" else kinds == case
    return np.asarray(chosen | (label == "normal"), dtype=np.bool_)
