"""What a Python user may hand in: arrays and tables of many libraries, and lists of them."""

import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from hypothesis import given
from hypothesis import strategies as st

from anomalib_ts import evaluate
from anomalib_ts.core.recording import Recording, as_recording, as_recordings
from anomalib_ts.data import Arrays
from anomalib_ts.detectors import IForest, Mahalanobis, MovingMean, Usad
from anomalib_ts.errors import ConfigError, InputError, UndefinedMetricError
from anomalib_ts.metrics import ScoredSeries

PLAIN = np.random.default_rng(0).standard_normal((40, 2))
DAYS = pd.date_range("2025-03-29", periods=40, freq="D")


def xarray_like(values, **coords):
    """The part of xarray's interface that is used; the library itself is not needed here."""
    found = {name: SimpleNamespace(values=np.asarray(array)) for name, array in coords.items()}
    return SimpleNamespace(values=values, shape=values.shape, dims=tuple(coords), coords=found)


class PolarsLike:
    """The part of polars' interface that is used: nulls come out as NaN."""

    def __init__(self, values, columns):
        self.values, self.columns = values, columns
        self.dtypes = ["Float64"] * len(columns)

    def to_numpy(self):
        return self.values


KINDS = {
    "array": PLAIN,
    "float32": PLAIN.astype(np.float32),
    "lists": PLAIN.tolist(),
    "tuples": tuple(map(tuple, PLAIN)),
    "frame": pd.DataFrame(PLAIN, columns=["a", "b"]),
    "nullable frame": pd.DataFrame(PLAIN, columns=["a", "b"]).convert_dtypes(),
    "tensor": torch.tensor(PLAIN),
    "tensor with gradient": torch.tensor(PLAIN, requires_grad=True),
    "polars": PolarsLike(PLAIN, ["a", "b"]),
    "xarray": xarray_like(PLAIN, time=DAYS.to_numpy(), sensor=["a", "b"]),
    "masked, nothing hidden": np.ma.masked_array(PLAIN, mask=False),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_same_values(kind):
    recording = as_recording(KINDS[kind])
    np.testing.assert_allclose(recording.values, PLAIN, rtol=1e-6)
    named = kind in ("frame", "nullable frame", "polars", "xarray")
    assert recording.channel_names == (("a", "b") if named else None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_of_any_kind_is_several_recordings(kind):
    if kind in ("lists", "tuples"):
        pytest.skip("a list of lists of rows has no array in it; it is refused, see below")
    items = as_recordings([KINDS[kind], KINDS[kind]])
    assert [item.values.shape for item in items] == [(40, 2)] * 2


@pytest.mark.parametrize("item", [pd.Series([1.0, 2.0, 3.0]), torch.arange(3), np.arange(3)])
def test_a_list_of_series_is_several_recordings(item):
    assert [r.values.shape for r in as_recordings([item, item, item])] == [(3, 1)] * 3
    scores = MovingMean(window=2).fit([item, item]).score(item)
    assert scores.shape == (3,)


def test_low_precision_tensors_are_taken():
    for dtype in (torch.bfloat16, torch.float16, torch.int8, torch.bool):
        values = as_recording(torch.tensor([0, 1, 1], dtype=dtype)).values
        assert values[:, 0].tolist() == [0, 1, 1]


def test_times_of_an_index_go_along_in_utc():
    local = pd.date_range("2025-03-30 01:00", periods=4, freq="h", tz="Europe/Berlin")
    series = pd.Series([1.0, 2, 3, 4], index=local)
    times = as_recording(series).times
    assert times[0] == np.datetime64("2025-03-30T00:00", "ns")
    assert (np.diff(times) == np.timedelta64(3600, "s")).all()
    assert as_recording(series.reset_index(drop=True)).times is None
    assert as_recording(KINDS["xarray"]).times[0] == DAYS[0].to_datetime64()
    with pytest.raises(InputError, match="sort the points by time"):
        as_recording(series[::-1])


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ("pump.csv", "a str"),
        (b"1,2", "a bytes"),
        ({"a": [1.0]}, "a dict"),
        ({1.0, 2.0}, "a set"),
        (None, "a NoneType"),
        (scipy.sparse.eye_array(3).tocsr(), r"give scipy.csr_array.toarray\(\)"),
        (iter([1.0]), "a list_iterator cannot be taken"),
        (object(), "a object cannot be taken"),
        (SimpleNamespace(data_vars={}), "holds several arrays"),
        (SimpleNamespace(collect=0, lazy=0), r"give its \.collect\(\)"),
        (pd.DataFrame({"a": ["x", "y"]}), "not numbers"),
        (pd.Series(pd.date_range("2025", periods=3)), "not numbers"),
        (np.array([1 + 2j]), "complex"),
        (torch.tensor([1 + 2j]), "complex"),
    ],
)
def test_other_kinds_are_refused_by_name(data, named):
    with pytest.raises(InputError, match=f"pump: .*{named}"):
        as_recording(data, name="pump")


