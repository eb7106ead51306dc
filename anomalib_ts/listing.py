"""The text of `anomalib-ts list`."""

from __future__ import annotations

from anomalib_ts.errors import ConfigError
from anomalib_ts.registry import GROUPS, Choice, choices


def listing(group: str | None = None) -> str:
    """What can be chosen on the command line, one line each, by group.

    Raises:
        ConfigError: there is no such group.
    """
    if group is not None and group not in GROUPS:
        raise ConfigError(f"no group {group!r}; there are: {', '.join(GROUPS)}")
    shown = {name: choices(name) for name in ([group] if group else GROUPS)}
    width = max((len(name) for found in shown.values() for name in found), default=0)
    blocks = [
        "\n".join([f"{GROUPS[name]} ({name}=...)", *_lines(found, width)])
        for name, found in shown.items()
        if found
    ]
    return "\n\n".join(blocks) + "\n"


def _lines(found: dict[str, Choice], width: int) -> list[str]:
    return [
        f"  {choice.name:{width}}  {choice.description}"
        + (f"  [{choice.origin}]" if choice.origin else "")
        for choice in found.values()
    ]
