"""An installed package adds detectors, data sets and configs (tests/plugin_example)."""

import os
import subprocess
import sys
from importlib import metadata

import pytest

from anomalib_ts.cli.main import main
from anomalib_ts.results.store import Store
from anomalib_ts.settings.registry import choices

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


METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
GOOD = (
    "from anomalib_ts.detectors import RandomScore\n\n\nclass Mine(RandomScore):\n    '''Mine.'''\n"
)


def plugin(folder, name, entry_points, **modules):
    """An installed package, as far as Python can tell."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(METADATA.format(name=name))
    (info / "entry_points.txt").write_text(entry_points)
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(source)


BROKEN = [
    ("[anomalib_ts.conf]\nbroken = not_there.conf\n", ""),
    ("[anomalib_ts.detectors]\nbroken1 = not_there:X\n", ""),
    ("[anomalib_ts.detectors]\nbroken2 = planted:X\n", "x = 1\n"),
    ("[anomalib_ts.detectors]\nbroken3 = planted:X\n", "class X(:\n"),
    ("[anomalib_ts.detectors]\nbroken4 = planted:X\n", "import nothing_here\nclass X: ..."),
    ("[anomalib_ts.detectors]\nbroken5 = planted:X\n", "raise RuntimeError('planted')\n"),
    ("[anomalib_ts.data]\nbroken6 = planted:X\n", "raise SystemExit(3)\n"),
    ("[anomalib_ts.detectors]\niforest = planted:Mine\n", GOOD),
]


def command(folder, *arguments):
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    return subprocess.run(
        [sys.executable, "-m", "anomalib_ts", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_broken_plugins_break_nothing_else(tmp_path):
    for number, (entry_points, source) in enumerate(BROKEN):
        own = f"planted{number}"
        plugin(tmp_path, f"bad{number}", entry_points.replace("planted", own), **{own: source})
    plugin(tmp_path, "good", "[anomalib_ts.detectors]\nmine = fine:Mine\n", fine=GOOD)
    listed = command(tmp_path, "list", "detector")
    assert listed.returncode == 0
    assert "  mine " in listed.stdout and "Mine.  [good]" in listed.stdout
    assert "  broken" not in listed.stdout
    small = ("data.n_points=1000", "data.n_anomalies=1", "data.train_length=100", "plot=false")
    ran = command(tmp_path, "run", "detector=mine", "baselines=none", *small)
    assert ran.returncode == 0, ran.stderr
    warnings = [line for line in ran.stderr.splitlines() if line.startswith("plug-in ")]
    assert len(warnings) == len(BROKEN)
    for number in range(len(BROKEN)):
        assert sum(f"(bad{number}) is left out" in line for line in warnings) == 1
    near = command(tmp_path, "run", "detector=brokn")
    assert near.returncode == 2 and "mean broken" not in near.stderr
    assert "Traceback" not in near.stderr


def test_the_seed_of_a_plugin_data_set_is_its_own(capsys):
    """Detectors' seeds are an axis over one and the same data."""
    assert main(["run", "data=example_ramps", "seed=7", "--cfg", "job"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("seed: 0") == 1 and "${seed}" in shown  # the data set's, the detector's