@pytest.mark.parametrize(
    "missing",
    [
        np.ma.masked_array([1.0, 9999.0, 3.0], mask=[0, 1, 0]),
        np.ma.masked_array([1, 9999, 3], mask=[0, 1, 0]),
        pd.Series([1, None, 3], dtype="Int64"),
        pd.DataFrame({"a": pd.array([1.5, None, 3.5], dtype="Float64")}),
        pd.Series([1.0, np.nan, 3.0]),
    ],
)
def test_masked_and_null_values_are_missing(missing):
    with pytest.raises(InputError, match=r"point 1, channel 0 is nan.*fill_gaps"):
        as_recording(missing)


def test_masked_points_are_not_judged():
    labels = np.ma.masked_array([0, 1, 0, 1], mask=[0, 0, 1, 1])
    assert evaluate(labels, [0.1, 0.2, 0.3, 0.0], "default")["auroc"] == 1
    scores = np.ma.masked_array([0.1, 0.2, 99, np.nan], mask=[0, 0, 1, 1])
    assert evaluate([0, 1, 0, 1], scores, "default")["auroc"] == 1
    assert len(ScoredSeries(labels, scores)) == 2
    with pytest.raises(InputError, match="differ in length: 4 labels, 3 scores"):
        ScoredSeries(labels, [1.0, 2.0, 3.0])


def test_an_undefined_metric_can_be_passed_over():
    labels, scores = [0, 0, 0], [0.1, 0.2, 0.3]
    with pytest.raises(UndefinedMetricError, match="undefined='nan' or 'omit'"):
        evaluate(labels, scores, ["auroc"])
    assert np.isnan(evaluate(labels, scores, ["auroc"], undefined="nan")["auroc"])
    assert evaluate(labels, scores, ["auroc"], undefined="omit") == {}
    full = evaluate(labels, scores, "full", window=2, threshold=0.25, undefined="nan")
    known = evaluate(labels, scores, "full", window=2, threshold=0.25, undefined="omit")
    assert {key for key, value in full.items() if not np.isnan(value)} == set(known)
    with pytest.raises(ConfigError, match="undefined must be raise, nan or omit"):
        evaluate(labels, scores, undefined="skip")


@given(st.integers(1, 12), st.integers(1, 60))
def test_values_the_wrong_way_round_are_asked_about(points, channels):
    values = np.zeros((points, channels))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        as_recording(values)
        as_recording(Recording(values))  # who makes a recording has said what is what
    told = [str(warning.message) for warning in caught]
    assert len(told) == (points > 1 and channels >= 4 * points)
    assert all("transpose them" in text for text in told)


@pytest.mark.parametrize("number", [np.int64(16), np.int32(16), np.uint8(16)])
def test_numpy_integers_are_whole_numbers(number):
    for kind in (IForest, Mahalanobis, MovingMean, Usad):
        plain = kind(window=16).get_params()["window"]
        assert kind(window=number).get_params()["window"] == plain
    scores = [IForest(window=w, trees=5).fit(PLAIN).score(PLAIN) for w in (16, number)]
    np.testing.assert_array_equal(*scores)


