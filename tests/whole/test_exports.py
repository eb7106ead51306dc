"""Every public name comes from one table a package, and the tables lack nothing."""

import ast
import inspect
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import anomalib_ts
import anomalib_ts.data
import anomalib_ts.detectors
import anomalib_ts.robustness
from anomalib_ts.data.base import DataSet
from anomalib_ts.detectors.base import Detector
from anomalib_ts.settings.registry import config_folder
from anomalib_ts.settings.signatures import signature_of

PACKAGES = [anomalib_ts, anomalib_ts.data, anomalib_ts.detectors]
NAMES = [(package.__name__, name) for package in PACKAGES for name in package.__all__]


def defined(package, base):
    """Names of the classes below `base` that can be made, in all modules of a package."""
    modules = [
        import_module(one.name)
        for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    return {
        name
        for module in modules
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, base) and not inspect.isabstract(value)
    }


def test_all_detectors_and_data_sets_are_exported():
    detectors = defined(anomalib_ts.detectors, Detector)
    wrappers = defined(anomalib_ts.robustness, Detector)
    files = list((config_folder() / "detector").glob("*.yaml"))
    assert len(detectors | wrappers) >= len(files)
    assert wrappers <= set(anomalib_ts.robustness.__all__)
    extra = {"Capabilities", "Detector", "load_detector"}
    assert set(anomalib_ts.detectors.__all__) == detectors | extra
    assert set(anomalib_ts.detectors.__all__) <= set(anomalib_ts.__all__)
    pytest.importorskip("soundfile")
    data_sets = defined(anomalib_ts.data, DataSet)
    assert set(anomalib_ts.data.__all__) == data_sets | {"Case", "DataSet", "fill_gaps"}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_a_type_checker_reads_the_names_of_the_table(package):
    tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    told = {alias.asname: node.module for node in block.body for alias in node.names}
    assert set(told) == set(package.__all__)
    for name, home in told.items():
        assert getattr(import_module(home), name) is getattr(package, name)


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_every_name_is_there(package, name):
    module = import_module(package)
    assert getattr(module, name).__name__ == name
    assert name in dir(module)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_only_public_names_are_listed_and_others_are_refused(package):
    assert dir(package) == sorted(package.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = package.Nothing


@pytest.mark.parametrize("name", sorted(set(anomalib_ts.detectors.__all__) - {"load_detector"}))
def test_settings_are_read_under_the_short_name_too(name):
    short = signature_of(f"anomalib_ts.{name}")
    assert short == signature_of(f"anomalib_ts.detectors.{name}")


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, anomalib_ts, anomalib_ts.data; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    loaded = set(subprocess.run(command, capture_output=True, check=True).stdout.decode().split())
    assert not loaded & {"numpy", "pandas", "torch", "sklearn", "scipy", "matplotlib"}
