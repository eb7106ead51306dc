import subprocess
import sys
import warnings

import numpy as np
import pytest

from anomalib_ts.core.digests import file_digest
from anomalib_ts.data import CsvFile
from anomalib_ts.data.series.series_file import SeriesReader
from anomalib_ts.data.series.text_table import read_text_table
from anomalib_ts.errors import AnomalibTsWarning, ConfigError, DataNotFoundError, InputError


@pytest.fixture
def write(tmp_path):
    def write(text, name="own.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


@pytest.fixture
def load(write):
    """Write a text, and read it as a file with the given settings."""

    def load(text, name="own.csv", **settings):
        data = CsvFile(write(text, name), **settings)
        return data.load(data.case_names()[0])

    return load


def check(case, values, labels=None):
    (test,) = case.test
    np.testing.assert_allclose(test.values, np.float32(values))
    if labels is None:
        assert test.labels is None
    else:
        np.testing.assert_array_equal(test.labels, labels)


class TestFormats:
    @pytest.mark.parametrize(
        "text",
        [
            "a,b,label\n1,2.5,0\n3,4,1\n",
            "a;b;label\n1;2.5;0\n3;4;1\n",
            "a\tb\tlabel\n1\t2.5\t0\n3\t4\t1\n",
            "a|b|label\n1|2.5|0\n3|4|1\n",
            "a b  label\n1 2.5 0\n3  4 1\n",
            "a, b, label\r\n1, 2.5, 0\r\n\r\n3, 4, 1\r\n",
            '\ufeff"a","b","label"\n"1","2.5","0"\n3,4,1',
            "timestamp,a,b,IS_ANOMALY\n2024-01-01,1,2.5,0\n2024-01-02,3,4,1\n",
            "a,date,b,Anomaly\n1,2024-01-01,2.5,False\n3,2024-01-02,4,True\n",
        ],
    )
    def test_delimiters_headers_and_roles_are_found_out(self, load, text):
        check(load(text), [[1, 2.5], [3, 4]], [0, 1])

    def test_one_column_without_header(self, load):
        check(load("1\n2\n3\n"), [[1], [2], [3]])

    def test_one_column_with_header(self, load):
        check(load("pressure\n1\n2\n"), [[1], [2]])

    def test_no_header(self, load):
        check(load("1,2.5\n3,4\n"), [[1, 2.5], [3, 4]])

    def test_header_of_numbers_needs_to_be_told(self, load):
        check(load("0,1\n5,6\n7,8\n", header=True), [[5, 6], [7, 8]])
        with pytest.warns(AnomalibTsWarning, match=r"first row 0, 1 looks like names.*header=true"):
            check(load("0,1\n5,6.5\n7,8\n"), [[0, 1], [5, 6.5], [7, 8]])

    def test_delimiter_can_be_told(self, load):
        check(load("1:2.5\n3:4\n", delimiter=":"), [[1, 2.5], [3, 4]])

    def test_what_looks_like_unnamed_labels_is_pointed_out(self, load):
        with pytest.warns(AnomalibTsWarning, match=r"last column, 1, .*say label_column=1"):
            check(load("5,0\n6,1\n"), [[5, 0], [6, 1]])
        check(load("5,0\n6,1\n", label_column=1), [[5], [6]], [0, 1])


class TestColumns:
    text = "time,x,y,z,label\n0,1,2,3,0\n1,4,5,6,1\n"

    @pytest.mark.parametrize(
        ("columns", "values"),
        [
            (["y"], [[2], [5]]),
            (["z", "x"], [[3, 1], [6, 4]]),
            ([3, 1], [[3, 1], [6, 4]]),
            (["3", "x"], [[3, 1], [6, 4]]),
            (["time"], [[0], [1]]),
        ],
    )
    def test_values_by_name_or_index(self, load, columns, values):
        check(load(self.text, value_columns=columns), values, [0, 1])

    def test_names_go_before_indices(self, load):
        check(load("a,0\n1,2\n3,4\n", header=True, value_columns=[0]), [[2], [4]])

    def test_label_named_otherwise(self, load):
        check(load("fault,x\n0,5\n1,6\n", label_column="fault"), [[5], [6]], [0, 1])
        check(load("fault,x\n0,5\n1,6\n", label_column=0), [[5], [6]], [0, 1])

    def test_chosen_label_leaves_no_other_label_among_the_values(self, load):
        text = "x,label,anomaly\n5,0,1\n6,1,1\n"
        check(load(text, label_column="anomaly"), [[5], [6]], [1, 1])

    def test_a_column_called_label_may_be_a_value(self, load):
        check(load("x,label\n5,7\n6,8\n", value_columns=["label"]), [[7], [8]])

    @pytest.mark.parametrize(
        "setting",
        [
            {"value_columns": ["presure"]},
            {"label_column": "presure"},
            {"timestamp_column": "presure"},
        ],
    )
    def test_unknown_column_offers_near_ones(self, load, setting):
        with pytest.raises(InputError, match="no column 'presure'; did you mean pressure"):
            load("pressure,flow\n1,2\n3,4\n", **setting)

    @pytest.mark.parametrize("index", [2, -1, "2"])
    def test_index_out_of_range(self, load, index):
        with pytest.raises(InputError, match=r"no column .*there are a, b"):
            load("a,b\n1,2\n3,4\n", value_columns=[index])

    def test_two_labels(self, load):
        with pytest.raises(InputError, match="columns label and is_anomaly both look like labels"):
            load("x,label,is_anomaly\n5,0,1\n6,1,1\n")

    def test_label_among_the_values(self, load):
        with pytest.raises(InputError, match="'x' is named both as a value and as the label"):
            load("x,y\n0,1\n1,1\n", value_columns=["x"], label_column="x")

    def test_nothing_but_labels(self, load):
        with pytest.raises(InputError, match="time, label none is left for values"):
            load("time,label\n0,1\n1,1\n")

    def test_no_value_columns(self):
        with pytest.raises(ConfigError, match="value_columns is empty"):
            CsvFile("x.csv", value_columns=[])


class TestBadFiles:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (b"", r"own\.csv is empty"),
            ("\n \n", r"own\.csv is empty"),
            ("a,label\n", "holds 0 of the two points that a series needs"),
            ("a,label\n1,0\n", "holds 1 of the two points"),
            ("a,b\n1,2\n3,oops\n", r"own\.csv, line 3, column 2 \(b\): 'oops' is not a number"),
            ("a,b\n\n1,2\n\n3,1_0\n", r"line 5, column 2 \(b\): '1_0' is not a number"),
            ("1,2\n3,oops\n", r"own\.csv, line 2, column 2: 'oops' is not a number"),
            (
                "a,label\n1,0\n2,2\n",
                r"line 3, column 2 \(label\): the label is 2; labels must be 0",
            ),
            ("a,label\n1,0\n2,-1\n", "the label is -1"),
            ("a,label\n1,0\n2,\n", "the label is missing"),
            ("a,label\n1,normal\n2,normal\n", "'normal' is not a number"),
            ("a\n1\ninf\n", r"line 3, column 1 \(a\): the value is infinite"),
            ("a\n1\n-Infinity\n", r"line 3, column 1 \(a\): the value is infinite"),
            ("a,b\n1,\n2,NaN\n", "channel b holds no number, all 2 points are missing"),
            ("a,b\n1,2\n3,4,5\n", "is not a table: .*line 3"),
            ("a,b\n1,2,3\n4,5,6\n", "is not a table"),
            (b"a,b\n1,\xff\n2,3\n", "not a UTF-8 text file"),
            (b"PK\x03\x04\x00\x00\xff\xfe", "not a UTF-8 text file"),
        ],
    )
    def test_each_is_named(self, load, text, message):
        with pytest.raises(InputError, match=message):
            load(text)

    def test_constant_series_and_series_without_anomaly_load(self, load):
        check(load("a,label\n5,0\n5,0\n"), [[5], [5]], [0, 0])


