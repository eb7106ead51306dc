"""Settings checked against the constructors they are for, so that a mistake is one clear line."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import make_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from anomalib_ts.errors import AnomalibTsError, ConfigError, ContractError
from anomalib_ts.names import nearest
from anomalib_ts.results.record import WITHOUT_EFFECT
from anomalib_ts.trust import (
    Kind,
    check_kind,
    check_origin,
    import_class,
    kind_of_argument,
    kind_of_part,
    type_hints,
)

Settings = dict[str, Any]
AUDIO_LIBRARIES = ("librosa", "soundfile", "soxr")
"""What the extra `audio` brings."""
SHARED_SETTINGS = ("seed", "trainer")
"""Constructor parameters that take the run's value (`${seed}`) unless set otherwise."""


def create(settings: Mapping[str, Any], where: str, part: str = "") -> Any:
    """Create the object that settings describe.

    Args:
        settings: `_target_`, an importable class, and its arguments; compared with its signature
            before, see `checked`.
        where: what messages call these settings, for example `detector`.
        part: what they are, see `trust.KINDS`; the same as `where` unless said.

    Raises:
        ConfigError: the target may not be imported (see `trust`), cannot be, or is of another
            kind than `part` takes, or its constructor refuses an argument.
    """
    return _create(settings, where, kind_of_part(part or where))


def checked(settings: Mapping[str, Any], where: str, part: str = "") -> Settings:
    """Settings that the user named, compared with the signature of their `_target_`.

    Args:
        settings: `_target_`, an importable class, and its arguments.
        where: see `create`.
        part: see `create`.

    Returns:
        The same with each value of the declared type (`3` for a text becomes `"3"`).

    Raises:
        ConfigError: the target may not be imported (see `trust`), cannot be, or is of another
            kind; or an argument is unknown, missing or of the wrong type. At every level.
    """
    return _checked(settings, where, kind_of_part(part or where), typed=True)


def create_stored(settings: Mapping[str, Any], where: str) -> Any:
    """`create` from settings of a record, which may be damaged, of another version or anybody's.

    Nothing is downloaded for them, since looking at results must not fetch what they name.

    Raises:
        ConfigError: see `create` and `checked`.
    """
    kind = kind_of_part(where)
    plain = _checked(settings, where, kind, typed=False)
    return _create(plain | {"download": False} if "download" in plain else plain, where, kind)


def class_of(settings: Mapping[str, Any], part: str) -> type:
    """The class that settings name, without an object of it.

    Raises:
        ConfigError: see `create`.
    """
    return _target(settings, part, kind_of_part(part))


def _create(settings: Mapping[str, Any], where: str, kind: Kind) -> Any:
    target = _target(settings, where, kind)
    arguments = {
        key: _create(value, f"{where}.{key}", kind_of_argument(target, key, f"{where}.{key}"))
        if _has_target(value)
        else value
        for key, value in settings.items()
        if key != "_target_"
    }
    try:
        return target(**arguments)
    except ContractError:
        raise  # a bug in that class, whatever its settings
    except AnomalibTsError as error:
        raise ConfigError(f"{where}: {error}") from None


def _checked(settings: Mapping[str, Any], where: str, kind: Kind, *, typed: bool) -> Settings:
    target = _target(settings, where, kind, typed=typed)
    parameters = _parameters(target)
    given = {key: value for key, value in settings.items() if key != "_target_"}
    for key in given:
        if key not in parameters:
            raise ConfigError(f"{where}.{key}: no such setting; {nearest(key, list(parameters))}")
    missing = [
        name for name, p in parameters.items() if p.default is p.empty and given.get(name) is None
    ]
    if missing:
        raise ConfigError(f"{where}: please set {' and '.join(f'{where}.{m}' for m in missing)}")
    hints = type_hints(target)
    result: Settings = {"_target_": settings["_target_"]}
    for key, value in given.items():
        if _has_target(value):
            inner = kind_of_argument(target, key, f"{where}.{key}")
            result[key] = _checked(value, f"{where}.{key}", inner, typed=typed)
        else:
            result[key] = checked_value(hints.get(key, Any), value, f"{where}.{key}")
    return result


