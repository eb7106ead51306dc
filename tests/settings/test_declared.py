"""What pyproject.toml declares; benchmarks/lowest_versions runs all tests on it."""

import importlib.util
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PYPROJECT = ROOT / "pyproject.toml"


@pytest.fixture(scope="module")
def bounds():
    path = ROOT / "benchmarks" / "lowest_versions" / "run.py"
    spec = importlib.util.spec_from_file_location("lowest_versions", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.bounds


def test_everything_that_is_needed_has_a_lowest_version(bounds):
    found = bounds(PYPROJECT)
    assert {"numpy", "torch", "soxr", "bokeh", "pytest"} <= set(found)


def test_a_requirement_without_one_is_named(bounds, tmp_path):
    text = '[project]\nname = "p"\ndependencies = ["numpy>=2", "torch"]\n'
    path = tmp_path / "pyproject.toml"
    path.write_text(text + "[project.optional-dependencies]\n")
    with pytest.raises(SystemExit, match="'torch' declares no lowest version"):
        bounds(path)


def test_this_environment_is_within_the_bounds(bounds):
    for name, lowest in bounds(PYPROJECT).items():
        try:
            assert Version(metadata.version(name)) >= Version(lowest), name
        except metadata.PackageNotFoundError:
            continue  # of an extra


def test_the_code_is_in_no_newer_python_than_declared():
    """Ruff and the classifiers speak of the lowest Python, too."""
    content = tomllib.loads(PYPROJECT.read_text())
    lowest = content["project"]["requires-python"].removeprefix(">=")
    assert content["tool"]["ruff"]["target-version"] == f"py{lowest.replace('.', '')}"
    assert f"Programming Language :: Python :: {lowest}" in content["project"]["classifiers"]