class TestMissingPoints:
    def test_short_gaps_are_filled_and_reported(self, load):
        with pytest.warns(AnomalibTsWarning, match=r"own\.csv: filled 3 missing values"):
            check(load("a,b\n1,5\n,NA\n3,null\n4,8\n"), [[1, 5], [2, 6], [3, 7], [4, 8]])

    def test_long_ones_are_refused(self, load):
        text = "a\n1\n" + 6 * "nan\n" + "2\n"
        with pytest.raises(InputError, match="points 1 to 6 of channel a"):
            load(text)
        with pytest.warns(AnomalibTsWarning, match="filled 6"):
            load(text, max_gap=6)


class TestTimestamps:
    def test_period_of_dates(self, load):
        text = "when,x\n2024-01-01 00:00,1\n2024-01-01 00:05,2\n2024-01-01 00:10,3\n"
        case = load(text, timestamp_column="when")
        check(case, [[1], [2], [3]])
        assert case.test[0].sampling_period == 300.0

    @pytest.mark.parametrize(
        "stamps",
        [
            ["0", "0.5", "1.0", "1.5"],
            ["1e9", "1000000000.5", "1000000001", "1000000001.5"],
            ["2024-01-01T00:00:00Z", "2024-01-01T00:00:00.5Z", "2024-01-01T00:00:01Z"],
            ["01/31/2024 10:00:00.0", "01/31/2024 10:00:00.5", "01/31/2024 10:00:01.0"],
            ["2024-01-01T00:00:00+00:00", "2024-01-01T01:00:00.5+01:00", "2024-01-01T00:00:01Z"],
        ],
    )
    def test_formats(self, load, stamps):
        text = "time,x\n" + "".join(f"{stamp},{i}\n" for i, stamp in enumerate(stamps))
        assert load(text, timestamp_column=0).test[0].sampling_period == pytest.approx(0.5)

    def test_microseconds_survive(self, load):
        stamps = [f"2024-01-01T00:00:00.{i:06d}" for i in range(5)]
        text = "time,x\n" + "".join(f"{stamp},1\n" for stamp in stamps)
        period = load(text, timestamp_column="time").test[0].sampling_period
        assert period == pytest.approx(1e-6, rel=1e-9)

    def test_points_missing_in_time_are_filled(self, load):
        text = "time,x,label\n0,0,0\n1,1,0\n4,4,1\n5,5,1\n7,7,1\n8,8,1\n10,10,0\n11,11,0\n"
        with pytest.warns(AnomalibTsWarning, match="filled 4 missing values of 12"):
            case = load(text, timestamp_column="time")
        check(case, np.arange(12.0)[:, None], [0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0])

    def test_without_time_points_are_evenly_spaced(self, load):
        with pytest.raises(InputError, match=r"6 points missing.*timestamp_column=none"):
            load("time,x\n0,1\n1,2\n2,3\n9,4\n")
        case = load("time,x\n0,1\n1,2\n2,3\n9,4\n", timestamp_column="none")
        check(case, [[1], [2], [3], [4]])
        assert case.test[0].sampling_period is None

    def test_jitter_is_no_gap(self, load):
        steps = [0.7, 1.0, 1.3] * 5
        text = "time,x\n" + "".join(f"{t:.1f},{i % 4}\n" for i, t in enumerate(np.cumsum(steps)))
        check(load(text, timestamp_column="time"), np.arange(15)[:, None] % 4)

    def test_long_gap_is_refused(self, load):
        text = "time,x\n0,1\n1,2\n2,3\n9,4\n10,5\n"
        message = (
            r"line 5, column 1 \(time\): between 2 and 9 there are 6 points missing.*max_gap=5"
        )
        with pytest.raises(InputError, match=message):
            load(text, timestamp_column="time")
        with pytest.warns(AnomalibTsWarning, match="filled 6"):
            load(text, timestamp_column="time", max_gap=6)

    def test_huge_gap_does_not_eat_the_memory(self, load):
        with pytest.raises(InputError, match="points missing"):
            load("time,x\n0,1\n1,2\n2,3\n1e15,4\n", timestamp_column="time")

    @pytest.mark.parametrize(
        ("stamps", "message"),
        [
            ((1, 2, 2), "line 4, .*timestamp 2 is the same as the one before; drop"),
            ((1, 3, 2), "line 4, .*timestamp 2 is earlier than the one before; sort"),
            (("2024-01-02", "2024-01-01", "2024-01-03"), "line 3, .*is earlier"),
            (("2024-01-02", "soon", "2024-01-03"), "line 3, .*'soon' cannot be read as a date"),
            (("2024-01-02", "", "2024-01-03"), "line 3, .*the timestamp is missing"),
            (("soon", "2024-01-01", "2024-01-02"), "line 2, .*'soon' cannot be read"),
            ((1, "", 2), "line 3, .*the timestamp is missing"),
        ],
    )
    def test_bad_timestamps(self, load, stamps, message):
        text = "time,x\n" + "".join(f"{stamp},1\n" for stamp in stamps)
        with pytest.raises(InputError, match=message):
            load(text, timestamp_column="time")


