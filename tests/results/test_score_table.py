"""Scores as CSV: when, which recording, what score, an alarm or not."""

import csv
import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from anomalib_ts.cli.main import main
from anomalib_ts.core.recording import Recording
from anomalib_ts.errors import AnomalibTsError, DataNotFoundError
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.results.score_table import save_scores, scores_table
from anomalib_ts.results.store import Store
from tests.makers.records import ok

DATES = np.array(["2025-12-31T23:59", "2026-01-01T00:00", "2026-01-01T03:00"], "M8[ns]")
SCORES = np.array([0.1, 0.30000000000000004, 2.5])


def recording(times=None, name="pump", points=3):
    return Recording(np.arange(points), name=name, times=times)


def keep(folder, recordings, scores=SCORES, *, threshold=1.0, decides="points", **place):
    """A store that holds one more unit."""
    store, record = Store(folder), ok(0.5, **place)
    record = replace(record, scores=True, threshold=threshold, decides=decides)
    store.save_case(record.unit, GroundTruth.of(recordings).arrays())
    store.save(record, np.asarray(scores, np.float64))
    return store, record


def test_dates_scores_and_alarms(tmp_path):
    assert scores_table(*keep(tmp_path, [recording(DATES)])) == (
        "time,score,alarm\n"
        "2025-12-31 23:59:00,0.1,0\n"
        "2026-01-01 00:00:00,0.30000000000000004,0\n"
        "2026-01-01 03:00:00,2.5,1\n"
    )


@pytest.mark.parametrize("unit", ["D", "h", "s", "ms", "us", "ns"])
def test_times_and_scores_come_back_exactly(unit, tmp_path):
    times = np.datetime64("2025-12-30", "ns") + np.array([0, 1, 2, 9]) * np.timedelta64(1, unit)
    scores = np.random.default_rng(0).random(4)
    text = scores_table(*keep(tmp_path, [recording(times, points=4)], scores))
    table = pd.read_csv(io.StringIO(text), float_precision="round_trip")
    assert (pd.to_datetime(table["time"], format="ISO8601").to_numpy() == times).all()
    assert table["score"].tolist() == scores.tolist()


def test_seconds_are_written_as_they_are_and_points_where_there_are_no_times(tmp_path):
    table = scores_table(*keep(tmp_path, [recording(np.array([0.5, 1.25, 9.0]))]))
    assert [line.split(",")[0] for line in table.splitlines()] == ["time", "0.5", "1.25", "9.0"]
    table = scores_table(*keep(tmp_path / "points", [recording()]))
    assert [line.split(",")[0] for line in table.splitlines()] == ["point", "0", "1", "2"]


def test_a_case_that_was_stored_before_times_were_kept(tmp_path):
    store, record = Store(tmp_path), replace(ok(0.5), scores=True, threshold=1.0)
    arrays = GroundTruth.of([recording(DATES)]).arrays()
    store.save_case(record.unit, {k: v for k, v in arrays.items() if k != "times"})
    store.save(record, SCORES)
    assert scores_table(store, record).startswith("point,score,alarm\n0,0.1,0\n")


def test_several_recordings_are_named_and_counted_on_their_own(tmp_path):
    pair = [recording(name="a, b"), recording(name="ü", points=2)]
    table = scores_table(*keep(tmp_path, pair, [*SCORES, 0.0, 3.0]))
    rows = table.splitlines()[1:]
    assert rows[:3] == ['0,"a, b",0.1,0', '1,"a, b",0.30000000000000004,0', '2,"a, b",2.5,1']
    assert rows[3:] == ["0,ü,0.0,0", "1,ü,3.0,1"]


@pytest.mark.parametrize("changes", [{"threshold": None}, {"decides": "mean"}])
def test_no_alarm_where_the_threshold_does_not_decide_on_points(changes, tmp_path):
    table = scores_table(*keep(tmp_path, [recording()], **changes))
    assert table.splitlines()[0] == "point,score"


def test_one_command_writes_one_unit(tmp_path, capsys):
    keep(tmp_path, [recording(DATES)], detector="good")
    keep(tmp_path, [recording(DATES)], detector="other")
    assert main(["scores", str(tmp_path), "--detector", "good"]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[0] == "time,score,alarm"
    file = tmp_path / "new" / "scores.csv"
    assert main(["scores", str(tmp_path), "--detector", "good", "-o", str(file)]) == 0
    assert file.read_bytes() == shown.encode()
    assert [path.name for path in file.parent.iterdir()] == ["scores.csv"]


def test_several_units_are_told_apart_by_what_they_differ_in(tmp_path, capsys):
    keep(tmp_path, [recording(DATES)], detector="good", case="x")
    keep(tmp_path, [recording()], detector="other", case="y", threshold=None)
    assert main(["scores", str(tmp_path)]) == 0
    table = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert list(table) == ["case", "detector", "time", "point", "score", "alarm"]
    assert table["detector"].tolist() == ["good"] * 3 + ["other"] * 3
    assert table["time"].isna().tolist() == [False] * 3 + [True] * 3
    assert table["point"].isna().tolist() == [True] * 3 + [False] * 3
    assert table["alarm"][:3].tolist() == [0, 0, 1] and table["alarm"][3:].isna().all()
    assert main(["scores", str(tmp_path), "--case", "y*"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "point,score"


def test_wrong_names_and_missing_scores_are_told(tmp_path, capsys):
    store, record = keep(tmp_path, [recording()], detector="good")
    assert main(["scores", str(tmp_path), "--detector", "god"]) == 2
    assert "good" in capsys.readouterr().err
    store.path(record.unit, ".scores.npz").unlink()
    file = tmp_path / "scores.csv"
    with pytest.raises(DataNotFoundError, match="run again with save_scores=true"):
        save_scores(file, store, [record])
    assert not file.exists()
    _, third = keep(tmp_path, [recording()], detector="third")
    with pytest.raises(AnomalibTsError, match=r"cannot write the scores .*cases"):
        save_scores(next(tmp_path.glob("*/cases")), store, [third])


NASTY = ["=1+1", "@x", "+a", "-b\n=c", "\udcff", "\x1b[2J"]


def test_names_are_no_formulas_and_always_written(tmp_path):
    pair = [recording(name=name, points=1) for name in NASTY]
    table = scores_table(*keep(tmp_path, pair, np.zeros(len(NASTY))))
    cells = [row.split(",")[1] for row in table.splitlines()[1:]]
    assert cells == ["'=1+1", "'@x", "'+a", r"'-b\n=c", r"\udcff", r"\x1b[2J"]


def test_of_several_units_the_columns_that_tell_them_apart_are_no_formulas(tmp_path):
    for case in NASTY:
        keep(tmp_path, [recording()], case=case)
    path = tmp_path / "s.csv"
    store = Store(tmp_path)
    save_scores(path, store, list(store.records()))
    cells = {row["case"] for row in csv.DictReader(path.read_text().splitlines())}
    assert cells == {"'=1+1", "'@x", "'+a", r"'-b\n=c", r"\udcff", r"\x1b[2J"}
