"""Classical detectors on windows: known answers, by the plainest code there is for each."""

import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

from anomalib_ts import load_detector
from anomalib_ts.core.windows import centre_scores
from anomalib_ts.detectors import Hbos, IForest, IForest1, Lof, MatrixProfile, Ocsvm, Pca, Poly
from anomalib_ts.detectors.classical import matrix_profile, window_detector
from anomalib_ts.detectors.classical.window_detector import mean_scores
from anomalib_ts.errors import AnomalibTsWarning, InputError

EVERY = [
    IForest(trees=5),
    IForest1(trees=5),
    Hbos(),
    Lof(),
    MatrixProfile(),
    Ocsvm(),
    Pca(),
    Poly(),
]


def series(n=400, channels=1, seed=0, period=20):
    noise = 0.2 * np.random.default_rng(seed).normal(size=(n, channels))
    return np.sin(2 * np.pi * np.arange(n) / period)[:, None] + noise


def with_constant_stretch():
    values = series(200)
    values[40:60] = 0.3
    values[120:135] = -1
    return values


def rows(values, window):
    return sliding_window_view(values, window, axis=0).reshape(len(values) - window + 1, -1)


def standardised(values, like):
    return (values - like.mean(axis=0)) / like.std(axis=0)


def published(kind, values, **settings):
    """Scores of a detector that was fitted on something else."""
    other = 5 * series(50, seed=9)
    return kind(mode="published", **settings).fit(other).score(values)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 100))
def test_a_point_has_the_mean_score_of_its_windows(m, window, seed):
    scores = np.random.default_rng(seed).normal(size=m)
    n = m + window - 1
    expected = [scores[max(0, i - window + 1) : i + 1].mean() for i in range(n)]
    np.testing.assert_allclose(mean_scores(scores, n, window), expected, atol=1e-12)


class TestModes:
    @pytest.mark.parametrize("detector", EVERY, ids=lambda one: type(one).__name__)
    def test_published_learns_from_the_scored_series_and_default_from_training(self, detector):
        train, other, test = series(seed=1), series(seed=2, period=31), series(300, seed=3)
        same_scale = (other - other.mean()) / other.std() * train.std() + train.mean()
        for mode, alike in (("published", True), ("default", False)):
            one, two = (
                detector.__class__(**detector.get_params() | {"mode": mode}).fit(part).score(test)
                for part in (train, same_scale)
            )
            assert np.allclose(one, two, rtol=1e-3) == alike

    @pytest.mark.parametrize("detector", EVERY, ids=lambda one: type(one).__name__)
    def test_published_takes_one_channel(self, detector):
        two = series(100, channels=2)
        assert detector.capabilities.multivariate
        with pytest.raises(InputError, match="one channel"):
            detector.__class__(mode="published").fit(two)

    def test_the_window_is_the_period_of_training_and_one_point_for_iforest1(self):
        train, test = series(period=20), series(period=31)
        assert Hbos().fit(train).window_ == 20
        assert IForest1().fit(train).window_ == 1
        assert Hbos(mode="published", window=20).fit(train).score(test).shape == (400,)

    def test_a_published_window_is_at_most_a_twentieth_of_the_series(self):
        test = series(300, period=30)
        assert np.array_equal(published(Hbos, test), published(Hbos, test, window=15))

    @pytest.mark.parametrize("detector", EVERY, ids=lambda one: type(one).__name__)
    @pytest.mark.parametrize("mode", ["default", "published"])
    @pytest.mark.parametrize("n", [1, 2, 19, 20, 21])
    def test_short_recordings_are_scored(self, detector, mode, n):
        detector = detector.__class__(**detector.get_params() | {"mode": mode, "window": 20})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AnomalibTsWarning)
            assert np.isfinite(detector.fit(series(100)).score(series(n))).all()
            assert np.isfinite(detector.fit(series(n)).score(series(100))).all()

    @pytest.mark.parametrize("kind", [Hbos, Pca, Poly, MatrixProfile])
    def test_windows_are_not_copied(self, kind, monkeypatch):
        monkeypatch.setattr(window_detector, "BATCH_VALUES", 2**16)
        values = series(6_000, seed=4)
        detector = kind(window=250)
        detector.fit(values[:400])
        tracemalloc.start()
        detector.score(values)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 6_000 * 250 * 4