class TestTrainPart:
    text = "x,label\n1,0\n2,0\n3,1\n4,0\n"

    def test_prefix(self, load):
        case = load(self.text, train_length=2)
        check(case, [[3], [4]], [1, 0])
        np.testing.assert_array_equal(case.train[0].values, [[1], [2]])

    def test_none_by_default(self, load):
        assert load(self.text).train == ()

    @pytest.mark.parametrize("length", [4, 99])
    def test_too_long_prefix(self, load, length):
        with pytest.raises(InputError, match=f"train_length={length} leaves nothing .* 4 points"):
            load(self.text, train_length=length)

    def test_separate_file(self, load, write):
        case = load(self.text, train_path=write("x\n7\n8\n9\n", "train.csv"))
        assert len(case.test[0]) == 4
        np.testing.assert_array_equal(case.train[0].values, [[7], [8], [9]])

    def test_separate_file_in_the_same_folder_is_no_case(self, tmp_path, write):
        write(self.text, "a.csv")
        data = CsvFile(str(tmp_path), train_path=write("x\n7\n8\n", "train.csv"))
        assert data.case_names() == ["a"]

    def test_folder_of_train_files(self, tmp_path, write):
        for name in "ab":
            write(self.text, f"test/{name}.csv")
        write("x\n7\n8\n", "train/a.csv")
        data = CsvFile(str(tmp_path / "test"), train_path=str(tmp_path / "train"))
        assert len(data.load("a").train[0]) == 2
        with pytest.raises(DataNotFoundError, match=r"no file .*b\.csv to train on \(train_path\)"):
            data.load("b")

    def test_missing_train_file(self, load):
        with pytest.raises(DataNotFoundError, match="to train on"):
            load(self.text, train_path="nowhere.csv")

    def test_train_file_of_other_columns(self, load, write):
        with pytest.raises(InputError, match="channels x, but its training part has x, y"):
            load(self.text, train_path=write("x,y\n7,1\n8,1\n", "train.csv"))

    def test_contradicting_settings(self):
        with pytest.raises(ConfigError, match="not both"):
            CsvFile("x.csv", train_length=1, train_path="y.csv")
        with pytest.raises(ConfigError, match="at least 0"):
            CsvFile("x.csv", train_length=-1)


