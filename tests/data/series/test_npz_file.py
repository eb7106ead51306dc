import io
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.lib import format as npy

from anomalib_ts.data import CsvFile
from anomalib_ts.errors import AnomalibTsError, AnomalibTsWarning, DataNotFoundError, InputError

VALUES = np.random.default_rng(0).normal(size=(30, 2))


@pytest.fixture
def load(tmp_path):
    def load(content=None, settings=None, **arrays):
        path = tmp_path / "own.npz"
        if content is None:
            np.savez(path, **arrays)
        else:
            path.write_bytes(content)
        return CsvFile(str(path), **(settings or {})).load("own")

    return load


def saved(compressed=True, **arrays):
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def zipped(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def header(shape, dtype="<f8"):
    file = io.BytesIO()
    npy.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


class TestNamesAndTimes:
    def test_are_kept(self, load):
        times = np.arange(30).astype("datetime64[m]")
        case = load(values=VALUES, channel_names=["flow", "p"], times=times, train=VALUES)
        assert case.test[0].channel_names == case.train[0].channel_names == ("flow", "p")
        np.testing.assert_array_equal(case.test[0].times, times)
        assert case.test[0].sampling_period == 60

    def test_channels_by_name(self, load):
        chosen = {"value_columns": ["p"]}
        case = load(settings=chosen, values=VALUES, channel_names=["flow", "p"], train=VALUES)
        assert case.train[0].channel_names == ("p",)
        np.testing.assert_array_equal(case.train[0].values, VALUES[:, 1:])
        left = {"exclude_columns": ["p"]}
        case = load(settings=left, values=VALUES, channel_names=["flow", "p"])
        assert case.test[0].channel_names == ("flow",)

    def test_points_missing_in_time_are_filled(self, load):
        times = np.delete(np.arange(32), [7, 8])
        with pytest.warns(AnomalibTsWarning, match="channels flow, p"):
            case = load(values=VALUES, channel_names=["flow", "p"], times=times)
        np.testing.assert_array_equal(case.test[0].times, np.arange(32))
        np.testing.assert_array_equal(case.test[0].values[times], VALUES)
        none = load(settings={"timestamp_column": "none"}, values=VALUES, times=times)
        assert (len(none.test[0]), none.test[0].times) == (30, None)

    def test_train_path_is_matched_by_name(self, load, tmp_path):
        train = tmp_path / "train.npz"
        np.savez(train, values=VALUES[:, ::-1], channel_names=["p", "flow"])
        given = {"train_path": str(train)}
        case = load(settings=given, values=VALUES, channel_names=["flow", "p"])
        np.testing.assert_array_equal(case.train[0].values, VALUES)
        with pytest.raises(InputError, match=r"channels flow, q, but .* has p, flow"):
            load(settings=given, values=VALUES, channel_names=["flow", "q"])

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"times": np.arange(29)}, "30 points need times"),
            ({"times": np.arange(30)[::-1]}, "does not come after"),
            ({"times": np.zeros(30)}, "does not come after"),
            ({"times": np.append(np.arange(29), 99)}, "points missing"),
            ({"times": np.array(["x"] * 30)}, "times must be datetime64 or seconds"),
            ({"times": np.arange(30), "labels": [0, 1]}, "30 points need labels"),
            ({"channel_names": ["a"]}, "2 channels, but 1 names"),
            ({"channel_names": ["a", "a"]}, "same name"),
            ({"channel_names": [1, 2]}, "channel_names must be a list of texts"),
        ],
    )
    def test_that_do_not_fit(self, load, arrays, message):
        with pytest.raises(InputError, match=message):
            load(values=VALUES, **arrays)


