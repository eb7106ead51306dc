"""The text of `anomalib-ts list`."""

from __future__ import annotations

import re
import textwrap
from difflib import get_close_matches
from typing import Any

import yaml

from anomalib_ts.core.names import nearest
from anomalib_ts.errors import ConfigError
from anomalib_ts.settings.registry import GROUPS, Choice, choices

LONGEST_LINE = 100
"""Letters of a line in a file of settings."""

_PLACES = {"logger": "trainer.logger"}
"""Where the settings of a group stand, if not under its own name."""

_SECTION = re.compile(r"^(?:Args|Attributes):\n((?:[ \t]+.*\n|\n)*)", re.MULTILINE)
_ENTRY = re.compile(r"^ {4}(\w[\w, ]*): (.*(?:\n {5,}.*)*)", re.MULTILINE)
_COMMENT = re.compile(r"^(\w+):[^#\n]*# *(.+)$", re.MULTILINE)


def listing(group: str | None = None, name: str | None = None, *, as_yaml: bool = False) -> str:
    """What can be chosen on the command line, one line each, by group.

    Args:
        group: only this one.
        name: of a choice in it, or the dotted path of a class: its settings with their types,
            defaults and descriptions.
        as_yaml: whether to give these as a config file, see `yaml_of`.

    Raises:
        ConfigError: there is no such group, or no such choice in it.
    """
    if group is not None and group not in GROUPS:
        close = get_close_matches(group, GROUPS)
        offered = [key for key in GROUPS if key.rpartition("/")[0] not in close]  # not its parts
        raise ConfigError(f"no group {group!r}; {nearest(group, offered)}")
    shown = {key: choices(key) for key in ([group] if group else GROUPS)}
    if group is not None and name is not None:
        if "." in name:
            own = Choice(name, "a class that no file or plug-in names", target=name)
            return _settings(group, own, as_yaml=as_yaml)
        if name not in shown[group]:
            raise ConfigError(f"unknown {group} {name!r}; {nearest(name, list(shown[group]))}")
        return _settings(group, shown[group][name], as_yaml=as_yaml)
    if as_yaml:
        raise ConfigError("--yaml shows one choice: anomalib-ts list GROUP NAME --yaml")
    width = max((len(one) for found in shown.values() for one in found), default=0)
    blocks = [
        "\n".join([f"{GROUPS[key]} ({key}=...)", *_lines(found, width)])
        for key, found in shown.items()
        if found
    ]
    if group in (None, "metrics"):
        blocks.append(_metric_names())
    return "\n\n".join(blocks) + "\n"


def _lines(found: dict[str, Choice], width: int) -> list[str]:
    return [
        f"  {choice.name:{width}}  {choice.description}"
        + (f"  [{choice.origin}]" if choice.origin else "")
        for choice in found.values()
    ]


def _metric_names() -> str:
    from anomalib_ts.metrics.registry import list_metrics  # noqa: PLC0415

    rows = list_metrics()
    width = max(len(row.key) for row in rows)
    lines = [f"  {row.key:{width}}  {row.description}" for row in rows]
    return "\n".join(["Metric names (metrics=[NAME,...])", *lines])


def _settings(group: str, choice: Choice, *, as_yaml: bool) -> str:
    """A choice's settings, or its file where no class says what they are."""
    from anomalib_ts.settings.fields import described as described_as  # noqa: PLC0415
    from anomalib_ts.settings.signatures import REQUIRED, signature_of  # noqa: PLC0415
    from anomalib_ts.settings.values import readable  # noqa: PLC0415

    given, comments = _file_settings(choice)
    target = choice.target or given.get("_target_")
    title = f"{choice.name}: {choice.description}\n"
    if not isinstance(target, str):
        text = choice.path.read_text(encoding="utf-8") if choice.path else ""
        return f"{title}\n{text}"
    try:
        if as_yaml:
            return yaml_of(target, group)
        signature = signature_of(target)
    except Exception as error:
        said = " ".join(str(error).split())
        raise ConfigError(f"{group}={choice.name}: cannot import {target}: {said}") from error
    described = comments | _described(signature.doc)
    blocks = []
    for key, parameter in signature.parameters.items():
        if key in signature.variadic:
            continue
        value = given.get(key, parameter.default)
        default = "must be set" if value is REQUIRED or value == "???" else _text(value)
        about = described_as(parameter.about, parameter.limits) or described.get(key, "")
        lines = textwrap.wrap(about, 92) or [""]
        place = _PLACES.get(group, group.replace("/", "."))
        head = f"  {place}.{key} = {default}  ({readable(parameter.hint)})"
        blocks.append("\n".join([head, *(f"      {line}" for line in lines if line)]))
    return "\n".join([title, *(blocks or ["  no settings"])]) + "\n"


def yaml_of(target: str, group: str = "detector") -> str:
    """A class's settings as a file for `conf/`: its first line describes it, comments its lines.

    Args:
        target: dotted path of a class.
        group: that it is chosen in, see `config.defaults`.

    Raises:
        Exception: whatever is wrong with the class, see `signatures.signature_of`.
    """
    from anomalib_ts.settings.config import defaults  # noqa: PLC0415
    from anomalib_ts.settings.fields import described as described_as  # noqa: PLC0415
    from anomalib_ts.settings.signatures import signature_of  # noqa: PLC0415

    signature = signature_of(target)
    lines = [f"# {signature.doc.partition(chr(10))[0].rstrip('.')}"]
    chosen = {key: one.choice for key, one in signature.parameters.items() if one.choice}
    if chosen:
        lines += ["defaults:", *(f"  - {key}: {choice}" for key, choice in chosen.items())]
        lines.append("  - _self_")
    for key, value in defaults(target, group).items():
        if key in chosen:
            continue
        plain = yaml.safe_dump(value, default_flow_style=True).partition("\n")[0]
        parameter = signature.parameters.get(key)
        about = described_as(parameter.about, parameter.limits) if parameter else ""
        line = f"{key}: {value if isinstance(value, str) else plain}"
        if len(line) + len(about) + 4 <= LONGEST_LINE:
            lines.append(f"{line}  # {about}" if about else line)
        else:
            lines += [*(f"# {one}" for one in textwrap.wrap(about, LONGEST_LINE - 2)), line]
    return "\n".join(lines) + "\n"


def _file_settings(choice: Choice) -> tuple[dict[str, Any], dict[str, str]]:
    """What a choice's file sets and what its comments say, with the files of its group below it."""
    if choice.path is None:
        return {}, {}
    text = choice.path.read_text(encoding="utf-8")
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{choice.path}: {' '.join(str(error).split())}") from None
    settings: dict[str, Any] = {}
    comments: dict[str, str] = {}
    own = loaded if isinstance(loaded, dict) else {}
    for below in own.pop("defaults", []):
        if isinstance(below, str) and (path := (choice.path.parent / f"{below}.yaml")).is_file():
            more, said = _file_settings(Choice(below, "", path=path))
            settings, comments = settings | more, comments | said
        elif isinstance(below, dict):
            settings |= {str(key): f"see {key}={name}" for key, name in below.items()}
    return settings | own, comments | dict(_COMMENT.findall(text))


def _described(doc: str) -> dict[str, str]:
    """What the sections `Args` and `Attributes` of a docstring say, by name."""
    found: dict[str, str] = {}
    for section in _SECTION.findall(doc + "\n"):
        for names, text in _ENTRY.findall(section):
            words = " ".join(text.split())
            found |= {name.strip(): words for name in names.split(",")}
    return found


def _text(value: Any) -> str:
    return "null" if value is None else str(value)
