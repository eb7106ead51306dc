"""Something that units share: read, compared, put back."""

from __future__ import annotations

import logging
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from anomalib_ts.core.plain import plain_text

MISSING = object()


@dataclass(frozen=True)
class Item:
    """Something that units share.

    Attributes:
        name: what messages call it.
        read: its value.
        put_back: sets it to a value that `read` gave.
        differs: whether a value from before and one from after are to be told apart.
    """

    name: str
    read: Callable[[], Any]
    put_back: Callable[[Any], object]
    differs: Callable[[Any, Any], bool] = operator.ne


class _Unknown:
    """A value that could not be read; equal to nothing."""


def read(item: Item) -> Any:
    """The value of an item, or a stand-in for one that could not be read."""
    try:
        return item.read()
    except BaseException:  # reading may run what a detector has put in its way
        return _Unknown()


def differs(item: Item, before: Any) -> bool:
    """Whether an item has another value than before; not if that is unknown."""
    if isinstance(before, _Unknown):
        return False
    after = read(item)
    try:
        return isinstance(after, _Unknown) or item.differs(before, after)
    except BaseException:
        return True


def put_back(item: Item, before: Any) -> tuple[int, str]:
    """Put a value back; the level and text of what is to be said about it."""
    try:
        item.put_back(before)
    except BaseException as error:
        why = plain_text(error)
        return logging.WARNING, f"a detector changed the {item.name}; it stays so: {why}"
    return logging.DEBUG, f"after a unit put back: {item.name}"


def lost(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a name stands for something else now; names that came later are no difference."""
    return not alike(before, after) and any(
        after.get(name, MISSING) is not value for name, value in before.items()
    )


def alike(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether nothing has changed, told fast; False leaves that open."""
    return len(before) == len(after) and all(map(operator.is_, before.values(), after.values()))
