import numpy as np
import pytest
from scipy import stats

from anomalib_ts.results.comparison import compare_published
from anomalib_ts.results.published import read_published
from anomalib_ts.results.statistics import (
    cliques,
    critical_difference,
    friedman,
    holm,
    interval_over_seeds,
    interval_over_series,
    nemenyi_distance,
    wilcoxon_holm,
)
from tests.makers.shared import shared_path
from tests.results.test_comparison import comparison, ok


def noisy(methods=4, series=30, step=0.05, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(0, 0.1, (methods, series)) + step * np.arange(methods)[:, None]


def test_interval_over_series_covers_as_often_as_it_says():
    """Of 400 samples of 40 series, 95 % of the intervals should hold the true mean, 0.5."""
    random = np.random.default_rng(0)
    hits = 0
    for trial in range(400):
        found = interval_over_series(random.beta(2, 2, 40), resamples=500, seed=trial)
        hits += found.low <= 0.5 <= found.high
    assert 0.91 < hits / 400 < 0.98


def test_interval_over_series_matches_the_textbook_error_and_skips_gaps():
    values = np.random.default_rng(1).normal(0.7, 0.1, 400)
    found = interval_over_series(np.append(values, np.nan), resamples=10_000)
    assert found.value == pytest.approx(values.mean())
    error = 1.96 * values.std() / 20
    assert found.low == pytest.approx(values.mean() - error, abs=0.05 * error)
    assert found.high == pytest.approx(values.mean() + error, abs=0.05 * error)


def test_interval_over_seeds_knows_nothing_of_series():
    spread = np.linspace(0, 1, 50)[:, None]
    assert interval_over_seeds(spread + np.zeros((1, 5))).low == pytest.approx(0.5)
    shifted = spread + np.array([0.0, 0.1, 0.2, 0.3, 0.4])
    found = interval_over_seeds(shifted, resamples=20_000)
    assert found.value == pytest.approx(0.7)
    exact = stats.bootstrap(
        (np.array([0.5, 0.6, 0.7, 0.8, 0.9]),), np.mean, method="percentile", rng=0
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.021)


def test_interval_over_seeds_with_a_failed_seed():
    """Series 0 lacks seed 1. Drawing seed 0 twice, 1 twice or each once: three possible means."""
    values = np.array([[0.2, np.nan], [0.4, 0.8]])
    found = interval_over_seeds(values, level=0.999)
    assert found.value == pytest.approx((0.2 + 0.6) / 2)
    assert found.low == pytest.approx((0.2 + 0.4) / 2)
    assert found.high == pytest.approx(0.8)  # only series 1 has seed 1


@pytest.mark.parametrize("values", [[], [0.3], [0.3, np.nan]])
def test_no_interval_from_one_value(values):
    assert interval_over_series(np.array(values)) is None
    assert interval_over_seeds(np.array([values])) is None


def test_holm_by_hand():
    """Sorted .01 .02 .03 .04 times 4 3 2 1 gives .04 .06 .06 .04, made monotone .04 .06 .06 .06."""
    np.testing.assert_allclose(holm(np.array([0.03, 0.01, 0.04, 0.02])), [0.06, 0.04, 0.06, 0.06])
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]
    assert holm(np.array([])).tolist() == []


def test_wilcoxon_of_each_pair_is_scipys():
    values = noisy(3)
    raw = [stats.wilcoxon(values[a], values[b]).pvalue for a, b in ((0, 1), (0, 2), (1, 2))]
    p = wilcoxon_holm(values)
    np.testing.assert_allclose([p[0, 1], p[0, 2], p[1, 2]], holm(np.array(raw)))
    np.testing.assert_array_equal(p, p.T)


def test_equal_methods_are_not_told_apart():
    values = noisy(2)
    assert wilcoxon_holm(np.stack([values[0], values[0], values[1]]))[0, 1] == 1.0


def test_friedman():
    values = noisy()
    assert friedman(values) == pytest.approx(tuple(stats.friedmanchisquare(*values)))
    assert friedman(values[:2]) is None
    assert friedman(np.ones((4, 9))) is None


@pytest.mark.parametrize(("methods", "q"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_nemenyi_against_the_table_of_demsar(methods, q):
    expected = q * np.sqrt(methods * (methods + 1) / (6 * 14))
    assert nemenyi_distance(methods, 14) == pytest.approx(expected, rel=5e-4)


def test_cliques_are_runs_in_which_all_pairs_are_alike():
    alike = np.ones((5, 5), dtype=bool)
    for a, b in ((0, 2), (0, 3), (0, 4), (1, 4), (2, 4)):
        alike[a, b] = alike[b, a] = False
    assert cliques(alike) == ((0, 1), (1, 3), (3, 4))
    assert cliques(np.ones((3, 3), dtype=bool)) == ((0, 2),)
    assert cliques(np.eye(3, dtype=bool)) == ()


def test_critical_difference_needs_two_methods_and_two_series():
    assert critical_difference(comparison(ok(0.5), ok(0.6, "b")).common()) is None
    assert critical_difference(comparison(ok(0.5), ok(0.6, case="y")).common()) is None
    two = comparison(ok(0.5), ok(0.6, "b"), ok(0.5, case="y"), ok(0.6, "b", "y")).common()
    found = critical_difference(two)
    assert found.order == (1, 0)
    assert found.cliques == ((0, 1),)  # two series cannot show anything


@pytest.mark.parametrize("table", ["tsb_uad_auc_roc", "tsb_ad_u_vus_pr"])
def test_critical_difference_of_published_results_agrees_with_scikit_posthocs(table):
    posthocs = pytest.importorskip("scikit_posthocs", reason="pip install scikit-posthocs")
    common = compare_published(read_published(shared_path(f"published/{table}.csv"))).common()
    found = critical_difference(common)
    np.testing.assert_allclose(
        found.mean_ranks, stats.rankdata(-common.values, axis=0).mean(axis=1)
    )
    theirs = posthocs.posthoc_wilcoxon(list(common.values), p_adjust="holm").to_numpy()
    np.testing.assert_allclose(found.p, theirs, rtol=1e-9)
    nemenyi = posthocs.posthoc_nemenyi_friedman(common.values.T).to_numpy()
    distance = np.abs(found.mean_ranks[:, None] - found.mean_ranks)
    np.testing.assert_array_equal(nemenyi < found.alpha, distance > found.nemenyi)
    for first, last in found.cliques:
        inside = np.ix_(found.order[first : last + 1], found.order[first : last + 1])
        assert (theirs[inside] >= found.alpha).all()
