"""Which series of a benchmark are meant: names, patterns, and what results call the choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from anomalib_ts.core.digests import text_digest
from anomalib_ts.core.names import nearest
from anomalib_ts.errors import ConfigError, DataNotFoundError


def as_patterns(series: Any) -> list[str]:
    """The setting `series` as a list: a name, a pattern, or a list of these.

    Raises:
        ConfigError: the list is empty.
    """
    if isinstance(series, str) or not isinstance(series, Sequence):
        return [str(series)]
    if not series:
        raise ConfigError("data.series is empty; give names or patterns, '*' for all")
    return [str(pattern) for pattern in series]


def selected(
    names: Sequence[str],
    patterns: Sequence[str],
    where: str,
    aliases: Callable[[str], Sequence[str]] = lambda name: (name,),
) -> list[str]:
    """The names that one of the patterns matches, sorted.

    Args:
        names: of all series that there are.
        patterns: names or patterns such as `C-*`.
        where: what messages call the place.
        aliases: what a series may be called besides.

    Raises:
        DataNotFoundError: a pattern matches nothing; the message offers near names.
    """
    chosen: set[str] = set()
    for pattern in patterns:
        matching = {name for name in names if _matches(aliases(name), pattern)}
        if not matching:
            near = nearest(pattern, [aliases(name)[-1] for name in names])
            raise DataNotFoundError(f"{where} has no series {pattern!r}; {near}")
        chosen |= matching
    return sorted(chosen)


def described(name: str, patterns: Sequence[str]) -> str:
    """What results call these series of a data set: `Dodgers`, or `NASA-MSL[C-*]`."""
    if list(patterns) == ["*"]:
        return name
    listed = "+".join(patterns)
    if len(listed) > 60:
        listed = f"{len(patterns)} series, {text_digest(listed)[:6]}"
    return f"{name}[{listed}]"


def _matches(aliases: Sequence[str], pattern: str) -> bool:
    return pattern in aliases or any(fnmatchcase(alias, pattern) for alias in aliases)
