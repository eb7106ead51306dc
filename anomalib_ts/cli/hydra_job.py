"""One job of a command, as Hydra's launchers call it: in this process or in a worker."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from anomalib_ts.cli.config_errors import one_line, readable_errors
from anomalib_ts.cli.notes import JobNote, Notes
from anomalib_ts.core.console import log_to_terminal
from anomalib_ts.errors import AnomalibTsError, ConfigError
from anomalib_ts.settings.config import Settings, checked, create
from anomalib_ts.settings.values import checked_value

if TYPE_CHECKING:
    from anomalib_ts.results.record import Record
    from anomalib_ts.results.store import Store
    from anomalib_ts.run.job import Job

log = logging.getLogger(__name__)

_SAFE_PATH = "PYTHONSAFEPATH"
_OURS = "anomalib-ts"  # any text switches it on; this one tells that nobody else has set it

NEEDED = (
    *("data", "protocol", "trainer", "detector", "baselines", "threshold", "attack", "metrics"),
    *("figure", "seed", "results", "split", "oracle", "retry", "threads", "isolate", "limits"),
    *("save_scores", "plot"),
)
"""The settings of conf/config.yaml; a job cannot do without any of them."""


def results_folder(config: DictConfig, *, anywhere: bool = False) -> Path:
    """The folder that a composed configuration's `results` names, absolute.

    Args:
        config: of a command or of a job.
        anywhere: whether what only a job can say (`results=bench_${seed}` with several seeds) may
            be taken as the default.

    Raises:
        ConfigError: it names no folder.
    """
    try:
        value = OmegaConf.select(config, "results", throw_on_missing=True)
    except OmegaConfBaseException as error:
        if not anywhere:
            raise ConfigError(f"results: {one_line(error)}") from None
        value = "results"
    if value is None or value == "":
        raise ConfigError("results: name a folder, for example results=my_results")
    if not isinstance(value, str):
        raise ConfigError(
            f"results: {value!r} is no name of a folder; if a file says so, put it in quotes there"
        )
    if "\0" in value:
        raise ConfigError(f"results: no folder can be called {value!r}")
    return Path(value).absolute()


def task_settings(overrides: Any) -> list[str]:
    """The settings of a job or a sweep as they were given; `${...}` in them stays text."""
    texts: Any = OmegaConf.to_container(overrides.task, resolve=False)
    return list(texts)


@contextmanager
def safe_workers() -> Iterator[None]:
    """Keep the working folder off the path of a launcher's workers, where `random.py` may lie.

    A worker forgets the setting with its first job: programs that a detector starts are its own.
    """
    if os.environ.get(_SAFE_PATH):
        yield
        return
    os.environ[_SAFE_PATH] = _OURS
    try:
        yield
    finally:
        os.environ.pop(_SAFE_PATH, None)


@dataclass(frozen=True)
class HydraJob:
    """What Hydra calls once a job, in this process or in a worker, where it arrives as a pickle.

    Attributes:
        notes: where the job tells what it is at and came to.
        folder: the working folder of the command: relative paths mean the same in every worker.
        sweep: whether the job is one of a multirun.
        started_in: process id of the command.
    """

    notes: Notes
    folder: Path
    sweep: bool
    started_in: int = field(default_factory=os.getpid)

    def __call__(self, config: DictConfig) -> float | None:
        """Run the job.

        Returns:
            What a sweeper that tunes may see, see `_objective`.
        """
        if os.environ.get(_SAFE_PATH) == _OURS and os.getpid() != self.started_in:
            del os.environ[_SAFE_PATH]
        hydra_config = HydraConfig.get()
        note = self.notes.job(hydra_config.job.num if self.sweep else 0)
        note.began(sweep=self.sweep)
        log_to_terminal()
        overrides = task_settings(hydra_config.overrides)
        try:
            with _in_folder(self.folder), readable_errors(overrides):
                job, records = _job(config, hydra_config.runtime.choices, note, self.sweep)
                metric = hydra_config.sweeper.get("metric", "auroc")
                return _objective(job, records, metric) if self.sweep else None
        except AnomalibTsError as error:
            note.failed(f"{error} ({' '.join(overrides)})" if self.sweep else f"{error}")
            return None


def _job(
    config: DictConfig, names: Mapping[str, str], note: JobNote, sweep: bool
) -> tuple[Job, list[Record]]:
    """Run a job; what it was, and the records of the chosen detector."""
    from anomalib_ts.cli.progress_view import JobLog  # noqa: PLC0415
    from anomalib_ts.run.job import job_of, run_job  # noqa: PLC0415

    plain = _resolved(config, sweep)
    note.stores_in(plain["results"])
    job = job_of(plain, names)
    # An experiment's settings of its figure stay when figure=none takes the figure away.
    inline = isinstance(plain["figure"], dict) and "_target_" in plain["figure"]
    if (names["figure"] != "none" or inline) and not _plan_figure(plain["figure"], job, note):
        return job, []
    watcher = JobLog(note, job.store)
    records = run_job(job, watcher)
    chosen = [record for record in records if record.unit.detector == names["detector"]]
    if plain["plot"] and not sweep:
        _draw(job.store, chosen, watcher.computed)
    return job, chosen


def _objective(job: Job, records: Sequence[Record], metric: str) -> float | None:
    """What a sweeper that tunes may see of a job: the mean of a metric over its cases.

    None where these cases are not there to tune on, and where a unit failed: a mean over fewer
    cases is another figure.

    Raises:
        ConfigError: the metric is not computed.
    """
    if not (job.oracle or job.split == "tuning" or create(job.data, "data").for_tuning):
        return None
    if not all(record.status == "ok" for record in records):
        return None
    judged = [r for r in records if r.unit.attack == records[0].unit.attack]  # not its control
    values = [record.metrics[metric] for record in judged if metric in record.metrics]
    if records and not values:
        why = next((record.undefined[metric] for record in records if record.undefined), "")
        raise ConfigError(f"nothing to tune by: no case has {metric} {why}".strip())
    return fmean(values) if values else None


def _resolved(config: DictConfig, sweep: bool) -> dict[str, Any]:
    """Plain settings, with `isolate` decided: sweeps and limited units need a process each."""
    for name in NEEDED:
        if name not in config:
            raise ConfigError(f"the setting {name} was taken away; leave out ~{name}")
    folder = results_folder(config)
    figure = OmegaConf.to_container(config.figure, resolve=True)  # `_plan_figure` checks it
    others = OmegaConf.masked_copy(config, [str(key) for key in config if key != "figure"])
    plain: Any = OmegaConf.to_container(others, resolve=True, throw_on_missing=True)
    plain["figure"] = figure
    plain["results"] = str(folder)
    plain["plot"] = checked_value(bool, plain["plot"], "plot")
    _try_trainer(plain["trainer"], "trainer")
    limits = checked(plain["limits"], "limits")
    used = [*_trainers(plain["detector"]), *_trainers(plain["baselines"])]
    for trainer in used:
        if trainer != plain["trainer"]:
            _try_trainer(trainer, "trainer of a detector")
        if trainer.get("accelerator") not in ("auto", "cpu"):
            create(trainer, "trainer").device()  # is it there?
    for trainer in (plain["trainer"], *used):
        if sweep:  # it has one view of its own
            trainer["progress"] = False
        if trainer.get("checkpoint") is True:
            trainer["checkpoint"] = str(folder / "checkpoints")
    if plain["isolate"] is None:
        limited = any(limits.get(name) is not None for name in ("seconds", "memory_mb"))
        plain["isolate"] = limited or sweep
    return {key: value for key, value in plain.items() if key != "hydra"}


def _try_trainer(given: Settings, where: str) -> None:
    """Make a trainer's settings once: what is wrong shows now, not when a detector trains.

    Nothing is written or sent by that, and without additions nothing heavy is imported.
    """
    settings = checked(given, where, "trainer")
    trainer = create(settings, where, "trainer")
    if any(settings.get(name) for name in ("logger", "callbacks")):
        for make in (trainer.made_loggers, trainer.made_callbacks):
            make({})
    if settings.get("options"):
        from anomalib_ts.detectors.deep.trainer import quiet_trainer  # noqa: PLC0415

        quiet_trainer(trainer, 1, [], [])


def _trainers(settings: Any) -> Iterator[dict[str, Any]]:
    """Settings of all trainers in those of detectors, of detectors inside others too."""
    for name, value in settings.items() if isinstance(settings, dict) else ():
        if name == "trainer" and isinstance(value, dict):
            yield value
        else:
            yield from _trainers(value)


@contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    """Work in the command's folder, where this machine has it."""
    if folder == Path.cwd() or not folder.is_dir():
        yield
        return
    with contextlib.chdir(folder):
        yield


def _draw(store: Store, records: list[Record], computed: set[str]) -> None:
    """Draw the units that were computed just now, and those that have no picture yet."""
    for record in records:
        if record.status != "ok" or not record.scores:
            continue
        if record.unit.key not in computed and store.path(record.unit, ".png").is_file():
            continue
        from anomalib_ts.views.case import plot_unit  # noqa: PLC0415

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
    from anomalib_ts.views.figures import planned_figure  # noqa: PLC0415

    try:
        note.planned(planned_figure(settings, job))
    except AnomalibTsError as error:
        note.failed(str(error))
        return False
    return True
