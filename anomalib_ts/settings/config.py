"""Settings checked against the constructors they are for, so that a mistake is one clear line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import make_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from anomalib_ts.core.names import nearest
from anomalib_ts.errors import AnomalibTsError, ConfigError, ContractError
from anomalib_ts.settings.effect import has_effect
from anomalib_ts.settings.fields import NO_LIMITS, declarations, refusal
from anomalib_ts.settings.signatures import (
    REQUIRED,
    Opaque,
    Parameter,
    import_class,
    signature_of,
)
from anomalib_ts.settings.trust import (
    KINDS,
    Kind,
    check_kind,
    check_origin,
    kind_of_argument,
    kind_of_part,
)

Settings = dict[str, Any]
T = TypeVar("T")
EXTRAS = {
    "librosa": ("sounds need", "audio"),
    "soundfile": ("sounds need", "audio"),
    "soxr": ("sounds need", "audio"),
    "pyod": ("its detectors need", "pyod"),
}
"""Libraries that extras bring: who needs them, and which extra."""
_ANYTHING = Parameter(Any, None)
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
        ContractError: the target is a class that nothing can be made of.
    """
    return _create(settings, where, part or where, kind_of_part(part or where))


def checked(settings: Mapping[str, Any], where: str) -> Settings:
    """Settings that the user named, compared with the signature of their `_target_`.

    Nothing is imported where the source of the target says what it takes, see `signatures`.

    Returns:
        The same with each value of the declared type (`3` for a text becomes `"3"`).

    Raises:
        ConfigError: there are no settings, the target may not be imported (see `trust`) or cannot
            be found, or an argument is unknown, missing or of the wrong type. At every level.
    """
    return _checked(settings, where, typed=True)


def create_stored(settings: Mapping[str, Any], where: str) -> Any:
    """`create` from settings of a record, which may be damaged, of another version or anybody's.

    Nothing is downloaded for them, since looking at results must not fetch what they name.

    Raises:
        ConfigError: see `create` and `checked`.
    """
    plain = _checked(settings, where, typed=False)
    return create(plain | {"download": False} if "download" in plain else plain, where)


def class_of(settings: Mapping[str, Any], part: str) -> type:
    """The class that settings name, without an object of it.

    Raises:
        ConfigError: see `create`.
    """
    return _target(settings, part, part, kind_of_part(part))


def described(settings: Mapping[str, Any] | None, where: str) -> dict[str, Settings]:
    """What describes one object or several, as settings by where they stand.

    Args:
        settings: one `_target_` with its arguments, or several such by name, where None stands for
            one that was taken away; None for nothing.
        where: what messages call these settings.

    Raises:
        ConfigError: it is neither.
    """
    if settings is None:
        return {}
    if _has_target(settings):
        return {where: dict(settings)}
    several = dict(settings) if isinstance(settings, Mapping) else {"": settings}
    for name, value in several.items():
        if value is not None and not _has_target(value):
            place = f"{where}.{name}" if name else where
            raise ConfigError(
                f"{place}: {value!r} does not say what it is; give it a _target_, or name a choice "
                "of `anomalib-ts list logger` or `anomalib-ts list callbacks`"
            )
    return {f"{where}.{name}": dict(v) for name, v in several.items() if v is not None}


def _create(settings: Mapping[str, Any], where: str, part: str, kind: Kind) -> Any:
    target = _target(settings, where, part, kind)
    later = {one.name: one.describes for one in declarations(target) if one.describes}
    arguments = {}
    for key, value in settings.items():
        place = f"{where}.{key}"
        if key in later:
            for name, one in described(value, place).items():
                _target(one, name, later[key], kind_of_part(later[key]))
        elif _has_target(value):
            value = _create(value, place, "", kind_of_argument(target, key, place))  # noqa: PLW2901
        if key != "_target_":
            arguments[key] = value
    try:
        return target(**arguments)
    except ContractError:
        raise  # a bug in that class, whatever its settings
    except AnomalibTsError as error:
        raise ConfigError(f"{where}: {error}") from None
    except Exception as error:  # a constructor that does not check what it is given
        said = " ".join(str(error).split())
        raise ConfigError(f"{where}: {type(error).__name__}: {said}") from error


