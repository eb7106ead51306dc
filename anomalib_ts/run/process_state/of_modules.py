"""Functions and classes of the modules that this package rests on."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import ModuleType
from typing import Any

from anomalib_ts.run.process_state.item import MISSING, Item, alike, lost

_PATCHED_PACKAGES = (
    "filelock",
    "lightning_fabric",
    "numpy",
    "pandas",
    "pytorch_lightning",
    "scipy",
    "sklearn",
    "torch",
)
_PATCHED_CLASSES = (
    "filelock",
    "json",
    "logging",
    "pathlib",
    "sklearn.ensemble",
    "torch.nn.modules",
    "torch.optim",
    "zipfile",
)
_INSIDE_PATCHED = tuple(f"{name}." for name in _PATCHED_CLASSES)
_PUBLIC_DEPTH = 3


def of_modules() -> Iterator[Item]:
    """What is in this package, its classes and the modules it rests on: a patch is for all."""
    yield from _patchable(len(sys.modules))


@lru_cache(maxsize=1)
def _patchable(modules: int) -> list[Item]:
    """Looked for anew only when modules were imported."""
    del modules
    items: list[Item] = []
    for name, module in sorted(sys.modules.items()):
        own = name.partition(".")[0] == __name__.partition(".")[0]
        if not isinstance(module, ModuleType) or not (own or _is_rested_on(name)):
            continue
        items.append(_names(name, module) if own else _functions(name, module))
        if own or _has_patched_classes(name):
            items += [
                _names(f"{name}.{value.__qualname__}", value)
                for value in vars(module).values()
                if inspect.isclass(value) and value.__module__ == name
            ]
    return items


def _is_rested_on(name: str) -> bool:
    """Python's library, and what is public of others: their inner modules are behind it."""
    package, *inner = name.split(".")
    public = len(inner) < _PUBLIC_DEPTH and not any(part.startswith("_") for part in inner)
    known = package in _PATCHED_PACKAGES or package in sys.stdlib_module_names
    return known and (public or _has_patched_classes(name))


def _has_patched_classes(name: str) -> bool:
    """Inner modules, too: `pathlib.Path` is of `pathlib._local` in Python 3.13."""
    return f"{name}.".startswith(_INSIDE_PATCHED)


def _functions(name: str, owner: ModuleType) -> Item:
    """The functions and classes of a library's module; its other variables are its own affair."""

    def replaced(before: Mapping[str, Any]) -> dict[str, Any]:
        now = vars(owner)
        return {
            key: value
            for key, value in before.items()
            if now.get(key, MISSING) is not value
            and (inspect.isroutine(value) or inspect.isclass(value))
        }

    return Item(
        name,
        lambda: dict(vars(owner)),
        lambda before: vars(owner).update(replaced(before)),
        lambda before, after: not alike(before, after) and bool(replaced(before)),
    )


def _names(name: str, owner: Any) -> Item:
    inherited = _inherited(owner) if inspect.isclass(owner) else {}

    def put_back(before: Mapping[str, Any]) -> None:
        for key in [key for key in vars(owner) if key in inherited and key not in before]:
            delattr(owner, key)
        for key, value in before.items():
            if vars(owner).get(key, owner) is not value:
                setattr(owner, key, value)

    def differs(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        hidden = len(after) > len(before) and any(key in inherited for key in after.keys() - before)
        return hidden or lost(before, after)

    return Item(name, lambda: dict(vars(owner)), put_back, differs)


def _inherited(owner: type) -> dict[str, Any]:
    """Methods that a class has from others, which a patch of the class would hide."""
    return {
        key: value
        for base in owner.__mro__[1:]
        for key, value in vars(base).items()
        if inspect.isroutine(value) or isinstance(value, property)
    }