class TestMatrixProfile:
    @staticmethod
    def brute(a, b, window, zone=None, *, constants_match=True):
        """Distances by the definition, constant windows having the vector 0, or being like none."""

        def vectors(values):
            parts = sliding_window_view(values, window, axis=0)
            centred = parts - parts.mean(axis=-1, keepdims=True)
            deviation = centred.std(axis=-1, keepdims=True)
            return centred / np.where(deviation > 1e-9, deviation, np.inf)

        square = np.stack(
            [cdist(vectors(a)[:, c], vectors(b)[:, c]) ** 2 for c in range(a.shape[1])]
        )
        if not constants_match:
            flat_a, flat_b = (~vectors(values).any(axis=-1).T for values in (a, b))
            square[flat_a[:, :, None] | flat_b[:, None]] = 2 * window
        distances = np.sqrt(square.mean(axis=0))
        if zone is not None:
            apart = abs(np.subtract.outer(np.arange(len(distances)), np.arange(len(distances))))
            distances[apart <= zone] = np.inf
        return distances.min(axis=1)

    @pytest.mark.parametrize("small", [False, True])
    def test_a_self_join(self, small, monkeypatch):
        if small:
            monkeypatch.setattr(matrix_profile, "DIAGONALS", 17)
            monkeypatch.setattr(matrix_profile, "ROWS", 13)
        values = with_constant_stretch()
        best = self.brute(values, values, 10, zone=3, constants_match=False)
        expected = centre_scores(best, len(values), 10)
        found = published(MatrixProfile, values, window=10)
        np.testing.assert_allclose(found, expected, atol=2e-3)

    @pytest.mark.parametrize("small", [False, True])
    def test_a_join_of_two_channels_with_several_recordings(self, small, monkeypatch):
        if small:
            monkeypatch.setattr(matrix_profile, "DIAGONALS", 17)
            monkeypatch.setattr(matrix_profile, "ROWS", 13)
        train = [series(150, 2, seed=1), series(80, 2, seed=2)]
        train[0][30:60, 1] = 0.5
        test = series(120, 2, seed=3)
        test[50:70, 1] = 0.5
        best = np.min([self.brute(test, part, 8) for part in train], axis=0)
        found = MatrixProfile(window=8).fit(train).score(test)
        np.testing.assert_allclose(found, mean_scores(best, 120, 8), atol=2e-3)

    def test_a_huge_value_leaves_no_error_behind(self):
        train, test = series(300, seed=1), series(4000, seed=2)
        spoilt = test.copy()
        spoilt[10] = 1e9
        detector = MatrixProfile(window=16).fit(train)
        before, after = detector.score(test), detector.score(spoilt)
        np.testing.assert_allclose(after[40:], before[40:], atol=1e-3)

    def test_what_was_trained_on_has_distance_0(self):
        values = series(200)
        assert MatrixProfile(window=10).fit(values).score(values).max() < 1e-5


class TestPca:
    def test_published_is_the_distance_to_components(self):
        values = series(500)
        x = standardised(rows(values, 12), rows(values, 12))
        model = PCA().fit(x)
        components = model.components_
        scores = (cdist(x, components) / model.explained_variance_ratio_).sum(axis=1)
        found = published(Pca, values, window=12)
        # The sign of a component is a matter of the solver.
        mirrored = (cdist(x, -components) / model.explained_variance_ratio_).sum(axis=1)
        low, high = np.minimum(scores, mirrored), np.maximum(scores, mirrored)
        ours = found[6 : 6 + len(scores)]
        assert (ours > 0.9 * low).all() and (ours < 1.1 * high).all()
        assert np.corrcoef(ours, scores + mirrored)[0, 1] > 0.99

    def test_default_is_the_residual(self):
        train, test = series(500, 2), series(100, 2, seed=1)
        x = rows(standardised(train, train), 5)
        model = PCA(0.95, svd_solver="full").fit(x)
        y = rows(standardised(test, train), 5)
        residual = np.square(y - model.inverse_transform(model.transform(y))).mean(axis=1)
        detector = Pca(window=5).fit(train)
        assert len(detector.components_) == model.n_components_
        np.testing.assert_allclose(detector.score(test), mean_scores(residual, 100, 5), rtol=1e-4)

    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("window", [1, 2, 10])
    @pytest.mark.parametrize("training", ["noise", "constant", "two values"])
    def test_no_plane_holds_everything(self, training, window, channels, tmp_path):
        noise = np.random.default_rng(0).normal(size=(600, channels))
        values = {"noise": noise, "constant": 0 * noise, "two values": noise > 0}[training] * 1.0
        detector = Pca(window=window).fit(values[:300])
        assert len(detector.components_) < window * channels
        for channel in range(channels):
            scored = values[300:].copy()
            scored[150, channel] += 30
            scores = detector.score(scored)
            assert scores[150] > np.delete(scores, slice(140, 161)).max() + 1e-6
            assert np.isfinite(detector.contributions(scored)).all()
            again = load_detector(detector.save(tmp_path / "pca.ats"))
            np.testing.assert_array_equal(again.score(scored), scores)

    def test_a_window_of_too_many_values_is_refused_with_the_largest_possible(self):
        with pytest.raises(InputError, match="window to 50 or less"):
            Pca(window=60).fit(np.random.default_rng(0).normal(size=(80, 100)))


