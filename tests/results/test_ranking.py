import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.stats import rankdata

from anomalib_ts.results.ranking import pareto_front, ranks, wins

FEW_VALUES = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
MATRICES = arrays(float, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=FEW_VALUES)


def test_ties_share_the_mean_of_their_ranks():
    values = np.array([[0.9, 0.5], [0.9, 0.7], [0.1, 0.5]])
    assert ranks(values).tolist() == [[1.5, 2.5], [1.5, 1.0], [3.0, 2.5]]


@given(MATRICES)
def test_ranks_as_scipy_has_them(values):
    np.testing.assert_array_equal(ranks(values), rankdata(-values, axis=0))


@given(MATRICES)
def test_wins_losses_and_ties_add_up(values):
    won = wins(values)
    assert (np.diag(won) == 0).all()
    for a in range(len(values)):
        for b in range(len(values)):
            assert won[a, b] == sum(x > y for x, y in zip(values[a], values[b], strict=True))
            ties = (values[a] == values[b]).sum()
            assert won[a, b] + won[b, a] + ties == values.shape[1]


def test_pareto_front():
    values = np.array([0.9, 0.8, 0.8, 0.7, np.nan, 0.95])
    seconds = np.array([5.0, 1.0, 1.0, 2.0, 0.1, np.nan])
    assert pareto_front(values, seconds).tolist() == [True, True, True, False, False, False]


def test_equal_accuracy_slower_is_not_on_the_front():
    assert pareto_front(np.array([0.8, 0.8]), np.array([1.0, 2.0])).tolist() == [True, False]
