"""Settings checked against the constructors they are for, so that a mistake is one clear line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from anomalib_ts.core.names import nearest
from anomalib_ts.errors import AnomalibTsError, ConfigError, ContractError
from anomalib_ts.settings.effect import has_effect
from anomalib_ts.settings.fields import NO_LIMITS, declarations, refusal
from anomalib_ts.settings.signatures import (
    REQUIRED,
    Parameter,
    import_class,
    signature_of,
)
from anomalib_ts.settings.trust import (
    KINDS,
    OF_LIBRARIES,
    Kind,
    check_kind,
    check_origin,
    kind_of_argument,
    kind_of_part,
)
from anomalib_ts.settings.values import checked_value

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
SEVERAL = {"logger": "logger", "callback": "callbacks"}
"""Parts of which there may be several by name, and the group of their choices."""
_GROUPS = {**SEVERAL, "detector": "detector"}
"""The group of the choices of parts that the command line lets one name where settings stand."""
SHARED_SETTINGS = ("seed", "trainer")
"""Constructor parameters that take the run's value (`${seed}`) unless set otherwise; those of a
detector inside another take that other's, see `handed_down`."""


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
    _judged(settings, where, part or where, kind_of_part(part or where))
    return _made(settings, where)


def checked(settings: Mapping[str, Any], where: str, part: str = "") -> Settings:
    """Settings that the user named, compared with the signature of their `_target_`.

    Nothing is imported where the source of the target says what it takes, see `signatures`.

    Args:
        settings: see `create`.
        where: see `create`.
        part: see `create`.

    Returns:
        The same with each value of the declared type (`3` for a text becomes `"3"`).

    Raises:
        ConfigError: there are no settings, the target may not be imported (see `trust`) or cannot
            be found, or an argument is unknown, missing or of the wrong type. At every level.
    """
    return _checked(settings, where, typed=True, part=part or where)


def create_stored(settings: Mapping[str, Any], where: str) -> Any:
    """`create` from settings of a record, which may be damaged, of another version or anybody's.

    Nothing is downloaded for them, since looking at results must not fetch what they name.

    Raises:
        ConfigError: see `create` and `checked`.
    """
    plain = _checked(settings, where, typed=False, part=where)
    return create(plain | {"download": False} if "download" in plain else plain, where)


def class_of(settings: Mapping[str, Any], part: str, where: str = "") -> type:
    """The class that settings name, without an object of it; it and those inside are judged.

    Raises:
        ConfigError: see `create`.
    """
    return _judged(settings, where or part, part, kind_of_part(part))


def handed_down(settings: Mapping[str, Any], shared: Mapping[str, Any], where: str) -> Settings:
    """Settings of a detector, at every level with what is shared and was not set there.

    Args:
        settings: of the detector, judged or not.
        shared: by the names in `SHARED_SETTINGS`, what whoever holds the detector has: the run, or
            another detector. None is nothing to hand down.
        where: what messages call the settings.

    Raises:
        ConfigError: the target of one is not there, or may not be imported.
    """
    return _handed_down(settings, shared, where, "detector")


def run_detector(config: Mapping[str, Any], settings: Mapping[str, Any], where: str) -> Settings:
    """Checked settings of a detector with what the run's configuration hands down to all of them.

    Raises:
        ConfigError: see `checked`.
    """
    shared = {name: config.get(name) for name in SHARED_SETTINGS}
    if shared["trainer"] is not None:
        shared["trainer"] = checked(config["trainer"], "trainer")
    return handed_down(checked(settings, where, "detector"), shared, where)


def _handed_down(
    settings: Mapping[str, Any], shared: Mapping[str, Any], where: str, part: str
) -> Settings:
    signature = _found(settings, where, signature_of, part=part)
    takes = signature.parameters.keys() - set(signature.variadic)
    missing = {
        name: shared[name]
        for name in SHARED_SETTINGS
        if name in takes and name not in settings and shared.get(name) is not None
    }
    full = {**settings, **missing}
    below = {**shared, **{name: full[name] for name in SHARED_SETTINGS if name in full}}
    for key, value in full.items():
        inner = signature.parameters[key].describes if key in takes else ""
        if key in SHARED_SETTINGS or inner not in ("", "detector"):
            continue  # of Lightning and scikit-learn, which have no setting of ours
        if _has_target(value):
            full[key] = _handed_down(value, below, f"{where}.{key}", inner)
    return full


def described(
    settings: Mapping[str, Any] | None, where: str, part: str = ""
) -> dict[str, Settings]:
    """What describes one object or several, as settings by where they stand.

    Args:
        settings: one `_target_` with its arguments, or several such by name, where None stands for
            one that was taken away; None for nothing.
        where: what messages call these settings.
        part: what they are, see `trust.KINDS`; of those in `SEVERAL` there may be several.

    Raises:
        ConfigError: it is neither.
    """
    if settings is None or settings == {}:
        return {}
    if _has_target(settings):
        return {where: dict(settings)}
    many = isinstance(settings, Mapping) and part in SEVERAL
    several = dict(settings) if many else {"": settings}
    for name, value in several.items():
        if value is not None and not _has_target(value):
            place = f"{where}.{name}" if name else where
            group = _GROUPS.get(part, "")
            choice = f", or name a choice of `anomalib-ts list {group}`" if group else ""
            raise ConfigError(
                f"{place}: {value!r} does not say what it is; give it a _target_{choice}"
            )
    return {f"{where}.{name}": dict(v) for name, v in several.items() if v is not None}


