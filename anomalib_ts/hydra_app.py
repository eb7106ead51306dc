"""`anomalib-ts run`: Hydra composes the configuration, this module runs it and shows the result."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from anomalib_ts.config import defaults
from anomalib_ts.config_errors import readable_errors
from anomalib_ts.console import console, log_to_terminal
from anomalib_ts.errors import AnomalibTsError, ConfigError
from anomalib_ts.notes import Notes
from anomalib_ts.registry import CLASS_ENTRY_POINTS, choices, config_folder, plugin_config_packages
from anomalib_ts.results.leaderboard import as_table, leaderboard
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store

log = logging.getLogger(__name__)

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class PluginConfigs(SearchPathPlugin):
    """Lets Hydra find the config files of installed plug-ins."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append each plug-in's config package."""
        for package, origin in plugin_config_packages():
            search_path.append(provider=origin, path=f"pkg://{package}")


def run(arguments: list[str]) -> int:
    """Run Hydra with command-line arguments; overrides and `-m` as Hydra reads them.

    Returns:
        The exit status: 0 if every unit is ok, 1 if any failed.

    Raises:
        AnomalibTsError: the configuration is wrong, or nothing could be run.
    """
    arguments = [_as_group_setting(argument) for argument in arguments]
    _limit_threads(arguments)
    log_to_terminal()
    register_choices()
    notes = Notes.new(_argument(arguments, "results") or "results")
    with _command_line([*arguments, f"notes={notes.folder}"]), readable_errors(arguments):
        main = hydra.main(
            version_base="1.3", config_path=str(config_folder()), config_name="config"
        )(_job)
        try:
            main()
        finally:
            records, errors = notes.collect()
            _show(records)
    if errors:
        raise ConfigError("\n".join(errors))
    return int(any(record.status != "ok" for record in records))


def register_choices() -> None:
    """Make the choices that plug-ins bring known to Hydra."""
    Plugins.instance().register(PluginConfigs)
    for group in CLASS_ENTRY_POINTS:
        for choice in choices(group).values():
            if choice.entry_point is None:
                continue
            try:
                node = defaults(choice.entry_point.load())
            except Exception as error:
                log.warning("plug-in %s (%s) is broken: %s", choice.name, choice.origin, error)
                continue
            ConfigStore.instance().store(choice.name, node, group, provider=choice.origin)


def _job(config: DictConfig) -> None:
    """What Hydra calls once a job, in this process or in a worker."""
    from anomalib_ts.run import job_of, run_job  # noqa: PLC0415

    log_to_terminal()
    hydra_config = HydraConfig.get()
    notes = Notes(Path(config.notes))
    single = hydra_config.mode == RunMode.RUN
    number = 0 if single else hydra_config.job.num
    names = hydra_config.runtime.choices
    try:
        job = job_of(_resolved(config), names)
        records = run_job(job, _report)
    except AnomalibTsError as error:
        settings = [o for o in hydra_config.overrides.task if not o.startswith("notes=")]
        where = "" if single else f" ({' '.join(settings)})"
        notes.write(number, [], f"{error}{where}")
        return
    notes.write(number, [job.store.path(record.unit) for record in records])
    if config.plot and single:
        _draw(job.store, [r for r in records if r.unit.detector == names["detector"]])


def _resolved(config: DictConfig) -> dict[str, Any]:
    plain: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    return {key: value for key, value in plain.items() if key != "hydra"}


def _report(record: Record, stored: bool, done: int, total: int) -> None:
    unit = record.unit
    what = f"[{done}/{total}] {unit.data} {unit.case}  {unit.detector}, seed {unit.seed}: "
    if record.status != "ok":
        log.error("%s%s: %s", what, record.status, record.error.get("message", ""))
        return
    values = ", ".join(f"{key} {record.metrics[key]:.3f}" for key in list(record.metrics)[:2])
    seconds = (record.fit_seconds or 0.0) + (record.score_seconds or 0.0)
    when = "stored" if stored else f"{seconds:.1f} s"
    log.info("%s%s (%s)", what, values or "scored", when)


def _draw(store: Store, records: list[Record]) -> None:
    from anomalib_ts.plot import plot_unit  # noqa: PLC0415

    for record in records:
        if record.status == "ok" and record.scores:
            plot_unit(store, record)


def _show(records: list[Record]) -> None:
    if not records:
        return
    shown = console()
    shown.print()
    shown.print(as_table(leaderboard(records)))
    for record in records:
        if record.status != "ok":
            shown.print(f"{record.unit.case}, {record.unit.detector}: {record.error['message']}")


@contextmanager
def _command_line(arguments: list[str]) -> Iterator[None]:
    """Hydra reads `sys.argv`, and turns errors into text unless told otherwise."""
    argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = ["anomalib-ts run", *arguments]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = argv
        if full_error is None:
            del os.environ["HYDRA_FULL_ERROR"]


def _as_group_setting(argument: str) -> str:
    """`metrics=[auroc,vus_pr/paper]` is short for `metrics.metrics=[...]`."""
    return (
        argument.replace("metrics=[", "metrics.metrics=[", 1)
        if argument.startswith("metrics=[")
        else argument
    )


def _limit_threads(arguments: list[str]) -> None:
    """Numeric libraries read these variables once, when they are first imported."""
    threads = _argument(arguments, "threads") or "1"
    if not threads.isdigit() or threads == "0":
        raise ConfigError(f"threads must be a whole number of at least 1, not {threads!r}")
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, threads)


def _argument(arguments: list[str], key: str) -> str | None:
    """The value that the command line gives to a top-level setting."""
    values = [a.partition("=")[2] for a in arguments if a.startswith(f"{key}=")]
    return values[-1].strip("'\"") if values else None
