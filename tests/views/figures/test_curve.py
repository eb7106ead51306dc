"""Values against a setting."""

import csv
from statistics import stdev

import pytest

from anomalib_ts.errors import ConfigError, UndefinedMetricError
from anomalib_ts.results.store import Store
from anomalib_ts.views.figures import write_figure
from anomalib_ts.views.figures.axis import axis_of
from anomalib_ts.views.figures.curve import Curve, lines_of
from anomalib_ts.views.figures.places import placed
from tests.makers.figure_stores import made

TARGET = "anomalib_ts.views.figures.curve.Curve"


def write(folder, records, **settings):
    settings = {"_target_": TARGET, "x": "protocol.n_train_anomalous"} | settings
    return write_figure(settings, Store(folder), records)


def rows(folder, name="curve"):
    return list(csv.DictReader((folder / f"{name}.csv").open()))


def counts(method, values, **more):
    """Records by number of anomalies: `{5: [value of seed 0, of seed 1, ...]}`."""
    return [
        made(value, method, seed=seed, protocol__n_train_anomalous=n, **more)
        for n, by_seed in values.items()
        for seed, value in enumerate(by_seed)
    ]


def test_means_and_deviations_over_seeds(tmp_path):
    records = counts("weak", {20: [0.7, 0.9], 5: [0.5, 0.52]})
    grid = write(tmp_path, records).grid
    assert grid.header == ["n_train_anomalous", "auroc".upper()]
    assert grid.cells == [
        ["5", f"0.510 ±{stdev([0.5, 0.52]):.3f}"],
        ["20", f"0.800 ±{stdev([0.7, 0.9]):.3f}"],
    ]


def test_files_hold_every_value_and_the_table(tmp_path):
    written = write(tmp_path, counts("weak", {5: [0.5, 0.6], 20: [0.7, None]}), name="study")
    assert [path.name for path in written.paths] == [
        "study.png",
        "study.csv",
        "study.md",
        "study.tex",
    ]
    assert (tmp_path / "study.png").read_bytes().startswith(b"\x89PNG")
    assert "| 5 | 0.550 ±0.071 |" in (tmp_path / "study.md").read_text()
    found = [
        (r["protocol.n_train_anomalous"], r["seed"], r["value"]) for r in rows(tmp_path, "study")
    ]
    assert found == [("5", "0", "0.5"), ("5", "1", "0.6"), ("20", "0", "0.7"), ("20", "1", "")]


def test_failed_and_missing_seeds_are_counted_and_named(tmp_path):
    records = counts("weak", {5: [0.5, 0.6, 0.7], 20: [0.7, None, 0.8]})[:-1]
    written = write(tmp_path, records)
    assert written.grid.cells[1] == ["20", "0.700 (1/3)"]
    assert "over 3 seeds (0, 1, 2). (1/3): only 1 of them" in written.remarks[0]
    assert written.remarks[1] == (
        "1 of 5 units failed and are left out: weak at 20 on fan, seed 1."
    )


def test_one_seed_has_no_deviation(tmp_path):
    written = write(tmp_path, counts("weak", {5: [0.5]}))
    assert written.grid.cells == [["5", "0.500"]]
    assert "the spread between seeds is not known" in written.remarks[0]


def test_methods_that_do_not_depend_on_the_setting_are_level(tmp_path):
    records = [
        *counts("weak", {5: [0.5, 0.6], 20: [0.7, 0.8]}),
        *counts("dense", {5: [0.4, 0.6], 20: [0.4, 0.6]}),
        made(0.3, "random"),
    ]
    found = placed(records, "protocol.n_train_anomalous")
    lines = {line.method: line for line in lines_of(found, ["auroc"])}
    assert {name: line.level for name, line in lines.items()} == {
        "weak": False,
        "dense": True,
        "random": True,
    }
    cells = write(tmp_path, records).grid.cells
    assert cells[2:] == [["dense", "any", "0.500 ±0.141"], ["random", "any", "0.300 (1/2)"]]


def test_a_method_whose_seeds_differ_is_not_level_though_its_means_agree():
    records = counts("weak", {5: [0.4, 0.6], 20: [0.6, 0.4]})
    (line,) = lines_of(placed(records, "protocol.n_train_anomalous"), ["auroc"])
    assert not line.level


