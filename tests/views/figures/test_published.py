"""Detectors by data sets, beside what was published for them."""

import csv

import pytest

from anomalib_ts.errors import ConfigError, DataNotFoundError, UndefinedMetricError
from anomalib_ts.results.store import Store
from anomalib_ts.settings.config import create
from anomalib_ts.views.figures import write_figure
from tests.makers.records import failed, ok

TARGET = "anomalib_ts.views.figures.published.Published"
TSB_UAD = """\
filename,IFOREST,NORMA,dataset,data_len
1.test.out,0.75,0.9,MGAB,9
2.test.out,0.55,,MGAB,9
"""


def write(folder, *records, **settings):
    return write_figure({"_target_": TARGET} | settings, Store(folder), records)


def lines(written):
    return {(cells[0], cells[1]): cells[2:] for cells in written.grid.cells}


def test_a_method_of_the_paper_stands_beside_its_figure(tmp_path):
    written = write(
        tmp_path,
        ok(0.70, "fastflow1d", "a", seed=0, data="MGAB", protocol="normal"),
        ok(0.80, "fastflow1d", "b", seed=0, data="MGAB", protocol="normal"),
        ok(0.90, "fastflow1d", "x", seed=0, data="Dodgers", protocol="normal"),
        ok(0.72, "fastflow1d", "a", seed=1, data="MGAB", protocol="normal"),
        ok(0.82, "fastflow1d", "b", seed=1, data="MGAB", protocol="normal"),
        ok(0.90, "fastflow1d", "x", seed=1, data="Dodgers", protocol="normal"),
        ok(0.50, "own", "x", data="Dodgers"),
    )
    assert written.grid.header == [
        *("AUROC", "protocol", "Dodgers", "quoted", "MGAB", "quoted", "seeds", "cases", "seconds")
    ]
    found = lines(written)
    own = found["FastFlow-1D: fastflow1d", "normal"]
    assert own[:4] == ["0.900 ±0.000", "0.810", "0.760 ±0.014", "0.920"]
    assert own[4:] == ["2", "3/3", "4.5"]
    assert found["NormA", "quoted"] == ["-", "0.790", "-", "0.550", "-", "-", "-"]
    assert found["own", "whole"][:4] == ["0.500", "-", "-", "-"]
    assert [cells[0] for cells in written.grid.cells][-2:] == ["FastFlow-1D: fastflow1d", "own"]
    assert (
        len(written.grid.cells) == 14
    )  # 12 methods of the paper that were not run, ours, one more
    assert {path.suffix for path in written.paths} == {".png", ".csv", ".md", ".tex"}
    rows = list(csv.DictReader((tmp_path / "published.csv").open()))
    (row,) = [r for r in rows if r["method"].startswith("FastFlow") and r["data"] == "MGAB"]
    assert (float(row["ours"]), row["published"], row["cases"]) == (
        pytest.approx(0.76),
        "0.92",
        "2",
    )
    assert "tabular" in (tmp_path / "published.tex").read_text()


def test_of_a_table_by_series_the_same_series_are_averaged(tmp_path):
    (tmp_path / "theirs.csv").write_text(TSB_UAD)
    written = write(
        tmp_path,
        ok(0.7, "iforest", "1.test", data="MGAB"),
        failed("iforest", "2.test", data="MGAB"),
        table=str(tmp_path / "theirs.csv"),
    )
    assert lines(written)["IFOREST: iforest", "whole"][:2] == ["0.700 (1/2)", "0.750"]
    assert lines(written)["NORMA", "quoted"][:2] == ["-", "0.900"]
    assert "1 of 2 units failed, first iforest on 2.test." in written.remarks
    assert "that of the same series" in written.remarks[0]


def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(UndefinedMetricError, match="no unit of 1 has auroc"):
        write(tmp_path, failed("iforest", "a", data="MGAB"))
    figure = create({"_target_": TARGET, "table": "nowhere.csv"}, "figure")
    with pytest.raises(DataNotFoundError, match="no published table"):
        figure.check(None)


class Job:
    metrics = {"metrics": ["aupr"]}  # noqa: RUF012


def test_a_metric_that_nobody_computes_is_refused_before_anything_is_run():
    with pytest.raises(ConfigError, match=r"figure\.table: auroc is not computed"):
        create({"_target_": TARGET}, "figure").check(Job)
