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
from importlib.util import find_spec
from types import NoneType
from typing import Any

from anomalib_ts.core.parser_turn import parser_turn
from anomalib_ts.errors import ContractError
from anomalib_ts.settings.fields import (
    NO_LIMITS,
    Limits,
    args_of,
    constructor_hints,
    declarations,
    limits_of,
)
from anomalib_ts.settings.source import (
    Found,
    ImportedObject,
    SourceClass,
    SourceModule,
    SourceValue,
    UnreadableSourceError,
    ancestry,
    decorators,
    is_name,
    looked_up,
    lookup,
    parsed,
    text_of,
)

REQUIRED: Any = inspect.Parameter.empty
"""Stands in the place of a default where there is none."""

_GATHERED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
"""`*args` and `**settings` are no settings by name."""


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
        except UnreadableSourceError:
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
    module = parsed(name)
    for node in module.tree.body:
        needed = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            needed = [node.module]
        for one in needed:
            top = one.partition(".")[0]
            if top not in sys.modules and find_spec(top) is None:
                raise ModuleNotFoundError(f"No module named {top!r}", name=top)
    signature_of(path)


@cache
def _read(path: str) -> Signature:
    name, _, attribute = path.rpartition(".")
    try:
        found = lookup(parsed(name), attribute)
    except (ImportError, OSError, ValueError, RecursionError) as error:
        raise UnreadableSourceError(path) from error
    if not isinstance(found, SourceClass):
        raise UnreadableSourceError(path)
    bases = list(ancestry(found))
    doc = ast.get_docstring(found.node) or ""
    return Signature(_limited(_parameters(bases)), doc, _version(bases))


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
    doc = doc.removesuffix(args_of(target)).rstrip()
    return Signature(_limited(parameters), doc, version, variadic)


def _limited(parameters: dict[str, Parameter]) -> dict[str, Parameter]:
    return {n: replace(one, limits=limits_of(n, one.limits)) for n, one in parameters.items()}


def _parameters(line: list[SourceClass]) -> dict[str, Parameter]:
    for place, one in enumerate(line):
        if set(decorators(one)) - {"dataclass", "configured", "final"}:
            raise UnreadableSourceError(one.node.name)
        methods = {n.name: n for n in one.node.body if isinstance(n, ast.FunctionDef)}
        if "__new__" in methods:
            raise UnreadableSourceError(one.node.name)
        if "__init__" in methods:
            return dict(_arguments(one.module, methods["__init__"]))
        if _has_fields(one):
            return _collected([below for below in reversed(line[place:]) if _has_fields(below)])
    return {}


def _has_fields(one: SourceClass) -> bool:
    return bool({"dataclass", "configured"} & set(decorators(one)))


def _collected(line: list[SourceClass]) -> dict[str, Parameter]:
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


def _arguments(module: SourceModule, init: ast.FunctionDef) -> Iterator[tuple[str, Parameter]]:
    given = init.args
    if given.vararg or given.kwarg or init.decorator_list:
        raise UnreadableSourceError(init.name)
    places = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [None] * (len(places) - len(given.defaults))
    defaults += given.defaults
    pairs = [*zip(places, defaults, strict=True)][1:]  # without self
    for argument, default in [*pairs, *zip(given.kwonlyargs, given.kw_defaults, strict=True)]:
        value = REQUIRED if default is None else _value(module, default)
        yield argument.arg, Parameter(_hint(module, argument.annotation), value)


def _fields(one: SourceClass) -> dict[str, Parameter | None]:
    """The fields of one dataclass, without those of its bases; None for a class variable."""
    found: dict[str, Parameter | None] = {}
    for node in one.node.body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        if text_of(node.annotation).partition("[")[0].endswith("ClassVar"):
            found[node.target.id] = None
            continue
        hint = _hint(one.module, node.annotation)
        if isinstance(node.value, ast.Call) and text_of(node.value.func).endswith("setting"):
            found[node.target.id] = _declared(one.module, hint, node.value)
            continue
        default = REQUIRED if node.value is None else _field_default(one.module, node.value)
        found[node.target.id] = Parameter(hint, default)
    return found


def _declared(module: SourceModule, hint: Any, call: ast.Call) -> Parameter:
    """A field that `settings.setting` declares."""
    default, *about = [_value(module, argument) for argument in call.args]
    limits = {str(word.arg): _value(module, word.value) for word in call.keywords}
    told = [limits.pop(name, "") for name in ("describes", "choice")]
    return Parameter(hint, default, about[0] if about else "", Limits(**limits), *told)


def _field_default(module: SourceModule, node: ast.expr) -> Any:
    if not isinstance(node, ast.Call):
        return _value(module, node)
    settings = {keyword.arg: keyword.value for keyword in node.keywords}
    if not text_of(node.func).endswith("field") or set(settings) != {"default_factory"}:
        raise UnreadableSourceError(text_of(node))
    # `inspect` shows a marker in the place of such a default; what the factory makes says more
    factories: dict[str, Callable[[], Any]] = {"list": list, "dict": dict}
    factory = factories.get(text_of(settings["default_factory"]))
    if factory is None:
        raise UnreadableSourceError(text_of(node))
    return factory()


def _version(line: list[SourceClass]) -> int:
    for one in line:
        for node in one.node.body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            if isinstance(node, ast.AnnAssign):
                targets = [node.target]
            if (
                isinstance(node, ast.Assign | ast.AnnAssign)
                and node.value is not None
                and any(is_name(target, "version") for target in targets)
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


def _value(module: SourceModule, node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        found = looked_up(module, node)
    if isinstance(found, SourceValue):
        return _value(found.module, found.node)
    raise UnreadableSourceError(text_of(node))


def _hint(module: SourceModule, node: ast.expr | None) -> Any:
    """An annotation as an object; Any where it cannot be told, as a value is then left as it is."""
    try:
        return Any if node is None else _evaluated(module, node)
    except (UnreadableSourceError, ImportError, TypeError, OSError, SyntaxError, ValueError):
        return Any


def _evaluated(module: SourceModule, node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=str(text)):
            with parser_turn():
                tree = ast.parse(text, mode="eval")
            return _evaluated(module, tree.body)
        case ast.Constant(value=value):
            return NoneType if value is None else value
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _evaluated(module, left) | _evaluated(module, right)
        case ast.Subscript(value=value, slice=inner):
            return _generic(module, _evaluated(module, value), inner)
        case _:
            return _meaning(looked_up(module, node))


def _meaning(found: Found) -> Any:
    if isinstance(found, SourceValue):
        return _evaluated(found.module, found.node)
    if isinstance(found, ImportedObject):
        return found.value
    return _stand_in(found.module.name, found.node.name)


def _generic(module: SourceModule, base: Any, inner: ast.expr) -> Any:
    if base is typing.Literal:
        return typing.Literal[ast.literal_eval(inner)]
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    return base[tuple(_evaluated(module, part) for part in parts)]


@cache
def _stand_in(module: str, name: str) -> type:
    return type(name, (Opaque,), {"__module__": module})