def test_where_the_setting_makes_no_difference_at_all_every_value_of_it_is_shown(tmp_path):
    grid = write(tmp_path, counts("dense", {5: [0.4, 0.6], 20: [0.4, 0.6]})).grid
    assert [row[0] for row in grid.cells] == ["5", "20"]


def test_several_cases_and_learnt_numbers(tmp_path):
    records = [
        made(0.5 + level / 10, case=case, detector__level=level, fitted={"a": 100 * level})
        for case in ("fan", "pump")
        for level in (0.8, 0.95)
    ]
    grid = write(tmp_path, records, x="detector.level", metrics=["auroc", "fitted/a"]).grid
    assert grid.header == ["case", "level", "AUROC", "a"]
    assert grid.cells[0] == ["fan", "0.8", "0.580", "80.00"]
    assert grid.cells[3] == ["pump", "0.95", "0.595", "95.00"]


def test_other_settings_that_were_swept_tell_lines_apart(tmp_path):
    records = [
        made(0.5, seed=seed, detector__window=window, protocol__n_train_anomalous=n)
        for window in (8, 32)
        for n in (5, 10)
        for seed in (0, 1)
    ]
    methods = {row[0] for row in write(tmp_path, records).grid.cells}
    assert methods == {"weak (window=8)", "weak (window=32)"}


def test_a_seed_that_does_not_follow_is_a_difference(tmp_path):
    same = [made(0.5, seed=seed, data__seed=0) for seed in (0, 1)]
    assert {result.method for result in placed(same)} == {"weak"}
    other = [made(0.5, seed=0, data__seed=seed, fingerprint=f"{seed}") for seed in (0, 1)]
    assert {result.case for result in placed(other)} == {"fan (seed=0)", "fan (seed=1)"}


def test_stored_results_of_the_same_data_belong_together_wherever_it_lay():
    moved = [made(0.5, seed=seed, data__root=f"folder {seed}") for seed in (0, 1)]
    assert {result.method for result in placed(moved)} == {"weak"}
    sizes = [
        made(0.5, data__root=f"folder {n}", data__n_train=n, fingerprint=f"{n}") for n in (10, 20)
    ]
    found = placed(sizes, "data.n_train")
    assert [(result.method, result.x) for result in found] == [("weak", 10), ("weak", 20)]
    assert {result.case for result in placed(sizes)} == {"fan (n_train=10)", "fan (n_train=20)"}


def test_the_training_schedule_is_a_part_of_the_detector(tmp_path):
    records = [
        made(0.5 + steps / 1000, detector__trainer={"_target_": "T", "max_steps": steps})
        for steps in (100, 200)
    ]
    assert write(tmp_path, records, x="trainer.max_steps").grid.cells == [
        ["100", "0.600"],
        ["200", "0.700"],
    ]


def test_nothing_to_draw_is_said(tmp_path):
    with pytest.raises(UndefinedMetricError, match="no unit of 1 succeeded"):
        write(tmp_path, [made(None)])
    with pytest.raises(UndefinedMetricError, match="no result has pauc; there are auroc, fitted/a"):
        write(tmp_path, [made(0.5, fitted={"a": 1.0})], metrics=["pauc"])


@pytest.mark.parametrize(
    ("values", "places", "how"),
    [
        ([1, 2, 4], [1, 2, 4], ""),
        ([10, 100, 1000], [1, 2, 3], "logarithmic"),
        ([0.8, 0.95, 0.99, 0.999], [0, 1, 2, 3], "evenly spaced"),
        (["mean", "max"], [0, 1], ""),
        ([5, None], [0, 1], ""),
        ([5], [5], ""),
        ([-5, 0, 50], [-5, 0, 50], "evenly spaced"),
    ],
)
def test_axes(values, places, how):
    axis = axis_of(values)
    assert axis.how == how
    if how != "evenly spaced":
        assert list(axis.places.values()) == pytest.approx(places)
    assert len(set(axis.places.values())) == len(values)


@pytest.mark.parametrize("name", ["", "a/b", ".hidden"])
def test_names_that_are_no_files_are_refused(name):
    with pytest.raises(ConfigError, match=r"figure\.name"):
        Curve(name=name)
