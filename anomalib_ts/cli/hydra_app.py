"""`anomalib-ts run`: Hydra composes the configuration, this module runs it and shows the result.

Nothing that this module adds passes through Hydra's grammar: what a job has to know of its
command travels with the function that a launcher is given.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra import version
from hydra._internal.callbacks import Callbacks
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.core.utils import run_job
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from anomalib_ts.cli.arguments import Arguments
from anomalib_ts.cli.config_errors import composition_errors, one_line, readable_errors
from anomalib_ts.cli.tuning import TUNE, TuneSweeper
from anomalib_ts.core.streams import silence_output
from anomalib_ts.errors import ConfigError
from anomalib_ts.settings.registry import (
    CLASS_ENTRY_POINTS,
    choices,
    config_folder,
    plugin_config_packages,
)

if TYPE_CHECKING:
    import argparse

    from anomalib_ts.cli.hydra_job import HydraJob

log = logging.getLogger(__name__)

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

LOCAL_LAUNCHERS = ("BasicLauncher", "JoblibLauncher")
"""Their jobs write to this terminal themselves."""


class PluginConfigs(SearchPathPlugin):
    """Lets Hydra find the config files of installed plug-ins."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append each plug-in's config package."""
        for package, origin in plugin_config_packages():
            search_path.append(provider=origin, path=f"pkg://{package}")


def run(arguments: list[str]) -> int:
    """Compose the configuration that the arguments describe, run it and show what came of it.

    Args:
        arguments: overrides, Hydra's options and `-m`, in any order.

    Returns:
        The exit status: 0 if every unit is ok, 1 if any failed.

    Raises:
        AnomalibTsError: the configuration is wrong, or nothing could be run.
    """
    given = Arguments.of(arguments)
    given.settings.extend(_training_part(given.settings))
    _check_folder()
    try:
        with composition_errors(given.settings):
            hydra = _hydra(given.options)
            if _only_looks(given.options):
                _look(hydra, given)
                return 0
            multirun, config = _composed(hydra, given)
        with readable_errors(given.settings):
            _limit_threads(config)
            return _run(hydra, config, multirun)
    finally:
        GlobalHydra.instance().clear()


def _training_part(settings: Sequence[str]) -> list[str]:
    """What a user's own file trains on where nobody has said it: `protocol=prefix`, and it says so.

    An NPZ file may hold a training part, and an experiment may choose the protocol.
    """
    given = dict(setting.partition("=")[::2] for setting in settings)
    chosen = ("protocol", "experiment", "data.train_length", "data.train_path")
    path = given.get("data.path", "")
    if given.get("data") != "csv" or any(name in given for name in chosen) or not path:
        return []
    if path.strip("\"'").endswith(".npz"):
        return []
    sys.stderr.write(
        "protocol=prefix: nothing says what to learn from, so the first 10 % of each series "
        "trains; data.train_path=FILE, data.train_length=N or another protocol says it\n"
    )
    return ["protocol=prefix"]


