"""Expected values of a random score against enumeration of every order of the points."""

from itertools import permutations

import numpy as np
import pytest

from anomalib_ts.errors import InputError, UndefinedMetricError
from anomalib_ts.metrics import chance, evaluate

EXACT = ["auroc", "aupr", "pauc", "precision_at_k", "f1", "precision", "recall"]


def enumerated(labels, keys, n_alarms, **settings):
    """Values of every order of the points, `(orders,)` a key."""
    n = len(labels)
    tables = [
        evaluate(labels, order, keys, threshold=n - n_alarms - 0.5, **settings)
        for order in permutations(range(n))
    ]
    return {key: np.array([table[key] for table in tables]) for key in keys}


@pytest.mark.parametrize("labels", [[0, 1, 0, 0, 0, 0], [1, 1, 0, 1, 0, 0], [1, 0]])
@pytest.mark.parametrize("max_fpr", [0.1, 0.5, 0.7, 1.0])
def test_closed_forms_equal_the_mean_over_all_orders(labels, max_fpr):
    n_alarms = len(labels) // 2
    ours = chance(labels, EXACT, alarm_rate=n_alarms / len(labels), max_fpr=max_fpr, k=1)
    slow = enumerated(labels, EXACT, n_alarms, max_fpr=max_fpr, k=1)
    means = {key: values.mean() for key, values in slow.items()}
    assert ours == pytest.approx(means, abs=1e-12)


def test_the_others_are_seeded_means_near_the_enumeration():
    labels = [0, 1, 1, 0, 0]
    keys = ["oracle/f1", "pa/oracle/f1", "vus_pr", "range_f1", "detection_delay"]
    ours = chance(labels, keys, 2, alarm_rate=0.4, draws=200, seed=3)
    for key, values in enumerated(labels, keys, 2, window=2).items():
        standard_error = values.std() / np.sqrt(200)
        assert standard_error > 0
        assert abs(ours[key] - values.mean()) < 3.5 * standard_error, key
    assert ours == chance(labels, keys, 2, alarm_rate=0.4, draws=200, seed=3)
    assert ours != chance(labels, keys, 2, alarm_rate=0.4, draws=200, seed=4)


def test_full_has_the_same_keys_as_evaluate():
    labels = np.arange(50) % 10 == 3
    scores = np.linspace(0, 1, 50)
    without = chance(labels, window=4, draws=2)
    assert list(without) == list(evaluate(labels, scores, window=4))
    with_rate = chance(labels, window=4, alarm_rate=0.1, draws=2)
    assert list(with_rate) == list(evaluate(labels, scores, window=4, threshold=0.5))


def test_point_adjustment_makes_noise_look_good():
    labels = np.zeros(2000, dtype=bool)
    labels[500:700] = labels[1200:1500] = True
    values = chance(labels, ["oracle/f1", "pa/oracle/f1"], draws=5)
    assert values["pa/oracle/f1"] > 0.9
    assert values["oracle/f1"] < 0.5


def test_errors():
    with pytest.raises(InputError, match="alarm_rate"):
        chance([0, 1], "f1", alarm_rate=1.5)
    with pytest.raises(InputError, match="draw"):
        chance([0, 1], "oracle/f1", draws=0)
    with pytest.raises(InputError, match="threshold"):
        chance([0, 1], "f1")
    with pytest.raises(UndefinedMetricError):
        chance([0, 0], "auroc")
    with pytest.raises(UndefinedMetricError, match="no point is predicted"):
        chance([0, 1, 0], "precision", alarm_rate=0.0)
    assert chance([0, 0], "auroc", undefined="omit") == {}