def _checked(settings: Mapping[str, Any], where: str, *, typed: bool, part: str = "") -> Settings:
    if not isinstance(settings, Mapping):
        raise ConfigError(f"{where}: {settings!r} is not a group of settings")
    signature = _found(settings, where, signature_of, typed=typed, part=part)
    _check_foreign_kind(settings, where)
    parameters = {k: v for k, v in signature.parameters.items() if k not in signature.variadic}
    takes_more = bool(part and signature.variadic)
    given = {key: value for key, value in settings.items() if key != "_target_"}
    for key in given:
        if key not in parameters and not takes_more:
            raise ConfigError(f"{where}.{key}: no such setting; {nearest(key, list(parameters))}")
    missing = [
        name
        for name, one in parameters.items()
        if given.get(name, one.default) in (REQUIRED, "???")
        or (one.default is REQUIRED and given[name] is None)
    ]
    if missing:
        raise ConfigError(f"{where}: please set {' and '.join(f'{where}.{m}' for m in missing)}")
    result: Settings = {"_target_": settings["_target_"]}
    for key, value in given.items():
        place, one = f"{where}.{key}", parameters.get(key, _ANYTHING)
        if one.describes:
            parts = described(value, place)
            made = {
                name: _checked(each, name, typed=typed, part=one.describes)
                for name, each in parts.items()
            }
            short = {name.removeprefix(f"{place}."): each for name, each in made.items()}
            result[key] = made.get(place, short or None)
        elif _has_target(value):
            result[key] = _checked(value, place, typed=typed)
        else:
            result[key] = checked_value(one.hint, value, place)
            if one.limits != NO_LIMITS and (why := refusal(one.hint, one.limits, result[key])):
                raise ConfigError(f"{place} {why}")
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


def defaults(path: str, group: str = "detector") -> Settings:
    """The settings of the class at a dotted path with its defaults, `???` where there is none.

    Args:
        path: of the class.
        group: that it is chosen in. A data set shares no setting with the detector: its seed is
            its own, so that all seeds are of one data set.

    Raises:
        Exception: whatever is wrong with the class, see `signatures.signature_of`.
    """
    settings: Settings = {"_target_": path}
    for name, parameter in signature_of(path).parameters.items():
        if name in SHARED_SETTINGS and group != "data":
            settings[name] = f"${{{name}}}"
        else:
            settings[name] = "???" if parameter.default is REQUIRED else parameter.default
    return settings


def changed(settings: Mapping[str, Any], owner: str = "") -> Settings:
    """The settings that differ from the defaults, flat: what tells two variants apart.

    The seed is left out: it is an axis of its own.
    """
    found: Settings = {}
    for name, parameter in _found(settings, "settings", signature_of).parameters.items():
        value = settings.get(name, parameter.default)
        if name == "seed" or not has_effect(name, value, owner):
            continue
        if parameter.describes:
            found |= _changed_parts(value, name, parameter.describes)
        elif _has_target(value):
            if parameter.choice:
                found[name] = _class_name(value)
            found |= {f"{name}.{key}": v for key, v in changed(value, name).items()}
        elif value != parameter.default:
            flat = isinstance(value, Mapping) and value
            found |= {f"{name}.{k}": v for k, v in value.items()} if flat else {name: value}
    return found


def _changed_parts(settings: Mapping[str, Any], where: str, part: str) -> Settings:
    """What was added by name: the class of each, and its settings."""
    found: Settings = {}
    for place, one in described(settings, where).items():
        found[place] = _class_name(one)
        parameters = _found(one, place, signature_of, part=part).parameters
        for name, value in one.items():
            default = parameters[name].default if name in parameters else REQUIRED
            if name in ("_target_", "seed") or value == default:
                continue
            if _has_target(value):
                found |= {f"{place}.{name}.{k}": v for k, v in changed(value, name).items()}
            else:
                found[f"{place}.{name}"] = value
    return found


def _class_name(settings: Mapping[str, Any]) -> str:
    return str(settings["_target_"]).rpartition(".")[2]


def _has_target(value: Any) -> bool:
    return isinstance(value, Mapping) and "_target_" in value


def _check_foreign_kind(settings: Mapping[str, Any], where: str) -> None:
    """Refuse a class of another kind at once, where it costs no import; `create` does so anyway."""
    module = settings["_target_"].rpartition(".")[0]
    ours = module.startswith(__name__.partition(".")[0])
    if where in KINDS and not ours and module in sys.modules:
        _target(settings, where, where, kind_of_part(where))


def _target(settings: Mapping[str, Any], where: str, part: str, kind: Kind) -> type:
    target = _found(settings, where, import_class, part=part)
    return check_kind(target, settings["_target_"], where, kind)


def _found(
    settings: Mapping[str, Any],
    where: str,
    find: Callable[[str], T],
    *,
    typed: bool = False,
    part: str = "",
) -> T:
    """What `find` makes of the target's path; what it raises becomes one line."""
    path = settings.get("_target_")
    if not isinstance(path, str):
        raise ConfigError(f"{where}: no _target_ says which class these settings are for")
    check_origin(path, where, typed=typed, part=part)
    try:
        return find(path)
    except Exception as error:
        missing = getattr(error, "name", None) or getattr(error.__cause__, "name", None)
        library = str(missing).partition(".")[0]
        if library in EXTRAS:
            who, extra = EXTRAS[library]
            how = f'pip install "anomalib-ts[{extra}]"'
            raise ConfigError(f"{where}: {who} {library}, which is missing: {how}") from None
        said = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(f"{where}: cannot import {path}: {said}") from error


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
