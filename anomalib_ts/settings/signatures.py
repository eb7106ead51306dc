"""What a class takes, read from its source: settings are checked before anything is imported.

Importing a deep detector imports torch, which takes seconds; reading what its constructor takes
needs the text of its file only. What cannot be read with certainty (a default that is computed, a
decorator, several bases) is imported after all, so that both ways always say the same.
"""

from __future__ import annotations

import ast
import inspect
import sys
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, resolve_name
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple, TypeAlias

from anomalib_ts.errors import ContractError
from anomalib_ts.settings.fields import (
    NO_LIMITS,
    Limits,
    args_of,
    constructor_hints,
    declarations,
)

REQUIRED: Any = inspect.Parameter.empty
"""Stands in the place of a default where there is none."""

_GATHERED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
"""`*args` and `**settings` are no settings by name."""

_SAFE_MODULES = ("builtins", "typing", "types", "collections.abc", "pathlib")
"""Of these, hints are taken as they are: they are imported in any case."""

_ROOTS = ("ABC", "object", "Protocol", "Generic", "BaseEstimator")
"""Bases without a constructor of their own."""

_DEEPEST = 20
"""Imports and bases that are followed one after the other, so that no circle is endless."""


@dataclass(frozen=True)
class Parameter:
    """One argument of a constructor.

    Attributes:
        hint: its type.
        default: `REQUIRED` where it has none.
        about: what it means, where it is declared as a setting.
        limits: of its numbers, likewise.
        describes: what its value is settings of, see `settings.setting`.
        choice: of its folder in `conf/`, likewise.
    """

    hint: Any
    default: Any
    about: str = ""
    limits: Limits = NO_LIMITS
    describes: str = ""
    choice: str = ""


@dataclass(frozen=True)
class Signature:
    """What a class is made with.

    Attributes:
        parameters: of the constructor, by name, in their order.
        doc: the class's docstring, without indentation; empty where there is none.
        version: the class attribute of that name, see `Detector.version`; 1 where there is none.
        variadic: those of the parameters that stand for any others, such as `**options`.
    """

    parameters: dict[str, Parameter]
    doc: str = ""
    version: int = 1
    variadic: tuple[str, ...] = ()


class Opaque:
    """Base of the stand-ins for classes that were not imported: such a value needs a `_target_`."""


def import_class(path: str) -> Any:
    """What stands at a dotted path that was judged: as much of it is imported as must be.

    Raises:
        Exception: whatever the module raises when it is imported; `ImportError` if nothing is
            there.
    """
    parts = path.split(".")
    found: Any = import_module(parts[0])
    for end, name in enumerate(parts[1:], start=2):
        try:
            found = getattr(found, name)
        except AttributeError:
            if not inspect.ismodule(found) or end == len(parts):
                raise ImportError(f"{'.'.join(parts[: end - 1])} has no {name!r}") from None
            found = import_module(".".join(parts[:end]))
    return found


def signature_of(path: str) -> Signature:
    """What the class at a dotted path takes, without importing it if that can be avoided.

    Raises:
        Exception: whatever importing it raises, or a TypeError if it is no class.
    """
    module, _, name = path.rpartition(".")
    if module not in sys.modules or not inspect.isclass(vars(sys.modules[module]).get(name)):
        try:
            return _read(path)
        except _UnreadableError:
            pass
    return _inspected(import_class(path), path)


def version_of(path: str) -> int:
    """The `version` of the class at a dotted path; see `signature_of`."""
    return signature_of(path).version


def check_imports(path: str) -> None:
    """Look whether a class is there and its module's imports are installed, importing nothing.

    Raises:
        Exception: whatever is wrong with it, as when it were imported.
    """
    name, _, _ = path.rpartition(".")
    module = _parsed(name)
    for node in module.tree.body:
        needed = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            needed = [node.module]
        for one in needed:
            top = one.partition(".")[0]
            if top not in sys.modules and find_spec(top) is None:
                raise ModuleNotFoundError(f"No module named {top!r}", name=top)
    signature_of(path)


class _UnreadableError(Exception):
    """The source does not say it; the class has to be imported."""


class _Module(NamedTuple):
    name: str
    is_package: bool
    tree: ast.Module


class _Class(NamedTuple):
    module: _Module
    node: ast.ClassDef


class _Value(NamedTuple):
    module: _Module
    node: ast.expr


class _Object(NamedTuple):
    """Something that is imported in any case."""

    value: Any


_Found: TypeAlias = _Class | _Value | _Object


@cache
def _read(path: str) -> Signature:
    name, _, attribute = path.rpartition(".")
    try:
        found = _lookup(_parsed(name), attribute)
    except (ImportError, OSError, ValueError, RecursionError) as error:
        raise _UnreadableError(path) from error
    if not isinstance(found, _Class):
        raise _UnreadableError(path)
    bases = list(_line(found))
    doc = ast.get_docstring(found.node) or ""
    return Signature(_parameters(bases), doc, _version(bases))