class TestFiles:
    def test_folder(self, tmp_path, write):
        for name in ("b.csv", "a.txt", "c.TSV", "readme.md"):
            write("1\n2\n", f"logs/{name}")
        data = CsvFile(str(tmp_path / "logs"))
        assert data.case_names() == ["a", "b", "c"]
        assert data.name == "logs"
        assert len(data.load("b").test[0]) == 2

    def test_pattern(self, tmp_path, write):
        for name in ("m1/run.csv", "m2/run.csv", "m2/other.csv"):
            write("1\n2\n", f"logs/{name}")
        data = CsvFile(str(tmp_path / "logs/*/run.csv"))
        assert data.case_names() == ["m1/run", "m2/run"]
        assert data.name == "logs/*/run"
        assert CsvFile(str(tmp_path / "logs/**/*.csv")).case_names() == [
            "m1/run",
            "m2/other",
            "m2/run",
        ]

    def test_same_stem_twice(self, tmp_path, write):
        write("1\n2\n", "logs/a.csv")
        write("1\n2\n", "logs/a.txt")
        assert CsvFile(str(tmp_path / "logs")).case_names() == ["a.csv", "a.txt"]

    def test_file_name_with_pattern_characters(self, write):
        assert CsvFile(write("1\n2\n", "run[1].csv")).case_names() == ["run[1]"]

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("owm.csv", "there is no file .*did you mean own.csv"),
            ("*.npz", "there is no file .*there are own.csv"),
            ("nowhere/own.csv", "nor the folder"),
            ("empty", "the folder .* holds no .csv"),
        ],
    )
    def test_nothing_there(self, tmp_path, write, path, message):
        write("1\n2\n")
        (tmp_path / "empty").mkdir()
        with pytest.raises(DataNotFoundError, match=message):
            CsvFile(str(tmp_path / path)).case_names()

    def test_unknown_case(self, write):
        with pytest.raises(DataNotFoundError, match="did you mean own"):
            CsvFile(write("1\n2\n")).load("own.csv")

    def test_name_tells_columns_apart(self):
        assert CsvFile("logs/pump.csv").name == "pump"
        assert CsvFile("logs/pump.csv", value_columns=["flow", 2]).name == "pump[flow+2]"

    def test_fingerprint_follows_files_and_settings(self, write):
        def fingerprint(text="1\n2\n", **settings):
            return CsvFile(write(text), **settings).fingerprint("own")

        train, other = write("1\n3\n", "train.csv"), write("1\n4\n", "other.csv")
        prints = [
            fingerprint(),
            fingerprint("1\n3\n"),
            fingerprint(max_gap=1),
            fingerprint(train_length=1),
            fingerprint(value_columns=[0]),
            fingerprint(train_path=train),
            fingerprint(train_path=other),
        ]
        assert len(set(prints)) == len(prints)
        assert fingerprint() == prints[0]


