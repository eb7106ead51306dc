"""The command line as a user meets it: what it prints, stores and says when something is wrong."""

import csv
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anomalib_ts.cli.main import main
from anomalib_ts.detectors import RandomScore
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
        (["detector=random", "detector.trainer=5"], "no setting 'detector.trainer'"),
        (["detector=usad", "detector.trainer.max_steps=5"], "set trainer.max_steps instead"),
        (["detector=usad", "detector.trainer.max_stps=5"], "did you mean max_steps"),
        (["detector=defended", "detector.detector=usat"], "unknown detector 'usat'; did you mean"),
        (["detector=defended", "detector.detector=5+"], "or name a choice of `anomalib-ts list"),
        (["detector=defended", "detector.detector.width=5"], "choose detector.detector=NAME, too"),
        (["detector=usad", "detector.trainer=5"], "trainer: 5 is not TrainerSettings or null"),
        (["trainer.max_steps=abc"], "trainer.max_steps: 'abc' is not a whole number"),
        (["limits=null"], "limits: None is not a group of settings"),
        (["results=null"], "name a folder"),
        (["~results"], "results: name a folder"),
        (["~seed"], "the setting seed was taken away; leave out ~seed"),
        (["~detector"], "the setting detector was taken away; leave out ~detector"),
        (["+seed=1"], "the setting seed is there already; leave out the +"),
        (["seed=[1]"], "seed: [1] is not a whole number"),
        (["seed=${nothing}"], "nothing"),
        (["seed=${seed}"], "seed"),
        (["metrics.metrics=[1]"], "unknown metric '1'"),
        (["plot=maybe"], "plot: 'maybe' is not true or false"),
        (["++baselines=[1]"], "baselines"),
        (["baselines.random=3"], "random: 3 is not a group of settings"),
        (["detector._target_=nowhere.X"], "detector: cannot import nowhere.X"),
        (["threshold={_target_: a.b, args: 1}"], "no setting 'threshold.args'; there are"),
        (["limits={secnds: 3}"], "no setting 'limits.secnds'; did you mean seconds"),
        (["~limits.seconds"], "limits.seconds cannot be taken away"),
        (["metrics.metrics=[{a: 1}]"], "is not a text or a list, each a text"),
        (["+baselines.a={_target_: subprocess.Popen}"], "a: subprocess.Popen is no Detector"),
        (["+baselines.a={_target_: anomalib_ts.data.CsvFile}"], "CsvFile is no Detector"),
        (["+figure={_target_: subprocess.Popen}"], "figure: subprocess.Popen is no StudyFigure"),
        (["++hydra.callbacks.x={_target_: subprocess.Popen}"], "Popen is no Callback"),
        (["++hydra.callbacks.x={_target_: this.s}"], "set ANOMALIB_TS_ALLOW=this"),
        (["-m", "seed=0,1", "hydra.launcher._target_=subprocess.Popen"], "Invalid plugin"),
        (["-m", "seed=0,1", "hydra.sweeper._target_=subprocess.Popen"], "Invalid plugin"),
        (["detector=usad", "trainer.max_steps=0"], "trainer.max_steps must be at least 1"),
        (["detector=usad", "trainer.accelerator=tpu"], "trainer.accelerator: 'tpu' is not allowed"),
        (["detector=usad", "trainer.precision=8"], "trainer.precision: 8 is not allowed"),
        (["trainer.checkpoint_seconds=-1"], "trainer.checkpoint_seconds must be at least 0"),
        (["detector=sklearn"], "detector.estimator must be set"),
        (["detector=sklearn", "detector.estimator=5"], "5 does not say what it is"),
        (["--config-dir", "nowhere"], "there is no folder nowhere"),
        (["--nonsense"], "run --help"),
    ],
)
def test_wrong_settings_are_one_clear_line(overrides, message, capsys):
    assert main(["run", "detector=random", *overrides]) == 2
    err = capsys.readouterr().err.strip()
    assert message in err
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1
    assert not Path("results").exists(), "a mistake leaves nothing behind"


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
    (told,) = [line for line in capsys.readouterr().err.splitlines() if "hello" in line]
    assert told.endswith("(stored; retry=failed runs it again)")  # a failure is a result, too
    (folder / "bad.csv").write_text("value,label\n1,0\n2,1\n3,0\n")
    assert main([*arguments, "baselines=none", "retry=failed"]) == 0


