"""`anomalib-ts run`: Hydra composes the configuration, this module runs it and shows the result."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from anomalib_ts.config import Settings, defaults
from anomalib_ts.config_errors import readable_errors
from anomalib_ts.console import console, log_to_terminal
from anomalib_ts.errors import AnomalibTsError, ConfigError
from anomalib_ts.notes import JobNote, Notes
from anomalib_ts.progress_view import JobLog, sweep_view
from anomalib_ts.registry import CLASS_ENTRY_POINTS, choices, config_folder, plugin_config_packages
from anomalib_ts.results.leaderboard import as_table, leaderboard
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store

if TYPE_CHECKING:
    from anomalib_ts.run import Job

log = logging.getLogger(__name__)

SHOWN_CLIPS = 5
"""A single run ends with so many of the most anomalous clips."""

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
    settings = [_as_group_setting(a) for a in arguments if _is_setting(a)]
    options = [a for a in arguments if not _is_setting(a)]
    _limit_threads(settings)
    register_choices()
    notes = Notes.new(_argument(settings, "results") or "results")
    command = [*options, *settings, f"notes={notes.folder}"]  # Hydra wants the options first
    with _command_line(command), readable_errors(settings):
        main = hydra.main(
            version_base="1.3", config_path=str(config_folder()), config_name="config"
        )(_job)
        try:
            with sweep_view(notes):
                main()
        except BaseException:
            _show(notes.collect().records)  # what had ended before
            raise
    records, errors, figures, sweep = notes.collect()
    store = Store(notes.folder.parents[1])
    missing = _draw_figures(store, figures, records)
    _show(records, as_leaderboard=bool(missing) or not figures)
    if records and not figures and not sweep:
        _show_clips(store, records)
    if errors or missing:
        raise ConfigError("\n".join([*errors, *missing]))
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


def _job(config: DictConfig) -> float | None:
    """What Hydra calls once a job, in this process or in a worker.

    Returns:
        What a tuning sweeper may see: the mean AUROC on the tuning split, and nothing else.
    """
    from anomalib_ts.run import job_of, run_job  # noqa: PLC0415

    hydra_config = HydraConfig.get()
    single = hydra_config.mode == RunMode.RUN
    names = hydra_config.runtime.choices
    note = Notes(Path(config.notes)).job(0 if single else hydra_config.job.num)
    note.began(sweep=not single)
    log_to_terminal()
    try:
        plain = _resolved(config, single)
        job = job_of(plain, names)
        # An experiment's settings of its figure stay when figure=none takes the figure away.
        if names["figure"] != "none" and not _plan_figure(plain["figure"], job, note):
            return None
        records = run_job(job, JobLog(note, job.store))
    except AnomalibTsError as error:
        settings = [o for o in hydra_config.overrides.task if not o.startswith("notes=")]
        note.failed(f"{error}" if single else f"{error} ({' '.join(settings)})")
        return None
    chosen = [record for record in records if record.unit.detector == names["detector"]]
    if config.plot and single:
        _draw(job.store, chosen)
    values = [record.metrics["auroc"] for record in chosen if "auroc" in record.metrics]
    return fmean(values) if values and config.split == "tuning" else None


def _resolved(config: DictConfig, single: bool) -> dict[str, Any]:
    """Plain settings, with `isolate` decided: sweeps and limited units need a process each."""
    if not single:
        config.trainer.progress = False  # a sweep has one view of its own
    plain: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    if plain["isolate"] is None:
        limited = any(plain["limits"][name] is not None for name in ("seconds", "memory_mb"))
        plain["isolate"] = limited or not single
    if not single:  # a launcher's workers may stand in another folder
        plain["results"] = str(Path(config.notes).parents[1])
    return {key: value for key, value in plain.items() if key != "hydra"}


def _draw(store: Store, records: list[Record]) -> None:
    from anomalib_ts.plot import plot_unit  # noqa: PLC0415

    for record in records:
        if record.status != "ok" or not record.scores:
            continue
        try:
            log.info("picture: %s", plot_unit(store, record))
        except Exception as error:  # the result is stored: a run does not fail for its picture
            log.warning("no picture of %s: %s", record.unit.case, str(error) or repr(error))


def _plan_figure(settings: Settings, job: Job, note: JobNote) -> bool:
    """Check the figure that the command is to end with, now rather than after hours of work.

    Returns:
        Whether the job may run. What is wrong is told without the job's own settings, because it
        is wrong in all jobs alike.
    """
    from anomalib_ts.figures import planned_figure  # noqa: PLC0415

    try:
        note.planned(planned_figure(settings, job))
    except AnomalibTsError as error:
        note.failed(str(error))
        return False
    return True


def _draw_figures(store: Store, figures: list[Settings], records: list[Record]) -> list[str]:
    """Draw what was planned, if there are results.

    Returns:
        Why a figure could not be drawn; the results are stored in any case.
    """
    shown = console()
    errors: list[str] = []
    for settings in figures if records else []:
        from anomalib_ts.figures import tables, write_figure  # noqa: PLC0415

        try:
            figure = write_figure(settings, store, records)
        except AnomalibTsError as error:
            errors.append(f"figure {settings['name']}: {error}")
            continue
        for table in tables(figure.grid, shown.width):
            shown.print("", table, sep="\n")
        shown.print("", *figure.remarks, sep="\n")
        shown.print(f"figure: {', '.join(map(str, figure.paths))}", soft_wrap=True)
    return errors


def _show(records: list[Record], *, as_leaderboard: bool = True) -> None:
    shown = console()
    if records and as_leaderboard:
        shown.print()
        shown.print(as_table(leaderboard(records), shown.width))
    for record in records:
        if record.status != "ok":
            shown.print(f"{record.unit.case}, {record.unit.detector}: {record.error['message']}")


def _show_clips(store: Store, records: list[Record]) -> None:
    """The most anomalous clips that the chosen detector found, where a single case has several."""
    from anomalib_ts.clip_table import as_text  # noqa: PLC0415
    from anomalib_ts.clips import rank_unit  # noqa: PLC0415

    if len({record.unit.case for record in records}) > 1:
        return  # six such tables are no summary; `anomalib-ts clips` shows them
    if ranked := rank_unit(store, records[0]):
        console().print("", as_text(ranked, SHOWN_CLIPS), sep="\n")


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


def _is_setting(argument: str) -> bool:
    return argument.startswith("~") or ("=" in argument and not argument.startswith("-"))


def _as_group_setting(argument: str) -> str:
    """`metrics=[auroc,vus_pr/paper]` is short for `metrics.metrics=[...]`."""
    return (
        argument.replace("metrics=[", "metrics.metrics=[", 1)
        if argument.startswith("metrics=[")
        else argument
    )


def _limit_threads(settings: list[str]) -> None:
    """Numeric libraries read these variables once, when they are first imported."""
    threads = _argument(settings, "threads") or "1"
    if not threads.isdigit() or threads == "0":
        raise ConfigError(f"threads must be a whole number of at least 1, not {threads!r}")
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, threads)


def _argument(settings: list[str], key: str) -> str | None:
    """The value that the command line gives to a top-level setting."""
    values = [a.partition("=")[2] for a in settings if a.startswith(f"{key}=")]
    return values[-1].strip("'\"") if values else None
