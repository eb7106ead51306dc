"""One job: a configuration turned into units of work, each run once and stored."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from anomalib_ts.core.digests import digest
from anomalib_ts.core.files import sweep_unfinished
from anomalib_ts.data.base import DataSet
from anomalib_ts.errors import ConfigError, DamagedResultError
from anomalib_ts.evaluation.judge import Evaluation
from anomalib_ts.results.record import Record
from anomalib_ts.results.rejudge import complete
from anomalib_ts.results.store import Store
from anomalib_ts.results.unit_key import Unit
from anomalib_ts.run.kept_answers import KeptAnswers
from anomalib_ts.run.watcher import Watcher
from anomalib_ts.settings.config import Settings, changed, checked, create, run_detector
from anomalib_ts.settings.effect import describe
from anomalib_ts.settings.signatures import version_of
from anomalib_ts.settings.values import checked_value

if TYPE_CHECKING:
    from anomalib_ts.run.unit import Outcome

log = logging.getLogger(__name__)

NOISE = "anomalib_ts.robustness.Noise"
"""The attack that others are compared with."""


@dataclass(frozen=True)
class Job:
    """A checked configuration: everything one job needs, nothing of Hydra.

    Attributes:
        names: the config names of the chosen parts, `protocol` among them.
        detectors: config name and settings, the chosen detector first, then the baselines.
        data, protocol, threshold, metrics: settings of one object each.
        seed: of the detectors.
        results: folder of the result store.
        retry: which stored results to compute anew: `none`, `failed` or `all`.
        threads: CPU threads of the numeric libraries.
        isolate: whether units run in a process of their own.
        limits: settings of what one unit may use; only a process of its own can be held to them.
        attack: settings of what the test data go through; empty for nothing. Noise of the same size
            is tried beside it.
        save_scores: whether to keep the scores of every point.
        split: `all` cases, or the fifth of them that settings may be tuned on (`tuning`), or the
            others (`held_out`). Which is which depends on a case's name alone.
        oracle: whether the chosen detector's settings were chosen by the labels of these cases.
    """

    names: Mapping[str, str]
    detectors: list[tuple[str, Settings]]
    data: Settings
    protocol: Settings
    threshold: Settings
    metrics: Settings
    limits: Settings
    attack: Settings = field(default_factory=dict)
    seed: int = 0
    results: str = "results"
    retry: Literal["none", "failed", "all"] = "none"
    threads: int = 1
    save_scores: bool = True
    isolate: bool = False
    split: Literal["all", "tuning", "held_out"] = "all"
    oracle: bool = False

    @property
    def store(self) -> Store:
        """Where results go."""
        return Store(self.results)


def run_job(job: Job, watcher: Watcher | None = None) -> list[Record]:
    """Run every unit of a job that is not stored yet.

    A unit that fails is stored with its traceback, and the others go on. Several processes may
    run the same job on the same store: each unit is run by one of them. What a killed run left
    half written is removed.

    Args:
        job: what to run.
        watcher: is told of each unit.

    Returns:
        One record a unit, in the order case by case, stored ones included.

    Raises:
        AnomalibTsError: the data set is not there, or results cannot be written.
    """
    watcher = watcher or Watcher()
    job = replace(job, results=str(Path(job.results).absolute()))  # wherever a detector goes
    evaluation: Evaluation = create(job.metrics, "metrics")
    job.store.check_writable()
    records: list[Record] = []
    todo = units(job)
    _sweep(job.store, todo)
    for unit in todo:
        watcher.started(unit, len(records), len(todo))
        record, stored = _run_once(job, unit, evaluation)
        records.append(record)
        watcher.finished(record, stored, len(records), len(todo))
    return records


def units(job: Job) -> list[Unit]:
    """The units of a job, case by case, and within a case detector by detector.

    Raises:
        AnomalibTsError: the data set is not there.
    """
    data_set: DataSet = create(job.data, "data")
    names = [case for case in data_set.case_names() if job.split in ("all", split_of(case))]
    if not names:
        raise ConfigError(f"no case of {data_set.name} is in split={job.split}; use split=all")
    cases = [(case, data_set.fingerprint(case)) for case in names]
    detectors = [
        (*item, describe(changed(item[1])), version_of(item[1]["_target_"]))
        for item in job.detectors
    ]
    return [
        Unit(
            detector=name,
            detector_settings=settings,
            variant=variant,
            data=data_set.name,
            data_settings=job.data,
            case=case,
            protocol=job.names["protocol"],
            protocol_settings=job.protocol,
            threshold=job.threshold,
            seed=job.seed,
            fingerprint=fingerprint,
            version=version,
            attack=attack,
            oracle=job.oracle and place == 0,
        )
        for case, fingerprint in cases
        for place, (name, settings, variant, version) in enumerate(detectors)
        for attack in _attacks(job.attack)
    ]


def _attacks(settings: Settings) -> list[Settings]:
    """What a job's attack comes to: nothing if it has no size, else itself and its control."""
    if not settings.get("epsilon"):
        return [{}]
    noise = {name: settings[name] for name in ("epsilon", "goal", "clip", "seed")}
    noise["_target_"] = NOISE
    return [settings] if settings["_target_"] == NOISE else [settings, noise]


