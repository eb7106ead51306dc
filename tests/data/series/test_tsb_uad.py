import csv
import zipfile

import numpy as np
import pytest

from anomalib_ts.data import TsbUad
from anomalib_ts.errors import AnomalibTsWarning, ConfigError, DataNotFoundError, InputError
from tests.makers.http_server import serve
from tests.makers.shared import shared_path


def write(path, values, labels=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = [0] * len(values) if labels is None else labels
    path.write_text("".join(f"{v},{a}\n" for v, a in zip(values, labels, strict=True)))


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "tsb"
    write(root / "Dodgers/101-freeway-traffic.test.out", [-1, 20.5, 3], [1, 0, 0.0])
    for name in ("C-1", "C-2", "T-4"):
        write(root / f"NASA-MSL/{name}.test.out", [1, 2, 3, 4], [0, 1, 1, 0])
        write(root / f"NASA-MSL/{name}.train.out", [5, 6, 7])
    write(root / "Occupancy/room.train.csv@3.out", [1, 2])
    write(root / "Occupancy/lonely.train.out", [1, 2])
    return root


def data(root, dataset="NASA-MSL", **settings):
    return TsbUad(root=str(root), dataset=dataset, **settings)


class TestLoading:
    def test_values_and_labels(self, root):
        dodgers = data(root, "Dodgers")
        assert dodgers.case_names() == ["101-freeway-traffic.test"]
        (test,) = dodgers.load("101-freeway-traffic.test").test
        np.testing.assert_array_equal(test.values, np.float32([[-1], [20.5], [3]]))
        np.testing.assert_array_equal(test.labels, [1, 0, 0])

    def test_matching_train_file_is_the_train_part(self, root):
        msl = data(root)
        assert msl.case_names() == ["C-1.test", "C-2.test", "T-4.test"]
        case = msl.load("T-4.test")
        assert (len(case.test[0]), len(case.train[0])) == (4, 3)
        assert case.test[0].name == "NASA-MSL/T-4.test"

    def test_other_train_files_are_cases(self, root):
        names = data(root, "Occupancy").case_names()
        assert names == ["lonely.train", "room.train.csv@3"]
        assert data(root, "Occupancy").load("lonely.train").train == ()

    def test_short_gaps_are_filled(self, root):
        write(root / "Own/a.out", [1, "", 3])
        with pytest.warns(AnomalibTsWarning, match="Own/a: filled 1 missing value"):
            case = data(root, "Own").load("a")
        np.testing.assert_array_equal(case.test[0].values[:, 0], [1, 2, 3])
        with pytest.raises(InputError, match="max_gap=0"):
            data(root, "Own", max_gap=0).load("a")

    def test_fingerprint_follows_the_files(self, root):
        before = data(root).fingerprint("C-1.test")
        assert data(root).fingerprint("C-1.test") == before
        assert data(root, max_gap=3).fingerprint("C-1.test") != before
        write(root / "NASA-MSL/C-1.train.out", [5, 6, 8])
        assert data(root).fingerprint("C-1.test") != before


class TestSelection:
    @pytest.mark.parametrize(
        ("series", "names"),
        [
            ("*", ["C-1.test", "C-2.test", "T-4.test"]),
            ("C-*", ["C-1.test", "C-2.test"]),
            ("T-4", ["T-4.test"]),
            ("T-4.test", ["T-4.test"]),
            ("T-4.test.out", ["T-4.test"]),
            (["T-4", "C-1", "C-1"], ["C-1.test", "T-4.test"]),
        ],
    )
    def test_by_name_pattern_or_list(self, root, series, names):
        assert data(root, series=series).case_names() == names

    def test_names_with_pattern_characters(self, root):
        write(root / "Own/run[1].out", [1, 2])
        assert data(root, "Own", series="run[1]").case_names() == ["run[1]"]

    def test_numbers_as_names(self, root):
        write(root / "MGAB/1.test.out", [1, 2])
        assert data(root, "MGAB", series=1).case_names() == ["1.test"]

    def test_name_tells_selections_apart(self, root):
        assert data(root).name == "NASA-MSL"
        assert data(root, series="C-*").name == "NASA-MSL[C-*]"
        assert data(root, series=["C-1", "T-4"]).name == "NASA-MSL[C-1+T-4]"
        long = [[f"series-{i}" for i in range(start, 20)] for start in (0, 1)]
        names = {data(root, series=series).name for series in long}
        assert len(names) == 2
        assert max(map(len, names)) < 60

    def test_unknown_series_offers_near_ones(self, root):
        with pytest.raises(DataNotFoundError, match=r"no series 'T-5'; did you mean T-4"):
            data(root, series="T-5").case_names()

    def test_one_unknown_among_known_ones(self, root):
        with pytest.raises(DataNotFoundError, match="no series 'X-"):
            data(root, series=["C-1", "X-*"]).case_names()

    def test_unknown_case(self, root):
        with pytest.raises(DataNotFoundError, match=r"did you mean C-1\.test"):
            data(root).load("C-1")

    def test_unselected_case(self, root):
        with pytest.raises(DataNotFoundError):
            data(root, series="C-1").load("T-4.test")

    def test_unknown_dataset_offers_near_ones(self, root):
        with pytest.raises(DataNotFoundError, match="no 'nasa_msl'; did you mean NASA-MSL"):
            data(root, "nasa_msl").case_names()

    def test_dataset_unlike_any(self, root):
        with pytest.raises(DataNotFoundError, match="there are Dodgers, NASA-MSL, Occupancy"):
            data(root, "xyz").case_names()

    def test_empty_list(self, root):
        with pytest.raises(ConfigError, match=r"data\.series is empty"):
            data(root, series=[])


@pytest.mark.parametrize("exists", [False, True])
def test_missing_root_says_how_to_get_the_data(tmp_path, exists):
    root = tmp_path / "none"
    if exists:
        root.mkdir()
    with pytest.raises(DataNotFoundError) as error:
        data(root).case_names()
    for hint in ("TSB-UAD-Public.zip", "data.download=true", "data.root", str(root)):
        assert hint in str(error.value)


class TestBadFiles:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "bad.out is empty"),
            ("\n\n", "bad.out is empty"),
            ("1,0\n", "holds 1 of the two points that a series needs"),
            ("1,0\n2,0\nabc,0\n", "bad.out, line 3, column 1: 'abc' is not a number"),
            ("1,0\n\n2,x\n", "bad.out, line 3, column 2: 'x' is not a number"),
            ("1,0\n2,2\n", "bad.out, line 2, column 2: the label is 2; labels must be 0"),
            ("1,0\n2,0.5\n", "line 2, column 2: the label is 0.5"),
            ("1,0\n2,\n", "line 2, column 2: the label is missing"),
            ("1,0\n2,0\ninf,0\n", "line 3, column 1: the value is infinite"),
            ("1,0\n-inf,0\n", "line 2, column 1: the value is infinite"),
            ("1\n2\n", "has 1 columns, but a TSB-UAD file has two"),
            ("1,0,0\n2,0,0\n", "has 3 columns"),
            ("1,0\n2,0,5\n", "is not a table: .*line 2"),
            (",0\n,1\n,0\n", "holds no number, all 3 points are missing"),
            ("1,0\n" + 6 * ",0\n" + "2,0\n", "points 1 to 6 of channel 0 are missing"),
            ("1,0\n1e39,0\n", r"line 2, column 1: 1e\+39 is beyond 3e38"),
        ],
    )
    def test_each_is_named(self, root, text, message):
        (root / "Own").mkdir()
        (root / "Own/bad.out").write_text(text)
        with pytest.raises(InputError, match=message):
            data(root, "Own").load("bad")

    def test_binary(self, root):
        (root / "Own").mkdir()
        (root / "Own/bad.out").write_bytes(b"\xff\xfe\x00,0\n1,0\n")
        with pytest.raises(InputError, match="not a UTF-8 text file"):
            data(root, "Own").load("bad")

    def test_constant_series_and_one_class_load(self, root):
        write(root / "Own/flat.out", [3, 3, 3], [1, 1, 1])
        assert data(root, "Own").load("flat").test[0].labels.all()


