"""Hydra's composition errors, said in one line with the nearest valid name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from yaml import YAMLError

from anomalib_ts.core.names import nearest
from anomalib_ts.errors import AnomalibTsError, ConfigError
from anomalib_ts.settings.registry import GROUPS, choices, config_folder

_NO_SUCH_KEY = re.compile(r"Could not (?:override|delete[^']*) '([^'=]+)'")
_THERE_ALREADY = re.compile(r"Could not append to config. An item is already at '([^'=]+)'")
COMMANDS = {
    "config": "anomalib-ts run",
    "synth": "anomalib-ts synth",
    "sparseness": "anomalib-ts sparseness",
}
"""The command that each main configuration in `conf/` is of."""

EXTRAS = {
    "hydra/launcher/joblib": "joblib",
    "hydra/launcher/ray": "ray",
    "hydra/launcher/submitit_slurm": "slurm",
    "hydra/launcher/submitit_local": "slurm",
}
"""Which extra brings a choice that the files in conf/hydra build on."""


@contextmanager
def composition_errors(overrides: list[str], main: str = "config") -> Iterator[None]:
    """Turn whatever is raised while a configuration is composed into a `ConfigError` of one line.

    Nothing but the configuration is at work there, so whatever is raised is its fault.
    """
    try:
        with readable_errors(overrides, main):
            yield
    except AnomalibTsError:
        raise
    except YAMLError as error:
        raise ConfigError(f"no valid YAML: {one_line(error)}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{_undecodable(error)} is not UTF-8: {error}; save it as UTF-8"
        ) from None
    except Exception as error:
        raise ConfigError(f"cannot compose {' '.join(overrides)}: {one_line(error)}") from None


@contextmanager
def readable_errors(overrides: list[str], main: str = "config") -> Iterator[None]:
    """Turn what Hydra and OmegaConf raise for wrong settings into a `ConfigError` of one line.

    Args:
        overrides: the settings that were given.
        main: the configuration that they change, as its file in `conf/` is called.
    """
    try:
        yield
    except MissingConfigException as error:
        raise ConfigError(_unknown_choice(error)) from None
    except OverrideParseException as error:
        raise ConfigError(f"cannot read {error.override!r} as a setting (key=value)") from None
    except MissingMandatoryValue as error:
        raise ConfigError(f"please set {error.full_key}") from None
    except (HydraException, OmegaConfBaseException) as error:
        text = str(error)
        if belongs := _other_command(overrides, main):
            message = belongs
        elif found := _THERE_ALREADY.search(text):
            message = f"the setting {found[1]} is there already; leave out the +"
        elif found := _NO_SUCH_KEY.search(text):
            # where several are set at once (`limits={secs: 3}`), the cause names the one
            key = getattr(error.__cause__, "full_key", None) or found[1]
            message = _unknown_key(key, overrides, main)
        else:
            message = one_line(error)
        raise ConfigError(message) from None
    except ValueError as error:
        empty = [override for override in overrides if override.endswith(("=null", "="))]
        if not empty or "Config group override" not in str(error):
            raise
        listing = f"`anomalib-ts list {empty[-1].partition('=')[0]}`"
        raise ConfigError(f"{empty[-1]}: name a choice; {listing} has all") from None


def one_line(error: BaseException) -> str:
    """What an error says, without line breaks; its type where it says nothing.

    Hydra's own texts are often an introduction to the error that caused them.
    """
    texts = [" ".join(str(error).split())]
    where = getattr(error, "full_key", None)
    if where and where not in texts[0]:
        texts.insert(0, where)
    if isinstance(error, HydraException) and error.__cause__ is not None:
        texts.append(" ".join(str(error.__cause__).split()))
    return ": ".join(text for text in texts if text) or type(error).__name__


def _undecodable(error: UnicodeDecodeError) -> str:
    """The configuration file that holds the bytes; which one, the error does not say."""
    if GlobalHydra.instance().is_initialized():
        for source in GlobalHydra.instance().config_loader().get_sources():
            folder = Path(source.path)
            if source.scheme() == "file" and folder.is_dir():
                for path in sorted(folder.rglob("*.yaml")):
                    if error.object in path.read_bytes():
                        return str(path)
    return "a configuration file"


def _unknown_choice(error: MissingConfigException) -> str:
    group, _, name = (error.missing_cfg_file or "").rpartition("/")
    if error.missing_cfg_file in EXTRAS:
        return (
            f'{name} is not installed: pip install "anomalib-ts[{EXTRAS[error.missing_cfg_file]}]"'
        )
    if not group:
        return " ".join(str(error).split())
    return f"unknown {group} {name!r}; {nearest(name, list(choices(group)))}"


def _unknown_key(key: str, overrides: list[str], main: str) -> str:
    parent, _, name = key.rpartition(".")
    config = _chosen(overrides, main)
    node = OmegaConf.select(config, parent) if parent else config
    known = [str(key) for key in node if key != "hydra"] if isinstance(node, DictConfig) else []
    if not known and parent.startswith("detector.") and parent.endswith(".detector"):
        return f"no setting {key!r}; choose {parent}=NAME, too: `anomalib-ts list detector` has all"
    if name not in known:
        return f"no setting {key!r}; {nearest(name, known)}"
    if any(override.startswith(f"~{key}") for override in overrides):
        return f"the setting {key} cannot be taken away; set it to null, if it may be"
    if source := _taken_from(parent, config):
        return f"{parent} is that of {source}, so {key} cannot be set; set {source}.{name} instead"
    return f"no setting {key!r} with every one of the choices that were given"


def _taken_from(parent: str, config: DictConfig) -> str:
    """The settings whose place in a configuration others take (`${trainer}`); empty if none do."""
    above, _, name = parent.rpartition(".")
    node = OmegaConf.select(config, above) if above else config
    if not isinstance(node, DictConfig) or not OmegaConf.is_interpolation(node, name):
        return ""
    content: Any = OmegaConf.to_container(node, resolve=False)
    return str(content[name]).removeprefix("${").removesuffix("}")


def _other_command(overrides: list[str], main: str) -> str:
    """What to say where the experiment is one of another command; empty if it is not."""
    chosen = [override for override in overrides if override.startswith("experiment=")]
    if len(chosen) != 1 or _composes(chosen, main):
        return ""
    others = [name for name in COMMANDS if name != main and _composes(chosen, name)]
    if not others:
        return ""
    return f"{chosen[0]} is an experiment of another command: {COMMANDS[others[0]]} {chosen[0]}"


def _composes(overrides: list[str], main: str) -> bool:
    try:
        _compose(overrides, main)
    except (HydraException, OmegaConfBaseException):
        return False
    return True


def _chosen(overrides: list[str], main: str) -> DictConfig:
    """The configuration that the chosen groups give; empty where they give none."""
    groups = {o: o.partition("=")[0].lstrip("+").partition("@")[0] for o in overrides}
    chosen = [o for o, group in groups.items() if group in GROUPS and "," not in o]
    try:
        config = _compose(chosen, main)
    except HydraException:
        return OmegaConf.create()
    OmegaConf.set_struct(config, value=False)
    return config


def _compose(overrides: list[str], main: str) -> DictConfig:
    """A configuration, from where the command in progress finds its files if there is one."""
    if GlobalHydra.instance().is_initialized():
        return compose(main, overrides)
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        return compose(main, overrides)
