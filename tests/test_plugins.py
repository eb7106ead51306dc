"""An installed package adds detectors, data sets and configs (tests/plugin_example)."""

from importlib import metadata

import pytest

from anomalib_ts.cli import main
from anomalib_ts.registry import choices
from anomalib_ts.results.store import Store

try:
    metadata.version("anomalib-ts-example")
except metadata.PackageNotFoundError:
    pytest.skip("pip install ./tests/plugin_example", allow_module_level=True)


def test_list_shows_where_a_choice_comes_from(capsys):
    assert main(["list"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "example" in line]
    assert {line.split()[0] for line in lines} >= {"example_distance", "example_median"}
    assert all(line.endswith("[anomalib-ts-example]") for line in lines)


@pytest.mark.parametrize("detector", ["example_distance", "example_median"])
def test_a_plugin_detector_just_works(detector, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = ["data.n_points=2000", "data.n_anomalies=2", "data.train_length=500"]
    assert main(["run", f"detector={detector}", "baselines=none", *small]) == 0
    (record,) = Store("results").records()
    assert record.unit.detector == detector
    assert record.status == "ok"


@pytest.mark.parametrize("data", [name for name, c in choices("data").items() if c.origin])
def test_a_plugin_data_set_just_works(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["run", f"data={data}", "detector=random", "protocol=whole"]) == 0


def test_settings_of_a_plugin_without_config_file_are_checked(capsys):
    assert main(["run", "detector=example_median", "detector.nonsense=1"]) == 2
    assert "no setting 'detector.nonsense'" in capsys.readouterr().err