def test_interrupting_a_run_keeps_what_is_finished(monkeypatch, capsys):
    from anomalib_ts.detectors import MovingMean

    def interrupt(*_):
        signal.raise_signal(signal.SIGINT)  # as Ctrl-C does; raising the error is no Ctrl-C

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
from anomalib_ts.cli.main import main
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


KEYS = [
    *("data", "protocol", "trainer", "detector", "baselines", "threshold", "metrics", "figure"),
    *("experiment", "seed", "results", "split", "oracle", "retry", "threads", "isolate", "limits"),
    *(
        "save_scores",
        "plot",
        "detector.seed",
        "limits.seconds",
        "metrics.metrics",
        "metrics.window",
    ),
    *("hydra.launcher", "hydra/launcher", "hydra.mode", "data._target_", "nothing"),
]
FORMS = [
    *("~{}", "{}=null", "{}=", "{}=[1]", "{}={{a:1}}", "{}=abc", "{}=-1", "{}=1e400", "{}=nan"),
    *("+{}=1", "++{}=null", "++{}={{}}", "{}=${{nothing}}", "{}=${{", "{}=???", "{}.a=1", "{}@b=1"),
]


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS)
def test_no_mistake_is_a_traceback(key, capsys):
    # A quarter of the forms, others for each key, so that each form meets seven keys.
    for number, form in enumerate(FORMS[KEYS.index(key) % 4 :: 4]):
        override = form.format(key)
        status = run("baselines=none", "plot=false", "results=r", override)
        err = capsys.readouterr().err.strip()
        assert status in (0, 1, 2), override
        assert "Traceback" not in err
        if status == 2:
            assert len(err.splitlines()) == 1, (number, override)


@pytest.mark.slow
@given(override=st.from_regex(r"[~+]{0,2}[a-z_.]{0,8}(=[\x20-\x7eäß]{0,12})?", fullmatch=True))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_override_is_run_or_refused_in_a_line(override, capsys):
    if override.startswith("-"):
        return
    status = run("baselines=none", "plot=false", override)
    err = capsys.readouterr().err.strip()
    assert status in (0, 1) or (status == 2 and len(err.splitlines()) == 1)


@pytest.mark.parametrize("folder", ["detector", "experiment"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\n\tb: 2\n", "no valid YAML"),
        (b"a: [1\n", "no valid YAML"),
        (b"# L\xfcfter\na: 1\n", "is not UTF-8"),
        (b"- 1\n- 2\n", ""),
        (b"just words\n", ""),
        (b"\x00", ""),
        (b"defaults: 3\n", ""),
        (b"defaults:\n  - nowhere: x\n", ""),
    ],
)
def test_a_broken_configuration_file_is_one_line(folder, content, message, capsys):
    path = Path("mine", folder, "broken.yaml")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    status = run("--config-dir", "mine", f"{folder}=broken")
    err = capsys.readouterr().err.strip()
    assert "Traceback" not in err
    if status == 0 and folder == "experiment" and not message:
        return  # it overrides nothing
    assert status == 2
    assert message in err
    assert len(err.splitlines()) == 1
    if "UTF-8" in message:
        assert str(path) in err


FOLDERS = [
    *("müller", "x (copy)", "a,b", "[1]", "it's", "{x}", "a=b", "a#b", "$x", "${x}", "%j", "100%"),
    *('"q"', "a\nb", " a ", "\udcff", "n" * 200, "~", "@", "*", "😀", "null", "1e3", "a\\", "\\'"),
]


