"""`fit`, `score`, `threshold` and `check` as a plant engineer meets them."""

import csv
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anomalib_ts.cli.main import main
from anomalib_ts.data import CsvFile
from anomalib_ts.deploy.model import PlantModel

FIT = ["fit", "detector=iforest", "detector.window=4", "detector.trees=50", "data=csv"]


def plant(start, points, fault=None):
    rng = np.random.default_rng(0)
    values = np.sin(np.arange(points)[:, None] / [5, 7]) + 0.1 * rng.standard_normal((points, 2))
    if fault is not None:
        values[fault : fault + 20] += 6
    times = pd.date_range(start, periods=points, freq="min")
    return pd.DataFrame({"timestamp": times, "flow": values[:, 0], "heat": values[:, 1]})


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with healthy data, a day with a fault, one without, and a model."""
    folder = tmp_path_factory.mktemp("plant")
    plant("2026-01-01", 6000).to_csv(folder / "healthy.csv", index=False)
    plant("2026-02-01", 1440, fault=700).to_csv(folder / "tomorrow.csv", index=False)
    plant("2026-02-02", 1440).to_csv(folder / "quiet.csv", index=False)
    (folder / "days").mkdir()
    for name in ("tomorrow", "quiet"):
        (folder / "days" / f"{name}.csv").write_bytes((folder / f"{name}.csv").read_bytes())
    before = Path.cwd()
    os.chdir(folder)
    try:
        assert (
            main(
                [
                    *FIT,
                    "data.path=healthy.csv",
                    "model=pump.ats",
                    "--shortest",
                    "2",
                    "--merge",
                    "20min",
                    "--false-alarms-per-day",
                    "0.2",
                ]
            )
            == 0
        )
    finally:
        os.chdir(before)
    return folder


@pytest.fixture(autouse=True)
def _there(home, monkeypatch):
    monkeypatch.chdir(home)


def test_fit_says_what_it_promises(capsys):
    assert main([*FIT, "data.path=healthy.csv", "model=other.ats"]) == 0
    out = capsys.readouterr().out
    assert "other.ats: IForest, fitted on 6,000 points of healthy.csv" in out
    assert "channels flow, heat" in out
    assert "(0.1 false alarms a day, pot)" in out
    assert "0.1, while the plant is as in the held-back data" in out
    assert "0.833 days of held-back data" in out


def test_a_fault_is_one_alarm_in_all_files(tmp_path, capsys):
    assert main(["score", "pump.ats", "tomorrow.csv", "-o", str(tmp_path)]) == 0
    assert "tomorrow: 1,440 points, 1 alarm" in capsys.readouterr().out
    (alarm,) = json.loads((tmp_path / "tomorrow.alarms.json").read_text())["alarms"]
    assert abs(pd.Timestamp(alarm["start"]) - pd.Timestamp("2026-02-01T11:40")).seconds <= 240
    assert alarm["seconds"] == 60 * alarm["points"]
    table = pd.read_csv(tmp_path / "tomorrow.alarms.csv", float_precision="round_trip")
    assert table.loc[0, "start"] == alarm["start"]
    assert table.loc[0, "peak_score"] == pytest.approx(alarm["peak_score"])
    scores = pd.read_csv(
        tmp_path / "tomorrow.scores.csv", parse_dates=["time"], float_precision="round_trip"
    )
    assert list(scores) == ["time", "score", "alarm"]
    assert len(scores) == 1440
    assert scores.alarm.sum() == alarm["points"]
    assert scores.time[scores.score.idxmax()] == pd.Timestamp(alarm["peak"])
    assert (tmp_path / "tomorrow.png").read_bytes()[:4] == b"\x89PNG"


def test_settings_and_paths_come_to_the_same(tmp_path):
    for folder, source in (("a", ["quiet.csv"]), ("b", ["data=csv", "data.path=quiet.csv"])):
        arguments = ["score", "pump.ats", *source, "--no-picture", "-o", str(tmp_path / folder)]
        assert main([*arguments, "--fail-on-alarm"]) == 0
    one, other = (tmp_path / folder / "quiet.scores.csv" for folder in "ab")
    assert one.read_bytes() == other.read_bytes()
    assert not (tmp_path / "a" / "quiet.png").exists()


def test_a_folder_at_once_and_the_exit_status(tmp_path):
    arguments = ["score", "--fail-on-alarm", "pump.ats", "days", "--no-picture"]
    assert main([*arguments, "--format", "parquet", "-o", str(tmp_path)]) == 3
    table = pd.read_parquet(tmp_path / "tomorrow.scores.parquet")
    assert table.time.dtype.kind == "M"
    assert json.loads((tmp_path / "quiet.alarms.json").read_text()) == {"alarms": []}


def test_results_of_one_file_never_replace_those_of_another(tmp_path, capsys):
    (tmp_path / "quiet.csv").write_text(Path("quiet.csv").read_text())
    call = ["score", "pump.ats", "quiet.csv", str(tmp_path / "quiet.csv"), "-o", str(tmp_path)]
    assert main(call) == 2
    assert "2 inputs are called quiet" in capsys.readouterr().err
    assert not (tmp_path / "quiet.scores.csv").exists()


def test_settings_without_data_are_of_the_paths(tmp_path, capsys):
    table = pd.read_csv("quiet.csv", float_precision="round_trip").assign(extra=1.0)
    table.to_csv(tmp_path / "a=b [1].csv", index=False)
    path = str(tmp_path / "a=b [1].csv")
    call = ["score", "pump.ats", path, "-o", str(tmp_path), "--no-picture"]
    assert main(call) == 2
    assert "leave some out with data.exclude_columns" in capsys.readouterr().err
    assert main([*call, "data.exclude_columns=[extra]"]) == 0
    assert main(["check", path, "quiet.csv", "data.exclude_columns=[heat]"]) == 0
    found = [line for line in capsys.readouterr().out.splitlines() if "one every" in line]
    assert [line.split(",")[2] for line in found] == [" 2 channels", " 1 channel"]


def test_other_columns_are_one_line(capsys):
    table = pd.read_csv("quiet.csv", float_precision="round_trip").rename(columns={"heat": "speed"})
    table.to_csv("renamed.csv", index=False)
    assert main(["score", "pump.ats", "renamed.csv"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "lacks the channels 'heat' and has 'speed'" in error


def test_a_plant_that_has_changed_is_said_to_have(tmp_path, capsys):
    table = pd.read_csv("quiet.csv", float_precision="round_trip")
    table[["flow", "heat"]] *= -1.8
    table.to_csv("changed.csv", index=False)
    assert main(["threshold", "pump.ats", "--threshold", "0.3", "-o", "deep.ats"]) == 0
    assert main(["score", "deep.ats", "changed.csv", "--no-picture", "-o", str(tmp_path)]) == 0
    assert "changed is in alarm most of the time" in capsys.readouterr().err


def test_the_threshold_moves_and_says_so(capsys):
    assert main(["threshold", "pump.ats", "--false-alarms-per-day", "20", "-o", "low.ats"]) == 0
    out = capsys.readouterr().out
    assert "low.ats: the threshold was" in out
    assert "(20 false alarms a day, pot)" in out
    assert main(["threshold", "low.ats"]) == 0
    assert "(20 false alarms a day, pot)" in capsys.readouterr().out
    assert main(["threshold", "pump.ats", "--threshold", "0.9", "-o", "hand.ats"]) == 0
    assert "alarm above 0.9 (set by hand)" in capsys.readouterr().out


@pytest.fixture
def louder(home):
    """Eight healthy days whose noise is twice as strong, and a copy of the model."""
    table = plant("2026-03-01", 8 * 1440)
    noise = np.random.default_rng(1).standard_normal((len(table), 2))
    table[["flow", "heat"]] += 0.2 * noise
    table.to_csv(home / "louder.csv", index=False)
    (home / "copy.ats").write_bytes((home / "pump.ats").read_bytes())
    return home / "louder.csv"


@pytest.mark.parametrize("how", [["louder.csv"], ["data=csv", "data.path=louder.csv"]])
def test_the_threshold_is_set_on_new_healthy_data(louder, how, tmp_path, capsys):
    before = PlantModel.load("pump.ats")
    assert main(["threshold", "copy.ats", *how, "--false-alarms-per-day", "0.5"]) == 0
    said = capsys.readouterr().out.splitlines()
    after = PlantModel.load("copy.ats")
    assert said[0] == (
        f"copy.ats: the threshold was {before.rule.threshold:.6g} and is {after.rule.threshold:.6g}"
    )
    assert said[1] == "set on 11,520 points of louder.csv; before, on the data that was held back"
    assert re.fullmatch(r"the former threshold would raise \d+ alarms there \(\S+ a day\)", said[2])
    assert "(0.5 false alarms a day, pot)" in said[3]
    assert "on 8 days of new data: " in said[5]
    assert after.rule.threshold > before.rule.threshold
    assert (after.rule.shortest, after.rule.merge) == (2, 20)
    assert after.expected_per_day() == pytest.approx(0.5, rel=0.6)
    fault = main(["score", "copy.ats", "tomorrow.csv", "--no-picture", "-o", str(tmp_path)])
    assert fault == 0
    scores = pd.read_csv(tmp_path / "tomorrow.scores.csv", float_precision="round_trip").score
    recording = CsvFile(path="tomorrow.csv").load("tomorrow").test[0]
    np.testing.assert_array_equal(scores, before.score(recording))  # nothing was fitted again
    assert main(["threshold", "copy.ats", *how]) == 0
    assert "; before, on louder.csv" in capsys.readouterr().out


@pytest.mark.filterwarnings("default::anomalib_ts.errors.AnomalibTsWarning")
def test_a_plant_that_the_detector_does_not_know_is_said_to_be_one(louder, capsys):
    table = pd.read_csv(louder, float_precision="round_trip")
    table[["flow", "heat"]] *= 5
    table.to_csv("strange.csv", index=False)
    assert main(["threshold", "copy.ats", "--threshold", "0.5", "-o", "low.ats"]) == 0
    assert main(["threshold", "low.ats", "strange.csv", "--false-alarm-rate", "0.01"]) == 0
    assert "to the detector this is another plant" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("healthy.csv", "the model was fitted on these very data"),
        ("short.csv", "only 20 points of healthy data"),
        ("renamed.csv", "lacks the channels 'heat'"),
        ("none.csv", "none.csv"),
    ],
)
def test_data_that_set_no_threshold_leave_the_model_as_it_was(louder, data, message, capsys):
    table = pd.read_csv(louder, float_precision="round_trip")
    table[:20].to_csv("short.csv", index=False)
    table.rename(columns={"heat": "speed"}).to_csv("renamed.csv", index=False)
    before = Path("copy.ats").read_bytes()
    assert main(["threshold", "copy.ats", data]) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert Path("copy.ats").read_bytes() == before


def test_labelled_anomalies_set_no_threshold(louder, capsys):
    labels = np.zeros(len(pd.read_csv(louder)), dtype=int)
    labels[-30:] = 1
    pd.read_csv(louder).assign(label=labels).to_csv("labelled.csv", index=False)
    assert main(["threshold", "copy.ats", "labelled.csv", "-o", "without.ats"]) == 0
    assert f"set on {len(labels) - 30:,} points of labelled.csv" in capsys.readouterr().out


def rows(text):
    head, *lines = csv.reader(text.strip().splitlines())
    assert head == ["time", "score", "alarm", "channels"]
    for _, _, alarm, channels in lines:
        assert bool(channels) == (alarm == "1")
    return [(when, float(score), int(alarm)) for when, score, alarm, _ in lines]


def test_lines_of_standard_input(home):
    done = subprocess.run(
        [sys.executable, "-m", "anomalib_ts", "score", "pump.ats", "-", "--fail-on-alarm"],
        input=(home / "tomorrow.csv").read_text(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    found = rows(done.stdout)
    assert len(found) == 1440
    assert found[0][0] == "2026-02-01 00:00:00"
    alarmed = [i for i, (_, _, alarm) in enumerate(found) if alarm]
    assert 695 <= alarmed[0] <= 710
    assert alarmed[-1] <= 725


def test_a_file_that_grows_and_is_replaced(home, capsys):
    lines = (home / "quiet.csv").read_text().splitlines(keepends=True)
    log = home / "log.csv"
    log.write_text("".join(lines[:50]) + lines[50][:7])

    def grow():
        time.sleep(0.5)
        with log.open("a") as file:
            file.write(lines[50][7:] + "".join(lines[51:80]))
        time.sleep(0.6)
        (home / "new.csv").write_text("".join([lines[0], *lines[80:90]]))
        (home / "new.csv").rename(log)

    writer = threading.Thread(target=grow)
    writer.start()
    assert main(["score", "pump.ats", "log.csv", "--follow", "--idle", "1.5"]) == 0
    writer.join()
    found = rows(capsys.readouterr().out)
    assert [when for when, _, _ in found] == [line.split(",")[0] for line in lines[1:90]]


def test_ctrl_c_ends_following_with_the_scores_that_were_late(monkeypatch, capsys):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("anomalib_ts.deploy.live.time.sleep", interrupt)
    assert main(["score", "pump.ats", "quiet.csv", "--follow"]) == 0
    out, err = capsys.readouterr()
    assert len(rows(out)) == 1440
    assert "late" in err and "interrupted" not in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timestamp,flow\n", "'heat' is missing"),
        ("timestamp,flow,heat\n1,2,x\n", "line 2, channel 'heat': 'x' is not a number"),
        ("timestamp,flow,heat\n1,2,\n", "line 2, channel 'heat': the first value is missing"),
        ("timestamp,flow,heat\n1,2,3,4\n", "line 2 has 4 cells, but there are 3 columns"),
        ('timestamp,flow,heat\n1,"2,3\n2,1,1\n', "line 2, channel 'flow': '2,3' is not a number"),
        (f"timestamp,flow,heat\n{'1' * 200_000},2,3\n", "line 2 cannot be read: field larger"),
    ],
)
def test_lines_that_cannot_be_read(text, message, capsys):
    Path("bad.csv").write_text(text)
    assert main(["score", "pump.ats", "bad.csv", "--follow", "--idle", "0"]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.filterwarnings("default::anomalib_ts.errors.AnomalibTsWarning")
def test_check_names_what_is_odd(capsys):
    table = pd.read_csv("quiet.csv", float_precision="round_trip")
    table["twin"], table["off"] = 2 * table.flow, 0.0
    table.drop(index=range(100, 103)).to_csv("odd.csv", index=False)
    assert main(["check", "data=csv", "data.path=odd.csv"]) == 0
    out, err = capsys.readouterr()
    assert "filled 12 missing values" in err
    assert "odd.csv: 1,440 points, 4 channels, one every 1 min" in out
    assert "channel 'flow' and channel 'twin' are nearly the same" in out
    assert "channel 'off' is constant" in out
    assert "detector=iforest" in out


def test_a_file_without_a_training_part_takes_prefix_and_says_so(capsys):
    run = ["run", "data=csv", "data.path=quiet.csv", "detector=random", "plot=false"]
    assert main(run) == 0
    out, err = capsys.readouterr()
    assert "prefix" in out
    assert "protocol=prefix: nothing says what to learn from" in err
    assert main([*run, "protocol=whole"]) == 0
    assert "nothing says" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "data=csv", "data.path=healthy.csv"], "say where the model goes"),
        (["fit", "data=csv", "model=x.ats"], "please set data.path"),
        (["fit", "detector=none", "model=x.ats"], "unknown detector"),
        (["score", "none.ats", "quiet.csv"], "there is no model none.ats"),
        (["score", "quiet.csv", "quiet.csv"], "quiet.csv is no model file"),
        (["score", "pump.ats", "none.csv"], "none.csv"),
        (["fit", "data=csv", "data.path=healthy.csv", "model=."], "written to .: that is a folder"),
        (["fit", "data=csv", "data.path=healthy.csv", "model=pump.ats/x"], "pump.ats: File exists"),
        (["score", "pump.ats", ".", "--follow", "--idle", "0"], ".: Is a directory"),
        (
            ["score", "pump.ats", "quiet.csv", "--follow", "--idle", "nan"],
            "--idle must be at least",
        ),
        (["score", "pump.ats", "-", "--history", "-1"], "--history must be at least 0"),
        (["threshold", "pump.ats", "--shortest", "soon"], "no number of points and no duration"),
        (["threshold", "pump.ats", "--false-alarms-per-day", "-1"], "must be above 0"),
    ],
)
def test_mistakes_are_one_line(arguments, message, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in error


@pytest.mark.parametrize(
    "mistake",
    [
        "data=nonsense",
        "data.nonsense=1",
        "data.path=none.csv",
        "detector=nonsense",
        "detector.nonsense=1",
        "detector.window=many",
        "detector.window=-1",
        "--hold-back=2",
        "--shortest=soon",
        "--false-alarms-per-day=-1",
    ],
)
def test_a_fit_that_is_refused_leaves_no_folder(mistake, tmp_path):
    arguments = [*FIT, "detector=iforest", "data.path=healthy.csv", mistake]
    assert main([*arguments, f"model={tmp_path}/models/pump.ats"]) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["fit", "score", "threshold", "check", "export"])
def test_help_is_quick_and_shows_examples(name):
    code = f"""
import sys
from anomalib_ts.cli.main import main
try:
    main([{name!r}, "--help"])
except SystemExit:
    pass
heavy = {{"numpy", "pandas", "torch", "sklearn", "hydra"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"anomalib-ts {name} " in done.stdout
