"""Hydra's composition errors, said in one line with the nearest valid name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from anomalib_ts.errors import ConfigError
from anomalib_ts.names import nearest
from anomalib_ts.registry import GROUPS, choices, config_folder

_NO_SUCH_KEY = re.compile(r"Could not (?:override|append to config|delete[^']*) '([^'=]+)'")
EXTRAS = {
    "hydra/launcher/joblib": "joblib",
    "hydra/launcher/ray": "ray",
    "hydra/launcher/submitit_slurm": "slurm",
    "hydra/launcher/submitit_local": "slurm",
    "hydra/sweeper/optuna": "optuna",
}
"""Which extra brings a choice that the files in conf/hydra build on."""


@contextmanager
def readable_errors(overrides: list[str]) -> Iterator[None]:
    """Turn what Hydra raises for wrong overrides into a `ConfigError` of one line."""
    try:
        yield
    except MissingConfigException as error:
        raise ConfigError(_unknown_choice(error)) from None
    except OverrideParseException as error:
        raise ConfigError(f"cannot read {error.override!r} as a setting (key=value)") from None
    except MissingMandatoryValue as error:
        raise ConfigError(f"please set {error.full_key}") from None
    except ValueError as error:
        empty = [override for override in overrides if override.endswith(("=null", "="))]
        if not empty or "Config group override" not in str(error):
            raise
        listing = f"`anomalib-ts list {empty[-1].partition('=')[0]}`"
        raise ConfigError(f"{empty[-1]}: name a choice; {listing} has all") from None
    except (HydraException, OmegaConfBaseException) as error:
        found = _NO_SUCH_KEY.search(str(error))
        if found:
            raise ConfigError(_unknown_key(found[1], overrides)) from None
        raise ConfigError(" ".join(str(error).split())) from None


def _unknown_choice(error: MissingConfigException) -> str:
    group, _, name = (error.missing_cfg_file or "").rpartition("/")
    if error.missing_cfg_file in EXTRAS:
        return (
            f'{name} is not installed: pip install "anomalib-ts[{EXTRAS[error.missing_cfg_file]}]"'
        )
    if not group:
        return " ".join(str(error).split())
    return f"unknown {group} {name!r}; {nearest(name, list(choices(group)))}"


def _unknown_key(key: str, overrides: list[str]) -> str:
    parent, _, name = key.rpartition(".")
    known = _known_keys(parent, overrides)
    return f"no setting {key!r}; {nearest(name, known)}"


def _known_keys(parent: str, overrides: list[str]) -> list[str]:
    """The keys beside the wrong one, in the configuration that the chosen groups give."""
    chosen = [o for o in overrides if o.partition("=")[0] in GROUPS and "," not in o]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        try:
            config: Any = compose("config", chosen)
        except HydraException:
            return []
    OmegaConf.set_struct(config, value=False)
    node = OmegaConf.select(config, parent) if parent else config
    return [str(key) for key in node] if isinstance(node, DictConfig) else []
