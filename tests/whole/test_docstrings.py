"""The examples in docstrings run, and everything that a user calls has one."""

import doctest
import inspect
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import anomalib_ts
import anomalib_ts.data
import anomalib_ts.detectors
import anomalib_ts.metrics
import anomalib_ts.testing
from anomalib_ts.core import windows
from anomalib_ts.core.recording import Recording, as_recording, as_recordings
from anomalib_ts.evaluation import thresholds
from anomalib_ts.protocols import base as protocol

PACKAGE = Path(anomalib_ts.__file__).parent
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL

OF_AUDIO = {"Dcase", "Dcase2020", "MachineSound"}
"""Need the extra `audio`."""

EXAMPLES = sorted(
    path.relative_to(PACKAGE.parent).with_suffix("").as_posix().replace("/", ".")
    for path in PACKAGE.rglob("*.py")
    if ">>>" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name):
    if any(part in name for part in (".dcase", ".machine_sound")) and ".data." in name:
        pytest.importorskip("soundfile")
    module = import_module(name.removesuffix(".__init__"))
    result = doctest.testmod(module, optionflags=FLAGS, verbose=False)
    assert result.attempted
    assert result.failed == 0


def defined_in(module):
    """Public functions and classes that a module defines."""
    return [
        item
        for name, item in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(item) or inspect.isfunction(item))
        and item.__module__ == module.__name__
    ]


def called_by_users():
    for package in (anomalib_ts, anomalib_ts.data, anomalib_ts.metrics, anomalib_ts.testing):
        for name in package.__all__:
            if name in OF_AUDIO and find_spec("soundfile") is None:
                continue
            item = getattr(package, name)
            if callable(item):
                yield item
    for module in (thresholds, windows):
        yield from defined_in(module)
    yield from (protocol.Prefix, protocol.Whole, protocol.Normal, protocol.Given, protocol.Weak)
    yield from (Recording, as_recording, as_recordings)
    yield from (Recording.anomalous_points, Recording.is_anomalous, Recording.without_labels)


def test_everything_that_a_user_calls_has_an_example():
    without = [item for item in called_by_users() if ">>>" not in (item.__doc__ or "")]
    assert without == []


def test_examples_stand_before_the_settings_that_are_added():
    doc = inspect.getdoc(anomalib_ts.detectors.IForest)
    assert doc.index(">>>") < doc.index("Args:")


def test_no_docstring_only_points_elsewhere():
    pointing = [
        f"{path.relative_to(PACKAGE)}: {line.strip()}"
        for path in PACKAGE.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith('"""See `')
    ]
    assert pointing == []
