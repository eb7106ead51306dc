"""Tables read, as points, and dealt as the paper has them."""

import numpy as np
import pandas as pd
import pytest

from anomalib_ts.errors import ConfigError, DataNotFoundError, InputError
from anomalib_ts.synthetic.tables.nsl_kdd import FRACTIONS, LABELS, nsl_kdd_tables
from anomalib_ts.synthetic.tables.space import Space
from anomalib_ts.synthetic.tables.table import Schema, at_most
from tests.makers.shared import shared_path
from tests.synthetic.toy import LABELS as TOY_LABELS
from tests.synthetic.toy import toy_frame, toy_tables

PAPER_TRAINS = {
    "normal": 67343, "back": 956, "buffer_overflow": 30, "ftp_write": 8, "imap": 11,
    "ipsweep": 3599, "land": 18, "loadmodule": 9, "multihop": 7, "nmap": 1493, "perl": 3,
    "phf": 4, "pod": 201, "portsweep": 2931, "rootkit": 10, "satan": 3633, "teardrop": 892,
    "guess_passwd": 840, "warezmaster": 635, "apache2": 516, "mscan": 697, "processtable": 480,
    "ps": 10, "saint": 223, "snmpgetattack": 124, "snmpguess": 232, "etc": 40, "warezclient": 624,
}  # fmt: skip
"""Table 1 of the paper."""


def test_a_table_is_the_same_after_a_round_trip():
    frame = toy_frame(50)
    schema = Schema.of([frame], "label")
    assert schema.whole == (True, False, False, True)
    again = schema.read(schema.read(frame, "x").frame()[list(reversed(frame.columns))], "y")
    pd.testing.assert_frame_equal(again.frame()[frame.columns], frame, check_dtype=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"flag": "S9"}, "x, column 'flag': 'S9' is not in the real tables, which have"),
        ({"label": "worm"}, "'worm' is not in the real tables"),
        ({"rate": np.nan}, "x, row 1, column 'rate': 'nan' is no finite number"),
        ({"rate": np.inf}, "'inf' is no finite number"),
    ],
)
def test_cells_that_no_real_table_has_are_refused(change, message):
    frame = toy_frame(30)
    schema = Schema.of([frame], "label")
    with pytest.raises(InputError, match=message):
        schema.read(frame.assign(**change), "x")


def test_tables_with_other_columns_are_refused():
    frame = toy_frame(30)
    schema = Schema.of([frame], "label")
    with pytest.raises(InputError, match="x lacks the column 'rate'"):
        schema.read(frame.drop(columns="rate"), "x")
    with pytest.raises(InputError, match="x has a column 'more' more"):
        schema.read(frame.assign(more=1), "x")
    with pytest.raises(InputError, match="x has no rows"):
        schema.read(frame[:0], "x")
    with pytest.raises(InputError, match="no column 'lable'; did you mean label"):
        Schema.of([frame], "lable")
    with pytest.raises(InputError, match=r"b\.csv has a column 'flag' more"):
        Schema.of([frame.drop(columns="flag"), frame], "label", ["a.csv", "b.csv"])
    with pytest.raises(InputError, match="no column but the label's"):
        Schema.of([frame[["label"]]], "label")
    with pytest.raises(InputError, match="has 1 different labels"):
        Schema.of([frame.assign(label="a")], "label")


def test_labels_that_are_numbers_are_one_label_whatever_their_type():
    frame = pd.DataFrame({"a": [1.0, 2.0], "y": [0, 1]})
    schema = Schema.of([frame], "y")
    assert schema.read(frame.assign(y=[1.0, 0.0]), "x").labels.tolist() == [1, 0]


def test_no_label_has_more_rows_than_asked_for():
    (table,) = toy_tables(300)
    counts = np.bincount(at_most(table, 20, np.random.default_rng(0), first=50).labels)
    assert counts[0] == 50
    assert max(counts[1:]) == 20
    assert len(counts) == len(TOY_LABELS)


def test_points_keep_tails_apart_and_symbols_at_one():
    frame = pd.DataFrame({"a": [0, 1, 2, 3, 1e6, 2e6], "s": list("xyzxyz"), "y": [0, 1] * 3})
    points = Space(table := Schema.of([frame], "y").read(frame, "x")).points(table)
    assert points.shape == (6, 4)
    assert (np.diff(points[:, 0]) > 0).all()
    assert np.linalg.norm(points[0, 1:] - points[1, 1:]) == pytest.approx(1)


@pytest.fixture(scope="module")
def dealt():
    root = shared_path("data/nsl-kdd")
    return {split: nsl_kdd_tables(root, split) for split in ("paper", "clean")}


def test_the_papers_split_has_its_counts(dealt):
    train, test = dealt["paper"]
    counts = dict(zip(LABELS, np.bincount(train.labels, minlength=28).tolist(), strict=True))
    assert counts == PAPER_TRAINS
    assert (len(train), len(test)) == (85_569, 14_740)
    shares = dict(zip(LABELS, np.bincount(test.labels, minlength=28) / len(test), strict=True))
    assert shares["normal"] == pytest.approx(0.65882, abs=1e-5)
    assert shares["portsweep"] == pytest.approx(0.010651, abs=1e-6)
    assert len(FRACTIONS) == 22


def test_the_clean_split_leaves_the_leak_out(dealt):
    (train, test), (same, whole) = dealt["clean"], dealt["paper"]
    assert (train.values == same.values).all()
    assert len(test) == 13_338 == len(whole) - 1402
    assert (test.labels == 0).mean() == pytest.approx(0.7281, abs=1e-4)
    lost = np.bincount(whole.labels, minlength=28) - np.bincount(test.labels, minlength=28)
    assert {LABELS[i]: int(lost[i]) for i in np.flatnonzero(lost)} == {
        "guess_passwd": 787,
        "warezmaster": 615,
    }


def test_a_split_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match="split must be clean or paper, not 'dirty'"):
        nsl_kdd_tables(tmp_path, "dirty")
    with pytest.raises(DataNotFoundError, match="get NSL-KDD"):
        nsl_kdd_tables(tmp_path)
