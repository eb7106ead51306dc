import numpy as np
import pytest

from anomalib_ts.errors import DataNotFoundError, InputError
from anomalib_ts.results.comparison import compare_published, quoted_values
from anomalib_ts.results.entries import Series
from anomalib_ts.results.published import read_published
from anomalib_ts.results.ranking import ranks
from tests.makers.shared import shared_path

TSB_UAD = """\
filename,A,B,dataset,period_length
SMAPC-1_data.out,0.25,,NASA_MSL,7
1.test.out,0.75,0.5,MGAB,9
"""
TSB_AD = """\
file,A,MOMENT (ZS),ts_len,anomaly_len
001_NAB_id_1_Facility_tr_1007_1st_2014.csv,0.25,0.5,4031,343
"""


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_tsb_uad_files_are_our_cases(tmp_path):
    table = read_published(written(tmp_path / "t.csv", TSB_UAD))
    assert [m.name for m in table.methods] == ["A", "B"]
    assert {(m.source, m.protocol) for m in table.methods} == {("TSB-UAD", "")}
    assert table.layout.metric == "auroc"
    ours = [Series("NASA-MSL", "C-1.test"), Series("MGAB[1*]", "1.test"), Series("KDD21", "1.test")]
    np.testing.assert_array_equal(
        quoted_values(table, ours), [[0.25, 0.75, np.nan], [np.nan, 0.5, np.nan]]
    )


def test_tsb_ad_files_are_known_by_their_names_alone(tmp_path):
    table = read_published(written(tmp_path / "t.csv", TSB_AD))
    assert table.layout.metric == "vus_pr/tsb_ad"
    assert table.series[0].data == "NAB"
    ours = [Series("any folder", "001_NAB_id_1_Facility_tr_1007_1st_2014")]
    np.testing.assert_array_equal(quoted_values(table, ours), [[0.25], [0.5]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "no known layout"),
        ("", "no known layout"),
        (TSB_UAD.replace("0.75", "?"), "1.test.out"),
        (TSB_UAD.replace(",9", ""), "4 columns instead of 5"),
        (TSB_UAD + "1.test.out,0.1,0.2,MGAB,9\n", "more than one row"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_published(written(tmp_path / "t.csv", text))


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"filename," + b"x" * 200_000, b"PK\3\4\0\x80"]
)
def test_what_is_no_csv_is_refused(tmp_path, content):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as CSV"):
        read_published(path)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(DataNotFoundError, match=r"nowhere\.csv"):
        read_published(tmp_path / "nowhere.csv")


def test_mean_ranks_of_a_subset_checked_by_hand():
    """Dodgers and the six Genesis columns; each line was ranked by eye from the published file.

    ==============  =======  ===  ==  =====
    series          IFOREST  LOF  MP  NORMA
    ==============  =======  ===  ==  =====
    Dodgers         1        3    4   2
    Genesis @5      1        2    3   4
    Genesis @3      4        3    2   1
    Genesis @17     2        3    4   1
    Genesis @6      2        3    4   1
    Genesis @13     2        3    4   1
    Genesis @1      1        2    3   4
    sum             13       19   24  14
    ==============  =======  ===  ==  =====
    """
    table = read_published(shared_path("published/tsb_uad_auc_roc.csv"))
    rows = [[m.name for m in table.methods].index(n) for n in ("IFOREST", "LOF", "MP", "NORMA")]
    columns = [i for i, s in enumerate(table.series) if s.data in ("Dodgers", "Genesis")]
    ranked = ranks(table.values[np.ix_(rows, columns)])
    assert ranked.sum(axis=1).tolist() == [13, 19, 24, 14]


@pytest.mark.parametrize(
    ("name", "methods", "series", "complete"),
    [
        ("tsb_uad_auc_roc", 12, 1887, 1870),
        ("tsb_ad_u_vus_pr", 32, 350, 350),
        ("tsb_ad_m_vus_pr", 23, 180, 180),
    ],
)
def test_the_whole_published_tables(name, methods, series, complete):
    """Of TSB-UAD, one row is empty and 16 more lack NORMA: `awk -F, '$5==""'` counts 17."""
    table = read_published(shared_path(f"published/{name}.csv"))
    assert table.values.shape == (methods, series)
    common = compare_published(table).common()
    assert common.values.shape == (methods, complete)
    assert ((common.values >= 0) & (common.values <= 1)).all()


def test_a_plain_table_holds_a_value_for_each_data_set(tmp_path):
    path = tmp_path / "theirs.csv"
    path.write_text("dataset,value,method\nECG,0.7,LOF\nNASA_MSL,0.5,LOF\nECG,0.8,HBOS\n")
    table = read_published(path)
    assert [method.name for method in table.methods] == ["LOF", "HBOS"]
    assert (table.layout.metric, table.layout.source) == ("auroc", "theirs")
    place = table.column_of()[table.normalised(Series("NASA-MSL[max_gap=3]", "C-1"))]
    np.testing.assert_array_equal(table.values[:, place], [0.5, np.nan])
    path.write_text("method,dataset,value,metric\nLOF,ECG,0.7,vus_pr\n")
    assert read_published(path).layout.metric == "vus_pr"


@pytest.mark.parametrize(
    "lines",
    ["LOF,ECG,high", "LOF,ECG", "LOF,ECG,0.1\nLOF,ECG,0.2"],
    ids=["no number", "no value", "twice"],
)
def test_a_damaged_plain_table_is_refused(lines, tmp_path):
    path = tmp_path / "theirs.csv"
    path.write_text(f"method,dataset,value\n{lines}\n")
    with pytest.raises(InputError, match=r"theirs\.csv"):
        read_published(path)
