"""The command line as a user meets it: what it prints, stores and says when something is wrong."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from anomalib_ts.cli import main
from anomalib_ts.results.store import Store

SMALL = ["data.n_points=2000", "data.n_anomalies=2", "data.train_length=500"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*overrides: str) -> int:
    return main(["run", "detector=random", *SMALL, *overrides])


def records(folder="results"):
    return list(Store(folder).records())


def test_run_stores_a_result_and_prints_the_table(capsys):
    assert run() == 0
    out = capsys.readouterr().out
    assert "AUROC" in out and "moving_mean" in out and "mackey_glass" in out
    found = {r.unit.detector: r for r in records()}
    assert set(found) == {"random", "moving_mean"}
    assert found["random"].status == "ok"
    assert found["random"].unit.protocol == "given"
    assert set(found["random"].metrics) == {"auroc", "aupr", "pauc"}
    assert f"{found['random'].metrics['auroc']:.3f}" in out


def test_run_again_reuses_what_is_stored(capsys):
    run()
    before = {p: p.stat().st_mtime_ns for p in Store("results").folder.rglob("*.json")}
    capsys.readouterr()
    assert run() == 0
    assert "stored" in capsys.readouterr().err
    assert before == {p: p.stat().st_mtime_ns for p in Store("results").folder.rglob("*.json")}


def test_a_baseline_does_not_replace_the_chosen_detector_of_the_same_name():
    assert run("detector=moving_mean", "detector.window=7") == 0
    variants = {(r.unit.detector, r.unit.variant) for r in records()}
    assert variants == {("moving_mean", "window=7"), ("moving_mean", ""), ("random", "")}


def test_options_may_stand_anywhere(capsys):
    assert main(["run", "detector=random", "-m", *SMALL, "seed=0,1"]) == 0
    assert {r.unit.seed for r in records()} == {0, 1}
    capsys.readouterr()
    assert main(["run", "detector=random", "--cfg", "job"]) == 0
    assert "_target_: anomalib_ts.detectors.RandomScore" in capsys.readouterr().out


def test_retry_all_computes_anew(capsys):
    run()
    assert run("retry=all") == 0
    assert "stored" not in capsys.readouterr().err.splitlines()[-1]


def test_a_torn_result_is_noticed_and_rerun(capsys):
    run()
    record = records()[0]
    path = Store("results").path(record.unit)
    path.write_text(path.read_text()[:100])
    assert run() == 0
    assert len(records()) == 2


def test_multirun_ends_with_one_table_over_all_jobs(capsys):
    assert main(["run", "-m", "detector=random,moving_mean", "seed=0,1", *SMALL]) == 0
    out = capsys.readouterr().out
    assert out.count("AUROC") == 1
    assert len(records()) == 4  # the baselines of each job are the same units
    assert not list(Store("results").folder.glob(".runs/*"))


def test_multirun_says_which_job_was_wrong_and_runs_the_others(capsys):
    assert main(["run", "-m", "detector=random", "seed=x,1", *SMALL]) == 2
    shown = capsys.readouterr()
    assert "seed: 'x' is not a whole number (detector=random seed=x" in shown.err
    assert {r.unit.seed for r in records()} == {1}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["detector=iforst"], "unknown detector 'iforst'; did you mean iforest"),
        (["detector.sede=3"], "no setting 'detector.sede'; did you mean seed"),
        (["+detector.sede=3"], "detector.sede: no such setting; did you mean seed"),
        (["detektor=random"], "no setting 'detektor'; did you mean detector"),
        (["protocol=wole"], "unknown protocol 'wole'; did you mean whole"),
        (["data.n_points=abc"], "data.n_points: 'abc' is not a whole number"),
        (["seed=x"], "seed: 'x' is not a whole number"),
        (["threads=0"], "threads must be a whole number of at least 1"),
        (["retry=maybe"], "retry: 'maybe' is not allowed; there are none, failed, all"),
        (["metrics=[aurok]"], "unknown metric 'aurok'; did you mean auroc"),
        (["threshold.level=2"], "threshold level must lie in (0, 1)"),
        (["protocol=null"], "protocol=null: name a choice; `anomalib-ts list protocol` has all"),
        (["detector=["], "cannot read 'detector=['"),
        (["protocol=prefix", "protocol.fraction=7"], "fraction must lie in (0, 1], not 7"),
        (["data=csv", "~data.n_points"], "data"),
    ],
)
def test_wrong_settings_are_one_clear_line(overrides, message, capsys):
    assert main(["run", "detector=random", *overrides]) == 2
    err = capsys.readouterr().err.strip()
    assert message in err
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1


def test_a_results_folder_that_cannot_be_made_is_one_clear_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run("results=file") == 2
    assert "cannot create the results folder" in capsys.readouterr().err


def test_metrics_can_be_a_list():
    assert run("metrics=[auroc]") == 0
    assert all(set(r.metrics) == {"auroc"} for r in records())


def test_more_metrics_are_computed_from_stored_scores_without_refitting():
    run("metrics=[auroc]")
    before = {r.unit.key: r.fit_seconds for r in records()}
    run("metrics=[aupr]")
    assert {r.unit.key: r.fit_seconds for r in records()} == before
    assert all(set(r.metrics) == {"auroc", "aupr"} for r in records())


def test_evaluate_recomputes_metrics_of_a_store(capsys):
    run("metrics=[auroc]")
    assert main(["evaluate", "results", "--metrics", "aupr,pauc"]) == 0
    assert all(set(r.metrics) == {"auroc", "aupr", "pauc"} for r in records())
    assert "AUPR" in capsys.readouterr().out


def test_single_runs_draw_a_plot_unless_told_not_to():
    run("plot=false")
    assert not list(Store("results").folder.rglob("*.png"))
    run()
    (plot,) = Store("results").folder.rglob("*.png")
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_series_that_fails_is_recorded_and_the_others_go_on(tmp_path, capsys):
    folder = tmp_path / "data"
    folder.mkdir()
    good = np.column_stack([np.sin(np.arange(300.0)), np.arange(300) % 50 == 7])
    np.savetxt(folder / "good.csv", good, delimiter=",", header="value,label", comments="")
    (folder / "bad.csv").write_text("value,label\n1,0\nhello,0\n")
    arguments = ["run", "detector=random", "data=csv", f"data.path={folder}", "protocol=whole"]
    assert main([*arguments, "baselines=none"]) == 1
    shown = capsys.readouterr()
    status = {r.unit.case: r for r in records()}
    assert {case: r.status for case, r in status.items()} == {"bad": "error", "good": "ok"}
    assert "Traceback" in status["bad"].error["traceback"]
    assert "1/2 1 failed" in shown.out
    assert "hello" in shown.err
    capsys.readouterr()
    main([*arguments, "baselines=none"])
    assert "stored" in capsys.readouterr().err  # a failure is a result, too
    (folder / "bad.csv").write_text("value,label\n1,0\n2,1\n3,0\n")
    assert main([*arguments, "baselines=none", "retry=failed"]) == 0


def test_interrupting_a_run_keeps_what_is_finished(monkeypatch, capsys):
    from anomalib_ts.detectors import MovingMean

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(MovingMean, "_fit", interrupt)
    assert run() == 130
    assert "interrupted" in capsys.readouterr().err
    assert [r.unit.detector for r in records()] == ["random"]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_leaderboard_formats(form, capsys):
    run()
    capsys.readouterr()
    assert main(["leaderboard", "results", "--format", form]) == 0
    out = capsys.readouterr().out
    stored = {r.unit.detector: r.metrics["auroc"] for r in records()}
    if form == "json":
        assert {row["detector"]: row["metrics"]["auroc"] for row in json.loads(out)} == stored
    else:
        rows = csv.DictReader(out.splitlines())
        assert {row["detector"]: float(row["auroc"]) for row in rows} == stored


def test_leaderboard_of_nothing_says_how_to_make_something(capsys):
    assert main(["leaderboard", "nowhere"]) == 2
    assert "no results in nowhere" in capsys.readouterr().err


def test_clips_of_results_without_any_says_what_is_there(capsys):
    run()
    capsys.readouterr()
    assert main(["clips", "results"]) == 2
    assert "one long recording each" in capsys.readouterr().err
    assert main(["clips", "results", "--detector", "rnadom"]) == 2
    assert "is of 'rnadom'; did you mean random?" in capsys.readouterr().err
    assert main(["clips", "nowhere"]) == 2
    assert "no results in nowhere" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["clips", "results", "--top", "0"])
    assert "'0' is not a whole number of at least 1" in capsys.readouterr().err


def test_list_names_every_group(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    for name in ("fastflow1d", "iforest", "mackey_glass", "tsb_uad", "prefix", "given", "smoke"):
        assert f"  {name} " in out
    assert main(["list", "detectr"]) == 2


LIGHT = """
import sys
from anomalib_ts.cli import main
try:
    main({arguments})
except SystemExit:
    pass
heavy = {{"torch", "pytorch_lightning", "sklearn", "pandas", "matplotlib"}} & set(sys.modules)
sys.exit(f"imported {{heavy}}" if heavy else 0)
"""


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["list"], ["run", "--help"], ["leaderboard", "results"]],
)
def test_looking_imports_nothing_heavy(arguments):
    run()
    code = LIGHT.format(arguments=arguments)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_tuning_and_held_out_cases_are_never_the_same():
    some = ["data.n_series=12", "baselines=none", "plot=false"]
    assert run(*some, "split=tuning", "results=tuning") == 0
    assert run(*some, "split=held_out", "results=held_out") == 0
    tuning = {r.unit.case for r in records("tuning")}
    held_out = {r.unit.case for r in records("held_out")}
    assert tuning and held_out
    assert not tuning & held_out
    assert len(tuning | held_out) == 12


def test_an_empty_split_is_one_clear_line(capsys):
    splits = {run("split=tuning"), run("split=held_out")}
    assert splits == {0, 2}
    assert "use split=all" in capsys.readouterr().err
