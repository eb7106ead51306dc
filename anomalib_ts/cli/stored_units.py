"""Commands whose units are no detectors on cases: composed by Hydra, each run once and stored.

Nothing is scored point by point there, so they have records and a folder of their own rather than
a place in the store of `anomalib-ts run`.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias, get_type_hints

from filelock import FileLock
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf
from rich.console import RenderableType

from anomalib_ts.cli.config_errors import composition_errors
from anomalib_ts.cli.progress_view import stored_mark
from anomalib_ts.core.console import console, log_to_terminal
from anomalib_ts.core.files import atomic_write
from anomalib_ts.core.names import nearest
from anomalib_ts.core.plain import error_report
from anomalib_ts.errors import ConfigError
from anomalib_ts.settings.config import checked, create
from anomalib_ts.settings.registry import config_folder
from anomalib_ts.settings.values import check_least, checked_value

log = logging.getLogger(__name__)

RETRY = ("none", "failed", "all")

Stored: TypeAlias = Mapping[str, Any]
"""The record of a unit: `key`, `unit`, `finished`, `status`, and `result` or `error`."""


@dataclass(frozen=True)
class UnitCommand:
    """A command that runs units.

    Attributes:
        main: its main configuration in `conf/`, and its folder among the results.
        unit: the dataclass of its units, whose fields are the settings: `names` of the chosen
            parts, `root` where the data lie, `seed`, and a method `key`.
        parts: settings that make an object each.
        least: of settings that are numbers.
        run: gives what came of a unit, as JSON can hold it.
        told: a line about that.
        tables: what is shown of all records at the end.
    """

    main: str
    unit: type[Any]
    parts: tuple[str, ...]
    least: Mapping[str, int]
    run: Callable[[Any], dict[str, Any]]
    told: Callable[[Mapping[str, Any]], str]
    tables: Callable[[Sequence[Stored]], Sequence[RenderableType]]

    def __call__(self, settings: list[str]) -> int:
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
        with composition_errors(settings, self.main):
            configs = self.composed(settings)
        todo = [(self.unit_of(config), config) for config in configs]
        records = []
        for place, (unit, config) in enumerate(todo, 1):
            record, stored = self._run_once(unit, Path(config["results"]), config["retry"])
            records.append(record)
            mark = stored_mark(ok=record["status"] == "ok") if stored else ""
            log.info("[%d/%d] %s%s", place, len(todo), self._line(record), mark)
        for table in self.tables(records):
            console().print(table)
        return int(any(record["status"] != "ok" for record in records))

    def composed(self, settings: list[str]) -> list[dict[str, Any]]:
        """A configuration for each combination, the chosen names among it.

        What a study sweeps stands in its file, as `hydra.sweeper.params`; what is given goes
        before.
        """
        GlobalHydra.instance().clear()
        parser = OverridesParser.create()
        with initialize_config_dir(str(config_folder()), version_base="1.3"):
            given = parser.parse_overrides(settings)
            plain = [str(one.input_line) for one in given if not one.is_sweep_override()]
            base: Any = compose(self.main, plain, return_hydra_config=True)
            chosen = {one.key_or_group: str(one.input_line) for one in given}
            of_study: dict[str, Any] = base.hydra.sweeper.params or {}
            chosen = {key: f"{key}={value}" for key, value in of_study.items()} | chosen
            swept = parser.parse_overrides(list(chosen.values()))
            return [self._one(list(line)) for line in product(*map(_values, swept))]

    def _one(self, line: list[str]) -> dict[str, Any]:
        config: Any = compose(self.main, line, return_hydra_config=True)
        names = {part: config.hydra.runtime.choices[part] for part in self.parts}
        OmegaConf.set_struct(config, value=False)
        del config["hydra"]
        content: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
        return {**content, "names": names}

    def unit_of(self, config: Mapping[str, Any]) -> Any:
        """The unit that a configuration describes.

        Raises:
            ConfigError: a setting is unknown, of the wrong type or out of range.
        """
        hints = get_type_hints(self.unit)
        if odd := config.keys() - hints.keys() - {"results", "retry"}:
            raise ConfigError(f"no setting {min(odd)!r}; {nearest(min(odd), list(hints))}")
        if config["retry"] not in RETRY:
            raise ConfigError(f"retry must be {', '.join(RETRY)}, not {config['retry']!r}")
        parts: dict[str, Any] = {part: checked(config[part], part) for part in self.parts}
        for part, settings in parts.items():
            create(settings, part)
        plain: dict[str, Any] = {
            key: checked_value(hint, config[key], key)
            for key, hint in hints.items()
            if key not in parts and key != "names"
        }
        check_least(plain, self.least)
        return self.unit(names=config["names"], **parts, **plain)

    def _run_once(self, unit: Any, results: Path, retry: str) -> tuple[dict[str, Any], bool]:
        """The unit's record, and whether it was stored before."""
        key, folder = unit.key(), results / self.main
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
                record |= {"status": "ok", "result": self.run(unit)}
            except Exception as error:
                record |= {"status": "error", "error": error_report(error)}
            record["finished"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            with atomic_write(path) as file:
                file.write(json.dumps(record, indent=1, default=dict).encode())
            return record, False

    def _line(self, record: Stored) -> str:
        unit = record["unit"]
        named = f"{' '.join(unit['names'].values())}, seed {unit['seed']}"
        if record["status"] != "ok":
            return f"{named}: {record['error']['type']}: {record['error']['message']}"
        return f"{named}: {self.told(record['result'])}"


def _values(override: Override) -> list[str]:
    """The settings that a sweep stands for; the one that any other is."""
    if not override.is_sweep_override():
        return [str(override.input_line)]
    return [f"{override.get_key_element()}={v}" for v in override.sweep_string_iterator()]


def _stored(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        log.warning("%s is damaged; the unit is run again", path)
        return None
    return found