def checked_value(hint: Any, value: Any, where: str) -> Any:
    """A value converted to its declared type.

    Raises:
        ConfigError: it is not of that type, or not among the values of a `Literal`.
    """
    allowed = _literals(hint)
    if allowed:
        if value not in allowed:
            known = [str(choice) for choice in allowed]
            raise ConfigError(f"{where}: {value!r} is not allowed; {nearest(str(value), known)}")
        return value
    if value is None and (hint is Any or NoneType in get_args(hint)):
        return None
    try:
        node = make_dataclass("Node", [("value", hint)])
        schema = OmegaConf.structured(node)
    except OmegaConfBaseException:
        return value  # a type that a config cannot describe, such as a class of one's own
    try:
        merged: Any = OmegaConf.to_container(OmegaConf.merge(schema, {"value": value}))
        return merged["value"]
    except OmegaConfBaseException:
        raise ConfigError(f"{where}: {value!r} is not {_readable(hint)}") from None


def defaults(target: type) -> Settings:
    """The settings of a class with its constructor's defaults, `???` where there is none."""
    settings: Settings = {"_target_": f"{target.__module__}.{target.__qualname__}"}
    for name, parameter in _parameters(target).items():
        if name in SHARED_SETTINGS:
            settings[name] = f"${{{name}}}"
        else:
            settings[name] = "???" if parameter.default is parameter.empty else parameter.default
    return settings


def changed(settings: Mapping[str, Any]) -> Settings:
    """The settings of a detector that differ from the defaults, flat: what tells variants apart.

    The seed is left out: it is an axis of its own.
    """
    return _changed(settings, kind_of_part("detector"))


def _changed(settings: Mapping[str, Any], kind: Kind) -> Settings:
    target = _target(settings, "detector", kind)
    found: Settings = {}
    for name, parameter in _parameters(target).items():
        value = settings.get(name, parameter.default)
        if name == "seed" or name in WITHOUT_EFFECT:
            continue
        if _has_target(value):
            inner = _changed(value, kind_of_argument(target, name, f"detector.{name}"))
            found |= {f"{name}.{key}": v for key, v in inner.items()}
        elif value != parameter.default:
            found[name] = value
    return found


def _parameters(target: type) -> dict[str, inspect.Parameter]:
    """The named arguments of a class; `*args` and `**settings` of a `__new__` are none."""
    gathered = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(target).parameters
    return {name: one for name, one in parameters.items() if one.kind not in gathered}


def _has_target(value: Any) -> bool:
    return isinstance(value, Mapping) and "_target_" in value


def _target(settings: Mapping[str, Any], where: str, kind: Kind, *, typed: bool = False) -> type:
    path = settings.get("_target_")
    if not isinstance(path, str):
        raise ConfigError(f"{where}: no _target_ says which class these settings are for")
    check_origin(path, where, typed=typed)
    try:
        target = import_class(path)
    except Exception as error:
        missing = getattr(error, "name", None)
        if missing in AUDIO_LIBRARIES:
            how = 'pip install "anomalib-ts[audio]"'
            raise ConfigError(f"{where}: sounds need {missing}, which is missing: {how}") from None
        why = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(f"{where}: cannot import {path}: {why}") from error
    return check_kind(target, path, where, kind)


def _literals(hint: Any) -> tuple[Any, ...]:
    """The allowed values of a `Literal`, or of a union that consists of literals and None."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        parts = [(None,) if part is NoneType else _literals(part) for part in get_args(hint)]
        return tuple(v for part in parts for v in part) if all(parts) else ()
    return ()


def _readable(hint: Any) -> str:
    names = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false"}
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_readable(part) for part in get_args(hint))
    if hint is NoneType:
        return "null"
    return names.get(getattr(hint, "__name__", ""), str(hint))
