"""What names mean in a module's source, found without importing it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from anomalib_ts.core.parser_turn import parser_turn

_SAFE_MODULES = ("builtins", "typing", "types", "collections.abc", "pathlib")
"""Of these, hints are taken as they are: they are imported in any case."""

_ROOTS = ("ABC", "object", "Protocol", "Generic", "BaseEstimator")
"""Bases without a constructor of their own."""

_DEEPEST = 20
"""Imports and bases that are followed one after the other, so that no circle is endless."""


class UnreadableSourceError(Exception):
    """The source does not say it; the class has to be imported."""


class SourceModule(NamedTuple):
    """A module that was read."""

    name: str
    is_package: bool
    tree: ast.Module


class SourceClass(NamedTuple):
    """A class where it is defined."""

    module: SourceModule
    node: ast.ClassDef


class SourceValue(NamedTuple):
    """An expression that a name stands for, and where."""

    module: SourceModule
    node: ast.expr


class ImportedObject(NamedTuple):
    """Something that is imported in any case."""

    value: Any


Found: TypeAlias = SourceClass | SourceValue | ImportedObject


@cache
def parsed(name: str) -> SourceModule:
    """A module's syntax tree.

    Raises:
        ImportError: there is no such module.
        SyntaxError: it is no Python.
    """
    spec = _spec(name)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    if not spec.origin or not spec.origin.endswith(".py"):
        raise UnreadableSourceError(name)
    content = Path(spec.origin).read_bytes()
    with parser_turn():
        tree = ast.parse(content, spec.origin)
    return SourceModule(name, spec.submodule_search_locations is not None, tree)


def _spec(name: str) -> ModuleSpec | None:
    """Where a module lies; `find_spec` alone would import the packages that it lies in."""
    top, *below = name.split(".")
    spec = find_spec(top) if top else None
    for part in below:
        if spec is None or spec.submodule_search_locations is None:
            return None
        top = f"{top}.{part}"
        spec = PathFinder.find_spec(top, spec.submodule_search_locations)
    return spec


def lookup(module: SourceModule, name: str, depth: int = 0) -> Found:
    """What a name means at the top level of a module."""
    if depth > _DEEPEST:
        raise UnreadableSourceError(name)
    for node in reversed(list(_statements(module.tree.body))):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return SourceClass(module, node)
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _imported(module, node, alias.name, depth)
        if isinstance(node, ast.AnnAssign) and node.value and is_name(node.target, name):
            return SourceValue(module, node.value)
        if isinstance(node, ast.Assign) and any(is_name(t, name) for t in node.targets):
            return SourceValue(module, node.value)
    builtin = vars(sys.modules["builtins"])
    if name in builtin:
        return ImportedObject(builtin[name])
    raise UnreadableSourceError(name)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """A module's statements, with those that only a type checker reads."""
    for node in body:
        if isinstance(node, ast.If) and text_of(node.test).endswith("TYPE_CHECKING"):
            yield from node.body
        yield node


def _imported(module: SourceModule, node: ast.ImportFrom, name: str, depth: int) -> Found:
    package = module.name if module.is_package else module.name.rpartition(".")[0]
    origin = resolve_name("." * node.level + (node.module or ""), package)
    if origin in _SAFE_MODULES:
        return ImportedObject(getattr(import_module(origin), name))
    return lookup(parsed(origin), name, depth + 1)


def ancestry(found: SourceClass) -> Iterator[SourceClass]:
    """A class and its bases, nearest first; refused where there is more than one line of them."""
    for _ in range(_DEEPEST):
        yield found
        if found.node.keywords:
            raise UnreadableSourceError(found.node.name)  # a metaclass
        bases = [base for base in found.node.bases if text_of(base).split("[")[0] not in _ROOTS]
        if not bases:
            return
        base = bases[0]
        parent = looked_up(found.module, base.value if isinstance(base, ast.Subscript) else base)
        if len(bases) > 1 or not isinstance(parent, SourceClass):
            raise UnreadableSourceError(found.node.name)
        found = parent
    raise UnreadableSourceError(found.node.name)


def decorators(one: SourceClass) -> list[str]:
    """The last parts of their names."""
    return [text_of(d).partition("(")[0].rpartition(".")[2] for d in one.node.decorator_list]


def looked_up(module: SourceModule, node: ast.expr) -> Found:
    """What a plain name in an expression means."""
    if not isinstance(node, ast.Name):
        raise UnreadableSourceError(text_of(node))
    return lookup(module, node.id)


def is_name(node: ast.expr, name: str) -> bool:
    """Whether an expression is that name."""
    return isinstance(node, ast.Name) and node.id == name


def text_of(node: ast.expr) -> str:
    """An expression as it would be written."""
    return ast.unparse(node)
