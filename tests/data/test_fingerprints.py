import gzip
import hashlib
import os
import time

import numpy as np
import pytest

from anomalib_ts.core.digests import FileDigests, file_digest
from anomalib_ts.data import CsvFile, TsbUad
from anomalib_ts.data.series.file_bytes import open_once
from anomalib_ts.errors import DataNotFoundError
from tests.makers.csv_files import noise, table


def npz(path, values):
    np.savez(path, values=values)


def csv(path, values):
    path.write_text(table({"x": values, "y": values**2}))


def packed(path, values):
    path.write_bytes(gzip.compress(table({"x": values, "y": values**2}).encode()))


@pytest.mark.parametrize(
    ("name", "write"), [("own.csv", csv), ("own.npz", npz), ("own.csv.gz", packed)]
)
class TestWhatWasReadIsWhatIsFingerprinted:
    def test_same_from_both(self, tmp_path, name, write):
        write(tmp_path / name, noise(20))
        data = CsvFile(str(tmp_path / name))
        assert data.load("own").fingerprint == data.fingerprint("own") != ""

    def test_with_a_training_file(self, tmp_path, name, write):
        write(tmp_path / name, noise(20))
        (tmp_path / "train").mkdir()
        write(tmp_path / "train" / name, noise(20, 1))
        data = CsvFile(str(tmp_path / name), train_path=str(tmp_path / "train"))
        before = data.load("own").fingerprint
        assert before == data.fingerprint("own")
        write(tmp_path / "train" / name, noise(20, 2))
        assert data.load("own").fingerprint == data.fingerprint("own") != before

    @pytest.mark.parametrize("moved", [False, True])
    def test_a_file_that_changes_in_between(self, tmp_path, name, write, moved):
        """Also one of the same size and time, and one put in its place."""
        path = tmp_path / name
        write(path, noise(20))
        stamp = path.stat()
        data = CsvFile(str(path))
        planned = data.fingerprint("own")
        new = tmp_path / "new" / name
        new.parent.mkdir()
        write(new if moved else path, noise(20, 1))
        if moved:
            new.replace(path)
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        case = data.load("own")
        assert case.fingerprint != planned
        assert case.fingerprint == CsvFile(str(path)).fingerprint("own")
        np.testing.assert_array_equal(case.test[0].values[:, 0], noise(20, 1))


def test_the_digest_is_that_of_the_bytes_that_were_read(tmp_path):
    path = tmp_path / "own.csv"
    path.write_bytes(b"1,2\n3,4\n")
    with open_once(path) as opened:
        read = opened.stream.read()
        path.write_bytes(b"5,6\n7,8\n")
        assert opened.digest() == hashlib.sha256(read).hexdigest()


def test_tsb_uad_fingerprints_what_it_read(tmp_path):
    for part in ("test", "train"):
        path = tmp_path / f"NASA/C-1.{part}.out"
        path.parent.mkdir(exist_ok=True)
        path.write_text("1,0\n2,1\n5,0\n")
    data = TsbUad(root=str(tmp_path), dataset="NASA")
    planned = data.fingerprint("C-1.test")
    assert data.load("C-1.test").fingerprint == planned
    path.write_text("1,0\n2,1\n6,0\n")
    assert data.load("C-1.test").fingerprint == data.fingerprint("C-1.test") != planned


@pytest.mark.parametrize(
    "settings",
    [
        {"decimal": "."}, {"comment": "#"}, {"skip_rows": 1}, {"encoding": "latin-1"},
        {"date_format": "%Y"}, {"exclude_columns": ["y"]}, {"timestamp_column": "none"},
        {"label_column": "none"}, {"header": True}, {"delimiter": ","}, {"max_gap": 1},
    ],
)  # fmt: skip
def test_settings_that_change_what_is_read(tmp_path, settings):
    csv(tmp_path / "own.csv", noise(20))
    path = str(tmp_path / "own.csv")
    assert CsvFile(path, **settings).fingerprint("own") != CsvFile(path).fingerprint("own")


class TestFileDigests:
    def test_a_settled_file_is_read_once(self, tmp_path, monkeypatch):
        path = tmp_path / "a"
        path.write_bytes(b"old")
        later = time.time_ns() + 100 * 10**9
        monkeypatch.setattr("anomalib_ts.core.digests.time.time_ns", lambda: later)
        digests = FileDigests()
        first = digests.of(path)
        assert first == file_digest(path)
        monkeypatch.setattr("anomalib_ts.core.digests.file_digest", lambda _: "read again")
        assert digests.of(path) == first
        path.write_bytes(b"new")
        assert digests.of(path) == "read again"

    def test_a_fresh_file_is_always_read(self, tmp_path):
        path = tmp_path / "a"
        digests = FileDigests()
        for content in (b"old", b"new", b"mew"):
            path.write_bytes(content)
            assert digests.of(path) == file_digest(path)

    def test_one_that_is_gone(self, tmp_path):
        with pytest.raises(DataNotFoundError, match="there is no file"):
            FileDigests().of(tmp_path / "a")


@pytest.mark.parametrize("kind", ["folder", "pattern", "train folder", "tsb"])
def test_a_folder_is_listed_once(tmp_path, monkeypatch, kind):
    """Planning n cases costs n: the files are looked up once, and each is hashed once."""
    folder = tmp_path / "d" / "set"
    folder.mkdir(parents=True)
    n = 50
    for i in range(n):
        (folder / f"c{i:03d}.{'out' if kind == 'tsb' else 'csv'}").write_text("1,0\n2,1\n3,0\n")
    if kind == "tsb":
        data = TsbUad(root=str(folder.parent), dataset="set")
    elif kind == "train folder":
        data = CsvFile(str(folder), train_path=str(folder))
    else:
        data = CsvFile(str(folder / "*.csv") if kind == "pattern" else str(folder))
    calls = []
    scandir = os.scandir
    monkeypatch.setattr("os.scandir", lambda *a: calls.append("list") or scandir(*a))
    monkeypatch.setattr(
        "anomalib_ts.core.digests.file_digest", lambda p: calls.append("hash") or str(p)
    )
    monkeypatch.setattr(
        "anomalib_ts.data.series.tsb_uad.file_digest", lambda p: calls.append("hash") or str(p)
    )
    names = data.case_names()
    assert len(names) == n
    for name in names:
        data.fingerprint(name)
    assert calls.count("list") < 10
    assert calls.count("hash") == n * (2 if kind == "train folder" else 1)


def test_what_is_new_in_a_folder_is_found(tmp_path):
    csv(tmp_path / "a.csv", noise(9))
    data = CsvFile(str(tmp_path))
    assert data.case_names() == ["a"]
    csv(tmp_path / "b.csv", noise(9))
    assert len(data.load("b").test[0]) == 9
    assert data.case_names() == ["a", "b"]
