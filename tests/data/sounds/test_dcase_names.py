"""Names of clips and tables of labels, in the forms of each year."""

import pytest

from anomalib_ts.data.sounds.dcase_names import ClipName, Truth, parse_clip_name, read_ground_truth
from anomalib_ts.errors import DataNotFoundError, InputError


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("normal_id_04_00000127.wav", ClipName("04", "00000127", 0)),
        ("anomaly_id_00_00000000.wav", ClipName("00", "00000000", 1)),
        ("id_05_00000012.wav", ClipName("05", "00000012")),
        ("a/b.c/anomaly_id_02_11950000.flac", ClipName("02", "11950000", 1)),
        (
            "section_00_source_train_normal_0000_strength_1_ambient.wav",
            ClipName("00", "0000", 0, "source", "train", "strength_1_ambient"),
        ),
        (
            "section_02_target_test_anomaly_0049_m-n_W.wav",
            ClipName("02", "0049", 1, "target", "test", "m-n_W"),
        ),
        ("section_00_target_train_normal_0001_.wav", ClipName("00", "0001", 0, "target", "train")),
        ("section_00_source_test_anomaly_0099.wav", ClipName("00", "0099", 1, "source", "test")),
        ("section_03_source_test_0000.wav", ClipName("03", "0000", None, "source", "test")),
        ("section_03_test_0199.wav", ClipName("03", "0199", None, "", "test")),
        ("section_00_0007.wav", ClipName("00", "0007")),
        (
            "section_00_source_train_normal_0000_noAttribute.wav",
            ClipName("00", "0000", 0, "source", "train", "noAttribute"),
        ),
        (
            "section_00_target_test_normal_0004_vel_12.5_loc_B.wav",
            ClipName("00", "0004", 0, "target", "test", "vel_12.5_loc_B"),
        ),
    ],
)
def test_names_are_taken_apart(name, fields):
    assert parse_clip_name(name) == fields


@pytest.mark.parametrize(
    "name",
    [
        "recording.wav",
        "normal_id_4_00000127.wav",
        "normal_id_04_127.wav",
        "abnormal_id_04_00000127.wav",
        "normal_id_04_00000127_copy.wav",
        "section_0_source_train_normal_0000.wav",
        "section_00_left_train_normal_0000.wav",
        "section_00_source_train_normal.wav",
    ],
)
def test_other_names_are_refused_with_the_expected_pattern(name):
    with pytest.raises(InputError) as caught:
        parse_clip_name(f"fan/train/{name}")
    message = str(caught.value)
    assert message.startswith(f"fan/train/{name}:")
    assert "normal_id_00_00000000" in message
    assert "section_00_source_train_normal_0000" in message


def test_table_of_2020(tmp_path):
    table = tmp_path / "eval_data_list.csv"
    table.write_text(
        "fan\nid_01_00000000.wav,normal_id_01_00000098.wav,0\n"
        "id_01_00000001.wav,anomaly_id_01_00000261.wav,1\n\n"
        "pump\nid_01_00000000.wav,anomaly_id_01_00000017.wav,1\n"
    )
    assert read_ground_truth(table) == {
        ("fan", "id_01_00000000"): Truth(0),
        ("fan", "id_01_00000001"): Truth(1),
        ("pump", "id_01_00000000"): Truth(1),
    }


def test_tables_from_2021_on(tmp_path):
    (tmp_path / "ground_truth_fan_section_03_source_test.csv").write_text(
        "section_03_source_test_0000.wav,1\nsection_03_source_test_0001.wav,0\n"
    )
    (tmp_path / "ground_truth_ToyCar_section_03_test.csv").write_text("section_03_test_0000.wav,1")
    (tmp_path / "ground_truth_bandsaw_section_00_test.csv").write_text(
        "section_00_0000.wav,section_00_target_test_normal_0000_vel_12\n"
        "section_00_0001.wav,section_00_source_test_anomaly_0001_vel_12.wav\n"
    )
    assert read_ground_truth(tmp_path) == {
        ("fan", "section_03_source_test_0000"): Truth(1),
        ("fan", "section_03_source_test_0001"): Truth(0),
        ("ToyCar", "section_03_test_0000"): Truth(1),
        ("bandsaw", "section_00_0000"): Truth(0, "target"),
        ("bandsaw", "section_00_0001"): Truth(1, "source"),
    }


def test_bad_tables_are_refused(tmp_path):
    with pytest.raises(DataNotFoundError, match="nowhere"):
        read_ground_truth(tmp_path / "nowhere.csv")
    with pytest.raises(DataNotFoundError, match="no table"):
        read_ground_truth(tmp_path)
    table = tmp_path / "labels.csv"
    table.write_text("fan\nid_01_00000000.wav,0\nid_01_00000001.wav,bad\n")
    with pytest.raises(InputError, match=r"labels\.csv, line 3: 'id_01_00000001\.wav,bad'"):
        read_ground_truth(table)
