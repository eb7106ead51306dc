"""One definition of "the same method" and "the same series", whoever asks."""

import itertools
from dataclasses import replace

import pytest

from anomalib_ts.results.entries import entries
from anomalib_ts.results.leaderboard import leaderboard
from anomalib_ts.results.methods import sort_results
from anomalib_ts.views.figures.places import placed
from tests.makers.figure_stores import made
from tests.makers.records import failed, ok, unit


def both_views(records):
    """How the leaderboard and a figure divide records: sets of places in the list."""

    def partition(found):
        groups = {}
        for record, *names in found:
            groups.setdefault(tuple(names), set()).add(
                next(i for i, one in enumerate(records) if one is record)
            )
        return set(map(frozenset, groups.values()))

    methods = [partition((e.record, e.method) for e in entries(records).kept)]
    methods += [partition((r.record, r.method) for r in placed(records))]
    series = [partition((e.record, e.series) for e in entries(records).kept)]
    series += [partition((r.record, r.case) for r in placed(records))]
    return methods, series


SETTINGS = {
    "detector__window": (8, 32),
    "detector__trainer": ({"steps": 5}, {"steps": 9}),
    "protocol__fraction": (0.1, 0.2),
    "threshold__level": (0.9, 0.99),
}


@pytest.mark.parametrize("names", list(itertools.combinations(SETTINGS, 2)))
@pytest.mark.parametrize("case", ["same case", "another case each"])
def test_every_setting_makes_a_method_in_both_views(names, case):
    choices = itertools.product(*(SETTINGS[name] for name in names), (0, 1))
    records = [
        made(
            0.5,
            seed=seed,
            case=f"fan {a}" if "another" in case else "fan",
            **{names[0]: a, names[1]: b},
        )
        for a, b, seed in choices
    ]
    (board, figure), (cases, panels) = both_views(records)
    assert board == figure == {frozenset({i, i + 1}) for i in range(0, 8, 2)}
    assert cases == panels


@pytest.mark.parametrize("part", ["detector", "protocol", "threshold"])
@pytest.mark.parametrize(
    ("seeds", "expected"),
    [
        ([(0, 0), (1, 1), (2, 2)], [{0, 1, 2}]),  # follows
        ([(0, 3), (1, 3), (3, 3)], [{0, 1, 2}]),  # fixed, and once equal by chance
        ([(0, 0), (1, 0)], [{0, 1}]),
        ([(0, 0), (0, 1), (1, 0), (1, 1)], [{0, 2}, {1, 3}]),  # every one with every other
        ([(0, 0), (1, 1), (2, 2), (0, 7), (1, 7)], [{0, 1, 2}, {3, 4}]),
        ([(4, 4)], [{0}]),
    ],
)
def test_a_seed_that_follows_is_no_difference_and_a_fixed_one_is_a_setting(part, seeds, expected):
    records = [made(0.5, seed=seed, **{f"{part}__seed": drawn}) for seed, drawn in seeds]
    methods, _ = both_views(records)
    assert methods == [set(map(frozenset, expected))] * 2


@pytest.mark.parametrize("seeds", [[(0, 0), (1, 1)], [(0, 3), (1, 3), (3, 3)]])
def test_data_made_with_a_seed_is_one_series_where_it_follows_or_is_fixed(seeds):
    records = [
        made(0.5, seed=seed, data__seed=drawn, fingerprint=f"data {drawn}") for seed, drawn in seeds
    ]
    methods, series = both_views(records)
    everything = {frozenset(range(len(records)))}
    assert methods == series == [everything, everything]
    assert sort_results(records).outdated == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"data__n_points": (500, 1000)},
        {"data__root": ("plant 1", "plant 2")},
        {"data__path": ("plant 1/fan.csv", "plant 2/fan.csv")},
        {"data__seed": (5, 6)},
    ],
)
def test_other_settings_of_the_data_are_another_series_and_no_old_version(settings):
    ((name, values),) = settings.items()
    records = [made(0.5, fingerprint=f"of {value}", **{name: value}) for value in values]
    found = entries(records)
    assert (len(found.kept), found.outdated) == (2, 0)
    _, series = both_views(records)
    assert series == [{frozenset({0}), frozenset({1})}] * 2
    assert [row.cases for row in leaderboard(records)] == [2]


