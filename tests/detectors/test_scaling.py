"""Standardised channels: the one place where values lose their units."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors.scaling import STRAIGHT, ChannelScaler
from anomalib_ts.errors import AnomalibTsWarning

UNITS = st.floats(-290, 290).map(lambda exponent: 10.0**exponent)


def noise(n=400, channels=2, seed=0):
    return np.random.default_rng(seed).standard_normal((n, channels))


def standardised(scaler, values):
    (recording,) = scaler.transform([Recording(values)])
    return recording.values


def test_moments_are_those_of_all_points_of_all_recordings():
    series = np.random.default_rng(0).normal([3, -40], [0.5, 9], size=(500, 2))
    scaler = ChannelScaler.fit([Recording(series[:20]), Recording(series[20:])])
    np.testing.assert_allclose(scaler.mean, series.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(scaler.scale, series.std(axis=0), rtol=1e-12)
    assert scaler.unit == 1


def test_points_labelled_anomalous_have_no_part_in_the_moments():
    labelled = Recording([[0.0], [2.0], [1e6]], labels=[0, 0, 1])
    clip = Recording([[9e9], [-9e9]], label=1)
    scaler = ChannelScaler.fit([labelled, clip])
    assert (scaler.mean.tolist(), scaler.scale.tolist()) == ([1], [1])
    # Where all is anomalous there is nothing else to learn from.
    assert ChannelScaler.fit([clip]).mean.tolist() == [0]


@given(UNITS, st.floats(-1e9, 1e9), st.sampled_from([-1, 1]))
def test_units_and_levels_make_no_difference(unit, level, sign):
    values = noise()
    moved = sign * unit * (values + level)
    plain = standardised(ChannelScaler.fit([Recording(values)]), values)
    there = standardised(ChannelScaler.fit([Recording(moved)]), moved)
    np.testing.assert_allclose(sign * there, plain, atol=1e-6 + 4e-16 * abs(level))


@given(UNITS, st.floats(-1e3, 1e3), st.floats(-1e6, 1e6))
def test_the_inverse_gives_back_what_was_standardised(unit, level, far):
    values = unit * np.vstack([noise() + level, [[far, -far]]])
    scaler = ChannelScaler.fit([Recording(values[:-1])])
    again = scaler.inverse(standardised(scaler, values))
    np.testing.assert_allclose(again, values, rtol=1e-4, atol=1e-6 * unit * (1 + abs(level)))


def test_the_inverse_is_finite_whatever_it_is_given():
    scaler = ChannelScaler.fit([Recording(1e300 * noise())])
    assert np.isfinite(scaler.inverse(np.array([[3.4e38, -3.4e38]], dtype=np.float32))).all()


@given(
    st.one_of(st.just(0.0), UNITS, UNITS.map(lambda x: -x)),
    st.floats(1e-12, 1e6),
    st.sampled_from([-1, 1]),
)
def test_a_change_of_what_was_constant_is_seen_whatever_the_constant(constant, change, sign):
    scaler = ChannelScaler.fit([Recording(np.full((50, 1), constant))])
    moved = constant + sign * change * (abs(constant) or 1.0)
    z = standardised(scaler, [[constant], [moved]])[:, 0]
    assert z[0] == 0
    assert sign * z[1] > 100
    assert np.isfinite(z).all()


@pytest.mark.parametrize("level", [1e-12, 0.1, 7.3, 1e5, 1e300])
def test_rounding_of_what_was_constant_is_not_blown_up(level):
    scaler = ChannelScaler.fit([Recording(np.full((50, 1), level))])
    assert np.abs(standardised(scaler, [[np.nextafter(level, 1e301)]])).max() < 1


@given(st.lists(st.floats(-1e308, 1e308), min_size=2, max_size=8, unique=True))
def test_larger_stays_larger_and_squares_stay_finite(values):
    scaler = ChannelScaler(np.zeros(1), np.full(1, 1e-300))
    z = standardised(scaler, np.sort(values)[:, None])[:, 0]
    assert (np.diff(z) >= 0).all()
    assert np.isfinite(np.square(z)).all()


def test_values_up_to_a_thousand_deviations_keep_their_distances():
    z = standardised(ChannelScaler(np.zeros(1), np.ones(1)), [[STRAIGHT], [-3.5], [2 * STRAIGHT]])
    np.testing.assert_allclose(z[:, 0], [1000, -3.5, 1000 * (1 + np.log(2))], rtol=1e-6)


def test_common_scaling_leaves_constant_channels_out_of_the_deviation():
    values = np.column_stack(
        [noise(channels=1) * 3, noise(channels=1, seed=1) * 4, np.full(400, 7)]
    )
    scaler = ChannelScaler.fit([Recording(values)], "common")
    expected = np.sqrt(np.square(values[:, :2].std(axis=0)).mean())
    np.testing.assert_allclose(scaler.scale[:2], expected)
    assert scaler.unit == pytest.approx(expected)
    assert scaler.scale[2] < 1e-12


def test_copies_share_memory_with_each_other_only_and_lie_in_a_row():
    recordings = [Recording(noise(5)), Recording(noise(7))]
    first, second = ChannelScaler.fit(recordings).transform(recordings)
    assert first.values.base is second.values.base
    assert not any(np.shares_memory(first.values, r.values) for r in recordings)
    assert [len(first), len(second)] == [5, 7]
    assert first.values.dtype == np.float32


def test_a_channel_that_only_rounding_varies_is_named():
    level = np.float32(1e6) + np.float32(0.0625) * (np.arange(100) % 2).astype(np.float32)
    values = np.column_stack([noise(100, 1)[:, 0].astype(np.float32), level])
    recording = Recording(values, channel_names=("flow", "pressure"))
    with pytest.warns(AnomalibTsWarning, match="in training channel 'pressure' varied by no more"):
        ChannelScaler.fit([recording])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ChannelScaler.fit([Recording(values[:, :1])])
