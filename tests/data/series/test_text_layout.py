import bz2
import gzip
import lzma
import zipfile

import numpy as np
import pytest

from anomalib_ts.data import CsvFile
from anomalib_ts.errors import ConfigError, InputError
from tests.makers.csv_files import load, noise, table

STATES = ("Störung", "läuft", "läuft")
GERMAN = "Datum;Druck [bar];Temp (°C);Status;label\n" + "".join(
    f"31.12.2025 23:{i:02d};{i * 7 % 11},5;{i * i % 13 - 6},25;{STATES[i % 3]};0\n"
    for i in range(20)
)


def test_three_decimals_are_no_thousands_where_dates_have_points(tmp_path):
    rows = [f"31.12.2025 23:{i:02d};{i + 1},{i * 47:03d};{100 - i},000" for i in range(20)]
    read, told = load(tmp_path, "Datum;Druck;Temp\n" + "\n".join(rows))
    assert "its numbers have a decimal comma" in told
    expected = [i + 1 + i * 47 / 1000 for i in range(20)]
    np.testing.assert_allclose(read.values[:, 0], expected)
    no_dates = "\n".join(row.partition(";")[2] for row in ["a;Druck;Temp", *rows])
    with pytest.raises(InputError, match="decimal=',' says so"):
        load(tmp_path, no_dates)


def check_german(read):
    assert read.channel_names == ("Druck [bar]", "Temp (°C)")
    rows = np.arange(20)
    expected = np.stack([rows * 7 % 11 + 0.5, rows * rows % 13 - 6 + 0.25], axis=1)
    negative = rows * rows % 13 - 6 < 0
    expected[negative, 1] -= 0.5  # -3,25 is three and a quarter below zero
    np.testing.assert_array_equal(read.values, expected)
    assert read.times[-1] == np.datetime64("2025-12-31T23:19")


class TestGermanConventions:
    def test_found_out(self, tmp_path):
        read, told = load(tmp_path, GERMAN)
        check_german(read)
        assert "its numbers have a decimal comma" in told
        assert "column Status holds text and is left out" in told

    def test_said(self, tmp_path):
        read, told = load(
            tmp_path,
            GERMAN.encode("latin-1"),
            encoding="latin-1",
            decimal=",",
            exclude_columns=["Status"],
            date_format="%d.%m.%Y %H:%M",
        )
        check_german(read)
        assert not told

    @pytest.mark.parametrize("late", [True, False])
    def test_latin_1_is_an_error_that_suggests_it(self, tmp_path, late):
        text = "x,note\n" + "1.5,a\n" * 5000 + "2.5,ü\n" if late else GERMAN
        with pytest.raises(InputError, match=r"own\.csv is not a UTF-8 .*encoding=latin-1"):
            load(tmp_path, text.encode("latin-1"))

    def test_a_point_in_a_number_with_decimal_comma_is_no_decimal_point(self, tmp_path):
        text = "a;b\n" + "1,5;2,5\n" * 5 + "1.234;3,5\n"
        with pytest.raises(InputError, match=r"line 7, column 1 \(a\): '1\.234' is not a number"):
            load(tmp_path, text, decimal=",")

    def test_thousands_are_not_taken_for_decimals(self, tmp_path):
        with pytest.raises(InputError, match=r"line 2, .*'1,234' is not a number.*decimal=','"):
            load(tmp_path, "a;b\n" + "1,234;2\n" * 5)

    @pytest.mark.parametrize("text", ["1,5\n2,5\n3,7\n", "1,234\n2,345\n3,456\n"])
    def test_commas_without_header_are_pointed_out(self, tmp_path, text):
        assert "are read as two columns" in load(tmp_path, text)[1]
        assert "are read as two columns" not in load(tmp_path, text, delimiter=",")[1]