def composed_parts(arguments: list[str], parts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Parts of the configuration that settings describe, checked but not made.

    Args:
        arguments: overrides, as for `run`; no multirun.
        parts: keys of conf/config.yaml, such as `detector`.

    Raises:
        ConfigError: a setting is unknown, missing, or of the wrong type.
    """
    given = Arguments.of(arguments)
    _check_folder()
    try:
        with composition_errors(given.settings):
            config = _hydra(given.options).compose_config(
                given.options.config_name or "config",
                given.settings,
                RunMode.RUN,
                with_log_configuration=False,
            )
        _limit_threads(config)
        from anomalib_ts.settings.config import checked, run_detector  # noqa: PLC0415 - numpy

        with readable_errors(given.settings):
            plain: Any = {
                part: OmegaConf.to_container(config[part], resolve=True, throw_on_missing=True)
                for part in (*parts, "trainer")
            }
        plain["seed"] = config.seed
        return {
            part: run_detector(plain, plain[part], part)
            if part == "detector"
            else checked(plain[part], part)
            for part in parts
        }
    finally:
        GlobalHydra.instance().clear()


def register_choices() -> None:
    """Make the choices that plug-ins bring known to Hydra, importing none of them."""
    from anomalib_ts.settings.config import defaults  # noqa: PLC0415

    Plugins.instance().register(PluginConfigs)
    for group in CLASS_ENTRY_POINTS:
        for choice in choices(group).values():
            if choice.target:
                settings = defaults(choice.target, group)
                ConfigStore.instance().store(choice.name, settings, group, provider=choice.origin)


def _hydra(options: argparse.Namespace) -> Hydra:
    """Hydra with this package's configurations, those of plug-ins and of `--config-dir`."""
    version.setbase("1.3")
    register_choices()
    for name in ("config_path", "config_dir"):
        folder = getattr(options, name)
        if folder is not None and not Path(folder).is_dir():
            raise ConfigError(f"--{name.replace('_', '-')}: there is no folder {folder}")
    search_path = create_config_search_path(
        str(Path(options.config_path).absolute() if options.config_path else config_folder())
    )
    if options.config_dir is not None:
        search_path.prepend(
            provider="command-line",
            path=f"file://{Path(options.config_dir).absolute()}",
            anchor=SearchPathQuery(provider="schema"),
        )
    return Hydra.create_main_hydra2(task_name="anomalib-ts", config_search_path=search_path)


def _check_folder() -> None:
    """Hydra keeps the working folder in its configuration, where `${` starts a reference."""
    try:
        folder = os.getcwd()  # noqa: PTH109 - as Hydra does
    except OSError as error:
        raise ConfigError(f"the working folder is not there any more: {error}") from None
    try:
        OmegaConf.create({"folder": folder})
    except OmegaConfBaseException:
        raise ConfigError(f"${{ in the name of the working folder: {folder}; rename it") from None


def _only_looks(options: argparse.Namespace) -> bool:
    return bool(options.cfg or options.hydra_help or options.info or options.shell_completion)


def _look(hydra: Hydra, given: Arguments) -> None:
    options, name = given.options, given.options.config_name or "config"
    if options.hydra_help:
        hydra.hydra_help(config_name=name, args_parser=given.parser, args=options)
    elif options.info:
        hydra.show_info(options.info, config_name=name, overrides=given.settings)
    elif options.shell_completion:
        hydra.shell_completion(config_name=name, overrides=given.settings)
    else:
        hydra.show_cfg(name, given.settings, options.cfg, options.package, options.resolve)


def _composed(hydra: Hydra, given: Arguments) -> tuple[bool, DictConfig]:
    """The configuration of the command, and whether it is a multirun.

    A file (an experiment) can ask for a multirun with `hydra.mode`; what `-m` says comes first.
    """
    name, settings = given.options.config_name or "config", given.settings
    mode = RunMode.MULTIRUN if given.options.multirun else RunMode.RUN
    if mode is RunMode.RUN and any("," in setting or "(" in setting for setting in settings):
        mode = hydra.get_mode(name, settings) or RunMode.RUN
    config = hydra.compose_config(name, settings, mode, with_log_configuration=False)
    if mode is RunMode.RUN and config.hydra.mode == RunMode.MULTIRUN:
        mode = RunMode.MULTIRUN
        config = hydra.compose_config(name, settings, mode, with_log_configuration=False)
    config.hydra.mode = mode
    if config.hydra.overrides.hydra is not None:  # the jobs compose theirs from these
        config.hydra.overrides.hydra.append(f"hydra.mode={mode.name}")
    return mode is RunMode.MULTIRUN, config


def _run(hydra: Hydra, config: DictConfig, multirun: bool) -> int:
    from anomalib_ts.cli.hydra_job import HydraJob, results_folder  # noqa: PLC0415
    from anomalib_ts.cli.notes import Notes  # noqa: PLC0415 - they import numpy, after the threads

    base = results_folder(config, anywhere=multirun)
    new = not base.exists()
    metrics = OmegaConf.select(config, "metrics.metrics")
    launcher = str(OmegaConf.select(config, "hydra.launcher._target_"))
    notes = Notes.new(base)
    task = HydraJob(notes, Path.cwd(), multirun)
    try:
        verdict = (_multirun if multirun else _single)(hydra, config, task)
    except BaseException:
        from anomalib_ts.cli.summary import show_tables  # noqa: PLC0415

        with contextlib.suppress(OSError):  # a closed pipe must not hide what happened
            show_tables(notes.collect(), metrics)  # what had ended before
        raise
    outcome = notes.collect()
    missing: list[str] = []
    if outcome.records:
        from anomalib_ts.cli.summary import present  # noqa: PLC0415

        elsewhere = multirun and not launcher.endswith(LOCAL_LAUNCHERS)
        try:
            missing = present(outcome, _plain(metrics), verdict, elsewhere=elsewhere)
        except BrokenPipeError:  # whoever read it has gone; the exit status stays
            silence_output()
    if outcome.errors and new:
        from anomalib_ts.results.store import Store  # noqa: PLC0415

        Store(base).remove_if_unused()
    if outcome.errors or missing:
        raise ConfigError("\n".join([*outcome.errors, *missing]))
    return int(outcome.lost or any(record.status != "ok" for record in outcome.records))


def _single(hydra: Hydra, config: DictConfig, task: HydraJob) -> list[str]:
    callbacks = _callbacks(config)
    callbacks.on_run_start(config=config, config_name=config.hydra.job.config_name)
    done = run_job(
        hydra_context=HydraContext(config_loader=hydra.config_loader, callbacks=callbacks),
        task_function=task,
        config=config,
        job_dir_key="hydra.run.dir",
        job_subdir_key=None,
        configure_logging=False,
    )
    callbacks.on_run_end(config=config, config_name=config.hydra.job.config_name, job_return=done)
    _ = done.return_value  # raises what the job raised
    return []


def _multirun(hydra: Hydra, config: DictConfig, task: HydraJob) -> list[str]:
    """Run all jobs; what a sweeper that tunes has found."""
    from anomalib_ts.cli.hydra_job import safe_workers, task_settings  # noqa: PLC0415
    from anomalib_ts.cli.progress_view import sweep_view  # noqa: PLC0415

    with open_dict(config):
        # of the sweep's own files, such as SLURM's logs; jobs find their folder by themselves
        config.hydra.sweep.dir = _literal(str(task.notes.folder.parents[1]))
    callbacks = _callbacks(config)
    callbacks.on_multirun_start(config=config, config_name=config.hydra.job.config_name)
    context = HydraContext(config_loader=hydra.config_loader, callbacks=callbacks)
    settings = config.hydra.sweeper
    if settings._target_ == TUNE:  # Hydra makes none outside of a package hydra_plugins
        sweeper: Sweeper = TuneSweeper(**{k: v for k, v in settings.items() if k != "_target_"})
        sweeper.setup(hydra_context=context, task_function=task, config=config)
    else:
        sweeper = _sweeper(config, context, task)
    here = str(config.hydra.launcher._target_).endswith("BasicLauncher")
    with contextlib.nullcontext() if here else safe_workers(), sweep_view(task.notes):
        sweeper.sweep(arguments=task_settings(config.hydra.overrides))
    callbacks.on_multirun_end(config=config, config_name=config.hydra.job.config_name)
    return sweeper.verdict if isinstance(sweeper, TuneSweeper) else []


def _callbacks(config: DictConfig) -> Callbacks:
    """Hydra's callbacks, their classes judged as all others are: Hydra calls whatever is named.

    Raises:
        ConfigError: one is no callback, or of a module that may not be imported.
    """
    from anomalib_ts.settings.config import checked, class_of  # noqa: PLC0415

    named: Any = OmegaConf.to_container(config.hydra.callbacks or OmegaConf.create(), resolve=True)
    for name, settings in named.items():
        checked(settings, f"hydra.callbacks.{name}", "hydra callback")
        class_of(settings, "hydra callback", f"hydra.callbacks.{name}")
    return Callbacks(config)


def _sweeper(config: DictConfig, context: HydraContext, task: HydraJob) -> Sweeper:
    """The sweeper, with its launcher.

    Raises:
        ConfigError: one of them is no plug-in of Hydra.
    """
    try:
        return Plugins.instance().instantiate_sweeper(
            config=config, hydra_context=context, task_function=task
        )
    except (RuntimeError, ImportError, TypeError) as error:
        raise ConfigError(f"hydra.sweeper or hydra.launcher: {one_line(error)}") from None


def _plain(value: object) -> object:
    return OmegaConf.to_object(value) if OmegaConf.is_config(value) else value


def _literal(text: str) -> str:
    """A text that OmegaConf takes as it is, though it may hold `${`."""
    return re.sub(r"(\\*)\$\{", lambda found: f"{found[1] * 2}\\${{", text)


def _limit_threads(config: DictConfig) -> None:
    """Numeric libraries read these variables once, when they are first imported."""
    from anomalib_ts.settings.values import checked_value  # noqa: PLC0415

    given = OmegaConf.select(config, "threads", default=1)
    threads = checked_value(int, given, "threads")
    if threads < 1:
        raise ConfigError(f"threads must be a whole number of at least 1, not {threads}")
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, str(threads))
