"""Figures at the end of a command, and what is refused before its beginning."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hydra.utils import get_class

from anomalib_ts.cli.main import main
from anomalib_ts.results.formats import Grid
from anomalib_ts.results.store import Store
from anomalib_ts.results.terminal import GAP, split_columns, tables
from anomalib_ts.settings.registry import choices, config_folder

SMALL = ["data.n_points=2000", "data.n_anomalies=2", "data.train_length=500", "baselines=none"]
CURVE = ["figure=curve", "figure.x=detector.window"]
SWEEP = ["run", "-m", "detector=moving_mean", "detector.window=5,20", "seed=0,1", *SMALL]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def records(folder="results"):
    return list(Store(folder).records())


@pytest.mark.parametrize("launcher", [[], ["hydra/launcher=parallel"]], ids=["basic", "joblib"])
def test_a_sweep_ends_with_its_figure(launcher, capfd, tmp_path):
    if launcher:
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    assert main([*SWEEP, *CURVE, *launcher]) == 0
    out = capfd.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    means = {}
    for window in (5, 20):
        values = [
            r.metrics["auroc"] for r in records() if r.unit.detector_settings["window"] == window
        ]
        means[str(window)] = f"{sum(values) / 2:.3f}"
    assert ["window", "AUROC"] in lines
    assert {line[0]: line[1] for line in lines if line[:1] in (["5"], ["20"])} == means
    assert "fit s" not in out  # the leaderboard gives way
    assert out.count("figure: ") == 1  # though each of four jobs planned it
    assert {path.name for path in (tmp_path / "results").glob("curve.*")} == {
        "curve.png",
        "curve.csv",
        "curve.md",
        "curve.tex",
    }


def test_a_sweep_that_is_stored_already_is_only_drawn(capfd):
    main(SWEEP)
    before = {path: path.stat().st_mtime_ns for path in Store("results").folder.rglob("*.json")}
    capfd.readouterr()
    assert main([*SWEEP, *CURVE]) == 0
    shown = capfd.readouterr()
    assert shown.err.count("stored") == 4
    assert "curve.png" in shown.out
    assert before == {p: p.stat().st_mtime_ns for p in Store("results").folder.rglob("*.json")}


def test_other_results_in_the_folder_are_not_drawn(capfd):
    main([*SWEEP[:3], "detector.window=7,9", *SMALL])
    capfd.readouterr()
    assert main([*SWEEP, *CURVE]) == 0
    assert not any(line.split()[:1] == ["7"] for line in capfd.readouterr().out.splitlines())


def test_a_single_run_may_have_a_figure(capfd):
    assert main(["run", "detector=random", *SMALL, "plot=false", "figure=distributions"]) == 0
    assert "false alarms" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["figure=curv"], "unknown figure 'curv'; did you mean curve"),
        (["figure=curve"], "please set figure.x"),
        (["figure=curve", "figure.x=detector.windw"], "did you mean detector.window"),
        (["figure=curve", "figure.x=detector.window", "figure.nam=a"], "figure.nam"),
        (["figure=methods", "figure.metric=aurok"], "unknown value 'aurok'; did you mean auroc"),
        (["figure=methods", "figure.metric=vus_pr"], "vus_pr is not computed; set metrics=[vus_pr"),
        (["figure=methods", "figure.metric=pooled/aupr"], "unknown value 'pooled/aupr'"),
        (["figure=methods", "figure.metric=pooled/auroc", "metrics=[aupr]"], "set metrics=[auroc"),
        (["figure=methods", "figure.name=a/b"], "cannot be the name of a file"),
        (["figure=distributions", "save_scores=false"], "set save_scores=true"),
    ],
)
def test_mistakes_are_told_before_anything_is_run(settings, message, capfd):
    assert main([*SWEEP, *settings]) == 2
    err = capfd.readouterr().err
    assert err.count(message) == 1, err
    assert "Traceback" not in err
    assert not records()


@pytest.mark.parametrize(
    "metric", ["auroc", "pooled/auroc", "auroc/id_00", "auroc_source", "harmonic_mean", "fitted/a"]
)
def test_values_that_results_may_have_are_accepted(metric):
    main(
        [
            "run",
            "detector=random",
            *SMALL,
            "plot=false",
            "figure=methods",
            f"figure.metric={metric}",
        ]
    )
    assert len(records()) == 1


def test_the_figure_of_an_experiment_can_be_taken_away(capfd):
    left_over = ["figure=none", "+figure.name=study", "+figure.metric=auroc"]
    assert main(["run", "detector=random", *SMALL, "plot=false", *left_over]) == 0
    assert "figure: " not in capfd.readouterr().out
    assert not Path("results/study.png").exists()


def test_a_figure_that_cannot_be_drawn_leaves_the_leaderboard(capfd):
    assert main([*SWEEP, "figure=methods", "figure.metric=fitted/a"]) == 2
    shown = capfd.readouterr()
    assert "figure methods: nothing to draw: no result has fitted/a" in shown.err
    assert "fit s" in shown.out
    assert len(records()) == 4


def test_wrong_jobs_are_told_and_the_others_drawn(capfd):
    assert main([*SWEEP[:3], "detector.window=5,-1", "seed=0", *SMALL, *CURVE]) == 2
    shown = capfd.readouterr()
    assert "detector.window=-1" in shown.err
    assert "curve.png" in shown.out


@pytest.mark.parametrize("figure", sorted(choices("figure").keys() - {"none"}))
def test_a_config_file_names_every_argument_with_its_default(figure):
    settings = yaml.safe_load((config_folder() / "figure" / f"{figure}.yaml").read_text())
    target = get_class(settings.pop("_target_"))
    assert set(settings) == set(inspect.signature(target).parameters)
    assert target(**settings) == target()
    assert choices("figure")[figure].description


def test_planning_imports_no_matplotlib():
    code = (
        "import sys; import anomalib_ts.views.figures.curve, anomalib_ts.views.figures.methods, "
        "anomalib_ts.views.figures.distributions; "
        "sys.exit(bool({'matplotlib', 'pandas', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def grid():
    names = ["one", "two", "three", "four"]
    return Grid(["who", *names], [["a", "1", "22", "333", "4444"]], bold=frozenset({(0, 3)}))


@pytest.mark.parametrize("width", range(1, 40))
def test_wide_tables_are_split_into_as_few_as_fit(width):
    pieces = split_columns(grid(), width)
    assert [column for piece in pieces for column in piece[1:]] == [1, 2, 3, 4]
    letters = [3, 3, 3, 5, 4]
    for piece, following in zip(pieces, [*pieces[1:], None], strict=True):
        used = sum(letters[column] + GAP for column in piece) - GAP
        assert used <= width or len(piece) == 2
        if following:
            assert used + GAP + letters[following[1]] > width


def test_the_pieces_hold_the_cells_of_the_table():
    first, second = tables(grid(), 16)
    assert [str(column.header) for column in first.columns] == ["who", "one", "two"]
    (cell,) = second.columns[1].cells
    assert (cell.plain, cell.style) == ("333", "bold")
