"""Rows as images and back, with the bounds that are promised."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalib_ts.errors import ConfigError, InputError
from anomalib_ts.synthetic.tables.nsl_kdd import FRACTIONS, nsl_kdd_tables
from anomalib_ts.synthetic.tables.row_images import ImageSettings, RowImages
from anomalib_ts.synthetic.tables.table import Schema, Table
from tests.makers.shared import shared_path

FRAME = pd.DataFrame({"a": [0.0, 0.5], "b": [1.5, 2.5], "s": ["x", "y"], "y": ["p", "q"]})
SCHEMA = Schema.of([FRAME], "y")


def images_of(values, **settings):
    table = Table(SCHEMA, np.atleast_2d(values), np.zeros(1, dtype=np.int64))
    return RowImages(SCHEMA, **settings).encode(table)[0].ravel().tolist()


@pytest.mark.parametrize("bijection", ["atan", "tanh", "log_atan"])
def test_zero_is_in_the_middle(bijection):
    pixels = images_of([0.0, 0.0, 0.0], bijection=bijection)
    assert pixels == [127, 127, 127, 127, 127, 255, 255, 255, 255]


def test_known_pixels():
    assert images_of([1.0, -1.0, 1.0])[:5] == [191, 63, 191, 63, 191]  # 255 * 3/4 = 191.25
    assert images_of([1.0, 0.0, 0.0], layout="interleaved")[:5] == [191, 63, 127, 127, 127]
    assert images_of([1e300, -1e300, 0.0], bijection="tanh")[:5] == [255, 0, 127, 0, 0]
    expanded = RowImages(SCHEMA, expand=4).encode(SCHEMA.read(FRAME, "x"))
    plain = RowImages(SCHEMA).encode(SCHEMA.read(FRAME, "x"))
    assert (expanded == np.kron(plain, np.ones((1, 4, 4)))).all()


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=2),
    st.sampled_from(["atan", "tanh", "log_atan"]),
    st.sampled_from(["grouped", "interleaved"]),
    st.sampled_from([1, 4]),
    st.sampled_from([None, ["a"]]),
)
def test_values_lie_within_the_bounds(numbers, bijection, layout, expand, fractions):
    settings = {"layout": layout, "expand": expand, "fractions": fractions}
    images = RowImages(SCHEMA, bijection, **settings)
    table = Table(SCHEMA, np.array([[*numbers, 1.0]]), np.array([1]))
    pixels = images.encode(table)
    low, high = images.bounds(pixels)
    assert (low[:, :2] <= table.values[:, :2]).all()
    assert (table.values[:, :2] <= high[:, :2]).all()
    decoded = images.decode(pixels, table.labels)
    assert (low[:, :2] <= decoded.values[:, :2]).all()
    assert (decoded.values[:, :2] <= high[:, :2]).all()
    assert decoded.values[0, 2] == 1.0  # the symbol
    assert np.isfinite(decoded.values).all()


def test_any_pixels_are_a_row():
    noise = np.random.default_rng(0).integers(256, size=(500, 3, 3)).astype(np.uint8)
    for bijection in ("atan", "tanh", "log_atan"):
        decoded = RowImages(SCHEMA, bijection).decode(noise, np.zeros(500, dtype=np.int64))
        assert np.isfinite(decoded.values).all()
        assert set(decoded.values[:, 2]) == {0.0, 1.0}


def test_images_of_another_size_and_wrong_settings_are_refused():
    with pytest.raises(InputError, match="images are of 3 x 3 pixels, not of"):
        RowImages(SCHEMA).decode(np.zeros((1, 4, 4), np.uint8), np.zeros(1, np.int64))
    with pytest.raises(ConfigError, match="no column of numbers 's'"):
        RowImages(SCHEMA, fractions=["s"])
    with pytest.raises(ConfigError, match="bijection must be atan or tanh or log_atan"):
        RowImages(SCHEMA, "sin")
    with pytest.raises(ConfigError, match="expand"):
        ImageSettings(expand=0).of(SCHEMA)


def test_how_many_distinct_rows_are_left_of_nsl_kdd():
    train, test = nsl_kdd_tables(shared_path("data/nsl-kdd"))
    values = np.concatenate([train.values, test.values])
    both = replace(train, values=values, labels=np.concatenate([train.labels, test.labels]))
    left = {"raw": distinct(values)}
    for bijection in ("atan", "tanh", "log_atan"):
        images = RowImages(train.schema, bijection, fractions=FRACTIONS)
        assert images.side == 8
        pixels = images.encode(both)
        assert (pixels[:, -1, -1] == 255).all()
        left[bijection] = distinct(pixels.reshape(len(pixels), -1))
    assert left == {"raw": 98_538, "atan": 95_470, "tanh": 47_484, "log_atan": 97_947}
    place = train.schema.columns.index("src_bytes")
    many = both.take(both.values[:, place] >= 1000)
    codes = RowImages(train.schema, "atan", fractions=FRACTIONS).encode(many)
    flat = codes.reshape(len(many), -1)
    fraction = len(train.schema.columns) + FRACTIONS.index("src_bytes")
    assert len(np.unique(flat[:, [place, fraction]], axis=0)) == 21


def distinct(rows):
    return len({row.tobytes() for row in np.ascontiguousarray(rows)})
