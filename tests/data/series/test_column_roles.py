import logging
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from anomalib_ts.data import CsvFile
from anomalib_ts.data.series.column_names import Named, listed, named, shown
from anomalib_ts.data.series.column_roles import unique_names
from anomalib_ts.errors import InputError
from tests.makers.csv_files import load, noise, table

N = 40
LABELS = np.zeros(N, int)
LABELS[10:14] = LABELS[25:28] = 1
anew = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)

LABEL_WORDS = [
    "labels", "anomalies", "is_anomalous", "attack", "Attack", "outlier", "is_outlier", "target",
    "class", "ground_truth", "GroundTruth", "fault", "Fault [0/1]", "isFault", "y_true", "gt_label",
    "point.label", "anomaly_label", "Störung", "ATT_FLAG", "abnormal", "Labels (manual)",
]  # fmt: skip
COUNTERS = {
    "from 0": np.arange(N),
    "from 1": np.arange(1, N + 1),
    "down": np.arange(N)[::-1],
    "minutes": 15 * np.arange(N),
    "unix": 1_600_000_000 + 60 * np.arange(N),
    "unix ms": 1_600_000_000_000 + 1000 * np.arange(N),
    "fractions": np.round(0.1 * np.arange(N), 1),
    "thirds to four digits": np.round(np.arange(N) / 3, 4),
    "128 a second in ms": np.round(17.5 + np.arange(N) / 128, 3),
    "rows dropped": np.delete(np.arange(N + 3), [5, 17, 30]),
}


NAMES = {
    Named.LABEL: "label|LABEL| Is Anomaly |isAnomaly|is-anomaly|anomaly [0/1]|label.1",
    Named.LABELS: "labels|anomalies|Anomaly_Type|is_anom|outlier|binaryLabel|étiquette|異常",
    Named.MAYBE_LABEL: "attack|angle_of_attack|target_temp|FaultNumber",
    Named.NORMAL: "normal|is_normal|Healthy|non_anomalous|not anomalous|fault_free|fehlerfrei",
    Named.CHANGES: "changepoint|change_point|ChangePoints",
    Named.TIME: "time|Timestamp|timestamp_(min)|Date [UTC]|Zeit",
    Named.TIMES: "timestamps|unix_time|UnixTime|ts|datetime_utc",
    Named.MAYBE_TIME: "response_time|delivery date",
    Named.INDEX: "Unnamed: 0|index|ID|row|row_number",
    Named.MAYBE_INDEX: "machine_id|air_quality_index",
    Named.TIME_PART: "hour|Year|day_of_week|Stunde",
    Named.NOTHING: "value|nanometer|level|NO|Druck [bar]|x|p2|runtimeless|[bar]",
}


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for kind, names in NAMES.items() for name in names.split("|")]
)
def test_what_a_name_says(name, kind):
    assert named(name) is kind


@pytest.mark.parametrize("name", LABEL_WORDS)
def test_the_only_column_named_like_labels_is_taken_for_them_and_said(tmp_path, name):
    read, told = load(tmp_path, table({"value": noise(N), name: LABELS}))
    assert read.channel_names == ("value",)
    np.testing.assert_array_equal(read.labels, LABELS)
    assert "is taken for the labels; label_column=" in told


@pytest.mark.parametrize("name", [*LABEL_WORDS, "changepoint"])
def test_beside_labels_it_is_left_out_and_said(tmp_path, name):
    other = np.roll(LABELS, 1)
    read, told = load(tmp_path, table({"value": noise(N), "label": LABELS, name: other}))
    assert read.channel_names == ("value",)
    np.testing.assert_array_equal(read.labels, LABELS)
    assert "is named like labels and left out" in told


def test_two_columns_named_so_are_both_left_out(tmp_path):
    text = table({"value": noise(N), "attack": LABELS, "fault": LABELS})
    read, told = load(tmp_path, text)
    assert read.channel_names == ("value",)
    assert read.labels is None
    assert "columns attack, fault is named like labels and left out" in told


@pytest.mark.parametrize("name", ["target_temperature", "angle_of_attack", "class_a_power"])
def test_a_measurement_that_shares_a_word_with_labels_is_used_and_said(tmp_path, name):
    read, told = load(tmp_path, table({"value": noise(N), name: noise(N, 1)}))
    assert read.channel_names == ("value", name)
    assert "used as a channel" in told