class TestDownload:
    def archive(self, tmp_path, files):
        path = tmp_path / "served.zip"
        with zipfile.ZipFile(path, "w") as file:
            for name, text in files.items():
                file.writestr(name, text)
        return path.read_bytes()

    @pytest.mark.parametrize("prefix", ["", "TSB-UAD-Public/", "data/TSB-UAD-Public/"])
    def test_fetches_and_unpacks(self, tmp_path, prefix):
        content = self.archive(
            tmp_path,
            {
                f"{prefix}README.txt": "read me",
                f"{prefix}Dodgers/a.test.out": "1,0\n2,1\n",
                f"__MACOSX/{prefix}Dodgers/._a.test.out": "x",
            },
        )
        root = tmp_path / "new/root"
        with serve(content) as server:
            found = data(root, "Dodgers", download=True, url=server.url)
            assert found.case_names() == ["a.test"]
            assert found.load("a.test").test[0].labels.tolist() == [0, 1]
            assert data(root, "Dodgers", download=True, url=server.url).case_names() == ["a.test"]
        assert len(server.requests) == 1, "what is there is not fetched again"
        assert sorted(p.name for p in root.parent.iterdir() if not p.name.startswith(".")) == [
            "root"
        ]

    def test_an_archive_of_the_users_own_is_used_and_left(self, tmp_path):
        content = self.archive(tmp_path, {"Dodgers/a.out": "1,0\n2,1\n"})
        (tmp_path / "root.zip").write_bytes(content)
        with serve(b"something else") as server:
            found = data(tmp_path / "root", "Dodgers", download=True, url=server.url)
            assert found.case_names() == ["a"]
        assert server.requests == []
        assert (tmp_path / "root.zip").read_bytes() == content

    def test_archive_of_something_else(self, tmp_path):
        content = self.archive(tmp_path, {"cat.jpg": "meow"})
        with serve(content) as server, pytest.raises(InputError, match="holds no file"):
            data(tmp_path / "root", download=True, url=server.url).case_names()
        assert not (tmp_path / "root").exists()

    def test_checksum(self, tmp_path):
        content = self.archive(tmp_path, {"Dodgers/a.out": "1,0\n2,1\n"})
        with serve(content) as server, pytest.raises(InputError, match="SHA-256"):
            data(tmp_path / "root", download=True, url=server.url, sha256="0" * 64).case_names()


def test_all_reference_series_agree_with_their_manifest():
    root = shared_path("data/tsb-uad")
    with (root / "MANIFEST.csv").open() as file:
        rows = {row["file"].removesuffix(".out"): row for row in csv.DictReader(file)}
    seen = set()
    for dataset in {row["dataset"] for row in rows.values()}:
        source = data(root, dataset)
        for name in source.case_names():
            case = source.load(name)
            for recording in case.test + case.train:
                row = rows[recording.name]
                runs = int((np.diff(recording.labels, prepend=0) == 1).sum())
                assert (len(recording), runs) == (int(row["n_points"]), int(row["n_anomalies"]))
                seen.add(recording.name)
    assert seen == set(rows)
