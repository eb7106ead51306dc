"""Results that are unlike must never be averaged."""

from anomalib_ts.results.entries import Method, Series, entries
from tests.makers.records import ok


def methods(records):
    return [entry.method for entry in entries(records).kept]


def test_plain_names_where_nothing_differs():
    found = entries([ok(0.5), ok(0.6, seed=1), ok(0.7, variant="w=3")]).kept
    assert [e.method for e in found] == [Method("a", "whole")] * 2 + [Method("a (w=3)", "whole")]
    assert {e.series for e in found} == {Series("D", "x")}


def test_settings_of_a_protocol_show_only_if_they_differ():
    ten = {"_target_": "made.up.Prefix", "fraction": 0.1}
    twenty = {"_target_": "made.up.Prefix", "fraction": 0.2}
    one = ok(0.5, protocol="prefix", protocol_settings=ten)
    other = ok(0.5, protocol="prefix", protocol_settings=twenty)
    assert methods([one]) == [Method("a", "prefix")]
    assert [m.protocol for m in methods([one, other])] == [
        "prefix (fraction=0.1)",
        "prefix (fraction=0.2)",
    ]


def test_repetitions_whose_split_follows_the_seed_are_one_method():
    found = [
        ok(0.5, seed=seed, protocol="weak", protocol_settings={"n": 5, "seed": drawn})
        for seed, drawn in ((0, 0), (1, 1), (2, 1))
    ]
    assert {m.protocol for m in methods(found[:2])} == {"weak"}
    assert [m.protocol for m in methods(found)] == [
        "weak (seed=0)",
        "weak (seed=1)",
        "weak (seed=1)",
    ]


def test_another_threshold_is_another_method():
    strict = ok(0.5, threshold={"_target_": "made.up.Quantile", "level": 0.99})
    assert [m.name for m in methods([ok(0.5), strict, ok(0.1, "b")])] == [
        "a (threshold level=0.9)",
        "a (threshold level=0.99)",
        "b",
    ]


def test_only_the_newest_version_of_a_detector_counts():
    old, new, other = ok(0.1), ok(0.9, case="y", version=2), ok(0.5, "b")
    found = entries([old, new, other])
    assert [e.record for e in found.kept] == [new, other]
    assert found.superseded == 1