def test_a_class_number_is_left_out(tmp_path):
    text = table({"value": noise(N), "label": LABELS, "FaultNumber": LABELS * 7})
    assert load(tmp_path, text)[0].channel_names == ("value",)


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("counter", COUNTERS)
def test_a_column_that_counts_is_no_channel(tmp_path, counter, header):
    text = table({"x": noise(N), "q": COUNTERS[counter], "z": noise(N, 1)})
    text = text if header else text.partition("\n")[2]
    read, told = load(tmp_path, text)
    assert read.channels == 2
    assert "rises evenly" in told
    kept, told = load(tmp_path, text, value_columns=[0, 1])
    assert kept.channels == 2
    assert "rises evenly" not in told


def test_a_column_that_counts_is_used_with_a_warning_where_it_is_the_only_one(tmp_path):
    read, told = load(tmp_path, table({"x": np.arange(N)}))
    assert read.channels == 1
    assert "nothing else is there" in told


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "index", "Id", "row"])
@pytest.mark.parametrize("order", [1, -1])
def test_an_index_is_no_channel_even_out_of_order(tmp_path, name, order):
    index = np.random.default_rng(0).permutation(N)[::order]
    read, told = load(tmp_path, table({name: index, "x": noise(N)}))
    assert read.channel_names == ("x",)
    assert "is named like an index and left out" in told


def test_a_switch_is_used_with_a_warning(tmp_path):
    valve = np.arange(N) // 7 % 2
    read, told = load(tmp_path, table({"x": noise(N), "valve": valve, "label": LABELS}))
    assert read.channel_names == ("x", "valve")
    assert "column valve holds only two values" in told


def test_switches_alone_are_measurements(tmp_path):
    valve = np.arange(N) // 7 % 2
    read, told = load(tmp_path, table({"a": valve, "b": 1 - valve}))
    assert read.channels == 2
    assert not told


def test_text_is_left_out_by_name_but_a_mistake_among_numbers_is_an_error(tmp_path):
    status = ["OK" if i % 3 else "Wartung" for i in range(N)]
    read, told = load(tmp_path, table({"x": noise(N), "Status": status}))
    assert read.channel_names == ("x",)
    assert "column Status holds text and is left out" in told
    for cells in (["5%"] * N, ["-", *noise(N - 1)], ["1 000"] * N, ["0x1F"] * N):
        with pytest.raises(InputError, match=r"own\.csv, line 2, column 2 \(y\): .*not a number"):
            load(tmp_path, table({"x": noise(N), "y": cells}))


@pytest.mark.parametrize("cells", ["1.2.{}", "10.0.0.{}", "2024-13-{}"])
def test_numbers_with_marks_are_no_time_that_can_be_read(tmp_path, cells):
    with pytest.raises(InputError, match=r"line 2, column 1 \(v\): .* is not a number"):
        load(tmp_path, table({"v": [cells.format(i) for i in range(N)], "x": noise(N)}))


def test_a_word_can_say_that_there_is_no_label(tmp_path):
    text = table({"x": noise(N), "label": LABELS})
    read, told = load(tmp_path, text, label_column="none")
    assert (read.channel_names, read.labels, told) == (("x",), None, "")


@pytest.mark.parametrize("header", [True, False])
def test_a_training_file_without_names_is_matched_by_position(tmp_path, header):
    text = table({"a": noise(N), "b": noise(N, 1)})
    (tmp_path / "train.csv").write_text(text if header else text.partition("\n")[2])
    path = tmp_path / "test.csv"
    path.write_text(text)
    data = CsvFile(str(path), train_path=str(tmp_path / "train.csv"))
    if header:
        case = data.load("test")
    else:
        with pytest.warns(UserWarning, match="matched to the test part by position"):
            case = data.load("test")
    np.testing.assert_array_equal(case.train[0].values, case.test[0].values)


def test_names_that_come_twice(tmp_path):
    text = table({"a": noise(N), "b": noise(N, 1)}).replace('"b"', '"a"')
    read, told = load(tmp_path, text)
    assert read.channel_names == ("a", "a.1")
    assert "names come twice" in told
    with pytest.raises(InputError, match="2 columns 'a'; choose by index: 0 and 1"):
        load(tmp_path, text, value_columns=["a"])
    with pytest.raises(InputError, match="names the column 'a' twice"):
        load(tmp_path, text, value_columns=[0, 0])
    assert unique_names(["a", "a", "a.1", "a"]) == ["a", "a.2", "a.1", "a.3"]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"value_columns": ["x"], "exclude_columns": ["x"]}, "both as a value and in exclude"),
        ({"value_columns": ["t"], "timestamp_column": "t"}, "both as a value and as the time"),
        ({"label_column": "x", "exclude_columns": ["x"]}, "both as the label and in exclude"),
        ({"exclude_columns": ["y"]}, "no column 'y'"),
        ({"exclude_columns": ["t", "x"]}, "none is left for values"),
    ],
)
def test_roles_that_exclude_each_other(tmp_path, chosen, message):
    with pytest.raises(InputError, match=message):
        load(tmp_path, table({"t": np.arange(N), "x": LABELS}), **chosen)


