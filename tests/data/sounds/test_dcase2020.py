"""DCASE 2020 from a server to recordings, with a generated folder in its exact layout."""

from collections import Counter

import pytest

from anomalib_ts.data.sounds.dcase2020 import DEVELOPMENT_COUNTS, Dcase2020, archives
from anomalib_ts.errors import AnomalibTsWarning, DataNotFoundError, InputError
from tests.makers.http_server import serve
from tests.makers.zenodo import development, make_records


@pytest.fixture
def zenodo(tmp_path, monkeypatch):
    """A server with fan's archives."""
    with serve(make_records(tmp_path / "source", ["fan"], monkeypatch)) as server:
        yield server


def data_set(tmp_path, server, **settings):
    settings = {"machine_types": ["fan"], "download": True, "url": server.base} | settings
    return Dcase2020(root=str(tmp_path / "data"), cache=str(tmp_path / "cache"), jobs=1, **settings)


def test_the_development_part_is_fetched_and_loaded(tmp_path, zenodo):
    data = data_set(tmp_path, zenodo)
    assert data.name == "dcase2020"
    assert data.case_names() == ["fan"]
    assert not (tmp_path / "data").exists()
    case = data.load("fan")
    assert Counter((r.label, r.machine_id) for r in case.test) == dict.fromkeys(
        [(0, "00"), (0, "02"), (1, "00"), (1, "02")], 3
    )
    assert len(case.train) == 8
    assert not [p for p in (tmp_path / "data").rglob("*") if p.suffix in (".zip", ".part", ".tag")]
    offline = data_set(
        tmp_path, zenodo, url="http://127.0.0.1:9", download=False, machine_types=None
    )
    assert offline.case_names() == ["fan"]
    assert offline.fingerprint("fan") == data.fingerprint("fan")


def test_a_folder_of_machine_types_will_do_too(tmp_path, zenodo):
    data_set(tmp_path, zenodo).load("fan")
    inner = Dcase2020(root=str(tmp_path / "data" / "dev_data"), cache=str(tmp_path / "cache"))
    assert len(inner.load("fan").train) == 8


def test_the_evaluation_part_gets_its_labels_from_the_table(tmp_path, zenodo):
    data = data_set(tmp_path, zenodo, part="evaluation")
    assert data.name == "dcase2020_evaluation"
    case = data.load("fan")
    assert [r.label for r in case.train] == [0] * 4
    assert [(r.machine_id, r.label) for r in case.test] == [("01", i % 2) for i in range(4)]
    (tmp_path / "data" / "eval_data" / "eval_data_list.csv").unlink()
    with pytest.raises(DataNotFoundError, match=r"eval_data_list\.csv: no table of labels"):
        data_set(tmp_path, zenodo, part="evaluation", download=False).load("fan")


def test_a_broken_download_goes_on_where_it_stopped(tmp_path, zenodo):
    zenodo.drops = [1000]
    assert len(data_set(tmp_path, zenodo).load("fan").train) == 8
    assert zenodo.requests == [None, "bytes=1000-"]


def test_a_half_downloaded_archive_is_resumed_by_the_next_run(tmp_path, zenodo, monkeypatch):
    monkeypatch.setattr("anomalib_ts.data.fetching.download.time.sleep", lambda _: None)
    zenodo.drops = [1000] + [0] * 10
    with pytest.raises(DataNotFoundError, match=r"dev_data_fan\.zip\.part"):
        data_set(tmp_path, zenodo).load("fan")
    assert not (tmp_path / "data" / "dev_data" / "fan").exists()
    zenodo.drops = []
    assert len(data_set(tmp_path, zenodo).load("fan").train) == 8
    assert zenodo.requests[-1] == "bytes=1000-"


def test_an_archive_that_is_only_half_there_is_refused(tmp_path, zenodo):
    archive = tmp_path / "data" / "dev_data" / "dev_data_fan.zip"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(zenodo.content[development("fan")][:-500])
    with pytest.raises(InputError, match=r"dev_data_fan\.zip is there .* has MD5 .* instead of"):
        data_set(tmp_path, zenodo).load("fan")
    archive.unlink()  # it may be somebody's own, so that is theirs to do
    assert len(data_set(tmp_path, zenodo).load("fan").train) == 8


def test_missing_clips_are_counted(tmp_path, zenodo):
    data_set(tmp_path, zenodo).load("fan")
    for path in (tmp_path / "data/dev_data/fan/train").glob("*_id_00_*"):
        path.unlink()
    offline = data_set(tmp_path, zenodo, download=False)
    with pytest.warns(AnomalibTsWarning, match="fan: .*train normal: expected 8, found 4"):
        offline.load("fan")
    assert len(data_set(tmp_path, zenodo, machine_ids=["02"]).load("fan").train) == 4


def test_without_data_the_message_says_how_to_get_it(tmp_path):
    data = Dcase2020(root=str(tmp_path))
    with pytest.raises(DataNotFoundError, match=r"data\.download=true.*dev_data_<type>\.zip"):
        data.case_names()
    everything = Dcase2020(root=str(tmp_path), download=True)
    assert everything.case_names() == [
        "ToyCar",
        "ToyConveyor",
        "fan",
        "pump",
        "slider",
        "valve",
    ]
    with pytest.raises(DataNotFoundError, match="'gearbox'"):
        Dcase2020(root=str(tmp_path), download=True, machine_types=["gearbox"]).case_names()


def test_addresses_and_counts_of_the_real_thing():
    assert DEVELOPMENT_COUNTS["fan"] == (3675, 400, 1475)
    assert sum(counts.train_normal for counts in DEVELOPMENT_COUNTS.values()) == 20119
    (development,) = archives("development", "ToyCar")
    assert (development.record, development.file) == (3678171, "dev_data_ToyCar.zip")
    train, test = archives("evaluation", "valve")
    assert (train.record, train.file) == (3727685, "eval_data_train_valve.zip")
    assert (test.record, test.file) == (3841772, "eval_data_test_valve.zip")