class TestNpz:
    @pytest.fixture
    def load_npz(self, tmp_path):
        def load(settings=None, **arrays):
            np.savez(tmp_path / "own.npz", **arrays)
            return CsvFile(str(tmp_path / "own.npz"), **(settings or {})).load("own")

        return load

    def test_values_labels_and_train(self, load_npz):
        case = load_npz(values=np.arange(6).reshape(3, 2), labels=[0, 1, 0], train=np.ones((5, 2)))
        check(case, [[0, 1], [2, 3], [4, 5]], [0, 1, 0])
        assert len(case.train[0]) == 5

    def test_one_channel(self, load_npz):
        check(load_npz(values=[1.0, 2.0]), [[1], [2]])

    def test_chosen_channels(self, load_npz):
        values = np.arange(6).reshape(2, 3)
        case = load_npz({"value_columns": [2, "0"]}, values=values, train=values)
        check(case, [[2, 0], [5, 3]])
        assert case.train[0].channels == 2

    def test_gaps(self, load_npz):
        with pytest.warns(AnomalibTsWarning, match=r"own\.npz: values: filled 1"):
            check(load_npz(values=[1.0, np.nan, 3.0]), [[1], [2], [3]])

    @pytest.mark.parametrize(
        ("settings", "arrays", "message"),
        [
            ({}, {"value": [1.0, 2.0]}, "no array 'values'; did you mean value"),
            ({}, {"values": [1.0]}, "at least two points"),
            ({}, {"values": np.ones((2, 2, 2))}, r"not float64 of shape \(2, 2, 2\)"),
            ({}, {"values": ["a", "b"]}, "must be numbers"),
            ({}, {"values": [1.0, np.inf]}, "point 1, channel 0 is inf"),
            ({}, {"values": [1.0, 2.0], "labels": [0, 5]}, "label of point 1"),
            ({}, {"values": [1.0, 2.0], "labels": [0]}, "2 points need labels"),
            ({}, {"values": [1.0, 2.0], "train": np.ones((3, 2))}, "training part .* has 2"),
            ({"value_columns": [1]}, {"values": [1.0, 2.0]}, "has 1 channels; value_columns"),
            ({"value_columns": ["x"]}, {"values": [1.0, 2.0]}, "must be indices"),
            ({"label_column": "y"}, {"values": [1.0, 2.0]}, "label_column is for text files"),
            ({}, {"values": np.array([{}, {}])}, "cannot be read as NPZ"),
        ],
    )
    def test_bad_arrays(self, load_npz, settings, arrays, message):
        with pytest.raises(InputError, match=message):
            load_npz(settings, **arrays)

    def test_not_npz(self, load):
        for content in (b"", b"hello", b"PK\x03\x04 broken"):
            with pytest.raises(InputError, match="cannot be read as NPZ"):
                load(content, "own.npz")


def test_pandas_is_not_imported_before_a_file_is_read():
    code = (
        "import sys, anomalib_ts.data as d; d.CsvFile, d.TsbUad, d.MackeyGlass, d.Arrays;"
        "assert not {'pandas', 'torch', 'sklearn', 'librosa'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_reading_a_file_warns_of_nothing(load):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load("time,a,label\n2024-01-01,1,0\n2024-01-02,2,1\n", timestamp_column="time")


@pytest.mark.parametrize("read", [SeriesReader().read, read_text_table, file_digest])
@pytest.mark.parametrize("name", ["gone.csv", "gone.npz"])
def test_a_file_that_is_gone(tmp_path, read, name):
    with pytest.raises(DataNotFoundError, match=rf"there is no file .*{name}"):
        read(tmp_path / name)


def test_unknown_export():
    with pytest.raises(ImportError, match="CsvFiles"):
        from anomalib_ts.data import CsvFiles  # noqa: F401