def test_one_line_of_the_log_says_what_each_column_was_taken_for(tmp_path, caplog):
    columns = {"time": np.arange(N), "label": LABELS, "id": np.arange(N)}
    columns |= {f"sensor {i}": noise(N, i) for i in range(300)}
    with caplog.at_level(logging.INFO, "anomalib_ts"):
        load(tmp_path, table(columns))
    (line,) = [record.getMessage() for record in caplog.records]
    assert "channels sensor 0, sensor 1" in line
    assert "and 294 more; time time; label label; left out id (named like an index)" in line
    assert len(line) < 300 + len(str(tmp_path))


def test_names_are_printed_safely():
    assert shown("a\x1b[31m\nb") == "a?[31m?b"
    assert len(shown("x" * 1000)) == 40
    assert listed([str(i) for i in range(8)]) == "0, 1, 2, 3, 4, 5 and 2 more"


def test_as_many_columns_as_a_machine_has_mels_or_genes(tmp_path):
    n = 50_000
    text = ",".join(f"c{i}" for i in range(n)) + "\n" + 3 * (",".join(["1.5"] * n) + "\n")
    start = os.times()
    read, _ = load(tmp_path, text)
    assert read.channels == n
    assert os.times().user - start.user < 20, "as many columns again took minutes"


class TestTrainAndTestByName:
    @anew
    @given(st.permutations(["flow", "pressure", "temp", "label"]))
    def test_any_order_of_columns_gives_the_same_channels(self, tmp_path, order):
        columns = {"flow": noise(N), "pressure": noise(N, 1), "temp": noise(N, 2), "label": LABELS}
        (tmp_path / "test.csv").write_text(table(columns))
        (tmp_path / "train.csv").write_text(table({name: columns[name] for name in order}))
        data = CsvFile(str(tmp_path / "test.csv"), train_path=str(tmp_path / "train.csv"))
        case = data.load("test")
        assert case.train[0].channel_names == case.test[0].channel_names
        np.testing.assert_array_equal(case.train[0].values, case.test[0].values)

    @pytest.mark.parametrize(
        "train", [("flow",), ("flow", "temp"), ("flow", "pressure", "temp"), ("a", "b")]
    )
    def test_other_names_are_an_error_that_lists_both(self, tmp_path, train):
        (tmp_path / "train.csv").write_text(table({n: noise(N, i) for i, n in enumerate(train)}))
        with pytest.raises(InputError) as error:
            load(
                tmp_path,
                table({"flow": noise(N), "pressure": noise(N, 1)}),
                train_path=str(tmp_path / "train.csv"),
            )
        for names in ("flow, pressure", ", ".join(train)):
            assert names in str(error.value)

    def test_the_test_part_decides_what_is_a_channel(self, tmp_path):
        """A counter, a switch or text in one part only does not make the parts differ."""
        valve = np.arange(N) // 7 % 2
        (tmp_path / "train.csv").write_text(
            table({"n": np.arange(N), "valve": LABELS * 0, "x": noise(N), "i": noise(N)})
        )
        path = tmp_path / "test.csv"
        path.write_text(table({"i": np.arange(N), "x": noise(N), "valve": valve, "n": noise(N)}))
        data = CsvFile(str(path), train_path=str(tmp_path / "train.csv"))
        with pytest.warns(UserWarning, match="column i rises evenly"):
            case = data.load("test")
        assert case.train[0].channel_names == ("x", "valve", "n")


@st.composite
def spelled(draw, word):
    """A name in another case, with other marks, numbers and units."""
    word = draw(st.sampled_from([word, word.upper(), word.title(), f" {word} "]))
    word = word.replace("_", draw(st.sampled_from(["_", " ", "-", "."])))
    return word + draw(st.sampled_from(["", " [-]", "_(1)", " 1"]))


