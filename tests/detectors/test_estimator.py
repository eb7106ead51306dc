"""Outlier detectors of scikit-learn and PyOD by configuration."""

import sys

import numpy as np
import pytest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

from anomalib_ts import SklearnDetector, load_detector
from anomalib_ts.core.windows import sliding_window_view
from anomalib_ts.detectors.classical.window_detector import mean_scores
from anomalib_ts.errors import ConfigError, InputError, UntrustedError
from anomalib_ts.settings.config import checked, create

LOF = "sklearn.neighbors.LocalOutlierFactor"
SKLEARN = [
    {"_target_": LOF, "n_neighbors": 10},
    {"_target_": "sklearn.ensemble.IsolationForest", "n_estimators": 30},
    {"_target_": "sklearn.svm.OneClassSVM", "nu": 0.1},
    {"_target_": "sklearn.covariance.EllipticEnvelope"},
    {"_target_": "sklearn.linear_model.SGDOneClassSVM"},
]
PYOD = [{"_target_": f"pyod.models.{name}"} for name in ("copod.COPOD", "knn.KNN", "loda.LODA")]
PLACE = {"_target_": "anomalib_ts.detectors.SklearnDetector"}


def series(n=400, seed=0):
    noise = 0.1 * np.random.default_rng(seed).standard_normal(n)
    return np.sin(2 * np.pi * np.arange(n) / 20) + noise


def with_burst(n=300):
    values = series(n, seed=1)
    values[150:160] += 3
    return values


def kind(settings):
    return settings["_target_"].rpartition(".")[2]


@pytest.mark.parametrize("settings", SKLEARN + PYOD, ids=kind)
def test_a_burst_scores_highest_and_a_saved_detector_scores_alike(settings, tmp_path):
    if settings in PYOD:
        pytest.importorskip("pyod")
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002
    detector = SklearnDetector(window=10, estimator=settings).fit(series())
    scores = detector.score(with_burst())
    if kind(settings) != "SGDOneClassSVM":  # a plane through the origin does not tell them apart
        assert 140 < int(scores.argmax()) < 170
    again = load_detector(detector.save(tmp_path / "model.ats"))
    assert np.array_equal(again.score(with_burst()), scores)
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002


@pytest.mark.parametrize(
    ("settings", "plain"),
    [
        ({"_target_": LOF}, LocalOutlierFactor(novelty=True)),
        ({"_target_": "sklearn.svm.OneClassSVM", "nu": 0.2}, OneClassSVM(nu=0.2)),
    ],
    ids=["LocalOutlierFactor", "OneClassSVM"],
)
def test_scores_are_those_of_the_estimator_on_windows(settings, plain):
    detector = SklearnDetector(window=8, estimator=settings).fit(series())
    level, scale = series().mean(), series().std()

    def windows(values):
        return sliding_window_view(((values - level) / scale).astype(np.float32), 8)

    scores = -plain.fit(windows(series())).score_samples(windows(with_burst()))
    expected = mean_scores(scores, 300, 8)
    np.testing.assert_allclose(detector.score(with_burst()), expected, rtol=1e-4, atol=1e-6)


def test_pyods_scores_are_not_turned():
    knn = pytest.importorskip("pyod.models.knn")
    detector = SklearnDetector(window=1, estimator={"_target_": "pyod.models.knn.KNN"})
    train, new = series()[:, None], np.array([0.0, 1.0, 9.0])[:, None]
    expected = (
        knn.KNN()
        .fit((train - train.mean()) / train.std())
        .decision_function((new - train.mean()) / train.std())
    )
    np.testing.assert_allclose(detector.fit(train).score(new), expected, rtol=1e-4)


def test_the_examples_are_bounded_and_the_seed_is_handed_on():
    forest = {"_target_": "sklearn.ensemble.IsolationForest"}
    detector = SklearnDetector(window=4, estimator=forest, examples=50, seed=7).fit(series())
    assert detector.examples_.shape == (50, 4)
    assert detector.estimator_.random_state == 7
    own = SklearnDetector(window=4, estimator=forest | {"random_state": 3}).fit(series())
    assert own.estimator_.random_state == 3


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (None, ConfigError, r"must be set, as in detector\.estimator\._target_=sklearn"),
        ({"_target_": "sklearn.svm.SVC"}, ConfigError, "SVC is no OutlierEstimator"),
        ({"_target_": "subprocess.Popen"}, ConfigError, "is no OutlierEstimator"),
        ({"_target_": LOF, "novelty": False}, ConfigError, "scores no new windows"),
        ({"_target_": LOF, "n_neighbours": 3}, ConfigError, "n_neighbours"),
        ({"_target_": LOF, "n_neighbors": -3}, InputError, "cannot learn from 391 windows of 10"),
    ],
)
def test_what_cannot_be_used_is_refused(settings, error, message):
    with pytest.raises(error, match=message):
        SklearnDetector(window=10, estimator=settings).fit(series())


def test_settings_are_checked_before_anything_is_learnt():
    with pytest.raises(
        ConfigError, match=r"estimator\.n_neighbours: no such setting; did you mean"
    ):
        checked(PLACE | {"estimator": {"_target_": LOF, "n_neighbours": 3}}, "detector")
    for path in ("pyod.models.embedding.EmbeddingOD", "pyod.utils.encoders.Any"):
        with pytest.raises(UntrustedError, match=r"^detector\.estimator"):
            checked(PLACE | {"estimator": {"_target_": path}}, "detector")
    inner = {
        "_target_": "sklearn.ensemble.IsolationForest",
        "warm_start": {"_target_": "os.system"},
    }
    with pytest.raises(ConfigError):
        create(PLACE | {"estimator": inner}, "detector").fit(series())


def test_scikit_learn_may_be_named_in_its_place_only():
    with pytest.raises(ConfigError, match="is no Detector"):
        create({"_target_": LOF}, "detector")


def test_missing_pyod_says_how_to_get_it(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyod"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyod", None)
    with pytest.raises(
        ConfigError, match=r'pyod, which is missing: pip install "anomalib-ts\[pyod'
    ):
        SklearnDetector(estimator=PYOD[0]).fit(series())


def test_an_estimator_is_chosen_on_the_command_line(tmp_path, capsys):
    from anomalib_ts.cli.main import main

    data = ["data.n_points=600", "data.n_anomalies=1", "data.train_length=400"]
    chosen = [f"detector.estimator._target_={LOF}", "detector.estimator.n_neighbors=7"]
    run = ["run", "detector=sklearn", *chosen, *data, "detector.window=16", "plot=false"]
    assert main([*run, "baselines=none", f"results={tmp_path}"]) == 0
    said = capsys.readouterr().out
    assert "LocalOutlierFactor" in said
    assert "n_neighbors=7" in said
