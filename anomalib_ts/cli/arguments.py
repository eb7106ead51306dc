"""The arguments of `anomalib-ts run`: Hydra's options and settings, told apart and made safe."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from anomalib_ts.errors import ConfigError

_NAMES = re.compile(r"(\+{0,2}(?:results|data\.(?:path|train_path|root)))=(.*)", re.DOTALL)
_SWEEP = re.compile(r"(choice|range|interval|glob|shuffle|sort|tag)\(.*\)", re.DOTALL)
_CHOICE_OF_TRAINER = re.compile(r"trainer\.(logger|callbacks)=(?!null$)(\w+(?:,\w+)*)")
_ADDED = re.compile(r"(trainer\.(logger|callbacks|options)|detector\.estimator)\.")
_CHOICE_OF_DETECTOR = re.compile(r"(detector(?:\.\w+)*\.detector)=(?!null$)([\w-]+(?:,[\w-]+)*)")
_QUOTED = re.compile(r"""(["'])(?:(?!\1)[^\\]|\\.)*\1""", re.DOTALL)


@dataclass(frozen=True)
class Arguments:
    """What a command line asks for.

    Attributes:
        settings: overrides as Hydra reads them: names and texts that it cannot read are quoted.
        options: of Hydra, as its own parser has them.
        parser: that parser, which Hydra's help shows.
    """

    settings: list[str]
    options: argparse.Namespace
    parser: argparse.ArgumentParser

    @classmethod
    def of(cls, arguments: Sequence[str]) -> Arguments:
        """Read a command line; options may stand anywhere.

        Raises:
            ConfigError: an option is unknown, or `results` names no folder.
        """
        parser: Any = get_args_parser()
        parser.prog = "anomalib-ts run"
        parser.error = _refuse
        options = parser.parse_intermixed_args(list(arguments))
        settings = [_as_group_setting(text) for text in options.overrides]
        settings = [as_typed(safe_name(s, options.multirun), options.multirun) for s in settings]
        return cls(settings, options, parser)


def safe_name(setting: str, multirun: bool) -> str:
    """`results=NAME` or the name of a data set's file or folder, as it was typed.

    Hydra's grammar would read `2024_11_25` as a number and refuse `it's` or `x (copy)`. What is
    left to it are `${...}`, quotes around the whole name, and commas and sweeps in a multirun; of
    a data set also `null` and `???`. Other settings are returned as they are.

    Raises:
        ConfigError: there is no name.
    """
    found = _NAMES.fullmatch(setting)
    if found is None:
        return setting
    key, text = found.groups()
    if not key.endswith("results"):
        if text in ("", "null", "???"):
            return setting
    elif text.strip() == "" or text.casefold() in ("null", "''", '""'):
        raise ConfigError(f"{setting}: name a folder, for example results=my_results")
    if _QUOTED.fullmatch(text) or (_SWEEP.fullmatch(text) and _is_sweep(setting)):
        return setting
    if multirun and "," in text:
        if _is_sweep(setting) and set("'\"[]{}()") & set(text):
            return setting
        return f"{key}={','.join(map(quoted, text.split(',')))}"
    return f"{key}={quoted(text)}"


def as_typed(setting: str, multirun: bool) -> str:
    """A setting of a part whose value Hydra's grammar cannot read (`data.decimal=,`), as a text.

    So the path of a file may hold brackets and quotes. Choices of parts (`detector=...`), and what
    may be meant as several values of a multirun, are returned as they are.
    """
    key, _, text = setting.partition("=")
    if "." not in key or not text or (multirun and "," in text) or _is_readable(setting):
        return setting
    return f"{key}={quoted(text)}"


def quoted(text: str) -> str:
    """A text as Hydra's grammar writes it: between quotes, so that it is nothing but a text."""
    escaped = re.sub(r"(\\*)'", lambda found: f"{found[1] * 2}\\'", text)
    tail = len(escaped) - len(escaped.rstrip("\\"))
    return f"'{escaped}{tail * chr(92)}'"


def _is_readable(setting: str) -> bool:
    try:
        OverridesParser.create().parse_override(setting)
    except HydraException:
        return False
    return True


def _is_sweep(setting: str) -> bool:
    try:
        return OverridesParser.create().parse_override(setting).is_sweep_override()
    except HydraException:
        return False


def _as_group_setting(argument: str) -> str:
    """What a setting is short for.

    `metrics=[auroc,vus_pr/paper]` is `metrics.metrics=[...]`, `trainer.logger=csv` chooses a file
    of `conf/logger`, `detector.detector=usad` one of `conf/detector` for the detector inside
    another, and what is set below `trainer.options` or `detector.estimator` need not stand
    there before.
    """
    if argument.startswith("metrics=["):
        return argument.replace("metrics=[", "metrics.metrics=[", 1)
    if found := _CHOICE_OF_TRAINER.fullmatch(argument):
        return f"{found[1]}={found[2]}"
    if found := _CHOICE_OF_DETECTOR.fullmatch(argument):
        return f"+detector@{found[1]}={found[2]}"
    return f"++{argument}" if _ADDED.match(argument) else argument


def _refuse(message: str) -> NoReturn:
    raise ConfigError(f"{message}; `anomalib-ts run --help` shows how it is called")
