import json
import tracemalloc
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import (
    OverlapMean,
    Windows,
    centre_scores,
    find_period,
    window_starts,
)
from anomalib_ts.errors import ConfigError
from tests.makers.shared import shared_path

sizes = st.tuples(st.integers(1, 60), st.integers(1, 20), st.integers(1, 20)).filter(
    lambda s: s[2] <= s[1]
)


def numbered(n, channels=1, first=0):
    return Recording(first + np.arange(n * channels, dtype=np.float32).reshape(n, channels))


def overlap_mean(recording, window, stride, size, score):
    points = OverlapMean(len(recording), window)
    for starts, values in Windows([recording], window, stride).batches(size):
        points.add(starts, score(values))
    return points.mean()


@given(sizes, st.integers(1, 7))
def test_a_score_that_is_the_value_itself_comes_back_as_the_series(size, batch):
    n, window, stride = size
    recording = numbered(n)
    back = overlap_mean(recording, window, stride, batch, lambda values: values[:, 0, :])
    np.testing.assert_allclose(back, recording.values[:, 0], rtol=1e-12)


@given(sizes, st.integers(0, 2**32 - 1))
def test_points_get_the_mean_over_the_windows_that_hold_them(size, seed):
    n, window, stride = size
    n = max(n, window)
    starts = window_starts(n, window, stride)
    scores = np.random.default_rng(seed).normal(size=(len(starts), window))
    points = OverlapMean(n, window)
    for first in range(0, len(starts), 3):
        points.add(starts[first : first + 3], scores[first : first + 3])
    for point in range(n):
        holding = [
            s[point - a] for a, s in zip(starts, scores, strict=True) if 0 <= point - a < window
        ]
        assert points.mean()[point] == pytest.approx(np.mean(holding))


@given(sizes)
def test_windows_cover_every_point_and_the_last_one_ends_at_the_end(size):
    n, window, stride = size
    n = max(n, window)
    starts = window_starts(n, window, stride)
    covered = np.unique(starts[:, None] + np.arange(window))
    np.testing.assert_array_equal(covered, np.arange(n))
    assert starts[-1] == n - window
    assert (np.diff(starts) > 0).all()


def test_windows_are_channels_first_and_do_not_cross_recordings():
    windows = Windows([numbered(5, 2), numbered(4, 2, first=100)], window=3)
    assert len(windows) == 3 + 2
    assert windows.channels == 2
    gathered = windows.gather(np.array([2, 3]))
    np.testing.assert_array_equal(gathered[0], [[4, 6, 8], [5, 7, 9]])
    np.testing.assert_array_equal(gathered[1], [[100, 102, 104], [101, 103, 105]])


def test_stride_counts_from_the_start_of_each_recording():
    windows = Windows([numbered(6), numbered(7)], window=3, stride=2)
    np.testing.assert_array_equal(windows.starts, [0, 2, 3, 6, 8, 10])


@pytest.mark.parametrize(
    ("n", "expected"),
    [(1, [0, 0, 0, 0, 0]), (2, [0, 1, 0, 1, 0]), (3, [0, 1, 2, 1, 0])],
)
def test_a_short_recording_is_reflected_until_it_fills_a_window(n, expected):
    windows = Windows([numbered(n)], window=5)
    np.testing.assert_array_equal(windows.gather(np.array([0]))[0, 0], expected)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_scores_of_the_filling_are_dropped(n):
    back = overlap_mean(numbered(n), 5, 2, 4, lambda values: values[:, 0, :])
    np.testing.assert_array_equal(back, np.arange(n))


@pytest.mark.parametrize(("window", "stride"), [(0, 1), (-3, 1), (4, 0), (4, 5)])
def test_windows_that_would_leave_gaps_are_refused(window, stride):
    with pytest.raises(ConfigError, match="must"):
        Windows([numbered(20)], window, stride)


def test_windows_take_no_more_memory_than_the_series():
    recording = Recording(np.zeros((200_000, 1), dtype=np.float32))
    tracemalloc.start()
    windows = Windows([recording], window=500)
    points = OverlapMean(len(recording), 500)
    for starts, values in islice(windows.batches(64), 4):
        points.add(starts, values[:, 0, :])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(windows) == 199_501
    assert peak < 20 * recording.values.nbytes


def test_a_single_recording_is_not_copied():
    recording = numbered(50)
    assert np.shares_memory(Windows([recording], 10).values, recording.values)


def test_centre_scores_follow_tsb_uad():
    np.testing.assert_array_equal(centre_scores([1, 2, 3], 6, 4), [1, 1, 1, 2, 3, 3])
    np.testing.assert_array_equal(centre_scores([1, 2, 3], 7, 5), [1, 1, 1, 2, 3, 3, 3])
    np.testing.assert_array_equal(centre_scores([1, 2, 3], 3, 1), [1, 2, 3])
    np.testing.assert_array_equal(centre_scores([7], 2, 5), [7, 7])


@given(st.integers(1, 40), st.integers(1, 40))
def test_centre_scores_have_the_length_of_the_recording(n, window):
    scores = np.arange(len(Windows([numbered(n)], window)))
    assert centre_scores(scores, n, window).shape == (n,)


def sine(period, n=2000):
    return np.sin(2 * np.pi * np.arange(n) / period)


# What TSB-UAD's find_length (with its fallback of 125) answers for these very series; 6 and 303
# are the shortest and the longest lag that its code accepts.
@pytest.mark.parametrize(
    ("series", "period"),
    [
        (sine(50), 50),
        (sine(37) + 0.01 * np.arange(2000), 32),
        (sine(302), 301),
        (sine(304), 125),
        (sine(310), 125),
        (sine(5), 125),
        (sine(6), 6),
        (sine(303.5), 303),
        ((np.arange(2000) % 40 < 20).astype(float), 40),
        (np.full(2000, 2.0), 125),
        (np.arange(2000.0), 125),
    ],
)
def test_find_period_of_plain_series(series, period):
    assert find_period(series) == period
    assert find_period(series.astype(np.float32)) == period


def golden_periods():
    return json.loads(shared_path("golden/metrics_golden.json").read_text())["periods"]


def test_find_period_agrees_with_tsb_uad_on_synthetic_series():
    expected = {
        name: entry["tsb_ad.find_length"] for name, entry in golden_periods()["synthetic"].items()
    }
    series = np.load(shared_path("golden/metrics_cases.npz"))
    assert {name: find_period(series[f"period.{name}"]) for name in expected} == expected


def test_find_period_agrees_with_tsb_uad_on_real_series():
    expected = {}
    found = {}
    for name, entry in golden_periods()["real"].items():
        path = shared_path("data/tsb-uad") / name
        if path.is_file():
            expected[name] = entry["tsb_ad.find_length"]
            found[name] = find_period(np.loadtxt(path, delimiter=",", usecols=0))
    assert len(expected) >= 10
    assert found == expected


def test_find_period_looks_at_the_first_20000_points_only():
    series = np.concatenate([sine(50, 20_000), 100 * sine(120, 20_000)])
    assert find_period(series) == 50


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_find_period_of_a_tiny_series_is_the_default(n):
    assert find_period(np.arange(n) % 2, default=7) == 7


@settings(deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 1e6), st.floats(-1e4, 1e4))
def test_find_period_does_not_depend_on_unit_and_offset(seed, scale, offset):
    series = sine(60, 600) + 0.1 * np.random.default_rng(seed).normal(size=600)
    assert find_period(scale * (series + offset)) == find_period(series)
