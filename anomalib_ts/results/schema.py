"""Whether plain data read from a file fits the dataclass that it is to become."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import is_dataclass
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from anomalib_ts.errors import AnomalibTsError

DEEPEST = 40
"""Levels of nested settings; more do not come from a configuration."""

AnyFloat = Annotated[float, "may be infinite or NaN"]
"""Any other float in a record is finite."""

Check = Callable[[Any], bool]


class UnreadableRecordError(AnomalibTsError):
    """A file is no record that this version can use; the message is the reason in a few words.

    Attributes:
        later: whether it was written by a later version, and so must not be replaced.
    """

    def __init__(self, reason: str, *, later: bool = False) -> None:
        super().__init__(reason)
        self.later = later


def fitting(
    target: type, content: Any, what: str, optional: Set[str] = frozenset()
) -> dict[str, Any]:
    """The content, if it has the fields of a dataclass, each of its declared type.

    Args:
        target: a dataclass whose fields are texts, numbers, flags, literals, or dictionaries;
            fields that are dataclasses themselves are left to the caller.
        content: as JSON gave it.
        what: it is, for messages.
        optional: fields that may be missing.

    Raises:
        UnreadableRecordError: it does not fit.
    """
    if type(content) is not dict:
        raise UnreadableRecordError(f"damaged: {what} is missing")
    known, plain = _checks(target)
    for name, value in content.items():
        if type(value) is plain.get(name):
            continue
        check = known.get(name)
        if check is None:
            reason = f"written by a later (newer) version: {what} has {name[:40]!r}"
            raise UnreadableRecordError(reason, later=True)
        if not check(value):
            raise UnreadableRecordError(f"damaged: {name} of {what} is of the wrong kind")
    for name in known.keys() - optional - content.keys():
        raise UnreadableRecordError(f"damaged: {what} lacks {name}")
    return content


def is_nested_deeper(value: Any, levels: int) -> bool:
    """Whether there are more levels of dictionaries and lists within each other."""
    if type(value) not in (dict, list):
        return False
    inner = value.values() if type(value) is dict else value
    return levels == 0 or any(is_nested_deeper(one, levels - 1) for one in inner)


@cache
def _checks(target: type) -> tuple[dict[str, Check], dict[str, type]]:
    """The check of each field, and the type that alone is enough, where there is one."""
    hints = get_type_hints(target, include_extras=True)
    hints = {name: hint for name, hint in hints.items() if not is_dataclass(hint)}
    plain = {name: hint for name, hint in hints.items() if hint in (str, int, bool)}
    return {name: _check(hint) for name, hint in hints.items()}, plain


def _check(hint: Any) -> Check:
    plain: dict[Any, Check] = {AnyFloat: _is_any_number, float: _is_number}
    if hint in plain:
        return plain[hint]
    if hint in (str, int, bool):
        return lambda value: type(value) is hint
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return lambda value: type(value) is str and value in arguments
    if origin in (Union, UnionType) and arguments[1] is NoneType:
        inner = _check(arguments[0])
        return lambda value: value is None or inner(value)
    if origin is dict and arguments[1] is Any:
        return lambda value: type(value) is dict
    if origin is dict:
        inner = _check(arguments[1])
        return lambda value: type(value) is dict and all(map(inner, value.values()))
    raise TypeError(f"no check for {hint}")


def _is_any_number(value: Any) -> bool:
    return type(value) in (float, int)


def _is_number(value: Any) -> bool:
    return (type(value) is float and isfinite(value)) or (type(value) is int and abs(value) < 2**63)