@anew
@given(
    time=spelled("timestamp"),
    label=st.sampled_from(["label", "is_anomaly", "anomaly"]).flatmap(spelled),
    index=spelled("row_number"),
    order=st.permutations(range(5)),
)
def test_any_spelling_and_order_gives_the_same_channels(tmp_path, time, label, index, order):
    columns = [
        (time, np.arange(N)), (label, LABELS), (index, np.arange(N)),
        ("a", noise(N)), ("b", noise(N, 1)),
    ]  # fmt: skip
    read, _ = load(tmp_path, table(dict(columns[i] for i in order)))
    assert sorted(read.channel_names) == ["a", "b"]
    by_name = dict(zip(read.channel_names, read.values.T, strict=True))
    np.testing.assert_array_equal(by_name["a"], noise(N))
    np.testing.assert_array_equal(read.labels, LABELS)
    assert len(read.times) == N


leaks = {
    "copy": lambda labels: labels,
    "inverted": lambda labels: 1 - labels,
    "signs": lambda labels: 2 * labels - 1,
    "scaled": lambda labels: 100 * labels,
    "changes": lambda labels: np.abs(np.diff(labels, prepend=labels[0])),
    "as text": lambda labels: np.where(labels, "bad", "good"),
    "as truth": lambda labels: labels.astype(bool),
}


@st.composite
def leaking(draw):
    """Labels, a copy of them under some name, altered and shifted."""
    labels = np.array(draw(st.lists(st.integers(0, 1), min_size=12, max_size=60)))
    labels[draw(st.integers(0, 10))], labels[-1] = 1, 0
    leak = leaks[draw(st.sampled_from(sorted(leaks)))](np.roll(labels, draw(st.integers(-5, 5))))
    names = st.sampled_from([*LABEL_WORDS, "x2", "zustand"])
    return labels, draw(names | st.from_regex(r"[a-z]{3,8}", fullmatch=True)), leak


@settings(anew, max_examples=150)
@given(leaking(), st.booleans())
def test_no_copy_of_the_labels_is_a_channel_in_silence(tmp_path, leaking, known):
    labels, name, leak = leaking
    assume(name not in ("value", "label"))
    columns = {"value": noise(len(labels)), name: leak} | ({"label": labels} if known else {})
    read, told = load(tmp_path, table(columns))
    assert name not in read.channel_names or name in told


@pytest.mark.parametrize("name", ["is_normal", "healthy", "non_anomalous", "fault_free"])
def test_a_column_that_says_what_is_normal_is_never_taken_for_labels(tmp_path, name):
    read, told = load(tmp_path, table({"value": noise(N), name: 1 - LABELS}))
    assert read.labels is None
    assert read.channel_names == ("value",)
    assert "says what is normal" in told


@pytest.mark.parametrize("grades", [[0, 1, 2], [3, 5, 4, 7], [-1, 0, 12]])
def test_grades_of_anomalies_are_no_channel_beside_labels(tmp_path, grades):
    usual, *others = grades
    grade = np.where(LABELS == 1, np.resize(others, N), usual)
    other = np.resize([0, 1, 2], N)
    text = table({"value": noise(N), "label": LABELS, "grade": grade, "mode": other})
    read, told = load(tmp_path, text)
    assert read.channel_names == ("value", "mode")
    assert "grade follows the labels" in told


RISING = {
    "meter": 1e5 + np.cumsum(np.abs(noise(N))),
    "jittering clock": 0.1 * np.arange(N) + 0.01 * np.random.default_rng(1).random(N),
    "falling": -np.cumsum(0.1 + np.abs(noise(N, 2))),
}


@pytest.mark.parametrize("column", RISING)
def test_a_channel_that_only_rises_is_named(tmp_path, column):
    read, told = load(tmp_path, table({"value": noise(N), "q": RISING[column]}))
    assert read.channel_names == ("value", "q")
    assert "column q only rises or only falls" in told


@given(st.integers(0, 2**31), st.floats(1e-6, 1e6))
@anew
def test_a_walk_is_never_taken_for_a_counter(tmp_path, seed, unit):
    walk = unit * np.cumsum(np.random.default_rng(seed).normal(size=N))
    assert load(tmp_path, table({"value": noise(N), "q": walk}))[0].channels == 2


def test_parts_of_a_date_are_channels_only_with_a_remark(tmp_path):
    columns = {"year": 2024 + 0 * LABELS, "hour": np.arange(N) % 24, "value": noise(N)}
    read, told = load(tmp_path, table(columns))
    assert read.channel_names == ("year", "hour", "value")
    assert "columns year, hour is named like a part of the time" in told
