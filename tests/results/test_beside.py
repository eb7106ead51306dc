"""Our results beside the figures that were published for the same methods."""

import csv
import io
import json

import numpy as np
import pytest

from anomalib_ts.errors import DataNotFoundError
from anomalib_ts.results.beside import agreement, as_csv, as_json, as_latex, as_markdown, beside
from anomalib_ts.results.entries import entries
from anomalib_ts.results.published import place_of, read_published
from tests.makers.records import failed, ok, undefined

TABLE = """\
filename,IFOREST,MP,NORMA,dataset,data_len
1.test.out,0.75,0.5,0.9,MGAB,9
2.test.out,0.5,,0.9,MGAB,9
SMAPC-1_data.out,0.25,0.4,,NASA_MSL,7
001_UCR_Anomaly_x_3_5_6.txt,0.6,0.7,,KDD21,7
KPI-1.test.out,0.9,0.1,,IOPS,1
"""


@pytest.fixture
def table(tmp_path):
    (tmp_path / "t.csv").write_text(TABLE)
    return read_published(tmp_path / "t.csv")


def found(table, *records):
    return beside(entries(records).kept, table)


def test_methods_and_series_are_matched_by_name(table):
    both = found(
        table,
        ok(0.7, "iforest", "1.test", seed=0, data="MGAB"),
        ok(0.8, "iforest", "1.test", seed=1, data="MGAB"),
        ok(0.4, "matrix_profile", "1.test", data="MGAB"),
        ok(0.4, "matrix_profile", "2.test", data="MGAB"),  # nothing is published
        ok(0.5, "iforest", "C-1.test", data="NASA-MSL"),
        ok(0.5, "iforest", "001_UCR_Anomaly_x_3_5_6", data="KDD21"),
        ok(0.5, "iforest", "KPI-1.test", data="IOPS"),  # whatever its length
        ok(0.5, "own", "1.test", data="MGAB"),
    )
    values = {(p.data, p.method.name): (p.ours, p.published, p.seeds) for p in both.series}
    assert values == {
        ("MGAB", "iforest"): (pytest.approx(0.75), 0.75, 2),
        ("MGAB", "matrix_profile"): (0.4, 0.5, 1),
        ("NASA-MSL", "iforest"): (0.5, 0.25, 1),
        ("KDD21", "iforest"): (0.5, 0.6, 1),
        ("IOPS", "iforest"): (0.5, 0.9, 1),
    }
    assert "Without a counterpart in TSB-UAD: own · whole." in both.remarks
    assert "Published, and not run here: NORMA." in both.remarks


def test_series_without_the_metric_are_told_from_series_that_are_not_there(table):
    both = found(
        table,
        ok(0.7, "iforest", "9.test", data="MGAB"),
        undefined("matrix_profile", "1.test", data="MGAB"),
    )
    assert both.series == []
    assert "On no series that TSB-UAD has: iforest · whole." in both.remarks
    (remark,) = [line for line in both.remarks if "matrix_profile" in line]
    assert remark.startswith("Without a value of auroc on the series that TSB-UAD has: matrix_")


def test_means_of_a_data_set_are_over_the_same_series_on_both_sides(table):
    both = found(
        table,
        ok(0.7, "iforest", "1.test", data="MGAB"),
        ok(0.9, "iforest", "2.test", data="MGAB"),
        ok(0.1, "iforest", "3.test", data="MGAB"),
        failed("iforest", "4.test", data="MGAB"),
        undefined("iforest", "C-1.test", data="NASA-MSL"),
    )
    (mean,) = both.data_sets
    assert (mean.ours, mean.published) == (pytest.approx(0.8), 0.625)
    assert (mean.cases, mean.all_cases) == (2, 4)


def test_agreement_by_hand(table):
    both = found(
        table,
        ok(0.76, "iforest", "1.test", data="MGAB"),
        ok(0.44, "iforest", "2.test", data="MGAB"),
        ok(0.35, "iforest", "C-1.test", data="NASA-MSL"),
    )
    (line,) = agreement(both.series).cells
    sizes = [0.01, 0.06, 0.10]
    assert line[2:] == ["3", "0.060", f"{np.quantile(sizes, 0.9):.3f}", "33%", "33%"]


def test_a_table_of_whole_data_sets_has_no_series():
    both = found(
        read_published("fastflow1d_paper"),
        ok(0.7, "fastflow1d", "1.test", data="MGAB"),
        ok(0.9, "fastflow1d", "2.test", data="MGAB"),
        ok(0.9, "mlp_autoencoder", "x", data="Genesis[*@3*]"),
    )
    assert both.series == []
    means = [(p.data, p.quoted.name, p.ours, p.published) for p in both.data_sets]
    assert means == [
        ("Genesis[*@3*]", "AE", 0.9, 0.72),
        ("MGAB", "FastFlow-1D", pytest.approx(0.8), 0.92),
    ]
    assert "over whole data sets" in both.remarks[0]


def test_every_format_holds_the_same(table):
    both = found(table, ok(0.7, "iforest", "1.test", data="MGAB"))
    (row,) = csv.DictReader(io.StringIO(as_csv(both)))
    assert (row["ours"], row["published"], row["published_method"]) == ("0.7", "0.75", "IFOREST")
    content = json.loads(as_json(both))
    assert content["series"][0]["difference"] == pytest.approx(-0.05)
    assert content["data_sets"][0]["cases"] == 1
    assert "| MGAB | 1.test | iforest · whole | IFOREST | 0.700 | 0.750 | -0.050 |" in as_markdown(
        both
    )
    assert "0.700 & 0.750" in as_latex(both)
    nothing = found(table, ok(0.7, "own", "1.test", data="MGAB"))
    assert as_csv(nothing).splitlines() == ["data"]
    assert "Without a counterpart" in as_markdown(nothing)


def test_a_table_that_is_not_shipped_says_where_it_is(tmp_path, monkeypatch):
    monkeypatch.delenv("ANOMALIB_TS_SHARED", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataNotFoundError, match=r"get https://.*mergedTable_AUC_ROC\.csv"):
        place_of("tsb_uad")
    (tmp_path / "published").mkdir()
    file = tmp_path / "published" / "tsb_uad_auc_roc.csv"
    file.write_text(TABLE)
    monkeypatch.setenv("ANOMALIB_TS_SHARED", str(tmp_path))
    assert place_of("tsb_uad") == file
    with pytest.raises(DataNotFoundError, match="did you mean tsb_uad"):
        read_published("tsb_ua")
