"""Files in NSL-KDD's layout with the rows that the paper's split takes, of made-up values."""

import numpy as np

from anomalib_ts.synthetic.tables.nsl_kdd import LABELS

TAKEN = {
    "apache2": 516,
    "mscan": 697,
    "processtable": 480,
    "ps": 10,
    "saint": 223,
    "xterm": 40,
    "snmpgetattack": 124,
    "snmpguess": 232,
    "guess_passwd": 787,
    "warezmaster": 615,
}
"""Rows of the test file that train."""


def nsl_kdd_files(folder):
    """Write both files: of each label some rows that tell it by `count`; the folder's path."""
    trained = {label: 30 for label in LABELS if label not in TAKEN or label == "guess_passwd"}
    trained |= {"normal": 200, "warezclient": 650}
    trained.pop("etc")
    tested = {label: 15 for label in LABELS if label not in ("warezclient", "etc")}
    tested |= {"normal": 100} | {label: count + 15 for label, count in TAKEN.items()}
    for name, counts in (("KDDTrain+.txt", trained), ("KDDTest+.txt", tested)):
        (folder / name).write_text("\n".join(_lines(counts)))
    return folder


def _lines(counts):
    rng = np.random.default_rng(len(counts))
    for place, (label, count) in enumerate(counts.items()):
        for _ in range(count):
            duration, *more = rng.integers(3, size=20)
            head = f"{duration},{rng.choice(['tcp', 'udp'])},http,SF,{rng.integers(500)},10"
            yield f"{head},{','.join(map(str, [0] * 16 + [place] + more[:18]))},{label},21"
