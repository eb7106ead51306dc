"""`hydra/sweeper=tune`: what may be tuned by what, and that no value is tried twice."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from omegaconf import OmegaConf

from anomalib_ts.cli.main import main
from anomalib_ts.cli.tuning import Space, objective_of
from anomalib_ts.data import TsbAdU
from anomalib_ts.errors import ConfigError
from anomalib_ts.results.entries import entries
from anomalib_ts.results.leaderboard import leaderboard
from anomalib_ts.results.store import Store

optuna = pytest.importorskip("optuna")

DATA = ["data.n_points=1000", "data.n_anomalies=1", "data.train_length=200", "data.n_series=5"]
FIXED = ["detector=moving_mean", "baselines=none", "isolate=false", *DATA]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def tune(*settings, trials=3):
    options = ["-m", "hydra/sweeper=tune", f"hydra.sweeper.n_trials={trials}"]
    return main(["run", *options, *FIXED, *settings])


def records(folder="results"):
    return list(Store(folder).records())


def journals():
    return sorted(Path("results/tuning").glob("*.journal"))


def study():
    (path,) = journals()
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    return optuna.load_study(study_name=path.stem, storage=optuna.storages.JournalStorage(backend))


def windows():
    """What came to a result, as the study has it."""
    (name,) = study().best_params
    done = study().get_trials(states=[optuna.trial.TrialState.COMPLETE])
    return sorted(int(trial.params[name]) for trial in done)


def test_the_best_settings_are_a_command_for_the_cases_held_out(capsys):
    assert tune("detector.window=range(3,30,3)", "split=tuning") == 0
    assert len(windows()) == len(set(windows())) == 3
    said = capsys.readouterr().out
    (line,) = [line for line in said.splitlines() if line.startswith("  anomalib-ts run ")]
    tuned = {record.unit.case for record in records()}
    best = study().best_params["detector.window"]
    mean = np.mean([r.metrics["auroc"] for r in records() if r.unit.variant == f"window={best}"])
    assert study().best_value == pytest.approx(mean)
    command = shlex.split(line)[1:]
    assert f"detector.window={best}" in command
    assert main([*command, "results=held_out", "plot=false"]) == 0
    held_out = records("held_out")
    assert held_out and not tuned & {record.unit.case for record in held_out}
    assert {record.unit.detector_settings["window"] for record in held_out} == {best}


def test_the_same_command_goes_on_and_tries_nothing_twice(capsys):
    space = ("detector.window=range(3,30,3)", "split=tuning")
    assert tune(*space, trials=2) == 0
    first = windows()
    assert tune(*space, trials=4) == 0
    assert "2 settings were tried before" in capsys.readouterr().err
    assert len(windows()) == len(set(windows())) == 4 and set(first) < set(windows())
    assert tune(*space, trials=4) == 0
    assert len(windows()) == 4 and len(journals()) == 1


def test_it_ends_when_all_values_were_tried():
    assert tune("detector.window=3,5,9", "split=tuning", trials=50) == 0
    assert windows() == [3, 5, 9]


def test_several_at_once_are_different_ones():
    jobs = ("hydra.sweeper.n_jobs=3",)
    assert tune("detector.window=3,5,9,12", "split=tuning", *jobs, trials=4) == 0
    assert windows() == [3, 5, 9, 12]


def test_what_was_interrupted_is_tried_again():
    space = ("detector.window=range(3,300)", "split=tuning")
    assert tune(*space, trials=1) == 0
    lost = study().ask(Space.of([space[0]]).tuned)
    assert tune(*space, trials=2) == 0
    assert lost.params["detector.window"] in windows() and len(windows()) == 2


def test_other_fixed_settings_are_another_study():
    assert tune("detector.window=3,5", "split=tuning", trials=1) == 0
    assert tune("detector.window=3,5", "split=tuning", "data.seed=1", trials=1) == 0
    assert len(journals()) == 2


def test_another_process_at_work_is_waited_for_by_nobody(capsys):
    assert tune("detector.window=3,5", "split=tuning", trials=1) == 0
    with FileLock(journals()[0].with_suffix(".busy")):
        assert tune("detector.window=3,5", "split=tuning", trials=2) == 2
    assert "another process is tuning" in capsys.readouterr().err


def test_results_tuned_on_their_own_labels_are_marked(capsys):
    assert tune("detector.window=3,5", "oracle=true", trials=2) == 0
    assert "an upper bound, marked oracle/" in capsys.readouterr().out
    assert main(["run", *FIXED, "detector.window=3", "plot=false"]) == 0
    names = {row.detector for row in leaderboard(records())}
    assert names == {
        *(f"oracle/moving_mean (window={w})" for w in (3, 5)),
        "moving_mean (window=3)",
    }
    kept = entries(records()).kept
    assert all(e.record.unit.oracle == e.method.name.startswith("oracle/") for e in kept)


def test_a_baseline_of_an_oracle_is_none():
    assert tune("detector.window=3,5", "oracle=true", "baselines=default", trials=1) == 0
    by_name = {record.unit.detector: record.unit.oracle for record in records()}
    assert by_name == {"moving_mean": True, "random": False}


def test_other_labels_than_the_study_began_with_are_noticed(capsys):
    def write(start):
        values = np.random.default_rng(0).standard_normal(300)
        labels = np.zeros(300, int)
        labels[start : start + 9] = 1
        rows = [f"{value},{label}" for value, label in zip(values, labels, strict=True)]
        Path("own.csv").write_text("\n".join(["x,label", *rows]) + "\n")

    asked = ["data=csv", "data.path=own.csv", "detector=moving_mean", "baselines=none"]
    options = ["-m", "hydra/sweeper=tune", "detector.window=3,5", "oracle=true", "isolate=false"]
    write(200)
    assert main(["run", *options, *asked]) == 0
    write(100)
    assert main(["run", *options, *asked]) == 2
    assert "is of other data or of another version" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([], "choose settings by the labels that are scored"),
        (["split=held_out"], "choose settings by the labels"),
        (["split=tuning", "seed=0,1"], "seed cannot be tuned"),
        (["split=tuning", "protocol=prefix,given"], "protocol cannot be"),
        (["split=tuning", "+data.x=1,2"], "+data.x cannot be tuned"),
        (["split=tuning", "detector.window=3"], "nothing to tune"),
        (["split=tuning", "detector.window=range(9,5)"], "detector.window=range(9,5): "),
        (["split=tuning", "hydra.sweeper.n_trials=0"], "n_trials must be"),
        (["split=tuning", "hydra.sweeper.metric=aurok"], "no metric 'aurok'"),
        (["split=tuning", "hydra.sweeper.metric=vus_pr"], "nothing to tune by"),
        (["split=tuning", "hydra.sweeper.trials=1"], "trials"),
    ],
)
def test_what_makes_no_sense_is_one_line(settings, message, capsys):
    window = [] if any("window" in one for one in settings) else ["detector.window=3,5"]
    assert main(["run", "-m", "hydra/sweeper=tune", *FIXED, *window, *settings]) == 2
    err = capsys.readouterr().err
    assert message in err and "Traceback" not in err


def test_settings_that_all_fail_end_soon(capsys):
    assert tune("detector.window=range(-20,0)", "split=tuning", trials=20) == 2
    captured = capsys.readouterr()
    assert captured.err.count("detector.window must be at least 2") == 3
    assert not records()


def test_a_list_for_tuning_needs_no_split():
    config = {"oracle": False, "split": "all", "data": {"_target_": "anomalib_ts.data.TsbAdU"}}
    data = config["data"] | {"root": "there", "files": "tuning", "series": "*", "max_gap": 0}
    objective = objective_of(OmegaConf.create(config | {"data": data}))
    assert "list for tuning" in objective.about and objective.instead == ("data.files",)
    with pytest.raises(ConfigError, match="by the labels that are scored"):
        objective_of(OmegaConf.create(config | {"data": data | {"files": "evaluation"}}))
    assert TsbAdU(root="there", files="tuning").for_tuning


def test_how_settings_are_drawn():
    tuned = Space.of(
        [
            *("detector.a=3,5", "detector.b=range(4,20,4)", "detector.c=interval(0.5,2)"),
            *("detector.d=tag(log,int(interval(1,100)))", "detector.e=range(0.5,1.5,0.5)"),
            *("detector=iforest,pca", "trainer.lr=tag(log,interval(1e-4,1e-2))", "seed=3"),
        ]
    )
    kinds = optuna.distributions
    assert tuned.fixed == ("seed=3",)
    assert tuned.tuned == {
        "detector.a": kinds.CategoricalDistribution(["3", "5"]),
        "detector.b": kinds.IntDistribution(4, 16, step=4),
        "detector.c": kinds.FloatDistribution(0.5, 2.0),
        "detector.d": kinds.IntDistribution(1, 100, log=True),
        "detector.e": kinds.CategoricalDistribution(["0.5", "1.0"]),
        "detector": kinds.CategoricalDistribution(["iforest", "pca"]),
        "trainer.lr": kinds.FloatDistribution(1e-4, 1e-2, log=True),
    }
