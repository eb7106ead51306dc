import numpy as np
import pytest

from anomalib_ts.errors import InputError
from anomalib_ts.results.comparison import compare
from anomalib_ts.results.entries import Method, Series, entries
from anomalib_ts.results.published import LAYOUTS, PublishedTable
from anomalib_ts.results.standings import standings
from tests.makers.records import failed, ok, undefined


def comparison(*records, metric="auroc", published=()):
    return compare(entries(records).kept, metric, published)


def lines(*records, metric="auroc"):
    kept = entries(records).kept
    return {x.method.name: x for x in standings(kept, compare(kept, metric))}


def test_seeds_are_averaged_before_series():
    found = comparison(ok(0.2), ok(0.4, seed=1), ok(0.9, case="y"))
    assert found.series == (Series("D", "x"), Series("D", "y"))
    np.testing.assert_allclose(found.means, [[0.3, 0.9]])


def test_ranks_use_only_series_that_every_method_has():
    found = comparison(
        *(ok(0.9, "a", case) for case in "wxyz"),
        *(ok(0.5, "b", case) for case in "wxy"),
        failed("b", "z"),
    )
    common = found.common()
    assert [s.case for s in common.series] == ["w", "x", "y"]
    assert common.all_series == 4
    assert common.left_out == {}


def test_a_method_with_few_values_is_named_not_ranked_and_shrinks_nothing():
    found = comparison(
        *(ok(0.9, "a", case) for case in "wxyz"),
        *(ok(0.5, "b", case) for case in "wxyz"),
        ok(1.0, "few", "w"),
        failed("few", "x"),
    )
    common = found.common()
    assert len(common.series) == 4
    assert common.left_out == {Method("few", "whole"): 1}


def test_a_series_without_anomalies_is_no_gap():
    found = comparison(ok(0.9, case="y"), undefined(), undefined("b"), ok(0.5, "b", "y"))
    assert found.series == (Series("D", "y"),)
    assert found.without_value == (Series("D", "x"),)


def test_failures_are_never_zero_and_always_counted():
    found = lines(ok(0.8), ok(0.6, case="y"), failed(case="z"), ok(0.1, "b"), failed("c"))
    assert found["a"].mean == pytest.approx(0.7)
    assert (found["a"].covered, found["a"].tally.series, found["a"].tally.failed) == (2, 3, 1)
    assert found["c"].mean is None
    assert found["c"].place is None


def test_a_seed_that_failed_is_left_out_of_the_mean_and_counted():
    found = lines(ok(0.8), failed(seed=1))["a"]
    assert found.mean == 0.8
    assert (found.covered, found.tally.failed, found.tally.seeds) == (1, 1, 2)


def test_means_over_series_and_over_data_sets_differ():
    found = lines(ok(0.9, data="E"), ok(0.3, case="x"), ok(0.6, case="y"))["a"]
    assert found.mean == pytest.approx(0.6)
    assert found.mean_of_data_sets == pytest.approx((0.45 + 0.9) / 2)
    assert found.by_data == pytest.approx({"D": 0.45, "E": 0.9})
    assert found.covered_by_data == {"D": 2, "E": 1}


def test_place_on_the_common_series():
    found = lines(
        *(ok(value, "a", case) for case, value in zip("wxyz", (0.9, 0.5, 0.5, 0.7), strict=True)),
        *(
            ok(value, "b", case, fit=9.0)
            for case, value in zip("wxy", (0.1, 0.5, 0.8), strict=True)
        ),
    )
    place = found["a"].place
    assert (place.wins, place.ties, place.losses) == (1, 1, 1)
    assert place.mean_rank == pytest.approx((1 + 1.5 + 2) / 3)
    assert place.mean == pytest.approx(1.9 / 3)
    assert place.seconds == 1.5
    assert place.on_front
    assert not found["b"].place.on_front


def test_less_is_better_for_a_delay():
    metric = "detection_delay"
    records = [ok(0, name, metrics={metric: delay}) for name, delay in (("a", 9.0), ("b", 2.0))]
    found = lines(*records, metric=metric)
    assert list(found) == ["b", "a"]
    assert found["b"].place.mean == 2.0
    assert found["b"].place.on_front


def test_no_values_at_all():
    found = lines(failed(), failed("b"))
    assert {x.mean for x in found.values()} == {None}
    assert {x.tally.failed for x in found.values()} == {1}


def table(values, cases, data="D", layout=LAYOUTS[0]):
    methods = tuple(Method(f"M{i}", "", layout.source) for i in range(len(values)))
    return PublishedTable(layout, methods, tuple(Series(data, c) for c in cases), np.array(values))


def test_quoted_methods_stand_beside_ours_on_our_series():
    quoted = table([[0.9, 0.1, np.nan], [0.2, 0.3, 0.4]], "xyz")
    found = comparison(ok(0.5), ok(0.5, case="z"), published=[quoted])
    assert [m.source for m in found.methods] == ["", "TSB-UAD", "TSB-UAD"]
    np.testing.assert_allclose(found.means, [[0.5, 0.5], [0.9, np.nan], [0.2, 0.4]])
    assert np.isnan(found.seconds[1:]).all()


def test_a_published_table_of_another_metric_is_refused():
    with pytest.raises(InputError, match=r"holds auroc.*compares aupr.*--metric auroc"):
        comparison(ok(0, metrics={"aupr": 0.5}), metric="aupr", published=[table([[0.9]], "x")])


def test_a_published_table_of_other_series_is_refused():
    with pytest.raises(InputError, match="none of the 1 series"):
        comparison(ok(0.5), published=[table([[0.9]], "x", data="E")])
