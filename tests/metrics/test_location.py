"""The UCR score: does the highest point lie within 100 points of the anomaly?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalib_ts.errors import UndefinedMetricError
from anomalib_ts.metrics import chance, evaluate
from anomalib_ts.metrics.location import ucr_score
from anomalib_ts.metrics.scored import ScoredSeries


def series(n, anomalies, highest):
    labels, scores = np.zeros(n, dtype=int), np.zeros(n)
    labels[anomalies] = 1
    scores[highest] = 1.0
    return labels, scores


@pytest.mark.parametrize(
    ("highest", "found"),
    [(199, 0), (200, 1), (305, 1), (309, 1), (409, 1), (410, 0), ([0, 305], 0.5)],
)
def test_the_tolerance_is_100_points_on_each_side(highest, found):
    labels, scores = series(500, slice(300, 310), highest)
    assert evaluate(labels, scores, "ucr_score") == {"ucr_score": found}


def test_a_constant_score_is_worth_what_chance_is():
    labels, scores = series(1000, slice(500, 600), [])
    assert ucr_score(ScoredSeries(labels, scores)) == pytest.approx(300 / 1000)
    by_chance = chance(labels, "ucr_score", draws=400)["ucr_score"]
    assert by_chance == pytest.approx(300 / 1000, abs=0.08)


@given(st.lists(st.booleans(), min_size=2, max_size=40), st.data(), st.integers(0, 5))
def test_it_is_the_share_of_highest_points_near_an_anomaly(flags, data, tolerance):
    scores = data.draw(st.lists(st.integers(0, 3), min_size=len(flags), max_size=len(flags)))
    given = ScoredSeries(np.array(flags), np.array(scores, dtype=float))
    anomalies = np.flatnonzero(flags)
    if not 0 < len(anomalies) < len(flags):
        with pytest.raises(UndefinedMetricError):
            ucr_score(given, tolerance)
        return
    highest = [i for i, score in enumerate(scores) if score == max(scores)]
    near = [min(abs(anomalies - i)) <= tolerance for i in highest]
    assert ucr_score(given, tolerance) == pytest.approx(np.mean(near))
