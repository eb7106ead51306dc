"""Values converted to the types that settings declare, and types in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import make_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from anomalib_ts.core.names import nearest
from anomalib_ts.errors import ConfigError
from anomalib_ts.settings.signatures import Opaque


def checked_value(hint: Any, value: Any, where: str) -> Any:
    """A value converted to its declared type.

    Raises:
        ConfigError: it is not of that type, or not among the values of a `Literal`.
    """
    allowed = _literals(hint)
    if allowed:
        if value in allowed:
            return value
        for choice in allowed:
            if str(choice) == str(value):
                return choice
        known = [str(choice) for choice in allowed]
        raise ConfigError(f"{where}: {value!r} is not allowed; {nearest(str(value), known)}")
    if value is None and (hint is Any or NoneType in get_args(hint)):
        return None
    if get_origin(hint) in (list, Sequence) and isinstance(value, list):
        return [checked_value(get_args(hint)[0], one, where) for one in value]
    if _is_opaque(hint):
        raise ConfigError(f"{where}: {value!r} is not {readable(hint)}")
    try:
        node = make_dataclass("Node", [("value", hint)])
        schema = OmegaConf.structured(node)
    except OmegaConfBaseException:
        return _one_of(hint, value, where)
    try:
        merged: Any = OmegaConf.to_container(OmegaConf.merge(schema, {"value": value}))
        return merged["value"]
    except OmegaConfBaseException:
        raise ConfigError(f"{where}: {value!r} is not {readable(hint)}") from None


def _one_of(hint: Any, value: Any, where: str) -> Any:
    """A value for a type that a config cannot describe.

    Of a union, the parts are tried one by one (`str | list[str]`); other types, such as a class
    of one's own, are left to the constructor.
    """
    if get_origin(hint) not in (Union, UnionType):
        return value
    for part in get_args(hint):
        if isinstance(value, list) == (get_origin(part) in (list, tuple, Sequence)):
            with suppress(ConfigError):
                return checked_value(part, value, where)
    raise ConfigError(f"{where}: {value!r} is not {readable(hint)}")


def _literals(hint: Any) -> tuple[Any, ...]:
    """The allowed values of a `Literal`, or of a union that consists of literals and None."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        parts = [(None,) if part is NoneType else _literals(part) for part in get_args(hint)]
        return tuple(v for part in parts for v in part) if all(parts) else ()
    return ()


def _is_opaque(hint: Any) -> bool:
    """Whether only objects made by a `_target_` fit; None was looked at before."""
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    kinds = [part for part in parts if part is not NoneType]
    return all(isinstance(kind, type) and issubclass(kind, Opaque) for kind in kinds)


def readable(hint: Any) -> str:
    """A type in words: what a message or a list calls it."""
    if literals := _literals(hint):
        return f"one of {', '.join('null' if one is None else str(one) for one in literals)}"
    names = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false"}
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(readable(part) for part in get_args(hint))
    if hint is NoneType:
        return "null"
    if get_origin(hint) in (list, tuple, Sequence):
        return f"a list, each {readable(get_args(hint)[0])}" if get_args(hint) else "a list"
    if hint is Any:
        return "anything"
    return names.get(getattr(hint, "__name__", ""), getattr(hint, "__name__", str(hint)))


def check_least(given: Mapping[str, Any], least: Mapping[str, float], prefix: str = "") -> None:
    """Refuse numbers that are too small; what is not set has no size.

    Args:
        given: values by name.
        least: the smallest that some of them may be.
        prefix: what stands before a name where the user writes it.

    Raises:
        ConfigError: one is smaller.
    """
    for name, smallest in least.items():
        if given[name] is not None and given[name] < smallest:
            raise ConfigError(f"{prefix}{name} must be at least {smallest}, not {given[name]}")
