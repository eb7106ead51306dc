import hashlib
import time

import numpy as np
import pytest

from anomalib_ts.data.series.mackey_glass import (
    BETA,
    DELAY,
    GAMMA,
    MackeyGlass,
    cut_stretches,
    integrate,
)
from anomalib_ts.errors import ConfigError, DataNotFoundError
from tests.makers.shared import shared_path


def load(case="mackey_glass_0", **settings):
    return MackeyGlass(**settings).load(case)


def reference(n_points, history, substeps):
    """A plain loop with Euler's midpoint rule, written without regard to the package's solver."""
    step = 1 / substeps
    x = [history] * (2 * DELAY * substeps + 1)
    for _ in range(n_points * substeps * 2):
        # `x` is on half steps; every pass advances by one of them with the trapezoid rule.
        h = step / 2
        old, new = x[-2 * DELAY * substeps - 1], x[-2 * DELAY * substeps]
        g0, g1 = (BETA * d / (1 + d**10) for d in (old, new))
        x.append((x[-1] * (1 - GAMMA * h / 2) + h * (g0 + g1) / 2) / (1 + GAMMA * h / 2))
    return np.array(x[2 * DELAY * substeps :: 2 * substeps][:n_points])


class TestIntegrator:
    def test_is_exact_over_the_first_delay(self):
        feed = BETA * 0.9 / (1 + 0.9**10)
        t = np.arange(DELAY + 1)
        expected = feed / GAMMA + (0.9 - feed / GAMMA) * np.exp(-GAMMA * t)
        np.testing.assert_allclose(integrate(DELAY + 1, 0.9), expected, atol=1e-10)

    def test_stays_at_the_equilibrium(self):
        equilibrium = (BETA / GAMMA - 1) ** 0.1
        np.testing.assert_allclose(integrate(100, equilibrium), equilibrium, atol=1e-12)

    def test_agrees_with_another_solver(self):
        np.testing.assert_allclose(integrate(200, 0.9), reference(200, 0.9, 100), atol=2e-5)

    def test_converges_with_fourth_order(self):
        fine = integrate(200, 0.9, substeps=80)
        errors = [np.abs(integrate(200, 0.9, substeps=s) - fine).max() for s in (2, 4, 8)]
        orders = np.log2(np.array(errors[:-1]) / errors[1:])
        assert np.all((orders > 3.7) & (orders < 4.6)), orders
        assert np.abs(integrate(200, 0.9) - fine).max() < 1e-8

    @pytest.mark.parametrize("n_points", [1, 17, 18, 19, 36, 100])
    def test_length(self, n_points):
        np.testing.assert_array_equal(integrate(n_points, 0.9), integrate(200, 0.9)[:n_points])


class TestCutting:
    curve = integrate(12_000, 0.9)[1000:]

    @pytest.mark.parametrize("mismatch", [0.02, 0.1, 0.5])
    def test_joints_match_as_closely_as_asked(self, mismatch):
        rng = np.random.default_rng(0)
        index, joints = cut_stretches(self.curve, 8000, 10, mismatch, rng)
        states = [self.curve]
        for _ in range(3):
            states.append(np.gradient(states[-1]))
        state = np.stack(states)
        for joint in joints:
            before, after = index[joint], index[joint + 1] - 1
            assert 100 <= after - before <= 200
            assert mismatch / 2 <= np.linalg.norm(state[:, after] - state[:, before]) <= mismatch

    def test_keeps_everything_else(self):
        index, joints = cut_stretches(self.curve, 8000, 10, 0.1, np.random.default_rng(1))
        assert len(index) == 8000
        steps = np.diff(index)
        np.testing.assert_array_equal(np.flatnonzero(steps != 1), joints)
        assert index[0] == 0

    def test_joints_keep_their_distance(self):
        _, joints = cut_stretches(self.curve, 5000, 10, 0.1, np.random.default_rng(2))
        assert np.diff([-200, *joints, 5200]).min() >= 400

    def test_without_anomalies_nothing_is_cut(self):
        index, joints = cut_stretches(self.curve, 5000, 0, 0.1, np.random.default_rng(0))
        np.testing.assert_array_equal(index, np.arange(5000))
        assert joints == []