def _inspected(target: Any, path: str) -> Signature:
    if not inspect.isclass(target):
        raise TypeError(f"{path} is not a class")
    hints = constructor_hints(target)
    told = {
        one.name: (one.about, one.limits, one.describes, one.choice) for one in declarations(target)
    }
    given = inspect.signature(target).parameters
    parameters = {
        name: Parameter(hints.get(name, Any), parameter.default, *told.get(name, ()))
        for name, parameter in given.items()
    }
    variadic = tuple(name for name, one in given.items() if one.kind in _GATHERED)
    version = inspect.getattr_static(target, "version", 1)
    if isinstance(version, property):  # of a class that is no detector, and means something else
        version = 1
    version = _checked_version(version, target.__name__)
    doc = inspect.getdoc(target) or ""
    return Signature(parameters, doc.removesuffix(args_of(target)).rstrip(), version, variadic)


@cache
def _parsed(name: str) -> _Module:
    """A module's syntax tree.

    Raises:
        ImportError: there is no such module.
        SyntaxError: it is no Python.
    """
    spec = _spec(name)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    if not spec.origin or not spec.origin.endswith(".py"):
        raise _UnreadableError(name)
    tree = ast.parse(Path(spec.origin).read_bytes(), spec.origin)
    return _Module(name, spec.submodule_search_locations is not None, tree)


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


def _lookup(module: _Module, name: str, depth: int = 0) -> _Found:
    """What a name means at the top level of a module."""
    if depth > _DEEPEST:
        raise _UnreadableError(name)
    for node in reversed(list(_statements(module.tree.body))):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return _Class(module, node)
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _imported(module, node, alias.name, depth)
        if isinstance(node, ast.AnnAssign) and node.value and _is_name(node.target, name):
            return _Value(module, node.value)
        if isinstance(node, ast.Assign) and any(_is_name(t, name) for t in node.targets):
            return _Value(module, node.value)
    builtin = vars(sys.modules["builtins"])
    if name in builtin:
        return _Object(builtin[name])
    raise _UnreadableError(name)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """A module's statements, with those that only a type checker reads."""
    for node in body:
        if isinstance(node, ast.If) and _text(node.test).endswith("TYPE_CHECKING"):
            yield from node.body
        yield node


def _imported(module: _Module, node: ast.ImportFrom, name: str, depth: int) -> _Found:
    package = module.name if module.is_package else module.name.rpartition(".")[0]
    origin = resolve_name("." * node.level + (node.module or ""), package)
    if origin in _SAFE_MODULES:
        return _Object(getattr(import_module(origin), name))
    return _lookup(_parsed(origin), name, depth + 1)


def _line(found: _Class) -> Iterator[_Class]:
    """A class and its bases, nearest first; refused where there is more than one line of them."""
    for _ in range(_DEEPEST):
        yield found
        if found.node.keywords:
            raise _UnreadableError(found.node.name)  # a metaclass
        bases = [base for base in found.node.bases if _text(base).split("[")[0] not in _ROOTS]
        if not bases:
            return
        base = bases[0]
        parent = _named(found.module, base.value if isinstance(base, ast.Subscript) else base)
        if len(bases) > 1 or not isinstance(parent, _Class):
            raise _UnreadableError(found.node.name)
        found = parent
    raise _UnreadableError(found.node.name)


def _parameters(line: list[_Class]) -> dict[str, Parameter]:
    for place, one in enumerate(line):
        decorators = _decorators(one)
        if set(decorators) - {"dataclass", "configured", "final"}:
            raise _UnreadableError(one.node.name)
        methods = {n.name: n for n in one.node.body if isinstance(n, ast.FunctionDef)}
        if "__new__" in methods:
            raise _UnreadableError(one.node.name)
        if "__init__" in methods:
            return dict(_arguments(one.module, methods["__init__"]))
        if _has_fields(one):
            return _collected([below for below in reversed(line[place:]) if _has_fields(below)])
    return {}


def _has_fields(one: _Class) -> bool:
    return bool({"dataclass", "configured"} & set(_decorators(one)))


def _decorators(one: _Class) -> list[str]:
    return [_text(d).partition("(")[0].rpartition(".")[2] for d in one.node.decorator_list]


def _collected(line: list[_Class]) -> dict[str, Parameter]:
    """The fields of dataclasses, the last one's last; see `settings.setting` on what is kept.

    A class variable takes away the field of the same name.
    """
    found: dict[str, Parameter] = {}
    for one in line:
        for name, own in _fields(one).items():
            if own is None:
                found.pop(name, None)
                continue
            above = found.get(name)
            kept = above if above is not None and not own.about else own
            found[name] = replace(own, about=kept.about, limits=kept.limits)
    return found


