"""The same sweep through another launcher gives the same results, bit for bit."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from anomalib_ts.cli.main import main
from anomalib_ts.results.store import Store

SWEEP = [
    "run",
    "-m",
    "detector=iforest,random",
    "seed=0,1",
    "data.n_points=2000",
    "data.n_anomalies=2",
    "data.train_length=500",
]


def metrics(folder):
    return {r.unit.key: (r.status, r.metrics) for r in Store(folder).records()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "module"),
    [
        ("parallel", "hydra_joblib_launcher"),
        ("slurm_here", "hydra_submitit_launcher"),
        ("ray_here", "hydra_ray_launcher"),
    ],
)
def test_equal_results(launcher, module, tmp_path, monkeypatch):
    if find_spec(f"hydra_plugins.{module}") is None:
        pytest.skip(f"{module} is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert main([*SWEEP, "results=basic"]) == 0
    assert main([*SWEEP, f"hydra/launcher={launcher}", f"results={launcher}"]) == 0
    assert len(metrics("basic")) == 6
    assert metrics(launcher) == metrics("basic")


@pytest.mark.slow
def test_files_in_the_working_folder_do_not_shadow_modules_in_workers(tmp_path):
    if find_spec("hydra_plugins.hydra_joblib_launcher") is None:
        pytest.skip("the joblib launcher is not installed")
    for name in ("random", "json", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the folder')")
    command = [sys.executable, "-P", "-m", "anomalib_ts", *SWEEP, "hydra/launcher=parallel"]
    path = os.pathsep.join(
        filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")])
    )
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, check=False)
    assert done.returncode == 0
    assert len(metrics(tmp_path / "results")) == 6


def test_a_launcher_that_is_not_installed_says_how_to_get_it(capsys):
    if find_spec("hydra_plugins.hydra_ray_launcher") is not None:
        pytest.skip("the ray launcher is installed")
    assert main([*SWEEP, "hydra/launcher=ray_here"]) == 2
    assert 'pip install "anomalib-ts[ray]"' in capsys.readouterr().err


NAUGHTY = {
    "Raises": "error",
    "Exits": "error",
    "Segfaults": "error",
    "RunsOutOfMemory": "oom",
    "Allocates": "oom",
    "Sleeps": "timeout",
}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [[], ["hydra/launcher=parallel"]], ids=["basic", "joblib"])
def test_a_sweep_survives_detectors_that_do_not(launcher, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    targets = ",".join(f"tests.makers.naughty_detectors.{name}" for name in NAUGHTY)
    small = [word for word in SWEEP if word.startswith("data.")]
    limits = ["limits.seconds=8", "limits.memory_mb=1500"]
    settings = ["detector=random", f"detector._target_={targets}", "~detector.seed", *limits]
    assert main(["run", "-m", *settings, *small, *launcher, "protocol=whole"]) == 1
    records = list(Store("results").records())
    found = {r.unit.detector_settings["_target_"].rpartition(".")[2]: r.status for r in records}
    assert found == {**NAUGHTY, "RandomScore": "ok", "MovingMean": "ok"}


def test_workers_find_the_folder_of_the_command_whatever_its_name(tmp_path, monkeypatch):
    if find_spec("hydra_plugins.hydra_joblib_launcher") is None:
        pytest.skip("the joblib launcher is not installed")
    folder = tmp_path / "it's (ü) [1], ${x}"
    folder.mkdir()
    monkeypatch.chdir(folder)
    some = ["detector=random", "baselines=none", "isolate=false", "results=of_${seed}"]
    assert main([*SWEEP, *some, "hydra/launcher=parallel", "hydra.launcher.n_jobs=2"]) == 0
    assert [len(list(Store(f"of_{seed}").records())) for seed in (0, 1)] == [1, 1]
    assert {path.name for path in folder.iterdir()} == {"of_0", "of_1"}
