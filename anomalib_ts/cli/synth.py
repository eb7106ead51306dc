"""`anomalib-ts synth`: units composed by Hydra, each run once and stored.

These units are no detectors on cases: nothing is scored point by point, so they have records and a
folder of their own rather than a place in the store of `anomalib-ts run`.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any, get_type_hints

from filelock import FileLock
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from anomalib_ts.cli.config_errors import composition_errors
from anomalib_ts.core.console import console, log_to_terminal
from anomalib_ts.core.files import atomic_write
from anomalib_ts.core.names import nearest
from anomalib_ts.core.plain import error_report
from anomalib_ts.errors import ConfigError
from anomalib_ts.settings.config import checked, create
from anomalib_ts.settings.registry import config_folder
from anomalib_ts.settings.values import checked_value
from anomalib_ts.synthetic.synth import SynthUnit, run_unit
from anomalib_ts.synthetic.synth_table import as_table

log = logging.getLogger(__name__)

MAIN = "synth"
"""The main configuration, in `conf/`."""

PARTS = ("judge", "image", "generator")
LEAST = {
    "most_rows": 1,
    "most_normal": 1,
    "test_rows": 40,
    "per_label": 2,
    "checkpoints": 1,
    "draws": 2,
}
RETRY = ("none", "failed", "all")


def run(settings: list[str]) -> int:
    """Run every combination of the settings that is not stored yet, then show all of them.

    Args:
        settings: `key=value`; `key=a,b,c` runs each.

    Returns:
        The exit status: 0 if every unit is ok, 1 if any failed.

    Raises:
        ConfigError: a setting is wrong; nothing has been run then.
        DataNotFoundError: the data is not there.
    """
    log_to_terminal()
    with composition_errors(settings, MAIN):
        configs = composed(settings)
    todo = [(unit_of(config), config) for config in configs]
    records = []
    for place, (unit, config) in enumerate(todo, 1):
        record, stored = _run_once(unit, Path(config["results"]) / MAIN, config["retry"])
        records.append(record)
        log.info("[%d/%d] %s%s", place, len(todo), _line(record), " (stored)" if stored else "")
    console().print(as_table(records))
    return int(any(record["status"] != "ok" for record in records))


def composed(settings: list[str]) -> list[dict[str, Any]]:
    """A configuration for each combination, the chosen names among it.

    What a study sweeps stands in its file, as `hydra.sweeper.params`; what is given goes before.
    """
    GlobalHydra.instance().clear()
    parser = OverridesParser.create()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        given = parser.parse_overrides(settings)
        plain = [str(one.input_line) for one in given if not one.is_sweep_override()]
        base: Any = compose(MAIN, plain, return_hydra_config=True)
        chosen = {one.key_or_group: str(one.input_line) for one in given}
        of_study: dict[str, Any] = base.hydra.sweeper.params or {}
        chosen = {key: f"{key}={value}" for key, value in of_study.items()} | chosen
        swept = parser.parse_overrides(list(chosen.values()))
        return [_one(list(line)) for line in product(*map(_values, swept))]


def _values(override: Override) -> list[str]:
    """The settings that a sweep stands for; the one that any other is."""
    if not override.is_sweep_override():
        return [str(override.input_line)]
    return [f"{override.get_key_element()}={v}" for v in override.sweep_string_iterator()]


def _one(line: list[str]) -> dict[str, Any]:
    config: Any = compose(MAIN, line, return_hydra_config=True)
    names = {part: config.hydra.runtime.choices[part] for part in PARTS}
    OmegaConf.set_struct(config, value=False)
    del config["hydra"]
    content: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    return {**content, "names": names}


def unit_of(config: Mapping[str, Any]) -> SynthUnit:
    """The unit that a configuration describes.

    Raises:
        ConfigError: a setting is unknown, of the wrong type or out of range.
    """
    hints = get_type_hints(SynthUnit)
    if odd := config.keys() - hints.keys() - {"results", "retry"}:
        raise ConfigError(f"no setting {min(odd)!r}; {nearest(min(odd), list(hints))}")
    if config["retry"] not in RETRY:
        raise ConfigError(f"retry must be {', '.join(RETRY)}, not {config['retry']!r}")
    parts: dict[str, Any] = {part: checked(config[part], part) for part in PARTS}
    for part, settings in parts.items():
        create(settings, part)
    plain: dict[str, Any] = {
        key: checked_value(hint, config[key], key)
        for key, hint in hints.items()
        if key not in parts and key != "names"
    }
    for key, value in LEAST.items():
        if plain[key] is not None and plain[key] < value:
            raise ConfigError(f"{key} must be at least {value}, not {plain[key]}")
    return SynthUnit(names=config["names"], **parts, **plain)


def _run_once(unit: SynthUnit, folder: Path, retry: str) -> tuple[dict[str, Any], bool]:
    """The unit's record, and whether it was stored before."""
    key = unit.key()
    name = "-".join([*unit.names.values(), f"s{unit.seed}", key[:12]])
    path = folder / f"{name}.json"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{key[:12]}.lock"):
        stored = _stored(path)
        if stored and retry != "all" and (stored["status"] == "ok" or retry == "none"):
            return stored, True
        plain = {k: v for k, v in vars(unit).items() if k != "root"}
        record: dict[str, Any] = {"key": key, "unit": plain, "finished": ""}
        try:
            record |= {"status": "ok", "result": run_unit(unit)}
        except Exception as error:
            record |= {"status": "error", "error": error_report(error)}
        record["finished"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with atomic_write(path) as file:
            file.write(json.dumps(record, indent=1, default=dict).encode())
        return record, False


def _stored(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        log.warning("%s is damaged; the unit is run again", path)
        return None
    return found


def _line(record: Mapping[str, Any]) -> str:
    unit = record["unit"]
    named = f"{' '.join(unit['names'].values())}, seed {unit['seed']}"
    if record["status"] != "ok":
        return f"{named}: {record['error']['type']}: {record['error']['message']}"
    result = record["result"]
    return f"{named}: accuracy {result['accuracy']:.3f} ({result['seconds']:.0f} s)"
