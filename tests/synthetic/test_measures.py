"""Measures with known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

from anomalib_ts.errors import InputError, UndefinedMetricError
from anomalib_ts.synthetic.measures.classifiers import learnt_from, told_apart
from anomalib_ts.synthetic.measures.frechet import (
    frechet_by_label,
    frechet_distance,
    inception_score,
)
from anomalib_ts.synthetic.measures.marginals import column_distances, label_shift
from anomalib_ts.synthetic.measures.neighbours import exact_copies, nearer_to_training, support
from tests.synthetic.toy import toy_tables


def rows(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def test_the_inception_score_is_between_one_and_the_number_of_labels():
    assert inception_score(np.tile(np.eye(28), (3, 1))) == pytest.approx(28)
    assert inception_score(np.tile(np.eye(28)[3], (50, 1))) == 1
    assert inception_score(np.full((50, 28), 1 / 28)) == pytest.approx(1)
    half = np.array([[1.0, 0], [0.5, 0.5]])  # p(y) = (3/4, 1/4)
    expected = np.exp((np.log(4 / 3) + 0.5 * np.log(2 / 3) + 0.5 * np.log(2)) / 2)
    assert inception_score(half) == pytest.approx(expected)


@given(st.integers(0, 1000), st.integers(1, 6), st.integers(2, 30))
@settings(max_examples=30)
def test_the_inception_score_stays_in_range(seed, labels, n):
    shares = np.random.default_rng(seed).dirichlet(np.full(labels, 0.1), n)
    assert 1 <= inception_score(shares) <= labels + 1e-9


def with_moments(mean, deviations, n=400):
    """Rows whose mean and standard deviations are these, uncorrelated, to the last digit."""
    drawn = rows(n, len(mean))
    drawn -= drawn.mean(axis=0)
    whitened = drawn @ np.linalg.inv(np.linalg.cholesky(np.cov(drawn, rowvar=False))).T
    return mean + whitened * deviations


def test_the_frechet_distance_of_uncorrelated_gaussians():
    one = with_moments(np.zeros(3), np.array([1.0, 2.0, 3.0]))
    other = with_moments(np.array([1.0, 0.0, -2.0]), np.array([2.0, 2.0, 0.5]))
    expected = 1 + 4 + 1 + 0 + 2.5**2
    assert frechet_distance(one, other) == pytest.approx(expected, abs=1e-9)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(one, one + 0.5) == pytest.approx(3 * 0.25, abs=1e-9)


def test_the_frechet_distance_turns_with_the_rows_and_equals_the_square_root_of_matrices():
    one, other = rows(200, 5) * [1, 2, 3, 4, 5], rows(200, 5, 1) @ rows(5, 5, 2) + 1
    turn = np.linalg.qr(rows(5, 5, 3))[0]
    found = frechet_distance(one, other)
    assert frechet_distance(one @ turn, other @ turn) == pytest.approx(found, abs=1e-8)
    assert frechet_distance(other, one) == pytest.approx(found, abs=1e-8)
    a, b = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    shift = np.square(one.mean(axis=0) - other.mean(axis=0)).sum()
    by_roots = shift + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert found == pytest.approx(by_roots, abs=1e-8)


def test_covariances_without_full_rank_do_no_harm():
    constant = np.tile([1.0, 2.0, 3.0], (10, 1))
    assert frechet_distance(constant, constant) == 0
    assert frechet_distance(constant, constant + 1) == pytest.approx(3)
    few = rows(3, 20)
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-9)
    with pytest.raises(UndefinedMetricError, match="at least two rows"):
        frechet_distance(few[:1], few)


def test_labels_with_few_rows_have_no_frechet_distance_of_their_own():
    labels = np.repeat([0, 1, 2], [60, 60, 49])
    found = frechet_by_label(rows(169, 2), labels, rows(169, 2) + (labels == 1)[:, None], labels)
    assert found == pytest.approx({0: 0, 1: 2}, abs=1e-9)


def by_loops(real, fake, k):
    """Precision, recall, density and coverage, from their definitions."""
    reach = {
        name: [sorted(np.linalg.norm(sample - row, axis=1))[k] for row in sample]
        for name, sample in (("real", real), ("fake", fake))
    }
    between = cdist(real, fake)
    among_real = [
        [d < r for d, r in zip(column, reach["real"], strict=True)] for column in between.T
    ]
    among_fake = [[d < r for d, r in zip(line, reach["fake"], strict=True)] for line in between]
    return (
        np.mean([any(near) for near in among_real]),
        np.mean([any(near) for near in among_fake]),
        np.mean([sum(near) / k for near in among_real]),
        np.mean([min(line) < r for line, r in zip(between, reach["real"], strict=True)]),
    )


@pytest.mark.parametrize("k", [1, 5])
def test_support_is_what_its_definitions_say(k):
    real, fake = rows(60, 3), 0.7 * rows(50, 3, 1) + 0.5
    found = support(real, fake, k)
    values = (found.precision, found.recall, found.density, found.coverage)
    assert values == pytest.approx(by_loops(real, fake, k))


def test_support_of_the_same_far_and_collapsed_rows():
    real = rows(100, 2)
    same, far = support(real, real.copy()), support(real, real + 100)
    assert (same.precision, same.recall, same.coverage) == (1, 1, 1)
    assert (far.precision, far.recall, far.density, far.coverage) == (0, 0, 0, 0)
    collapsed = support(real, np.tile(real[np.linalg.norm(real, axis=1).argmin()], (100, 1)))
    assert collapsed.precision == 1
    assert collapsed.recall == 0
    assert collapsed.coverage < 0.2
    with pytest.raises(InputError, match="5 rows are too few for 5 neighbours"):
        support(real, real[:5])


def test_copies_are_nearer_to_training_rows():
    train, holdout, fresh = rows(300, 3), rows(300, 3, 1), rows(300, 3, 2)
    assert nearer_to_training(train + 1e-6, train, holdout) == 1
    assert nearer_to_training(holdout, train, holdout) == 0
    assert nearer_to_training(fresh, train, holdout) == pytest.approx(0.5, abs=0.1)
    assert nearer_to_training(fresh, train, train) == 0.5
    assert exact_copies(np.array([[0.0, 1.0], [2.0, 2.0]]), np.array([[-0.0, 1.0]])) == 0.5


def test_a_forest_tells_what_differs_and_learns_what_can_be_learnt():
    assert told_apart(rows(200, 3), rows(200, 3, 1)) == pytest.approx(0.5, abs=0.1)
    assert told_apart(rows(200, 3), rows(200, 3, 1) + np.array([0, 0, 5])) > 0.99
    labels = np.repeat([0, 1], 100)
    split = rows(200, 2) + 6 * labels[:, None]
    assert learnt_from(split, labels, split + 0.01, labels) > 0.98
    assert learnt_from(split, labels, split, 1 - labels) < 0.02
    assert learnt_from(split[:100], labels[:100], split, labels) == 0.5


def test_shares_of_labels_and_columns():
    assert label_shift(np.array([0, 1]), np.array([2, 2]), 3) == 1
    assert label_shift(np.array([0, 1]), np.array([1, 0, 1, 0]), 3) == 0
    one, other = toy_tables(2000, 2000)
    assert column_distances(one, one).tolist() == [0, 0, 0, 0]
    assert column_distances(one, other).max() < 0.1
    shifted = other.take(np.arange(2000))
    shifted.values[:, 1] += 2
    distances = dict(zip(one.schema.columns, column_distances(one, shifted), strict=True))
    assert distances["rate"] == 1
    assert distances["size"] < 0.1
