"""The files of NSL-KDD: columns, kinds of attack, and rows that are checked as they are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anomalib_ts.core.names import nearest
from anomalib_ts.data.series.text_layout import TextLayout
from anomalib_ts.data.series.text_table import read_text_table
from anomalib_ts.errors import DataNotFoundError, InputError

if TYPE_CHECKING:
    import pandas as pd

TRAIN_FILE, TEST_FILE = "KDDTrain+.txt", "KDDTest+.txt"
LABEL = "label"
SYMBOLIC = ("protocol_type", "service", "flag")
CONTENT = (
    *("land", "wrong_fragment", "urgent", "hot", "num_failed_logins", "logged_in"),
    *("num_compromised", "root_shell", "su_attempted", "num_root", "num_file_creations"),
    *("num_shells", "num_access_files", "num_outbound_cmds", "is_host_login", "is_guest_login"),
)
TRAFFIC = (
    *("count", "srv_count", "serror_rate", "srv_serror_rate", "rerror_rate", "srv_rerror_rate"),
    *("same_srv_rate", "diff_srv_rate", "srv_diff_host_rate", "dst_host_count"),
    *("dst_host_srv_count", "dst_host_same_srv_rate", "dst_host_diff_srv_rate"),
    *("dst_host_same_src_port_rate", "dst_host_srv_diff_host_rate", "dst_host_serror_rate"),
    *("dst_host_srv_serror_rate", "dst_host_rerror_rate", "dst_host_srv_rerror_rate"),
)
COLUMNS = ("duration", *SYMBOLIC, "src_bytes", "dst_bytes", *CONTENT, *TRAFFIC)
"""The 41 columns, in the order of the files."""

_NAMES = {
    "dos": "back land neptune pod smurf teardrop apache2 mailbomb processtable udpstorm",
    "probe": "ipsweep nmap portsweep satan mscan saint",
    "r2l": "ftp_write guess_passwd imap multihop phf spy warezclient warezmaster named sendmail "
    "snmpgetattack snmpguess worm xlock xsnoop",
    "u2r": "buffer_overflow loadmodule perl rootkit httptunnel ps sqlattack xterm",
}
KINDS = {attack: kind for kind, attacks in _NAMES.items() for attack in attacks.split()}
"""Kind of each attack, as KDD Cup 1999 has them: 7,458 dos, 2,421 probe, 2,754 r2l and 200 u2r in
KDDTest+ with `httptunnel` in u2r and `worm` in r2l; some authors count these two otherwise."""

_LAYOUT = TextLayout(delimiter=",", header=False, decimal=".")


@dataclass(frozen=True, eq=False)
class Rows:
    """Connections of one file.

    Attributes:
        frame: the 41 columns by name, `SYMBOLIC` ones as text, all others float64, and `label`.
        digest: SHA-256 of the file that was read.
    """

    frame: pd.DataFrame
    digest: str


def nsl_kdd_file(root: Path, name: str) -> Path:
    """Where a file of NSL-KDD lies.

    Raises:
        DataNotFoundError: it is not there; the message says how to get it.
    """
    path = root / name
    if not path.is_file():
        raise DataNotFoundError(
            f"there is no {path}: get NSL-KDD from the Canadian Institute for Cybersecurity "
            f"(University of New Brunswick), and set root to the folder that holds {TRAIN_FILE} "
            f"and {TEST_FILE}"
        )
    return path


def read_rows(path: str | Path) -> Rows:
    """Read a file in NSL-KDD's layout: 41 columns, the label and maybe a difficulty, no header.

    Raises:
        DataNotFoundError: there is no such file.
        InputError: it has another layout, a value is missing or no number, or a label is unknown.
    """
    table = read_text_table(path, _LAYOUT)
    given = len(table.columns)
    if given not in (len(COLUMNS) + 1, len(COLUMNS) + 2):
        raise InputError(
            f"{path} has {given} columns, but NSL-KDD has 42 (41 and the label) or 43 (and a "
            "difficulty), without a header; read other tables with data=csv"
        )
    frame = table.frame.iloc[:, : len(COLUMNS) + 1].set_axis([*COLUMNS, LABEL], axis=1)
    if frame.isna().to_numpy().any():
        row, column = np.argwhere(frame.isna().to_numpy())[0].tolist()
        raise InputError(f"{table.place(row, column)} ({frame.columns[column]}) is empty")
    for position, column in enumerate(COLUMNS):
        symbolic = column in SYMBOLIC
        frame[column] = frame[column].astype(str) if symbolic else table.numbers(position)
    frame[LABEL] = frame[LABEL].astype(str)
    known = ["normal", *KINDS]
    unknown = sorted(set(frame[LABEL]) - set(known))
    if unknown:
        raise InputError(
            f"{path}: the label {unknown[0]!r} is unknown; {nearest(unknown[0], known)}"
        )
    return Rows(frame, table.digest)
