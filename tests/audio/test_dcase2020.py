"""DCASE 2020 from a server to recordings, with a generated folder in its exact layout."""

import functools
import hashlib
import http.server
import threading
import zipfile
from collections import Counter

import pytest

from anomalib_ts.data import dcase2020
from anomalib_ts.data.dcase2020 import DEVELOPMENT_COUNTS, Counts, Dcase2020, archives
from anomalib_ts.errors import AnomalibTsWarning, DataNotFoundError, InputError
from tests.audio.clips import noise, write, write_machine_type
from tests.helpers.http_server import serve


def zipped(path, *folders):
    """A zip file of folders, each by its own name, in a wrapping folder as on Zenodo."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for folder in folders:
            for file in sorted(folder.rglob("*.wav")):
                archive.write(file, file.relative_to(folder.parent.parent))
    return path


@pytest.fixture
def zenodo(tmp_path, monkeypatch):
    """A server with fan's development and evaluation archives; its address, and its folder."""
    sounds = write_machine_type(tmp_path / "source" / "fan")
    other = tmp_path / "source2" / "fan"
    for i in range(4):
        write(other / "train" / f"normal_id_01_{i:08d}.wav", noise(0.2, 500 + i))
        write(other / "test" / f"id_01_{i:08d}.wav", noise(0.2, 600 + i))
    site = tmp_path / "site"
    files = [
        zipped(site / "3678171/files/dev_data_fan.zip", sounds / "train", sounds / "test"),
        zipped(site / "3727685/files/eval_data_train_fan.zip", other / "train"),
        zipped(site / "3841772/files/eval_data_test_fan.zip", other / "test"),
    ]
    truth = site / "3951620/files/eval_data_list.csv"
    truth.parent.mkdir(parents=True)
    truth.write_text(
        "fan\n" + "".join(f"id_01_{i:08d}.wav,x_id_01_{i:08d}.wav,{i % 2}\n" for i in range(4))
    )
    for file in files:
        kind, md5 = file.name.removesuffix("_fan.zip"), hashlib.md5(file.read_bytes()).hexdigest()
        monkeypatch.setitem(dcase2020._MD5[kind], "fan", md5)
    monkeypatch.setitem(DEVELOPMENT_COUNTS, "fan", Counts(8, 6, 6))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=site)
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", site
    server.shutdown()
    thread.join()
    server.server_close()


def data_set(tmp_path, url, **settings):
    settings = {"machine_types": ["fan"], "download": True} | settings
    return Dcase2020(
        root=str(tmp_path / "data"), url=url, cache=str(tmp_path / "cache"), jobs=1, **settings
    )


def test_the_development_part_is_fetched_and_loaded(tmp_path, zenodo):
    url, _ = zenodo
    data = data_set(tmp_path, url)
    assert data.name == "dcase2020"
    assert data.case_names() == ["fan"]
    assert not (tmp_path / "data").exists()
    case = data.load("fan")
    assert Counter((r.label, r.machine_id) for r in case.test) == dict.fromkeys(
        [(0, "00"), (0, "02"), (1, "00"), (1, "02")], 3
    )
    assert len(case.train) == 8
    assert not [p for p in (tmp_path / "data").rglob("*") if p.suffix in (".zip", ".part", ".tag")]
    offline = data_set(tmp_path, "http://127.0.0.1:9", download=False, machine_types=None)
    assert offline.case_names() == ["fan"]
    assert offline.fingerprint("fan") == data.fingerprint("fan")


def test_a_folder_of_machine_types_will_do_too(tmp_path, zenodo):
    data_set(tmp_path, zenodo[0]).load("fan")
    inner = Dcase2020(root=str(tmp_path / "data" / "dev_data"), cache=str(tmp_path / "cache"))
    assert len(inner.load("fan").train) == 8


def test_the_evaluation_part_gets_its_labels_from_the_table(tmp_path, zenodo):
    data = data_set(tmp_path, zenodo[0], part="evaluation")
    assert data.name == "dcase2020_evaluation"
    case = data.load("fan")
    assert [r.label for r in case.train] == [0] * 4
    assert [(r.machine_id, r.label) for r in case.test] == [("01", i % 2) for i in range(4)]
    (tmp_path / "data" / "eval_data" / "eval_data_list.csv").unlink()
    with pytest.raises(DataNotFoundError, match=r"eval_data_list\.csv: no table of labels"):
        data_set(tmp_path, zenodo[0], part="evaluation", download=False).load("fan")


def test_a_broken_download_goes_on_where_it_stopped(tmp_path, zenodo):
    _, site = zenodo
    content = (site / "3678171/files/dev_data_fan.zip").read_bytes()
    half = len(content) // 2
    with serve(content, drops=[half]) as server:
        url = server.url.rpartition("/")[0]
        assert len(data_set(tmp_path, url).load("fan").train) == 8
    assert server.requests == [None, f"bytes={half}-"]


def test_a_half_downloaded_archive_is_resumed_by_the_next_run(tmp_path, zenodo):
    _, site = zenodo
    content = (site / "3678171/files/dev_data_fan.zip").read_bytes()
    with serve(content, drops=[1000] + [0] * 10) as server:
        url = server.url.rpartition("/")[0]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("anomalib_ts.data.download.time.sleep", lambda _: None)
            with pytest.raises(DataNotFoundError, match=r"dev_data_fan\.zip\.part"):
                data_set(tmp_path, url).load("fan")
        assert not (tmp_path / "data" / "dev_data" / "fan").exists()
        server.drops.clear()
        assert len(data_set(tmp_path, url).load("fan").train) == 8
    assert server.requests[-1] == "bytes=1000-"


def test_an_archive_that_is_only_half_there_is_refused(tmp_path, zenodo):
    url, site = zenodo
    content = (site / "3678171/files/dev_data_fan.zip").read_bytes()
    archive = tmp_path / "data" / "dev_data" / "dev_data_fan.zip"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(content[:-500])
    with pytest.raises(InputError, match=r"dev_data_fan\.zip has the MD5 .* only half there"):
        data_set(tmp_path, url).load("fan")
    assert not archive.exists()
    assert len(data_set(tmp_path, url).load("fan").train) == 8


def test_missing_clips_are_counted(tmp_path, zenodo):
    data_set(tmp_path, zenodo[0]).load("fan")
    for path in (tmp_path / "data/dev_data/fan/train").glob("*_id_00_*"):
        path.unlink()
    offline = data_set(tmp_path, zenodo[0], download=False)
    with pytest.warns(AnomalibTsWarning, match="fan: .*train normal: expected 8, found 4"):
        offline.load("fan")
    assert len(data_set(tmp_path, zenodo[0], machine_ids=["02"]).load("fan").train) == 4


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
