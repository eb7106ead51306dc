"""Estimator manners: scikit-learn's own checks, signs, and its tools for cross-validation."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError as SklearnNotFittedError
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score
from sklearn.utils.estimator_checks import check_estimator

from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors import DenseAutoencoder, IForest, Mahalanobis, MovingMean, load_detector
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.manners import healthy_sample
from anomalib_ts.errors import InputError, NotFittedError

BRIEF = TrainerSettings(accelerator="cpu", max_steps=3, progress=False)
WELCOME = {"check_fit1d": "a plain series is welcome here"}
SEQUENCE = dict.fromkeys(
    ("check_methods_sample_order_invariance", "check_methods_subset_invariance"),
    "a score depends on the points around: rows are a sequence, not a set",
)
ESTIMATORS = [
    (Mahalanobis(), WELCOME),
    (IForest(window=1, trees=5), WELCOME),
    (DenseAutoencoder(window=1, width=8, latent=2, trainer=BRIEF), WELCOME),
    (MovingMean(window=5), WELCOME | SEQUENCE),
    (DenseAutoencoder(window=4, width=8, latent=2, trainer=BRIEF), WELCOME | SEQUENCE),
]


@pytest.mark.parametrize(("detector", "left_out"), ESTIMATORS, ids=lambda one: type(one).__name__)
def test_the_checks_of_scikit_learn_pass(detector, left_out):
    results = check_estimator(
        detector, expected_failed_checks=left_out, on_skip=None, on_fail="raise"
    )
    assert len(results) > 35
    passed = {one["check_name"] for one in results if one["status"] == "passed"}
    # It would need SCIPY_ARRAY_API in the environment, which sets how SciPy treats all arrays.
    assert {one["check_name"] for one in results} - passed == {*left_out, "check_array_api_input"}


def data():
    values = np.random.default_rng(0).standard_normal((400, 2))
    labels = np.zeros(400, int)
    labels[::40] = 1
    values[::40] += 8
    return values, labels


@pytest.mark.parametrize("cv", [5, TimeSeriesSplit(4)], ids=str)
def test_cross_validation_ranks_anomalies_first(cv):
    values, labels = data()
    areas = cross_val_score(Mahalanobis(), values, labels, scoring="roc_auc", cv=cv)
    assert areas.min() == 1.0


def test_a_grid_search_finds_the_window():
    values, labels = data()
    search = GridSearchCV(Mahalanobis(), {"window": [1, 50]}, scoring="average_precision", cv=3)
    assert search.fit(values, labels).best_params_ == {"window": 1}


def test_signs_and_predictions_agree():
    values, labels = data()
    detector = Mahalanobis().fit(values[labels == 0])
    scores, decision = detector.score(values), detector.decision_function(values)
    np.testing.assert_array_equal(detector.score_samples(values), -scores)
    np.testing.assert_allclose(decision, scores - detector.threshold_)
    np.testing.assert_array_equal(detector.predict(values), (decision > 0).astype(int))
    assert detector.predict(values)[labels == 1].all()
    assert set(np.unique(detector.predict(values))) == {0, 1}


def test_the_threshold_lets_a_hundredth_of_the_training_points_through():
    values, _ = data()
    detector = Mahalanobis()
    assert detector.fit_predict(values).sum() == 4
    assert detector.threshold_ == pytest.approx(np.quantile(detector.score(values), 0.99))


def test_the_threshold_of_a_long_training_is_that_of_its_last_points():
    values = np.random.default_rng(0).standard_normal(5000)
    values[:2000] *= 100
    detector = Mahalanobis().fit(values)
    assert detector.threshold_ == pytest.approx(np.quantile(detector.score(values[-2048:]), 0.99))


def test_labelled_anomalies_do_not_raise_the_threshold():
    values, labels = data()
    noise = np.random.default_rng(1).standard_normal((100, 2))
    sample = healthy_sample([Recording(values, labels), Recording(noise)])
    np.testing.assert_array_equal(sample, noise)


def test_features_are_channels_and_have_names_where_there_are_some():
    values, _ = data()
    named = MovingMean().fit(pd.DataFrame(values, columns=["flow", "heat"]))
    assert (named.n_features_in_, named.feature_names_in_.tolist()) == (2, ["flow", "heat"])
    assert not hasattr(MovingMean().fit(values), "feature_names_in_")
    assert not hasattr(MovingMean(), "n_features_in_")


def test_an_unfitted_detector_raises_both_errors():
    for kind in (NotFittedError, SklearnNotFittedError):
        with pytest.raises(kind, match="must be fitted before"):
            MovingMean().predict([1.0])


def test_rows_of_the_wrong_width_are_told_what_to_do():
    detector = MovingMean().fit(np.zeros((5, 3)))
    with pytest.raises(InputError, match=r"has 1 channels.* Reshape your data to \(points, 3\)"):
        detector.score(np.zeros(5))


def test_a_model_of_before_says_why_it_cannot_predict():
    golden = Path(__file__).parents[1] / "saved" / "golden" / "mahalanobis.ats"
    with pytest.raises(InputError, match="saved by a version that kept no training points"):
        _ = load_detector(golden).threshold_