class TestMackeyGlass:
    def test_default_case(self):
        case = load()
        (test,), (train,) = case.test, case.train
        assert (len(test), test.channels, len(train)) == (20_000, 1, 5_000)
        assert test.sampling_period == 1.0
        edges = np.flatnonzero(np.diff(test.labels, prepend=0, append=0))
        np.testing.assert_array_equal(edges[1::2] - edges[::2], np.full(10, 20))
        assert not train.labels.any()

    @pytest.mark.parametrize(("part", "anomalous"), [("test", True), ("train", False)])
    def test_breaks_its_equation_only_behind_joints(self, part, anomalous):
        """Where the curve disobeys the equation, there is a joint, and the labels say so."""
        (recording,) = getattr(load(noise_std=0.0, mismatch=0.3), part)
        x = recording.values[:, 0].astype(float)
        past = x[:-DELAY]
        expected = BETA * past / (1 + past**10) - GAMMA * x[DELAY:]
        residual = np.abs(np.gradient(x)[DELAY:] - expected)
        broken = np.flatnonzero(residual > 0.02) + DELAY
        assert bool(len(broken)) == anomalous
        starts = np.flatnonzero(np.diff(recording.labels, prepend=0) == 1)
        behind = {start + 10 + k for start in starts for k in range(DELAY + 2)}
        assert set(broken) <= behind
        assert all(any(start + 10 <= at < start + 30 for at in broken) for start in starts)

    def test_train_part_runs_into_the_test_part(self):
        case = load(noise_std=0.0)
        jump = abs(case.test[0].values[0, 0] - case.train[0].values[-1, 0])
        steps = np.abs(np.diff(case.train[0].values[:, 0]))
        assert jump <= steps.max()

    def test_no_train_part_on_request(self):
        assert load(train_length=0, n_points=5000).train == ()

    def test_same_seed_same_series_on_every_machine(self):
        data = MackeyGlass(n_points=5000, train_length=100)
        values = data.load("mackey_glass_0").test[0].values
        again = MackeyGlass(n_points=5000, train_length=100).load("mackey_glass_0").test[0].values
        np.testing.assert_array_equal(values, again)
        assert hashlib.sha256(values.tobytes()).hexdigest()[:16] == "c95042b6b0410464"

    def test_seeds_and_cases_differ(self):
        small = {"n_points": 5000, "n_series": 2}
        series = [
            load(**small).test[0].values[:, 0],
            load("mackey_glass_1", **small).test[0].values[:, 0],
            load(**small, seed=1).test[0].values[:, 0],
        ]
        for i, j in ((0, 1), (0, 2), (1, 2)):
            assert abs(np.corrcoef(series[i], series[j])[0, 1]) < 0.5

    def test_noise(self):
        # The generator draws noise last, so that without it the same curve comes out.
        noisy = load(noise_std=0.05).test[0].values
        noise = (noisy - load(noise_std=0.0).test[0].values)[:, 0]
        assert noise.std() == pytest.approx(0.05, rel=0.02)
        assert np.abs(noise).max() <= 0.05 * np.sqrt(3) + 1e-6

    def test_fingerprint_follows_the_data(self):
        def fingerprint(**settings):
            return MackeyGlass(n_points=2000, n_anomalies=3, **settings).fingerprint(
                "mackey_glass_0"
            )

        prints = [fingerprint(), fingerprint(seed=1), fingerprint(train_length=10)]
        assert len(set(prints)) == 3
        assert fingerprint() == prints[0]

    def test_name_tells_settings_apart(self):
        assert MackeyGlass().name == "mackey_glass"
        assert MackeyGlass(seed=3, mismatch=0.2).name == "mackey_glass[mismatch=0.2,seed=3]"

    def test_unknown_case(self):
        with pytest.raises(DataNotFoundError, match="did you mean mackey_glass_1"):
            load("mackey_glas_1", n_series=2)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"n_points": 4999}, "10 anomalies need at least 5000 points"),
            ({"n_series": 0}, "n_series must be at least 1"),
            ({"n_anomalies": -1}, "n_anomalies must be at least 0"),
            ({"seed": -1}, "seed must be at least 0"),
            ({"train_length": -1}, "must not be negative"),
            ({"noise_std": -0.1}, "must not be negative"),
            ({"mismatch": 0.0}, "mismatch must be positive"),
        ],
    )
    def test_settings_out_of_range(self, settings, message):
        with pytest.raises(ConfigError, match=message):
            MackeyGlass(**settings)

    def test_impossible_mismatch(self):
        with pytest.raises(ConfigError, match="no joint with a mismatch"):
            load(mismatch=1e-7)

    def test_is_fast(self):
        started = time.perf_counter()
        load()
        assert time.perf_counter() - started < 2


def test_resembles_the_published_benchmark():
    """Mean, spread, range and autocorrelation agree with the five MGAB files of TSB-UAD."""
    published = [
        np.loadtxt(path, delimiter=",")[:, 0]
        for path in sorted(shared_path("data/tsb-uad/MGAB").glob("*.out"))
    ]
    generated = [
        load(f"mackey_glass_{i}", n_points=100_000, n_series=5, mismatch=0.04).test[0].values[:, 0]
        for i in range(5)
    ]

    def statistics(x):
        lags = [np.corrcoef(x[k:], x[:-k])[0, 1] for k in (1, 5, 10, 18, 25, 50)]
        return np.array([x.mean(), x.std(), x.min(), x.max(), *lags])

    difference = np.mean([statistics(x) for x in generated], 0) - np.mean(
        [statistics(x) for x in published], 0
    )
    np.testing.assert_allclose(difference, 0, atol=0.005)
