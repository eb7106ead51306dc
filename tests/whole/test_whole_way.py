"""DCASE 2020 Task 2 from the server to the leaderboard, through the public way in."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from anomalib_ts.cli.main import main
from anomalib_ts.data.sounds.dcase2020 import DEVELOPMENT_COUNTS
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.results.store import Store
from tests.makers.http_server import serve
from tests.makers.zenodo import development, make_records

TYPES = list(DEVELOPMENT_COUNTS)
SETTINGS = (
    "data=dcase2020",
    "data.download=true",
    "data.root=dcase",
    "data.cache=cache",
    "detector.window=4",
    "trainer.max_steps=5",
    "trainer.progress=false",
    "baselines=none",
    "plot=false",
)


@pytest.fixture
def zenodo(tmp_path, monkeypatch):
    """A server with the archives of all six machine types; machine 00 whistles when faulty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("anomalib_ts.data.fetching.download.time.sleep", lambda _: None)
    sounds = {"train": 6, "normal": 2, "anomalous": 3, "seconds": 0.6, "whistle": 0.3}
    with serve(make_records(tmp_path / "source", TYPES, monkeypatch, **sounds)) as server:
        yield server


def test_from_the_server_to_the_stored_auroc(tmp_path, zenodo, capsys):
    folder = tmp_path / "dcase" / "dev_data"
    break_off_and_go_on(zenodo, folder, capsys)
    assert (folder / "fan/train/normal_id_00_00000000.wav").exists()
    assert (folder / "valve/test/anomaly_id_02_00000002.wav").exists()
    check_records("results", "dcase2020", "given", ["00", "02"], [1] * 6 + [0] * 4)

    del zenodo.requests[:]
    assert run(zenodo, "detector=weak_autoencoder", "protocol=weak", results="weak") == 0
    assert zenodo.requests == []  # all is there
    check_records("weak", "dcase2020", "weak", ["00", "02"], [0] * 8 + [1] * 3)

    assert run(zenodo, "detector=dense_autoencoder", "data.part=evaluation", results="other") == 0
    assert (
        len(zenodo.requests) == 2 * len(TYPES) + 1
    )  # the table of withheld labels is fetched once
    check_records("other", "dcase2020_evaluation", "given", ["01"], [0, 1] * 2)

    (folder / "pump/train/normal_id_00_00000000.wav").unlink()
    capsys.readouterr()
    assert run(zenodo, "detector=dense_autoencoder", "data.machine_types=[pump]") == 1
    message = "(train normal: expected 12, found 11)"  # a warning, which pytest makes an error
    assert message in capsys.readouterr().err


def run(server, *overrides, results="results"):
    places = (f"data.url={server.base}", f"results={results}")
    return main(["run", *SETTINGS, *places, *overrides])


def break_off_and_go_on(server, folder, capsys):
    """The first run gets 5,000 bytes; the second one the rest, and has scores in the end."""
    server.drops = [5000] + [0] * 10
    assert run(server, "detector=dense_autoencoder") == 2
    shown = capsys.readouterr().err
    assert f"could not download {server.base}{development('ToyCar')}: " in shown
    assert "run the same again" in shown
    assert (folder / "dev_data_ToyCar.zip.part").stat().st_size == 5000
    del server.drops[:], server.requests[:]
    assert run(server, "detector=dense_autoencoder") == 0
    assert server.requests == ["bytes=5000-", *[None] * 5]
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == {*TYPES}
    table = capsys.readouterr().out
    assert "AUROC" in table and "6/6" in table


def check_records(results, data, protocol, machines, labels):
    """The stored areas are those of the stored scores: of each machine, and their mean."""
    store = Store(results)
    records = list(store.records())
    assert {record.unit.case for record in records} == {*TYPES}
    for record in records:
        unit = record.unit
        assert (record.status, unit.data, unit.protocol) == ("ok", data, protocol)
        truth = GroundTruth.from_arrays(store.case(unit))
        assert truth.record_labels.tolist() == labels
        scores = store.scores(unit)
        clips = np.array([scores[part].mean() for part in truth.stretches])
        areas = {
            f"auroc/{machine}": roc_auc_score(truth.record_labels[chosen], clips[chosen])
            for machine in machines
            for chosen in [truth.machine_ids == machine]
        }
        stored = {k: v for k, v in record.metrics.items() if k.startswith("auroc/")}
        assert stored == pytest.approx(areas)
        assert record.metrics["auroc"] == pytest.approx(np.mean(list(areas.values())))
        if data == "dcase2020":
            assert record.metrics["auroc/00"] > 0.9  # the others are noise like the normal ones