def test_names_of_series_show_in_what_their_data_differs():
    records = [made(0.5, fingerprint=f"{n}", data__n_points=n) for n in (500, 1000)]
    assert [e.series.case for e in entries(records).kept] == [
        "fan (n_points=500)",
        "fan (n_points=1000)",
    ]
    moved = [made(0.5, fingerprint=f"{n}", data__root=f"/long/{n}") for n in (1, 2)]
    assert all(e.series.case.startswith("fan (data ") for e in entries(moved).kept)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {}),
        ({"data__path": "d/fan.csv"}, {"data__path": "d"}),
        ({"data__path": "d/*.csv"}, {"data__path": "d/fan.csv"}),
        ({"data__series": "*"}, {"data__series": "f*"}),
        ({"data__jobs": 1}, {"data__jobs": 4}),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_results_on_an_older_version_of_their_data_are_left_out(old, new, order, caplog):
    records = [
        made(0.1, fingerprint="old", **old),
        made(0.2, "other", fingerprint="old", **old),
        made(0.9, fingerprint="new", **new),
        made(0.9, case="pump"),
    ]
    times = [replace(r, finished=f"2026-01-0{i + 1}") for i, r in enumerate(records)]
    found = entries(times[::order])
    assert {e.record.unit.fingerprint for e in found.kept} == {"new", records[3].unit.fingerprint}
    assert {e.series.case for e in found.kept} == {"fan", "pump"}
    assert found.outdated == 2
    (row,) = leaderboard(times[::order])
    assert (row.cases, row.metrics["auroc"]) == (2, 0.9)
    assert caplog.messages == ["2 results on an older version of their data are left out"]


def test_the_same_data_found_in_another_place_stays_one_series():
    records = [made(0.5, seed=seed, data__root=f"folder {seed}") for seed in (0, 1)]
    _, series = both_views(records)
    assert series == [{frozenset({0, 1})}] * 2


@pytest.mark.parametrize(
    ("decides", "one", "other", "label"),
    [
        ("points", {"window": 3}, {"window": 150}, ("window=3", "window=150")),
        ("points", {"window": "period"}, {"window": 3}, ("window=period", "window=3")),
        ("mean", {"reduce": "mean"}, {"reduce": "max"}, ("reduce=mean", "reduce=max")),
    ],
)
def test_values_judged_by_different_rules_never_share_a_row(decides, one, other, label):
    plain = {"window": "period", "reduce": "mean"}
    records = [
        replace(ok(0.5 + seed / 10, seed=seed), decides=decides, judged=plain | rules)
        for seed, rules in enumerate((one, one, other))
    ]
    rows = leaderboard(records)
    assert {row.detector for row in rows} == {f"a ({text})" for text in label}
    assert sorted(row.seeds for row in rows) == [1, 2]
    methods, _ = both_views(records)
    assert methods == [{frozenset({0, 1}), frozenset({2})}] * 2


def test_rules_that_decide_nothing_are_no_difference():
    points = [
        replace(ok(0.5, seed=seed), judged={"window": "period", "reduce": reduce})
        for seed, reduce in enumerate(("mean", "max"))
    ]
    clips = [
        replace(
            ok(0.5, data="E", seed=seed), decides="mean", judged={"window": w, "reduce": "mean"}
        )
        for seed, w in enumerate((3, 5))
    ]
    assert {row.detector for row in leaderboard([*points, *clips])} == {"a"}


def test_a_failure_counts_against_the_rules_that_most_of_its_method_were_judged_by():
    records = [
        replace(ok(0.5, case=case), judged={"window": window, "reduce": "mean"})
        for case, window in (("x", 3), ("y", 3), ("z", 9))
    ]
    rows = leaderboard([*records, failed(case="hard")])
    assert {row.detector: row.failed for row in rows} == {"a (window=3)": 1, "a (window=9)": 0}


@pytest.mark.parametrize("x", ["detector.window", "protocol.n", "threshold.level", "data.n_train"])
def test_the_setting_of_an_axis_is_no_difference(x):
    part, name = x.split(".")
    records = [
        made(
            0.5, seed=seed, fingerprint=f"{n}" if part == "data" else "f", **{f"{part}__{name}": n}
        )
        for n in (5, 10)
        for seed in (0, 1)
    ]
    found = placed(records, x)
    assert {(r.method, r.case) for r in found} == {("weak", "fan")}
    assert [r.x for r in found] == [5, 5, 10, 10]


def test_a_copy_of_a_record_counts_once():
    one = ok(0.2)
    found = entries([one, replace(one), ok(0.8, seed=1)])
    assert len(found.kept) == 2
    assert found.remarks == ["1 result stored twice is left out"]


def test_equal_names_of_unlike_methods_are_told_apart():
    other = unit()
    other.detector_settings["window"] = 5
    names = {e.method.name for e in entries([ok(0.5), replace(ok(0.6), unit=other)]).kept}
    assert names == {"a (window=5)", *(n for n in names if n != "a (window=5)")} and len(names) == 2