# quotes around a whole name are Hydra's, commas a sweep's, ${x} a reference
NO_RESULTS = ("null", "${x}", "a,b", '"q"')


@pytest.mark.parametrize("name", [*FOLDERS, "2024_11_25", "on"])
def test_any_folder_can_be_worked_in_and_hold_results(name, tmp_path, monkeypatch, capsys):
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    results = "results" if name in NO_RESULTS else name
    multirun = ["-m", "seed=1,2"] if len(name) % 2 else ["seed=1"]
    some = ("baselines=none", "plot=false", "isolate=false", f"results={results}")
    assert run(*multirun, *some) == 0
    assert {r.unit.seed for r in records(results)} == ({1, 2} if multirun[0] == "-m" else {1})
    assert [path.name for path in folder.iterdir()] == [results]
    assert not list(folder.rglob("*.jsonl"))
    assert capsys.readouterr().out.count("AUROC") == 1


@pytest.fixture
def _seed_7_fails(monkeypatch):
    drawn = RandomScore._score
    failing = lambda self, given: drawn(self, given) if self.seed != 7 else 1 / 0  # noqa: E731
    monkeypatch.setattr(RandomScore, "_score", failing)


@pytest.mark.usefixtures("_seed_7_fails")
@pytest.mark.parametrize("multirun", [False, True])
@pytest.mark.parametrize(
    ("setting", "folders"),
    [
        ("results=bench_${seed}", {"bench_7", "bench_1"}),
        ("++results=mine", {"mine"}),
        ("experiment=e", {"fromfile"}),
        ("results=sub/${data.n_series}/x", {"sub"}),
    ],
)
def test_the_exit_status_follows_the_records_wherever_they_are(
    setting, folders, multirun, tmp_path, capsys
):
    file = tmp_path / "cfg" / "experiment" / "e.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("# @package _global_\nresults: fromfile\n")
    some = ["--config-dir", "cfg", "baselines=none", "plot=false", "isolate=false", setting]
    seeds = ["-m", "seed=7,1"] if multirun else ["seed=7"]
    assert run(*some, *seeds) == 1
    found = {path.name for path in tmp_path.iterdir()} - {"cfg"}
    assert found == (folders if multirun else folders - {"bench_1"})
    assert not list(tmp_path.rglob("*.jsonl")) and not list(tmp_path.rglob(".runs"))
    out = capsys.readouterr().out
    tables = len(found) if multirun else 1
    assert out.count("random") == tables
    assert run(*some, "seed=1") == 0


def test_a_name_that_yaml_takes_for_a_number_is_refused(tmp_path, capsys):
    file = tmp_path / "cfg" / "experiment" / "e.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("# @package _global_\nresults: 2024_11_25\n")
    for more in ([], ["-m", "seed=0,1"]):
        assert run("--config-dir", "cfg", "experiment=e", *more) == 2
        assert "put it in quotes" in capsys.readouterr().err
    assert not Path("20241125").exists()


def test_swept_folders_have_a_table_each(capsys):
    assert run("-m", "results=one,two", "isolate=false", "baselines=none") == 0
    assert len(records("one")) == len(records("two")) == 1
    out = capsys.readouterr().out
    assert out.count("AUROC") == 2 and "/one" in out and "/two" in out
    assert not Path("results").exists()


def test_a_message_is_shown_once(capfd):
    assert run("baselines=none", "data.train_length=0") == 1
    shown = capfd.readouterr()
    assert (shown.out + shown.err).count("has no training part") == 1


def test_looking_at_the_configuration_leaves_nothing(tmp_path, capsys):
    for options in (["--cfg", "job"], ["--info", "config"], ["--hydra-help"]):
        run(*options)
    assert capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


HEAVY = """
import sys
from anomalib_ts.cli.main import main
status = main(sys.argv[1:])
heavy = {"torch", "pytorch_lightning", "sklearn", "scipy.stats", "pandas", "matplotlib"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
sys.exit(status)
"""