def _judged(settings: Mapping[str, Any], where: str, part: str, kind: Kind) -> type:
    """The class that settings name, once all that they name, at every level, is in its place."""
    target = _target(settings, where, part, kind)
    later = _described_by(target)
    for key, value in settings.items():
        place = f"{where}.{key}"
        if key in later:
            for name, one in described(value, place, later[key]).items():
                _judged(one, name, later[key], kind_of_part(later[key]))
        elif _has_target(value):
            _judged(value, place, "", kind_of_argument(target, key, place))
    return target


def _made(settings: Mapping[str, Any], where: str) -> Any:
    """The object of settings that were judged."""
    target = import_class(settings["_target_"])
    later = _described_by(target)
    arguments = {
        key: _made(value, f"{where}.{key}") if _has_target(value) and key not in later else value
        for key, value in settings.items()
        if key != "_target_"
    }
    try:
        return target(**arguments)
    except ContractError:
        raise  # a bug in that class, whatever its settings
    except AnomalibTsError as error:
        raise ConfigError(f"{where}: {error}") from None
    except Exception as error:  # a constructor that does not check what it is given
        said = " ".join(str(error).split())
        raise ConfigError(f"{where}: {type(error).__name__}: {said}") from error


def _described_by(target: type) -> dict[str, str]:
    """The settings whose values describe objects that are made later, and what these are."""
    return {one.name: one.describes for one in declarations(target) if one.describes}


def _checked(
    settings: Mapping[str, Any],
    where: str,
    *,
    typed: bool,
    part: str = "",
    kind: Callable[[], Kind] | None = None,
) -> Settings:
    if not isinstance(settings, Mapping):
        raise ConfigError(f"{where}: {settings!r} is not a group of settings")
    signature = _found(settings, where, signature_of, typed=typed, part=part)
    if part in KINDS:
        kind = partial(kind_of_part, part)
    if kind is not None and _is_elsewhere(settings["_target_"], part):
        _target(settings, where, part, kind())
    parameters = {k: v for k, v in signature.parameters.items() if k not in signature.variadic}
    takes_more = part in OF_LIBRARIES and bool(signature.variadic)
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
            parts = described(value, place, one.describes)
            made = {
                name: _checked(each, name, typed=typed, part=one.describes)
                for name, each in parts.items()
            }
            short = {name.removeprefix(f"{place}."): each for name, each in made.items()}
            result[key] = made.get(place, short or None)
        elif _has_target(value):
            takes = partial(_kind_inside, settings["_target_"], key, place)
            result[key] = _checked(value, place, typed=typed, kind=takes)
        elif part in OF_LIBRARIES and holds_target(value):
            raise ConfigError(f"{place}: a _target_ within a list or a group makes nothing")
        else:
            result[key] = checked_value(one.hint, value, place)
            if one.limits != NO_LIMITS and (why := refusal(one.hint, one.limits, result[key])):
                raise ConfigError(f"{place} {why}")
    return result


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
            found |= _changed_parts(value, name, parameter.describes, settings)
        elif _has_target(value):
            if parameter.choice:
                found[name] = _class_name(value)
            found |= {f"{name}.{key}": v for key, v in changed(value, name).items()}
        elif value != parameter.default:
            flat = isinstance(value, Mapping) and value
            found |= {f"{name}.{k}": v for k, v in value.items()} if flat else {name: value}
    return found


def _changed_parts(
    settings: Mapping[str, Any], where: str, part: str, owner: Mapping[str, Any]
) -> Settings:
    """What was added by name: the class of each, and its settings but for those of its owner."""
    found: Settings = {}
    for place, one in described(settings, where, part).items():
        found[place] = _class_name(one)
        parameters = _found(one, place, signature_of, part=part).parameters
        for name, value in one.items():
            default = parameters[name].default if name in parameters else REQUIRED
            if name in ("_target_", "seed") or value == default:
                continue
            if name in SHARED_SETTINGS and value == owner.get(name):
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


def holds_target(value: Any) -> bool:
    """Whether there is a `_target_` anywhere in a value."""
    if isinstance(value, Mapping):
        return "_target_" in value or any(map(holds_target, value.values()))
    return isinstance(value, list) and any(map(holds_target, value))


def _is_elsewhere(path: str, part: str) -> bool:
    """Whether a class is hardly of the kind that a part takes, so that it is looked at at once.

    `create` looks at all of them; before, that would cost the import of any deep detector.
    """
    module = path.rpartition(".")[0]
    if not _is_ours(module):
        return module in sys.modules
    room = KINDS[part].split(".")[:2] if part in KINDS else []
    return _is_ours(".".join(room)) and path.split(".")[:2] != room


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == __name__.partition(".")[0]


def _kind_inside(owner: str, name: str, where: str) -> Kind:
    return kind_of_argument(import_class(owner), name, where)


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
