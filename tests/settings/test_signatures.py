"""What is read from a class's source is what importing the class says."""

import inspect
import subprocess
import sys
from typing import get_args

import pytest
import yaml

from anomalib_ts.errors import ContractError
from anomalib_ts.settings import signatures, source
from anomalib_ts.settings.registry import config_folder
from anomalib_ts.settings.signatures import (
    REQUIRED,
    Opaque,
    check_imports,
    import_class,
    signature_of,
    version_of,
)

TARGETS = sorted(
    {
        settings["_target_"]
        for path in config_folder().rglob("*.yaml")
        if isinstance(settings := yaml.safe_load(path.read_text()), dict) and "_target_" in settings
        if not settings["_target_"].startswith("pytorch_lightning.")
    }
    | {"anomalib_ts.detectors.deep.early_stopping.EarlyStopping"}
)
COMPUTED = ("Dcase", "Dcase2020", "MachineSound", "Curve")
"""Defaults that are computed: these are imported, which is the rule, not a gap."""


def plain(hint):
    """A hint as text; a class that was not imported is told from others by its name alone."""
    if isinstance(hint, type) and issubclass(hint, Opaque):
        return hint.__name__
    parts = get_args(hint)
    if not parts:
        return getattr(hint, "__name__", str(hint))
    return (str(getattr(hint, "__origin__", "union")).rpartition(".")[2], *map(plain, parts))


@pytest.mark.parametrize("path", TARGETS)
def test_reading_says_what_importing_says(path):
    imported = signatures._inspected(import_class(path), path)
    if path.rpartition(".")[2] in COMPUTED:
        with pytest.raises(source.UnreadableSourceError):
            signatures._read(path)
        assert list(signature_of(path).parameters) == list(imported.parameters)
        return
    read = signatures._read(path)
    assert (read.doc, read.version) == (imported.doc, imported.version)
    assert list(read.parameters) == list(imported.parameters)
    for name, parameter in read.parameters.items():
        other = imported.parameters[name]
        assert str(plain(parameter.hint)) == str(plain(other.hint)), name
        assert parameter.describes == other.describes, name
        if repr(other.default) == "<factory>":
            assert parameter.default in ([], {})
        else:
            assert parameter.default == other.default, name


def test_nothing_is_imported():
    code = (
        "import sys; from anomalib_ts.settings.signatures import signature_of, version_of\n"
        "assert version_of('anomalib_ts.detectors.Usad') == 3\n"
        "found = signature_of('anomalib_ts.detectors.FastFlow1D')\n"
        "assert found.parameters['window'].default == 512\n"
        "assert not {'torch', 'sklearn', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)

    def write(source, name):
        (tmp_path / f"{name}.py").write_text(source)
        return name

    return write


ODD = {
    "decorated": "def d(c): return c\n@d\nclass A:\n    def __init__(self, x=1): ...",
    "varargs": "class A:\n    def __init__(self, *args, **more): ...",
    "computed": "class A:\n    def __init__(self, x=2 ** 5): ...",
    "two_bases": "class B:\n    def __init__(self, y=1): ...\nclass C: ...\nclass A(C, B): ...",
    "made": "A = type('A', (), {'version': 3})",
    "lazy": "def __getattr__(name):\n    class A:\n        version = 7\n    return A",
}


@pytest.mark.parametrize("kind", ODD)
def test_what_cannot_be_read_is_imported(kind, module):
    name = module(ODD[kind], f"odd_{kind}")
    found = signature_of(f"{name}.A")
    target = import_class(f"{name}.A")
    assert list(found.parameters) == list(inspect.signature(target).parameters)
    assert found.version == getattr(target, "version", 1)


def test_names_are_followed_to_where_they_stand(module):
    module("from typing import Literal\nSIZE = 3\nKind = Literal['a', 'b']", "far")
    module("class Base:\n    version = 4\n    def __init__(self, n: int, k=1): ...", "base")
    name = module(
        "from far import SIZE, Kind\nfrom base import Base as Root\n"
        "class A(Root):\n    'What it is.'\n"
        "    def __init__(self, s: int = SIZE, k: Kind = 'a'): ...\n"
        "class B(Root): ...",
        "near",
    )
    found = signature_of(f"{name}.A")
    assert found.parameters["s"].default == 3
    assert get_args(found.parameters["k"].hint) == ("a", "b")
    assert (found.version, found.doc) == (4, "What it is.")
    assert signature_of(f"{name}.B").parameters["n"].default is REQUIRED
    assert not {"near", "base", "far"} & set(sys.modules)


def test_a_missing_import_is_found_without_importing(module):
    name = module("import not_there_at_all\nclass A: ...", "needs")
    with pytest.raises(ModuleNotFoundError, match="not_there_at_all"):
        check_imports(f"{name}.A")
    assert version_of(f"{name}.A") == 1
    with pytest.raises(SyntaxError):
        check_imports(f"{module('class A(:', 'torn')}.A")
    with pytest.raises(TypeError, match="is not a class"):
        signature_of(f"{module('A = 3', 'number')}.A")


@pytest.mark.parametrize("version", ["'2a'", "float('nan')", "2.0", "True"])
def test_a_version_that_no_record_can_hold_is_refused(tmp_path, monkeypatch, version):
    name = f"odd_version_{abs(hash(version))}"
    text = f"from anomalib_ts import Detector\n\n\nclass Odd(Detector):\n    version = {version}\n"
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ContractError, match="must be a whole number"):
        version_of(f"{name}.Odd")