def split_of(case: str) -> Literal["tuning", "held_out"]:
    """Where a case belongs, for good: a fifth of all names are `tuning`."""
    return "tuning" if int(digest(case), 16) % 5 == 0 else "held_out"


def _run_once(job: Job, unit: Unit, evaluation: Evaluation) -> tuple[Record, bool]:
    with job.store.lock(unit):
        record = job.store.find(unit)
        if record and not _wanted_again(record, job.retry):
            try:
                return complete(job.store, record, evaluation), True
            except DamagedResultError as error:
                log.warning("%s: %s", unit.case, error)  # and so it is run again
        saved = _save(job, _execute(job, unit, evaluation))
        _kept(job).forget(saved.unit)
        return saved, False


def _execute(job: Job, unit: Unit, evaluation: Evaluation) -> Outcome:
    # imported for the first unit that is not stored: they cost most of a repeated command's time
    if not job.isolate:
        from anomalib_ts.run.unit import execute  # noqa: PLC0415

        return execute(unit, evaluation, job.threads, _kept(job), blame=job.save_scores)
    from anomalib_ts.run.isolation import execute_isolated  # noqa: PLC0415

    limits = create(job.limits, "limits")
    return execute_isolated(
        unit, evaluation, job.threads, limits, _kept(job), blame=job.save_scores
    )


def _kept(job: Job) -> KeptAnswers:
    return KeptAnswers(lambda unit, number: job.store.path(unit, f".fold{number}"))


def _sweep(store: Store, todo: list[Unit]) -> None:
    places = [place for unit in todo for place in (store.path(unit), store.case_path(unit))]
    for folder in {place.parent for place in places}:
        sweep_unfinished(folder)


def _wanted_again(record: Record, retry: str) -> bool:
    return retry == "all" or (retry == "failed" and record.status != "ok")


def _save(job: Job, outcome: Outcome) -> Record:
    record = replace(outcome.record, threads=job.threads)
    if not job.save_scores or outcome.truth is None:
        return job.store.save(record)
    case_digest = job.store.save_case(record.unit, outcome.truth.arrays(), outcome.dealt)
    record = replace(record, scores=True, case_digest=case_digest)
    return job.store.save(record, outcome.scores, outcome.blamed)


def job_of(config: Mapping[str, Any], names: Mapping[str, str]) -> Job:
    """The job that a composed configuration describes.

    Args:
        config: as `conf/config.yaml` lays it out, without interpolations.
        names: the chosen name in each config group; `detector` and `protocol` stand in results.

    Raises:
        ConfigError: a setting is unknown, missing, of the wrong type or out of range.
    """
    chosen = (names["detector"], run_detector(config, config["detector"], "detector"))
    baselines = [(k, run_detector(config, v, k)) for k, v in (config["baselines"] or {}).items()]
    hints = get_type_hints(Job)
    plain: dict[str, Any] = {key: checked_value(hints[key], config[key], key) for key in _PLAIN}
    parts: dict[str, Any] = {part: checked(config[part], part) for part in _PARTS}
    if config.get("attack"):
        parts["attack"] = checked(config["attack"], "attack")
    for part, settings in parts.items():
        create(settings, part)  # values out of range show now, not after an hour
    return Job(
        names=names,
        detectors=[chosen, *(baseline for baseline in baselines if baseline != chosen)],
        **parts,
        **plain,
    )


_PARTS = ("data", "protocol", "threshold", "metrics", "limits")
_PLAIN = ("seed", "results", "retry", "threads", "save_scores", "isolate", "split", "oracle")
