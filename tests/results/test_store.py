"""Results on disk: found by what was run, whole or not there."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalib_ts.errors import AnomalibTsError, DataNotFoundError
from anomalib_ts.results.record import Record
from anomalib_ts.results.schema import UnreadableRecordError
from anomalib_ts.results.store import Store, existing_store
from anomalib_ts.results.unit_key import Unit

UNIT = Unit(
    detector="iforest",
    detector_settings={"_target_": "x.IForest", "trees": 100, "trainer": {"progress": True}},
    variant="",
    data="Dodgers",
    data_settings={"root": "here"},
    case="101-freeway traffic",
    protocol="whole",
    protocol_settings={"_target_": "y.Whole"},
    threshold={"level": 0.995},
    seed=0,
    fingerprint="abc",
    version=1,
)
RECORD = Record(UNIT, "ok", metrics={"auroc": 0.75}, points=3, scores=True)


def test_a_saved_record_is_found_again(tmp_path):
    store = Store(tmp_path)
    store.save(RECORD, np.array([1.0, 2.0, 0.1]))
    assert store.find(UNIT) == RECORD
    assert list(store.records()) == [RECORD]
    np.testing.assert_array_equal(store.scores(UNIT), [1.0, 2.0, 0.1])


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"fingerprint": "other data"},
        {"version": 2},
        {"detector_settings": {"_target_": "x.IForest", "trees": 99}},
        {"protocol_settings": {"_target_": "y.Prefix"}},
        {"threshold": {"level": 0.9}},
        {"case": "another"},
    ],
)
def test_whatever_changes_the_scores_is_another_unit(change, tmp_path):
    store = Store(tmp_path)
    store.save(RECORD)
    other = replace(UNIT, **change)
    assert other.key != UNIT.key
    assert store.find(other) is None


def test_an_attack_is_another_unit_and_none_is_the_unit_of_before():
    assert UNIT.key == "5c99ed65c0c1bc0886fb301923d56e26cefde8403995910716f8ca002dc1e23f"
    assert replace(UNIT, attack={}).key == UNIT.key
    assert b"attack" not in RECORD.to_json().encode()
    keys = [replace(UNIT, attack={"_target_": "a.Pgd", "epsilon": size}).key for size in (0.1, 0.2)]
    assert len({UNIT.key, *keys}) == 3


def test_a_record_under_attack_is_read_back():
    unit = replace(UNIT, attack={"_target_": "a.Pgd", "epsilon": 0.1})
    record = replace(RECORD, unit=unit, attacked_by="square", attack_seconds=1.5)
    assert Record.read(record.to_json().encode()) == record


def test_where_the_data_lies_and_what_is_shown_make_no_other_unit():
    quiet = {**UNIT.detector_settings, "trainer": {"progress": False}}
    same = replace(UNIT, data_settings={"root": "there"}, detector_settings=quiet)
    assert same.key == UNIT.key


@given(st.data())
def test_an_altered_or_torn_file_is_noticed(data):
    text = RECORD.to_json()
    if data.draw(st.booleans(), "torn"):
        broken = text[: data.draw(st.integers(0, len(text) - 1), "length")]
    else:
        broken = text.replace("0.75", f"{data.draw(st.integers(76, 99), 'digits') / 100}")
    with pytest.raises(UnreadableRecordError):
        Record.read(broken.encode())
    assert Record.read(text.encode()) == RECORD


def test_a_file_with_other_content_under_the_name_is_not_taken_for_it(tmp_path):
    store = Store(tmp_path)
    foreign = replace(RECORD, unit=replace(UNIT, seed=5))
    store.path(UNIT).parent.mkdir(parents=True)
    store.path(UNIT).write_text(foreign.to_json())
    assert store.find(UNIT) is None


def test_records_survive_json_with_every_field(tmp_path):
    record = Record(UNIT, "error", error={"type": "E", "message": "m", "traceback": "t\n ü"})
    assert Record.read(json.dumps(json.loads(record.to_json())).encode()) == record


def test_missing_scores_are_a_clear_error(tmp_path):
    with pytest.raises(DataNotFoundError, match="save_scores=true"):
        Store(tmp_path).scores(UNIT)
    with pytest.raises(DataNotFoundError, match="no results in"):
        existing_store(tmp_path)


def test_a_folder_that_is_a_file_is_a_clear_error(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(AnomalibTsError, match="cannot"):
        Store(tmp_path / "taken").save(RECORD)


def test_the_mark_oracle_tells_units_apart_and_stays(tmp_path):
    marked = replace(UNIT, oracle=True)
    assert marked.key != UNIT.key
    store = Store(tmp_path)
    store.save(Record(marked, "ok"))
    assert store.find(UNIT) is None
    assert store.find(marked).unit.oracle