def _arguments(module: _Module, init: ast.FunctionDef) -> Iterator[tuple[str, Parameter]]:
    given = init.args
    if given.vararg or given.kwarg or init.decorator_list:
        raise _UnreadableError(init.name)
    places = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [None] * (len(places) - len(given.defaults))
    defaults += given.defaults
    pairs = [*zip(places, defaults, strict=True)][1:]  # without self
    for argument, default in [*pairs, *zip(given.kwonlyargs, given.kw_defaults, strict=True)]:
        value = REQUIRED if default is None else _value(module, default)
        yield argument.arg, Parameter(_hint(module, argument.annotation), value)


def _fields(one: _Class) -> dict[str, Parameter | None]:
    """The fields of one dataclass, without those of its bases; None for a class variable."""
    found: dict[str, Parameter | None] = {}
    for node in one.node.body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        if _text(node.annotation).partition("[")[0].endswith("ClassVar"):
            found[node.target.id] = None
            continue
        hint = _hint(one.module, node.annotation)
        if isinstance(node.value, ast.Call) and _text(node.value.func).endswith("setting"):
            found[node.target.id] = _declared(one.module, hint, node.value)
            continue
        default = REQUIRED if node.value is None else _field_default(one.module, node.value)
        found[node.target.id] = Parameter(hint, default)
    return found


def _declared(module: _Module, hint: Any, call: ast.Call) -> Parameter:
    """A field that `settings.setting` declares."""
    default, *about = [_value(module, argument) for argument in call.args]
    limits = {str(word.arg): _value(module, word.value) for word in call.keywords}
    told = [limits.pop(name, "") for name in ("describes", "choice")]
    return Parameter(hint, default, about[0] if about else "", Limits(**limits), *told)


def _field_default(module: _Module, node: ast.expr) -> Any:
    if not isinstance(node, ast.Call):
        return _value(module, node)
    settings = {keyword.arg: keyword.value for keyword in node.keywords}
    if not _text(node.func).endswith("field") or set(settings) != {"default_factory"}:
        raise _UnreadableError(_text(node))
    # `inspect` shows a marker in the place of such a default; what the factory makes says more
    factories: dict[str, Callable[[], Any]] = {"list": list, "dict": dict}
    factory = factories.get(_text(settings["default_factory"]))
    if factory is None:
        raise _UnreadableError(_text(node))
    return factory()


def _version(line: list[_Class]) -> int:
    for one in line:
        for node in one.node.body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            if isinstance(node, ast.AnnAssign):
                targets = [node.target]
            if (
                isinstance(node, ast.Assign | ast.AnnAssign)
                and node.value is not None
                and any(_is_name(target, "version") for target in targets)
            ):
                version = _value(one.module, node.value)
                return _checked_version(version, one.node.name)
    return 1


def _checked_version(version: Any, owner: str) -> int:
    """A version as records hold it.

    Raises:
        ContractError: it is no whole number, so that no record of it could be read back.
    """
    if type(version) is not int:
        raise ContractError(f"{owner}.version is {version!r}; it must be a whole number")
    return version


def _value(module: _Module, node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        found = _named(module, node)
    if isinstance(found, _Value):
        return _value(found.module, found.node)
    raise _UnreadableError(_text(node))


def _named(module: _Module, node: ast.expr) -> _Found:
    if not isinstance(node, ast.Name):
        raise _UnreadableError(_text(node))
    return _lookup(module, node.id)


def _hint(module: _Module, node: ast.expr | None) -> Any:
    """An annotation as an object; Any where it cannot be told, as a value is then left as it is."""
    try:
        return Any if node is None else _evaluated(module, node)
    except (_UnreadableError, ImportError, TypeError, OSError, SyntaxError, ValueError):
        return Any


def _evaluated(module: _Module, node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=str(text)):
            return _evaluated(module, ast.parse(text, mode="eval").body)
        case ast.Constant(value=value):
            return NoneType if value is None else value
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _evaluated(module, left) | _evaluated(module, right)
        case ast.Subscript(value=value, slice=inner):
            return _generic(module, _evaluated(module, value), inner)
        case _:
            return _meaning(_named(module, node))


def _meaning(found: _Found) -> Any:
    if isinstance(found, _Value):
        return _evaluated(found.module, found.node)
    if isinstance(found, _Object):
        return found.value
    return _stand_in(found.module.name, found.node.name)


def _generic(module: _Module, base: Any, inner: ast.expr) -> Any:
    if base is typing.Literal:
        return typing.Literal[ast.literal_eval(inner)]
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    return base[tuple(_evaluated(module, part) for part in parts)]


@cache
def _stand_in(module: str, name: str) -> type:
    return type(name, (Opaque,), {"__module__": module})


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _text(node: ast.expr) -> str:
    return ast.unparse(node)