@pytest.mark.parametrize(
    "mistake",
    [
        *("detectr=random", "detector=fastflow", "detector.windw=3", "threshold.level=99.5"),
        *("seed=x", "data.n_points=1", "protocol=wole", "metrics=[aurok]", "detector.window=x"),
        *("trainer.max_steps=0", "trainer.accelerator=tpu", "limits.seconds=-1"),
    ],
)
def test_a_mistake_costs_no_heavy_import(mistake):
    call = [sys.executable, "-c", HEAVY, "run", mistake]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_stored_run_costs_no_heavy_import(capsys):
    some = ["detector=iforest", *SMALL]
    assert main(["run", *some]) == 0
    table = capsys.readouterr().out
    (picture,) = Path("results").rglob("*.png")
    drawn = picture.stat().st_mtime_ns
    call = [sys.executable, "-c", HEAVY, "run", *some]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == table
    assert picture.stat().st_mtime_ns == drawn
    picture.unlink()
    assert main(["run", *some]) == 0
    assert picture.is_file()


@pytest.mark.parametrize(
    ("asked", "shown", "hidden"),
    [
        ("metrics=full", ["AUROC", "AUPR", "pAUC", "vus_pr"], ["affiliation"]),
        ("metrics=[vus_pr,auroc]", ["vus_pr", "AUROC"], ["AUPR", "pAUC"]),
        ("metrics=default", ["AUROC", "AUPR", "pAUC"], ["vus_pr"]),
    ],
)
def test_a_run_shows_the_metrics_that_it_was_asked_for(asked, shown, hidden, capsys):
    run(asked, "baselines=none", "plot=false")
    head = next(line for line in capsys.readouterr().out.splitlines() if "detector" in line)
    assert all(name in head for name in shown)
    assert not any(name in head for name in hidden)
    assert len(head.split()) < 25


@pytest.mark.parametrize("form", ["table", "csv", "json", "md", "tex"])
@pytest.mark.parametrize("command", ["leaderboard", "evaluate"])
def test_columns_are_chosen_in_every_format(command, form, capsys):
    run("metrics=full", "baselines=none", "plot=false")
    capsys.readouterr()
    call = [command, "results", "--format", form, "--columns", "vus_pr,aupr"]
    assert main(call) == 0
    out = capsys.readouterr().out.replace("\\_", "_")
    assert "vus_pr" in out and "aupr" in out.casefold()
    assert "auroc" not in out.casefold() and "vus_roc" not in out
    assert main([*call[:-1], "vus_prr"]) == 2
    assert "did you mean vus_pr" in capsys.readouterr().err


def test_reproduce_judges_by_the_rules_of_the_record(capsys):
    run("metrics=[vus_pr]", "metrics.window=30", "baselines=none", "plot=false")
    (record,) = records()
    capsys.readouterr()
    path = Store("results").path(record.unit)
    assert main(["reproduce", str(path)]) == 0
    out = capsys.readouterr().out
    assert f"{record.metrics['vus_pr']:.3f}" in out
    assert "AUROC" not in out
    other = replace(record, judged=record.judged | {"window": 300})
    Store("results").save(other)
    assert main(["reproduce", str(path)]) == 0
    assert f"{record.metrics['vus_pr']:.3f}" not in capsys.readouterr().out


def test_clips_after_a_failure_says_what_failed(capsys):
    run("baselines=none", "plot=false", "data.train_length=0")
    capsys.readouterr()
    assert main(["clips", "results"]) == 2
    err = capsys.readouterr().err
    assert "a unit failed" in err and "has no training part" in err
    assert "long recording" not in err


def test_help_says_what_exit_statuses_mean(capsys):
    assert main(["run", "--help"]) == 0
    assert "exit status: 0" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "exit status: 0" in capsys.readouterr().out
