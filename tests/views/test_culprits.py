"""The channels and bands that are named: those that make up most of a score, and no more."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anomalib_ts.results.blamed import LEAST_SHARE, MOST_BLAMED, Blamed
from anomalib_ts.views.culprits import MOST_BANDS, culprits, highest

shares = arrays(np.float64, st.integers(2, 40), elements=st.floats(0, 1)).map(
    lambda parts: Blamed(np.array([[0, 1]]), parts[None]).shares[0]
)


@given(shares, st.booleans())
def test_the_largest_come_first_and_are_those_of_their_channels(given_shares, sound):
    count = len(given_shares)
    hertz = np.linspace(50, 8000, count) if sound else None
    found = culprits(given_shares, frequencies=hertz)
    assert bool(found) == bool(given_shares.any())
    assert len(found) <= (MOST_BANDS if sound else MOST_BLAMED)
    sizes = [one.share for one in found]
    assert sizes == sorted(sizes, reverse=True)
    for one in found:
        assert one.share == pytest.approx(given_shares[one.channels].sum())
        assert one.share >= LEAST_SHARE or len(found) == 1 or sizes[0] == one.share
    if found and not sound:
        assert found[0].channels.start == given_shares.argmax()


def test_bands_beside_each_other_are_one():
    hertz = np.geomspace(100, 8000, 64)
    given_shares = np.full(64, 0.001)
    given_shares[40:46] = 0.1
    given_shares[42] = 0.0  # a gap of one band
    given_shares[5] = 0.2
    bands = culprits(given_shares, frequencies=hertz)
    assert [one.channels for one in bands] == [slice(40, 46), slice(5, 6)]
    low, high = hertz[39:41].mean(), hertz[45:47].mean()
    assert bands[0].name == f"{low / 1000:.2g} to {high / 1000:.2g} kHz"
    assert bands[1].name.endswith(" Hz")


def test_the_highest_of_the_stretches_that_touch():
    blamed = Blamed(np.array([[0, 5], [8, 12], [20, 30]]), np.ones((3, 2)))
    scores = np.arange(30.0)
    assert highest(blamed, scores, slice(4, 9)) == 1
    assert highest(blamed, scores, slice(0, 8)) == 0
    assert highest(blamed, scores, slice(12, 20)) is None
