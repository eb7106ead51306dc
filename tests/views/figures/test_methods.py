"""Detectors by cases."""

from statistics import stdev

import pytest

from anomalib_ts.results.store import Store
from anomalib_ts.views.figures import write_figure
from anomalib_ts.views.figures.methods import MEAN, summaries
from anomalib_ts.views.figures.places import placed
from tests.makers.figure_stores import made


def table(values):
    """Records by method and case: `{"a": {"fan": [value of seed 0, of seed 1, ...]}}`."""
    return [
        made(value, method, case, seed)
        for method, by_case in values.items()
        for case, by_seed in by_case.items()
        for seed, value in enumerate(by_seed)
    ]


def write(folder, records, **settings):
    settings = {"_target_": "anomalib_ts.views.figures.methods.Methods"} | settings
    return write_figure(settings, Store(folder), records)


def bold(grid):
    return {(grid.cells[row][0], grid.header[column]) for row, column in grid.bold}


def test_means_over_seeds_and_then_over_cases(tmp_path):
    records = table(
        {"a": {"fan": [0.6, 0.8], "pump": [0.5, 0.9]}, "b": {"fan": [0.9, 0.9], "pump": [1, 1]}}
    )
    grid = write(tmp_path, records).grid
    assert grid.header == ["AUROC", "fan", "pump", MEAN]
    assert grid.cells == [
        ["b", "0.900 ±0.000", "1.000 ±0.000", "0.950 ±0.000"],
        [
            "a",
            f"0.700 ±{stdev([0.6, 0.8]):.3f}",
            f"0.700 ±{stdev([0.5, 0.9]):.3f}",
            f"0.700 ±{stdev([0.55, 0.85]):.3f}",
        ],
    ]


def test_a_method_that_lacks_a_case_has_no_mean_and_stands_last(tmp_path):
    records = table({"a": {"fan": [0.9], "pump": [None]}, "b": {"fan": [0.5], "pump": [0.4]}})
    written = write(tmp_path, records)
    assert written.grid.cells == [["b", "0.500", "0.400", "0.450"], ["a", "0.900", "-", "-"]]
    assert written.remarks[1] == "1 of 4 units failed and are left out: a on pump, seed 0."


def test_the_mean_is_over_seeds_that_have_every_case():
    found = placed(table({"a": {"fan": [0.2, 0.4, 0.6], "pump": [0.4, None, 0.8]}}))
    mean = summaries(found, "auroc")["a"][MEAN]
    assert mean.values == pytest.approx({0: 0.3, 2: 0.7})
    assert mean.seeds == 3


def test_a_single_case_has_no_column_of_means(tmp_path):
    assert write(tmp_path, table({"a": {"fan": [0.5]}})).grid.header == ["AUROC", "fan"]


def test_bold_is_what_cannot_be_told_from_the_best(tmp_path):
    records = table(
        {
            "best": {"fan": [0.90, 0.94, 0.92]},
            "close": {"fan": [0.90, 0.91, 0.92]},
            "far": {"fan": [0.80, 0.81, 0.82]},
            "unfinished": {"fan": [0.99, 0.99]},
        }
    )
    written = write(tmp_path, records)
    assert bold(written.grid) == {("best", "fan"), ("close", "fan")}
    assert any(remark.startswith("Bold:") for remark in written.remarks)
    assert "**0.920 ±0.020**" in (tmp_path / "methods.md").read_text()


def test_nothing_is_bold_after_one_seed(tmp_path):
    written = write(tmp_path, table({"a": {"fan": [0.5]}, "b": {"fan": [0.9]}}))
    assert not written.grid.bold
    assert not any("Bold" in remark for remark in written.remarks)


def test_less_may_be_better(tmp_path):
    records = [
        made(value, method, seed=seed, metric="detection_delay")
        for method, value in (("slow", 30.0), ("quick", 2.0))
        for seed in (0, 1)
    ]
    grid = write(tmp_path, records, metric="detection_delay").grid
    assert [row[0] for row in grid.cells] == ["quick", "slow"]
    assert bold(grid) == {("quick", "fan")}


def test_data_sets_are_told_apart(tmp_path):
    records = [made(0.5), made(0.6)]
    object.__setattr__(records[1].unit, "data", "E")
    assert write(tmp_path, records).grid.header == ["AUROC", "D fan", "E fan", MEAN]


def test_more_cases_than_a_picture_holds_are_all_in_the_table(tmp_path):
    records = table({"a": {f"case {n}": [0.5] for n in range(20)}})
    written = write(tmp_path, records)
    assert len(written.grid.header) == 22
    assert written.remarks[-1] == "The picture shows the first 11 of 20 cases."
