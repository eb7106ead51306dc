import numpy as np
import pytest

from anomalib_ts.detectors.scaling import channel_moments, safe_scale
from anomalib_ts.recording import Recording


def test_moments_are_those_of_all_points_of_all_recordings():
    series = np.random.default_rng(0).normal([3, -40], [0.5, 9], size=(500, 2))
    series = series.astype(np.float32)
    mean, scale = channel_moments([Recording(series[:20]), Recording(series[20:])])
    exact = series.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(scale, exact.std(axis=0), rtol=1e-12)


@pytest.mark.parametrize(("value", "scale"), [(0.0, 1.0), (300.0, 0.03), (-7.3, 7.3e-4)])
def test_a_constant_channel_has_the_documented_floor(value, scale):
    mean, found = channel_moments([Recording(np.full((1000, 1), value))])
    assert mean == pytest.approx(value, rel=1e-6)
    assert found == pytest.approx(scale, rel=1e-6)


def test_a_large_offset_does_not_hide_a_small_deviation():
    values = 1e3 + np.tile([-1.0, 1.0], 5000)
    assert channel_moments([Recording(values)])[1] == pytest.approx(1.0, rel=1e-9)


def test_safe_scale_never_gives_zero():
    scale = safe_scale(np.array([0.0, 0.0, 2.0]), np.array([0.0, 5.0, 3.0]))
    np.testing.assert_allclose(scale, [1.0, 5e-4, 2.0])
