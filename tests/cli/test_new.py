"""`anomalib-ts new`: the package that it writes installs, passes its own tests, and is listed."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from anomalib_ts.cli.main import main

KINDS = {"detector": "detector", "dataset": "data"}


def installed(package, site):
    """Install it as far as Python can tell: its code, and the entry points of its pyproject."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    facts = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(facts)
    points = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in found.items())
        for group, found in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("".join(points))
    return os.pathsep.join([str(site), str(package.resolve()), *filter(None, sys.path)])


def python(path, folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_package_passes_its_tests_and_is_listed(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", kind, "my_pump2"]) == 0
    said = capsys.readouterr().out
    assert f"{KINDS[kind]}=my_pump2" in said and "anomalib-ts-my-pump2" in said
    package = Path("anomalib-ts-my-pump2")
    path = installed(package, tmp_path / "site")
    tested = python(path, package, "pytest", "-q", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout
    listed = python(path, tmp_path, "anomalib_ts", "list", KINDS[kind]).stdout
    (line,) = [line for line in listed.splitlines() if line.startswith("  my_pump2 ")]
    assert line.endswith("[anomalib-ts-my-pump2]")
    again = python(path, tmp_path / "site", "anomalib_ts", "new", kind, "my_pump2")
    assert again.returncode == 2
    assert "my_pump2 is there already, in anomalib-ts-my-pump2" in again.stderr


def test_ruff_finds_nothing_in_what_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "detector", "a"]) == main(["new", "dataset", "b"]) == 0
    rules = ["--isolated", "--line-length", "100"]
    for package in ("anomalib-ts-a", "anomalib-ts-b"):
        checked = ("check", *rules, "--select", "E,F,I,B,N,PT,UP,RUF")
        for command in (checked, ("format", *rules, "--check")):
            done = python(os.pathsep.join(sys.path), package, "ruff", *command, "--no-cache", ".")
            assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["Pump", "3x", "a-b", "a__b", "x_", "", "../x", "class", "null"])
def test_a_name_that_cannot_be_one(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "detector", name]) == 2
    assert f"{name!r} cannot be the name of a detector" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("detector iforest", "detector=iforest is there already, in anomalib-ts"),
        ("dataset csv", "data=csv is there already, in anomalib-ts"),
        ("detector i_forest", "'i_forest' would be the class IForest"),
        ("dataset case", "'case' would be the class Case"),
    ],
)
def test_a_name_that_is_taken(asked, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", *asked.split()]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_is_left_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("anomalib-ts-mine").mkdir()
    assert main(["new", "dataset", "mine"]) == 2
    assert "anomalib-ts-mine is there already" in capsys.readouterr().err
    assert not list(Path("anomalib-ts-mine").iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch, capsys):
    tmp_path.chmod(0o500)
    monkeypatch.chdir(tmp_path)
    assert main(["new", "detector", "mine"]) == 2
    assert "cannot write anomalib-ts-mine" in capsys.readouterr().err


def test_nothing_heavy_is_imported(tmp_path):
    code = "import sys; from anomalib_ts.cli.main import main; main(['new', 'detector', 'mine']); "
    code += "print(*sorted({'torch', 'numpy', 'hydra', 'sklearn'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == ""