class TestHbos:
    @staticmethod
    def plain(train, test, *, right, bins=10, alpha=0.1, tolerance=0.5):
        """Place by place, value by value."""
        total = np.zeros(len(test))
        for column, values in zip(train.T, test.T, strict=True):
            density, edges = np.histogram(column, bins, density=True)
            scores = -np.log2(density + alpha)
            near = tolerance * (edges[1] - edges[0])
            for i, value in enumerate(values):
                if value < edges[0] - near or value > edges[-1] + near:
                    total[i] += scores.max()
                elif right:
                    total[i] += scores[np.clip(np.searchsorted(edges, value) - 1, 0, bins - 1)]
                else:
                    at = np.searchsorted(edges, value, side="right") - 1
                    total[i] += scores[np.clip(at, 0, bins - 1)]
        return total

    def test_published(self):
        values = np.round(3 * series(300, seed=5) + 7, 2).astype(np.float32)
        expected = self.plain(rows(values, 6), rows(values, 6), right=True)
        # Fitted on itself, since the unit of the density is that of the data.
        found = Hbos(mode="published", window=6).fit(values).score(values)
        differs = ~np.isclose(found, centre_scores(expected, 300, 6), atol=1e-3)
        assert differs.mean() < 0.02  # values on an edge, to the last digit

    def test_default_and_values_out_of_range(self):
        train, test = series(300, 2), series(60, 2, seed=1)
        test[20], test[40] = 30.0, train.max(axis=0) + 0.05
        x, y = (standardised(part, train).astype(np.float32) for part in (train, test))
        expected = self.plain(rows(x, 4), rows(y, 4), right=False)
        found = Hbos(window=4).fit(train).score(test)
        np.testing.assert_allclose(found, mean_scores(expected, 60, 4), rtol=1e-3)


class TestLof:
    def test_published_is_scikit_learns_on_the_windows(self):
        values = series(300)
        model = LocalOutlierFactor(20).fit(rows(values, 10))
        expected = centre_scores(-model.negative_outlier_factor_, 300, 10)
        np.testing.assert_allclose(published(Lof, values, window=10), expected, rtol=1e-3)

    def test_equal_windows_count_once_by_default(self):
        train = np.concatenate([np.zeros((300, 1)), series(300)])
        assert Lof(window=5).fit(train).score(series(100, seed=1)).max() < 10

    @pytest.mark.parametrize("mode", ["default", "published"])
    def test_beyond_the_bound_windows_are_drawn(self, mode):
        values = series(1500)
        values[700:710] += 3
        detector = Lof(window=10, examples=200, mode=mode).fit(series(1500, seed=1))
        assert 690 <= detector.score(values).argmax() <= 720


class TestOcsvm:
    def test_the_decision_function_is_scikit_learns(self, monkeypatch):
        monkeypatch.setattr(window_detector, "BATCH_VALUES", 300)
        train, test = series(200, 2), series(100, 2, seed=1)
        x, y = (rows(standardised(part, train), 4) for part in (train, test))
        expected = -OneClassSVM(gamma="auto", nu=0.05).fit(x).decision_function(y)
        found = Ocsvm(window=4).fit(train).score(test)
        np.testing.assert_allclose(found, mean_scores(expected, 100, 4), atol=1e-3)

    def test_published_scales_each_window_and_trains_on_the_first_tenth(self):
        values = series(600)
        x = rows(values, 10)
        x = (x - x.min(axis=1, keepdims=True)) / np.ptp(x, axis=1, keepdims=True)
        machine = OneClassSVM(gamma="auto", nu=0.05).fit(x[: 60 - 9])
        expected = centre_scores(-machine.decision_function(x), 600, 10)
        np.testing.assert_allclose(published(Ocsvm, values, window=10), expected, atol=1e-3)

    def test_beyond_the_bound_windows_are_drawn(self):
        train, test = series(2000), series(400, seed=1)
        test[200:210] += 3
        assert 190 <= Ocsvm(window=10, examples=100).fit(train).score(test).argmax() <= 220


class TestPoly:
    def test_published_is_a_polynomial_fitted_to_both_sides(self):
        values = series(457)[:, 0]
        n, w, span = 457, 10, 100
        expected = np.zeros(n)
        for start in range(50, n, w):  # the first tenth has no score
            first = min(max(start - span // 2, 0), n - span)
            inside = np.arange(start, min(start + w, n))
            outside = np.setdiff1d(np.arange(first, first + span), inside)
            polynomial = np.polynomial.Polynomial.fit(outside, values[outside], 3)
            at = np.linspace(start, start + w, w) if len(inside) == w else inside
            error = np.abs(np.fft.fft(polynomial(at)) - np.fft.fft(values[inside]))
            expected[inside] = np.linalg.norm(error) / len(inside)
        expected /= (5 * series(50, seed=9)).std()  # the unit of the scores
        found = published(Poly, values, window=w)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)

    def test_a_cubic_has_no_error_and_a_step_has(self):
        t = np.linspace(-1, 1, 500)[:, None]
        detector = Poly(window=10).fit(series(500, period=100))
        assert detector.score(t**3 - t).max() < 1e-3
        stepped = t**3 - t + (abs(np.arange(500) - 205) < 5)[:, None]
        assert 195 <= detector.score(stepped).argmax() <= 215

    def test_training_data_have_a_mean_square_error_of_1_in_every_channel(self):
        train = series(600, 2, period=60) * [1, 50]
        scores = Poly(window=8).fit(train).score(train)
        assert np.square(scores).mean() == pytest.approx(2, rel=0.3)
