"""The tables of the paper on intrusion data: NSL-KDD with 28 labels, dealt as its Table 1 has it.

"A study on evaluation method of NIDS datasets in closed military network" trains on 85,569 rows
and tests 14,740. Which rows these are was worked out from its counts: for seven labels that only
KDDTest+ has, rows of the test file train, and of `guess_passwd` and `warezmaster` 1,402 rows of
the test file seem to train and to be tested.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalib_ts.data.tables.nsl_kdd_rows import (
    LABEL,
    TEST_FILE,
    TRAFFIC,
    TRAIN_FILE,
    nsl_kdd_file,
    read_rows,
)
from anomalib_ts.errors import ConfigError, InputError
from anomalib_ts.synthetic.tables.table import Schema, Table

Split = Literal["clean", "paper"]

FRACTIONS = ("duration", "src_bytes", "dst_bytes", *TRAFFIC)
"""The 22 columns that get a fraction pixel: inferred, since the paper gives their number alone."""

OTHERS = "etc"
_RARE = ("named", "sendmail", "sqlattack", "udpstorm", "worm", "xlock", "xsnoop", "xterm")
_DROPPED = ("neptune", "smurf", "mailbomb", "httptunnel", "spy")
_WHOLE = (
    *("normal", "back", "buffer_overflow", "ftp_write", "imap", "ipsweep", "land", "loadmodule"),
    *("multihop", "nmap", "perl", "phf", "pod", "portsweep", "rootkit", "satan", "teardrop"),
)
_FROM_TEST = {
    "apache2": 516,
    "mscan": 697,
    "processtable": 480,
    "ps": 10,
    "saint": 223,
    "snmpgetattack": 124,
    "snmpguess": 232,
    OTHERS: 40,
}
"""Rows of the test file that train and are not tested; 124 is not 70 % of 178, so no rule."""

_SHARED = {"guess_passwd": 787, "warezmaster": 615}
"""Rows of the test file that train and, in the paper, are tested as well."""

_CLIENT = ("warezclient", 624)
"""Only in the training file, so many rows of which train; the others are tested."""

LABELS = (*_WHOLE, *_SHARED, *_FROM_TEST, _CLIENT[0])


def nsl_kdd_tables(root: str | Path, split: Split = "clean", seed: int = 0) -> tuple[Table, Table]:
    """The training and the test table: 85,569 rows, and 13,338 (`clean`) or 14,740 (`paper`).

    Args:
        root: the folder of `KDDTrain+.txt` and `KDDTest+.txt`.
        split: `paper` tests 1,402 rows that train, too; `clean` leaves them out of the test.
            Both files have rows of equal values, which stay where they are.
        seed: of the rows that are drawn.

    Raises:
        ConfigError: there is no such split.
        DataNotFoundError: the files are not there.
        InputError: they have too few rows of a label.
    """
    if split not in get_args(Split):
        raise ConfigError(f"split must be {' or '.join(get_args(Split))}, not {split!r}")
    rng = np.random.default_rng(seed)
    files = [read_rows(nsl_kdd_file(Path(root), name)).frame for name in (TRAIN_FILE, TEST_FILE)]
    whole = Schema.of(files, LABEL)  # of all rows, so that symbols get the codes of whole files
    train, test = map(_relabelled, files)
    moved = {label: _drawn(test, label, n, rng) for label, n in _FROM_TEST.items()}
    shared = {label: _drawn(test, label, n, rng) for label, n in _SHARED.items()}
    client = _drawn(train, *_CLIENT, rng)
    is_client = (train[LABEL] == _CLIENT[0]).to_numpy()
    trained = np.concatenate([*moved.values(), *shared.values()])
    hidden = trained if split == "clean" else np.concatenate(list(moved.values()))
    frames = [
        pd.concat([train[~is_client], train.iloc[client], test.iloc[np.sort(trained)]]),
        pd.concat([test.drop(test.index[hidden]), train[is_client].drop(train.index[client])]),
    ]
    schema = replace(whole, labels=LABELS)
    return schema.read(frames[0], TRAIN_FILE), schema.read(frames[1], TEST_FILE)


def _relabelled(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the 28 labels, with the rare ones of the test file as one."""
    labels = frame[LABEL].where(~frame[LABEL].isin(_RARE), OTHERS)
    kept = frame.assign(**{LABEL: labels})[~frame[LABEL].isin(_DROPPED)]
    return kept.reset_index(drop=True)


def _drawn(
    frame: pd.DataFrame, label: str, count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    rows = np.flatnonzero(frame[LABEL] == label)
    if len(rows) < count:
        raise InputError(
            f"NSL-KDD should have at least {count} rows of {label!r} here, not {len(rows)}: the "
            "files are not the whole ones"
        )
    return np.sort(rng.choice(rows, count, replace=False))