@pytest.mark.parametrize("window", [True, 2.5, "16", None])
@pytest.mark.parametrize("kind", [IForest, Mahalanobis, MovingMean])
def test_a_window_that_is_no_whole_number_is_refused(kind, window):
    with pytest.raises(ConfigError, match=r"window must be (period or )?a whole number"):
        kind(window=window).fit(PLAIN)


@pytest.mark.parametrize("first", [2**53, 2**62, -(2**60)])
def test_whole_numbers_that_double_precision_merges_are_refused(first):
    with pytest.raises(InputError, match="beyond 2\\^53"):
        as_recording(first + np.arange(5))
    even = first + 2**11 * np.arange(5)  # these it can hold
    assert as_recording(even).values[:, 0].tolist() == [float(x) for x in even.tolist()]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("float16", "float32"),
        ("float32", "float32"),
        ("float64", "float64"),
        ("int8", "float32"),
        ("int16", "float32"),
        ("int32", "float64"),
        ("uint32", "float64"),
        ("int64", "float64"),
        ("bool", "float32"),
        ("object", "float64"),
    ],
)
def test_values_keep_their_precision(given, kept):
    assert as_recording(np.array([0, 1, 1], dtype=given)).values.dtype == kept


def test_arrays_as_a_data_set_take_tables_too():
    frame = pd.DataFrame(PLAIN, columns=["a", "b"], index=DAYS)
    case = Arrays(frame, train=frame[["b", "a"]]).load("arrays")
    assert case.test[0].channel_names == ("a", "b")
    np.testing.assert_array_equal(case.test[0].values, PLAIN)
    scores = Mahalanobis().fit(case.train).score(case.test[0])
    np.testing.assert_allclose(scores, Mahalanobis().fit(frame).score(frame))


BIG = 10**17 + np.arange(5)


@pytest.mark.parametrize(
    "data",
    [
        BIG.tolist(),
        BIG.astype(object),
        torch.tensor(BIG),
        pd.Series(BIG),
        pd.Series([*BIG.tolist(), None], dtype="Int64"),
        pd.DataFrame({"a": BIG, "b": 0.5}),
        pd.DataFrame({"a": pd.Series(BIG, dtype="Int64"), "b": 0.5}),
        [10**30, 10**30 + 1],
    ],
)
def test_whole_numbers_that_double_precision_merges_are_refused_in_every_kind(data):
    with pytest.raises(InputError, match="beyond 2\\^53"):
        as_recording(data)


def test_columns_that_are_not_named_by_texts_have_names_too():
    frame = pd.DataFrame(PLAIN, columns=[7, "b"])
    assert as_recording(frame).channel_names == ("7", "b")
    detector = Mahalanobis().fit(frame)
    np.testing.assert_array_equal(detector.score(frame[["b", 7]]), detector.score(frame))
    assert as_recording(pd.DataFrame(PLAIN)).channel_names is None  # just numbered
    with pytest.warns(UserWarning, match="has no channel names"):
        Mahalanobis().fit(pd.DataFrame(PLAIN)).score(pd.DataFrame(PLAIN)[[1, 0]])


def test_a_sparse_tensor_is_refused_by_name():
    with pytest.raises(InputError, match="sparse tensor is not taken"):
        as_recording(torch.eye(3).to_sparse())


class PolarsColumn:
    """The part of a polars Series that is used."""

    def __init__(self, values, dtype):
        self.values, self.dtype = values, dtype

    def drop_nulls(self):
        return self

    def to_numpy(self):
        return self.values


def test_whole_numbers_in_a_table_of_polars_are_not_merged_with_its_other_columns():
    table = PolarsLike(np.column_stack([BIG, 0.5 * np.ones(5)]), ["a", "b"])
    table.get_columns = lambda: [PolarsColumn(BIG, "Int64"), PolarsColumn(np.ones(5), "Float64")]
    with pytest.raises(InputError, match="beyond 2\\^53"):
        as_recording(table)
