"""The map of the package: few rooms, and imports that lead downhill only."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import anomalib_ts

PACKAGE = Path(anomalib_ts.__file__).parent
FLOORS = (
    "errors",
    "core",
    "settings",
    "audio",
    "metrics",
    "data",
    "protocols",
    "evaluation",
    "saved",
    "detectors",
    "robustness",
    "results",
    "testing",
    "run",
    "views",
    "synthetic",
    "deploy",
    "cli",
)
"""The rooms from the ground up: each imports from those before it."""


def _module(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module(path): path for path in PACKAGE.rglob("*.py")}


def _imports(tree):
    """The modules of this package that a file imports when it runs, in functions too."""
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in for_types:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


EDGES = sorted(
    (module, imported)
    for module, path in MODULES.items()
    for imported in set(_imports(ast.parse(path.read_text(encoding="utf-8"))))
    if imported in MODULES
)


def _room(module):
    return module.split(".")[1] if "." in module else ""


def _folder(module):
    is_package = MODULES[module].name == "__init__.py"
    return module if is_package else module.rpartition(".")[0]


def test_every_room_stands_on_a_floor():
    rooms = {_room(module) for module in MODULES} - {"", "__main__"}
    assert rooms == set(FLOORS)


@pytest.mark.parametrize("room", FLOORS)
def test_imports_lead_downhill(room):
    below = FLOORS[: FLOORS.index(room) + 1]
    uphill = [(one, other) for one, other in EDGES if _room(one) == room and _room(other)]
    assert [edge for edge in uphill if _room(edge[1]) not in below] == []


def test_no_circle_between_folders():
    graph = {}
    for one, other in EDGES:
        if _room(one) in FLOORS and _room(other) in FLOORS and _folder(one) != _folder(other):
            graph.setdefault(_folder(one), set()).add(_folder(other))
    TopologicalSorter(graph).prepare()


def test_no_circle_between_modules():
    graph = {}
    for one, other in EDGES:
        if one != other and MODULES[one].name != "__init__.py":
            graph.setdefault(one, set()).add(other)
    TopologicalSorter(graph).prepare()