class TestHeader:
    @pytest.mark.parametrize("header", ["0,1,2", "1,2,3", "2019,2020,2021"])
    def test_numbers_that_look_like_names_are_pointed_out(self, tmp_path, header):
        text = f"{header}\n" + "".join(
            f"{a},{b},{a * b:.3f}\n" for a, b in noise(20).reshape(-1, 2)
        )
        read, told = load(tmp_path, text)
        assert len(read) == 11
        assert "header=true" in told
        read, told = load(tmp_path, text, header=True)
        assert (len(read), told) == (10, "")

    def test_an_empty_name_before_counted_ones_is_pandas(self, tmp_path):
        text = ",0,1\n" + "".join(f"{i},{a},{a * a:.3f}\n" for i, a in enumerate(noise(20)))
        assert load(tmp_path, text)[0].channel_names == ("0", "1")

    @pytest.mark.parametrize("row", ["NA,NA", ",nan", "NaN,null", "nan,inf"])
    def test_missing_cells_are_no_names(self, tmp_path, row):
        text = f"{row}\n1.5,0.5\n2.5,1.5\n3.5,9.5\n"
        if "inf" in row:
            with pytest.raises(InputError, match="line 1, column 2: the value is infinite"):
                load(tmp_path, text)
        else:
            assert len(load(tmp_path, text)[0]) == 4

    def test_a_first_row_of_dates_or_states_is_a_point(self, tmp_path):
        text = "2024-01-01,NA\n2024-01-02,1.5\n2024-01-03,0.5\n"
        assert len(load(tmp_path, text)[0]) == 3
        states = "ok,NA\n" + "ok,1.5\nbad,2.5\n" * 3
        assert len(load(tmp_path, states)[0]) == 7

    def test_infinity_can_be_a_name(self, tmp_path):
        assert load(tmp_path, "inf,label\n1.5,0\n0.5,0\n")[0].channel_names == ("inf",)

    def test_a_marked_header(self, tmp_path):
        read, told = load(tmp_path, "# a,b\n1.5,2\n0.5,7\n")
        assert read.channel_names == ("a", "b")
        assert "starts with '#'" in told

    def test_excel_says_its_delimiter(self, tmp_path):
        read, told = load(tmp_path, "sep=|\na|b\n1.5|2\n0.5|7\n")
        assert read.channel_names == ("a", "b")
        assert "'|' is the delimiter" in told

    def test_lines_that_end_with_a_delimiter(self, tmp_path):
        read, told = load(tmp_path, "a;b;\n1.5;2;\n0.5;7;\n")
        assert (read.channel_names, told) == (("a", "b"), "")


class TestPlacesOfMistakes:
    @pytest.mark.parametrize(
        ("text", "line", "settings"),
        [
            ("a,b\n1,2\n\n\nx1,2\n", 5, {}),
            ("a,b,note\n1,2,\"two\nlines\"\n0x,2,c\n", 4, {}),
            ('"a\nname",b\n1,2\n0x,2\n', 4, {}),
            ("junk\nmore, junk\na,b\n1,2\n0x,2\n", 5, {"skip_rows": 2}),
            ("# c\na,b\n# d\n1,2 # e\n0x,2\n", 5, {"comment": "#"}),
            ("junk\n% c\na,b\n1,2\n\n% d\n0x,2\n", 7, {"skip_rows": 1, "comment": "%"}),
            ("a b\n1  2\n\n0x 2\n", 4, {}),
            ("a,b\r\n1,2\r\n\r\n0x,2\r\n", 4, {}),
            ("a,b\r1,2\r0x,2\r", 3, {}),
            ('a\n1\n""\n0x\n', 4, {}),
            ("a;b\n1,5;2\n\n5,5x;2\n", 4, {"decimal": ","}),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("packed", [False, True])
    def test_line_of_a_cell(self, tmp_path, text, line, settings, packed):
        content = gzip.compress(text.encode()) if packed else text
        name = "own.csv.gz" if packed else "own.csv"
        with pytest.raises(InputError, match=rf"{name}, line {line}, column 1.*is not a number"):
            load(tmp_path, content, name, **settings)

    @pytest.mark.parametrize(
        ("text", "line", "settings"),
        [
            ("a,b\n1,2\n\n3,4,5\n", 4, {}),
            ("x\ny\na,b\n1,2\n3,4,5\n", 5, {"skip_rows": 2}),
            ('a,b\n"1\n",2\n3,4,5\n', 4, {}),
        ],
    )
    def test_line_of_too_many_cells(self, tmp_path, text, line, settings):
        with pytest.raises(InputError, match=f"line {line} has 3 cells, but 2 are expected"):
            load(tmp_path, text, **settings)


class TestNumbers:
    @pytest.mark.parametrize("cell", [str(2**63 + 1), str(2**53 + 1), str(-(2**53) - 1)])
    def test_whole_numbers_that_float64_does_not_hold(self, tmp_path, cell):
        with pytest.raises(InputError, match=r"line 3, column 1 \(a\): -?\d+ is beyond 2\^53"):
            load(tmp_path, f"a,b\n5,1.5\n{cell},0.5\n")
        assert load(tmp_path, f"id,b\n5,1.5\n{cell},0.5\n")[0].channel_names == ("b",)

    def test_a_level_where_float32_loses_the_variation(self, tmp_path):
        values = 1e9 + np.arange(20) % 3
        read, told = load(tmp_path, table({"a": values, "b": noise(20)}))
        np.testing.assert_array_equal(read.values[:, 0], values)
        assert "channel a varies by less than float32 resolves at its level" in told

    @pytest.mark.parametrize("cell", ["1e39", "-1e39", "1e400", "9" * 60])
    def test_beyond_what_is_measured(self, tmp_path, cell):
        with pytest.raises(InputError, match="line 3, column 1"):
            load(tmp_path, f"a\n1\n{cell}\n2\n")

    @pytest.mark.parametrize("text", [b"a,b\n1,2\n3\0,4\n", "a,b\n1,2\n3,4\n".encode("utf-16-le")])
    def test_nul_bytes(self, tmp_path, text):
        with pytest.raises(InputError, match=r"NUL bytes.*encoding"):
            load(tmp_path, text)

    @pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "utf-8-sig", "utf-16-le"])
    def test_encodings(self, tmp_path, encoding):
        content = "a,Temp (°C)\n1.5,2\n0.5,7\n".encode(encoding)
        read, _ = load(tmp_path, content, encoding=encoding)
        assert read.channel_names == ("a", "Temp (°C)")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"decimal": ";"}, "decimal must be"),
        ({"decimal": ",", "delimiter": ","}, "both the delimiter and the decimal"),
        ({"comment": "//"}, "comment must be one character"),
        ({"skip_rows": -1}, "skip_rows must be at least 0"),
        ({"encoding": "latin1000"}, "encoding 'latin1000' is unknown"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ConfigError, match=message):
        CsvFile("own.csv", **settings)


PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


def packed(tmp_path, text, suffix):
    if suffix != "zip":
        return PACKERS[suffix](text.encode())
    with zipfile.ZipFile(tmp_path / "z", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("own.csv", text)
        archive.writestr("__MACOSX/._own.csv", "x")
    return (tmp_path / "z").read_bytes()


class TestPacked:
    @pytest.mark.parametrize("suffix", [*PACKERS, "zip"])
    def test_same_as_plain_and_damaged_ones_are_refused(self, tmp_path, suffix):
        text = table({"time": np.arange(500), "x": noise(500)})
        content = packed(tmp_path, text, suffix)
        read, _ = load(tmp_path, content, f"own.csv.{suffix}")
        np.testing.assert_array_equal(read.values, load(tmp_path, text)[0].values)
        for damaged in (content[: len(content) // 2], b"", b"hello"):
            with pytest.raises(InputError, match=rf"own\.csv\.{suffix}"):
                load(tmp_path, damaged, f"own.csv.{suffix}")

    def test_a_small_file_that_fills_the_memory(self, tmp_path, monkeypatch):
        content = gzip.compress(b"0.0,0.0\n" * 2**20, 1)
        load(tmp_path, content, "own.csv.gz")  # too little to harm
        monkeypatch.setattr("anomalib_ts.data.series.file_bytes._PLAIN_BYTES", 2**20)
        with pytest.raises(InputError, match="more than 100 times its size"):
            load(tmp_path, content, "own.csv.gz")

    def test_in_a_folder(self, tmp_path):
        for name in ("a.csv.gz", "b.tsv.xz", "c.csv", ".d.csv", "e.gz", "f.npz.gz"):
            (tmp_path / name).write_bytes(b"")
        assert CsvFile(str(tmp_path)).case_names() == ["a", "b", "c"]
        assert CsvFile(str(tmp_path / "a.csv.gz")).name == "a"


@pytest.mark.parametrize("first", ["101,205,309", "3,17,4", "2019,2020,2021"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_whole_numbers_over_decimals_may_be_names_and_are_said(tmp_path, first, delimiter):
    rows = [f"{noise(20)[i]},{noise(20, 1)[i]},{noise(20, 2)[i]}" for i in range(20)]
    text = "\n".join([first, *rows]).replace(",", delimiter) + "\n"
    read, told = load(tmp_path, text)
    assert len(read) == 21
    assert "header=true says that it holds names" in told
    named, told = load(tmp_path, text, header=True)
    assert named.channel_names == tuple(first.split(","))
    assert "header" not in told


@pytest.mark.parametrize("first", ["1,2.5", "0.3,1", "2,2"])
def test_a_first_row_of_decimals_or_equal_numbers_is_a_point_without_a_word(tmp_path, first):
    rows = [f"{noise(20)[i]},{noise(20, 1)[i]}" for i in range(20)]
    _, told = load(tmp_path, "\n".join([first, *rows]) + "\n")
    assert "header" not in told


@pytest.mark.parametrize("decimal", [".", ","])
def test_numbers_are_read_to_the_last_bit_by_every_pandas(tmp_path, decimal):
    values = np.random.default_rng(0).standard_normal(2000) * 100
    path = tmp_path / "a.csv"
    path.write_text(
        "value;load\n" + "".join(f"{v!r};1\n" for v in values.tolist()).replace(".", decimal)
    )
    (recording,) = CsvFile(str(path), value_columns=["value"], decimal=decimal).load("a").test
    assert (recording.values[:, 0] == values.astype(recording.values.dtype)).all()
