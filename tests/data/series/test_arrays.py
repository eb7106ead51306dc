import numpy as np
import pytest

from anomalib_ts.core.recording import Recording
from anomalib_ts.data import Arrays
from anomalib_ts.errors import DataNotFoundError, InputError


def test_series_with_labels_and_train_part():
    data = Arrays(np.arange(5.0), labels=[0, 0, 1, 0, 0], train=np.ones(3), name="mine")
    assert data.case_names() == ["mine"] == [data.name]
    case = data.load("mine")
    np.testing.assert_array_equal(case.test[0].values[:, 0], np.arange(5))
    np.testing.assert_array_equal(case.test[0].labels, [0, 0, 1, 0, 0])
    assert len(case.train[0]) == 3


def test_labels_and_train_part_are_optional():
    case = Arrays(np.ones((4, 3))).load("arrays")
    assert case.test[0].labels is None
    assert case.train == ()
    assert case.test[0].channels == 3


def test_fingerprint_follows_values_labels_and_train():
    x = np.arange(5.0)
    variants = [
        Arrays(x),
        Arrays(x + 1),
        Arrays(x, [0, 0, 0, 0, 1]),
        Arrays(x, [0, 0, 0, 1, 0]),
        Arrays(x, train=x),
    ]
    assert len({data.fingerprint("arrays") for data in variants}) == len(variants)
    assert Arrays(x).fingerprint("arrays") == Arrays(x.copy()).fingerprint("arrays")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, np.nan],), "point 1, channel 0 is nan.*fill_gaps"),
        (([1.0, np.inf],), "point 1, channel 0 is inf"),
        (([1.0, 2.0], [0, 2]), "the label of point 1 is .*2"),
        (([1.0, 2.0], [0]), "2 points need labels of shape"),
        (([],), "values must be"),
        (
            (np.ones((4, 2)), None, np.ones((4, 3))),
            "has 2 channels, but its training part .* has 3",
        ),
    ],
)
def test_bad_arrays(arguments, message):
    with pytest.raises(InputError, match=message):
        Arrays(*arguments)


def test_train_part_is_matched_by_name():
    x = np.arange(10.0).reshape(5, 2)
    test = Recording(x, channel_names=("a", "b"), times=np.arange(5))
    train = Recording(x[:, ::-1], channel_names=("b", "a"))
    case = Arrays(test, train=train).load("arrays")
    np.testing.assert_array_equal(case.train[0].values, x)
    np.testing.assert_array_equal(case.test[0].times, np.arange(5))
    with pytest.raises(InputError, match=r"channels a, b, but .* has b, c"):
        Arrays(test, train=Recording(x, channel_names=("b", "c")))


def test_fingerprint_follows_precision_names_and_times():
    x = np.arange(5.0)
    variants = [
        Recording(x),
        Recording(x.astype(np.float32)),
        Recording(x, channel_names=("a",)),
        Recording(x, channel_names=("b",)),
        Recording(x, times=np.arange(5)),
        Recording(x, times=np.arange(5).astype("datetime64[s]")),
    ]
    sets = [Arrays(recording) for recording in variants]
    assert len({data.fingerprint("arrays") for data in sets}) == len(variants)
    assert all(data.load("arrays").fingerprint == data.fingerprint("arrays") for data in sets)


def test_masked_values_must_be_filled():
    with pytest.raises(InputError, match="point 1, channel 0 is nan"):
        Arrays(np.ma.masked_array([1.0, 9999.0, 3.0], mask=[0, 1, 0]))


def test_unknown_case():
    with pytest.raises(DataNotFoundError, match="did you mean arrays"):
        Arrays([1.0, 2.0]).load("array")
