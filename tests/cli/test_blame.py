"""`score` names the channels that an alarm comes from, in files and on the terminal."""

import json

import numpy as np
import pandas as pd
import pytest

from anomalib_ts.cli.main import main

SENSORS = ["flow", "heat", "speed", "level", "power", "valve", "noise", "torque"]
AT_FAULT = "valve"


def table(points, seed, fault=None):
    rng = np.random.default_rng(seed)
    common = np.sin(np.arange(points) / 20)[:, None]
    values = common * rng.permutation(8) / 8 + 0.2 * rng.standard_normal((points, 8))
    found = pd.DataFrame(values, columns=SENSORS)
    if fault is not None:
        found.loc[fault : fault + 19, AT_FAULT] += 3
    found.insert(0, "timestamp", pd.date_range("2026-01-01", periods=points, freq="min"))
    return found


@pytest.fixture
def score(tmp_path, monkeypatch, capsys):
    """Fits a detector, scores a day with a fault; its highest alarm: JSON, CSV, terminal."""
    monkeypatch.chdir(tmp_path)
    table(3000, 0).to_csv("healthy.csv", index=False)
    table(1000, 0, fault=600).to_csv("tomorrow.csv", index=False)

    def run(*detector):
        fit = ["fit", *detector, "data=csv", "data.path=healthy.csv", "model=pump.ats"]
        rule = ["--false-alarm-rate", "0.01", "--method", "empirical", "--shortest", "5"]
        assert main([*fit, *rule, "--merge", "30"]) == 0
        capsys.readouterr()
        assert main(["score", "pump.ats", "tomorrow.csv", "--no-picture"]) == 0
        alarms = json.loads((tmp_path / "scores/tomorrow.alarms.json").read_text())["alarms"]
        highest = int(np.argmax([alarm["peak_score"] for alarm in alarms]))
        written = pd.read_csv("scores/tomorrow.alarms.csv").channels[highest]
        lines = capsys.readouterr().out.splitlines()[-len(alarms) :]
        return alarms[highest]["channels"], written, lines[highest]

    return run


@pytest.mark.parametrize(
    "detector",
    [["detector=mahalanobis"], ["detector=iforest", "detector.window=4", "detector.trees=30"]],
    ids=["sum", "replacement"],
)
def test_the_sensor_at_fault_is_named_first(score, detector):
    shares, text, line = score(*detector)
    assert next(iter(shares)) == AT_FAULT
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert shares[AT_FAULT] > 0.5
    assert sum(shares.values()) <= 1 + 1e-9
    assert text.startswith(f"{AT_FAULT} {shares[AT_FAULT]:.0%}".replace("%", " %"))
    assert line.endswith(text)
