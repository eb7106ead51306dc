import sys

import numpy as np
import pandas as pd
import pytest

from anomalib_ts.errors import InputError
from tests.makers.csv_files import load, noise

FRAME = pd.DataFrame(
    {
        "time": pd.date_range("2024-01-01", periods=30, freq="h"),
        "flow": noise(30),
        "note": ["ok"] * 30,
        "label": [0] * 29 + [1],
    }
)


def content(tmp_path, frame, suffix, **settings):
    path = tmp_path / f"written.{suffix}"
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    else:
        pytest.importorskip("openpyxl")
        frame.to_excel(path, index=False, **settings)
    return path.read_bytes()


@pytest.mark.parametrize("suffix", ["parquet", "xlsx"])
class TestWithItsEngine:
    def test_roles_names_and_times(self, tmp_path, suffix):
        read, told = load(tmp_path, content(tmp_path, FRAME, suffix), f"own.{suffix}")
        assert read.channel_names == ("flow",)
        np.testing.assert_array_equal(read.values[:, 0], noise(30))
        np.testing.assert_array_equal(read.times, FRAME["time"].to_numpy("datetime64[ns]"))
        assert read.labels.sum() == 1
        assert "column note holds text" in told

    def test_a_mistake_is_told_with_its_row(self, tmp_path, suffix):
        frame = FRAME.assign(label=[0, 3] + [0] * 28)
        row = 2 if suffix == "parquet" else 3
        with pytest.raises(InputError, match=rf"own\.{suffix}, row {row}, column 4 \(label\)"):
            load(tmp_path, content(tmp_path, frame, suffix), f"own.{suffix}")

    def test_damaged(self, tmp_path, suffix):
        whole = content(tmp_path, FRAME, suffix)
        for damaged in (b"", b"hello", whole[: len(whole) // 2], whole[:100] + bytes(len(whole))):
            with pytest.raises(InputError, match=rf"own\.{suffix} cannot be read as {suffix}"):
                load(tmp_path, damaged, f"own.{suffix}")

    def test_too_short(self, tmp_path, suffix):
        with pytest.raises(InputError, match="holds 1 of the two points"):
            load(tmp_path, content(tmp_path, FRAME.head(1), suffix), f"own.{suffix}")


def test_an_index_of_times_is_the_time(tmp_path):
    written = content(tmp_path, FRAME.set_index("time"), "parquet")
    read, _ = load(tmp_path, written, "own.parquet")
    np.testing.assert_array_equal(read.times, FRAME["time"].to_numpy("datetime64[ns]"))


def test_lines_before_the_table(tmp_path):
    written = content(tmp_path, FRAME, "xlsx", startrow=3)
    read, _ = load(tmp_path, written, "own.xlsx", skip_rows=3)
    assert (len(read), read.channel_names) == (30, ("flow",))


@pytest.mark.parametrize(("suffix", "engine"), [("parquet", "pyarrow"), ("xlsx", "openpyxl")])
def test_without_its_engine(tmp_path, monkeypatch, suffix, engine):
    """One line says what to install."""
    monkeypatch.setitem(sys.modules, engine, None)
    monkeypatch.setitem(sys.modules, "fastparquet", None)
    with pytest.raises(InputError, match=rf'needs {engine}.*pip install "anomalib-ts\[tables\]"'):
        load(tmp_path, b"PAR1" if suffix == "parquet" else b"PK\x03\x04", f"own.{suffix}")