HUGE = zipped(values=header((2**40,)) + bytes(100))
BROKEN = {
    "empty": b"",
    "text": b"hello",
    "zeros": bytes(1000),
    "no member": zipped(),
    "no array": zipped(values=b"hello"),
    "cut array": zipped(values=header((30,)) + bytes(100)),
    "more than said": zipped(values=header((3,)) + bytes(100)),
    "huge shape": HUGE,
    "negative shape": zipped(values=header((-3,)) + bytes(100)),
    "objects": saved(values=np.array([{}, {}], dtype=object)),
    "pickle": zipped(values=header((1,), "|O") + b"cos\nsystem\n(S'true'\ntR."),
    "unknown version": zipped(values=b"\x93NUMPY\x09\x00" + bytes(100)),
    "header of code": zipped(values=b"\x93NUMPY\x01\x00\x20\x00" + b"print('x')\n" * 9),
    "texts": saved(values=["a", "b"]),
    "complex": saved(values=np.ones(5, complex)),
    "times": saved(values=np.arange(5).astype("datetime64[s]")),
    "structure": saved(values=np.zeros(5, [("a", float)])),
    "scalar": saved(values=1.0),
    "whole numbers beyond float64": saved(values=2**63 + np.arange(9, dtype=np.uint64)),
}  # fmt: skip


class TestDamaged:
    @pytest.mark.parametrize("kind", BROKEN)
    def test_one_kind_of_error_names_the_file(self, load, kind):
        with pytest.raises(InputError, match=r"own\.npz"):
            load(BROKEN[kind])

    @settings(
        max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
    )
    @given(st.data(), st.booleans())
    def test_a_damaged_file_is_an_error_or_its_own_arrays(self, load, data, compressed):
        content = bytearray(saved(compressed, values=VALUES, labels=np.zeros(30, int)))
        at = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content = content[:at]
        else:
            content[at] ^= data.draw(st.integers(1, 255))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                read = load(bytes(content)).test[0]
            except AnomalibTsError:
                return
        np.testing.assert_array_equal(read.values, VALUES)

    def test_a_small_file_that_fills_the_memory(self, load):
        content = saved(values=np.zeros(50_000_000))
        tracemalloc.start()
        with pytest.raises(InputError, match="would unpack to 400000128 bytes"):
            load(content)
        assert tracemalloc.get_traced_memory()[1] < 50e6
        tracemalloc.stop()

    def test_a_file_that_is_gone(self, tmp_path):
        data = CsvFile(str(tmp_path / "own.npz"))
        np.savez(tmp_path / "own.npz", values=VALUES)
        data.case_names()
        (tmp_path / "own.npz").unlink()
        with pytest.raises(DataNotFoundError, match=r"no file .*own\.npz"):
            data.load("own")


DOUBTFUL = {
    "rises evenly": np.arange(40.0),
    "only rises": np.cumsum(np.random.default_rng(5).random(40) + 0.1),
    "follows the labels": np.arange(40) // 4 == 5,
    "holds only two values": np.arange(40) % 3 == 0,
}


@pytest.mark.parametrize("why", DOUBTFUL)
@pytest.mark.parametrize("named", [True, False])
def test_a_channel_that_looks_like_none_is_told(tmp_path, why, named):
    noise = np.random.default_rng(0).normal(size=(40, 2))
    arrays = {"values": np.column_stack([noise, DOUBTFUL[why]]), "labels": np.arange(40) // 4 == 5}
    names = {"channel_names": np.array(["flow", "pressure", "q"])} if named else {}
    np.savez(tmp_path / "own.npz", **arrays, **names)
    data = CsvFile(str(tmp_path / "own.npz"))
    with pytest.warns(AnomalibTsWarning, match=f"channel {'q' if named else '2'} {why}"):
        assert data.load("own").test[0].channels == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = CsvFile(str(tmp_path / "own.npz"), exclude_columns=[2]).load("own").test[0]
    assert kept.channels == 2


@pytest.mark.parametrize("name", ["label", "is_normal", "timestamp", "index"])
def test_a_channel_named_like_something_else_is_told(tmp_path, name):
    values = np.random.default_rng(0).normal(size=(40, 2))
    np.savez(tmp_path / "own.npz", values=values, channel_names=np.array(["flow", name]))
    with pytest.warns(AnomalibTsWarning, match=f"channel {name} is named like "):
        CsvFile(str(tmp_path / "own.npz")).load("own")
