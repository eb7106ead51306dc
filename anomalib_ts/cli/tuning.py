"""`hydra/sweeper=tune`: the best settings by Optuna, on cases that are set apart for that.

A study is kept in the results folder, so the same command again goes on where it stopped. Settings
are judged on labels only where the user has said which: `split=tuning` (a fifth of the cases, of
which no figure is reported), a data set's own list for tuning, or `oracle=true`, which marks every
result that comes of it.
"""

from __future__ import annotations

import itertools
import logging
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from anomalib_ts.core.digests import digest
from anomalib_ts.errors import ConfigError

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

log = logging.getLogger(__name__)

_Key: TypeAlias = tuple[tuple[str, str], ...]

TUNE = "anomalib_ts.cli.tuning.TuneSweeper"
"""What `hydra/sweeper=tune` names."""

TUNED = ("detector", "trainer", "callbacks", "+detector", "+trainer", "++detector", "++trainer")
"""First parts of the settings that may be tuned; others would change what is compared."""

NOT_OF_A_STUDY = ("results", "retry", "threads", "isolate", "save_scores", "plot", "baselines")
"""Settings with which a study stays the same one."""

MOST_REPEATS = 10
"""Settings proposed again so often in a row, and one that was not tried is taken by chance."""

MOST_FAILURES = 3
"""So many settings fail before any has come to a result, and no others are tried."""

MOST_LISTED = 10_000
"""Of more combinations than that no list is made."""


@dataclass(frozen=True)
class Space:
    """What is fixed and what is tuned.

    Attributes:
        fixed: settings as they were given.
        tuned: of each setting that is tuned, what it may be.
    """

    fixed: tuple[str, ...]
    tuned: dict[str, BaseDistribution]

    @classmethod
    def of(cls, arguments: Sequence[str]) -> Space:
        """Tell them apart: `a,b`, `choice(...)`, `range(...)` and `interval(...)` are tuned.

        Raises:
            ConfigError: nothing is to be tuned, or something that must not be.
        """
        fixed: list[str] = []
        tuned: dict[str, BaseDistribution] = {}
        for override in OverridesParser.create().parse_overrides(list(arguments)):
            name = override.get_key_element()
            if not override.is_sweep_override():
                fixed.append(override.input_line or "")
            elif re.split(r"[./@]", name)[0] not in TUNED:
                raise ConfigError(
                    f"{name} cannot be tuned, only settings of the detector and of its training: "
                    "with another seed, case or protocol a figure means something else"
                )
            else:
                tuned[name] = _distribution(override)
        if not tuned:
            raise ConfigError(
                "nothing to tune; give settings of the detector several values, such as "
                "'detector.window=range(8,65,8)' or 'detector.x=tag(log,interval(0.001,1))'"
            )
        return cls(tuple(fixed), tuned)

    def sizes(self) -> list[int] | None:
        """How many values each setting may have; None where one may have any number."""
        from optuna.distributions import CategoricalDistribution, IntDistribution  # noqa: PLC0415

        found = []
        for one in self.tuned.values():
            if isinstance(one, CategoricalDistribution):
                found.append(len(one.choices))
            elif isinstance(one, IntDistribution):
                found.append((one.high - one.low) // one.step + 1)
            else:
                return None
        return found

    def all(self) -> Iterator[dict[str, Any]]:
        """Every combination, where `sizes` has numbers."""
        from optuna.distributions import CategoricalDistribution  # noqa: PLC0415

        values: list[Sequence[Any]] = [
            one.choices
            if isinstance(one, CategoricalDistribution)
            else range(one.low, one.high + 1, one.step)  # type: ignore[attr-defined]
            for one in self.tuned.values()
        ]
        for combination in itertools.product(*values):
            yield dict(zip(self.tuned, combination, strict=True))


class TuneSweeper(Sweeper):
    """Proposes settings, and keeps what they came to.

    Attributes:
        n_trials: different settings to try in all, those of earlier runs included.
        n_jobs: how many of them are handed to the launcher at once.
        metric: whose mean over the cases is to be best.
        seed: of the proposals.
        verdict: lines that say what was found, after `sweep`.
    """

    def __init__(self, n_trials: int, n_jobs: int, metric: str, seed: int) -> None:
        self.n_trials = n_trials
        self.n_jobs = n_jobs
        self.metric = metric
        self.seed = seed
        self.verdict: list[str] = []
        self._config: Any = None
        self._launcher: Any = None
        self._jobs = 0
        self._failed: set[_Key] = set()

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """See Hydra's `Sweeper.setup`."""
        self._config = config
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Try settings until there are `n_trials`, or no other ones.

        Raises:
            ConfigError: what is asked for makes no sense, or Optuna is missing.
        """
        self._check()
        objective = objective_of(self._config)
        space = Space.of(arguments)
        kept = [one for one in sorted(arguments) if one.partition("=")[0] not in NOT_OF_A_STUDY]
        name = f"{digest([kept, self.metric])[:12]}"
        path = Path(self._config.hydra.sweep.dir) / "tuning" / f"{name}.journal"
        with _study(path, self.metric, self.seed) as study:
            self._go_on(study, space, path)
            self._try_all(study, space)
            self.verdict = self._found(study, space, objective, path)

    def _check(self) -> None:
        from anomalib_ts.metrics.registry import REGISTRY  # noqa: PLC0415
        from anomalib_ts.settings.values import checked_value  # noqa: PLC0415

        for name in ("n_trials", "n_jobs", "seed"):
            value = checked_value(int, getattr(self, name), f"hydra.sweeper.{name}")
            least = 0 if name == "seed" else 1
            if value < least:
                raise ConfigError(f"hydra.sweeper.{name} must be at least {least}, not {value}")
        if self.metric not in REGISTRY:
            raise ConfigError(
                f"hydra.sweeper.metric: no metric {self.metric!r}; `anomalib-ts list metrics` has "
                "all names"
            )
        try:
            import optuna  # noqa: F401, PLC0415
        except ImportError:
            raise ConfigError('tuning needs Optuna: pip install "anomalib-ts[optuna]"') from None

    def _go_on(self, study: optuna.Study, space: Space, path: Path) -> None:
        """Try again what was interrupted; see that what was tried still comes to the same.

        The results of the best settings are stored, so they are read, not computed.
        """
        for trial in _in_state(study, "RUNNING"):
            study.tell(trial.number, state=_state("FAIL"))
            study.enqueue_trial(trial.params)
        if not (tried := _in_state(study, "COMPLETE")):
            return
        best = study.best_trial
        log.info("tuning: %d settings were tried before, in %s", len(tried), path)
        (value,) = self._launch(space, [best.params])
        if value != best.value:
            raise ConfigError(
                f"the study {path} is of other data or of another version: its best settings came "
                f"to {best.value} and now come to {value}; remove it to start anew"
            )

    def _try_all(self, study: optuna.Study, space: Space) -> None:
        sizes = space.sizes()
        wanted = self.n_trials if sizes is None else min(self.n_trials, prod(sizes))
        while (left := wanted - len(self._tried(study))) > 0:
            batch: list[optuna.Trial] = []
            for _ in range(min(self.n_jobs, left)):
                if (trial := self._new_trial(study, space)) is None:
                    break
                batch.append(trial)
            if not batch:
                return
            values = self._launch(space, [trial.params for trial in batch])
            for trial, value in zip(batch, values, strict=True):
                if value is None:
                    study.tell(trial, state=_state("FAIL"))
                    self._failed.add(_key(trial.params))
                else:
                    study.tell(trial, value)
            if len(self._failed) >= MOST_FAILURES and not _in_state(study, "COMPLETE"):
                return

    def _tried(self, study: optuna.Study, but: int | None = None) -> set[_Key]:
        """What has come to a result or failed, or is being tried, but for one trial."""
        known = (*_in_state(study, "COMPLETE"), *_in_state(study, "RUNNING"))
        return self._failed | {_key(one.params) for one in known if one.number != but}

    def _new_trial(self, study: optuna.Study, space: Space) -> optuna.Trial | None:
        """A trial of settings that were not tried; None where none is found."""
        for attempt in range(2 * MOST_REPEATS):
            if attempt >= MOST_REPEATS and not self._enqueue_untried(study, space):
                break
            trial = study.ask(space.tuned)
            if _key(trial.params) not in self._tried(study, but=trial.number):
                return trial
            study.tell(trial, state=_state("FAIL"))
        return None

    def _enqueue_untried(self, study: optuna.Study, space: Space) -> bool:
        import numpy as np  # noqa: PLC0415

        sizes = space.sizes()
        if sizes is None or prod(sizes) > MOST_LISTED:
            return True  # the sampler is asked again
        tried = self._tried(study)
        untried = [one for one in space.all() if _key(one) not in tried]
        if not untried:
            return False
        rng = np.random.default_rng([self.seed, len(study.trials)])
        study.enqueue_trial(untried[int(rng.integers(len(untried)))])
        return True

    def _launch(self, space: Space, settings: Sequence[dict[str, Any]]) -> list[float | None]:
        jobs = [[*space.fixed, *map("=".join, _texts(one))] for one in settings]
        done = self._launcher.launch(jobs, initial_job_idx=self._jobs)
        self._jobs += len(jobs)
        return [one.return_value for one in done]

    def _found(
        self, study: optuna.Study, space: Space, objective: Objective, path: Path
    ) -> list[str]:
        tried = _in_state(study, "COMPLETE")
        if not tried:
            return ["tuning: no settings came to a result"]
        best = study.best_trial
        said = [one for one in space.fixed if one.partition("=")[0] not in objective.instead]
        command = [*said, *map("=".join, _texts(best.params)), *objective.after]
        return [
            f"tuning: the best of {len(tried)} settings has {self.metric} {best.value:.4g}, "
            f"{objective.about}",
            f"  anomalib-ts run {shlex.join(command)}",
            f"the study is kept in {path}; the same command with a larger hydra.sweeper.n_trials "
            "goes on",
        ]


@dataclass(frozen=True)
class Objective:
    """What settings are judged by.

    Attributes:
        about: in words.
        instead: settings of the tuning command that the best settings are not run with.
        after: settings that they are run with.
    """

    about: str
    instead: tuple[str, ...]
    after: tuple[str, ...]


def objective_of(config: DictConfig) -> Objective:
    """What a command may judge settings by.

    Raises:
        ConfigError: it would be the labels that figures are reported on, and nobody asked for it.
    """
    from anomalib_ts.settings.config import checked, create  # noqa: PLC0415
    from anomalib_ts.settings.values import checked_value  # noqa: PLC0415

    if checked_value(bool, config.oracle, "oracle"):
        return Objective(
            "chosen by the labels of the scored cases: an upper bound, marked oracle/, and no "
            "figure to compare with others",
            (),
            (),
        )
    if config.split == "tuning":
        return Objective(
            "the mean over the tuning split; on the cases held out, it is run by:",
            ("split",),
            ("split=held_out",),
        )
    data: Any = OmegaConf.to_container(config.data, resolve=True, throw_on_missing=True)
    if create(checked(data, "data"), "data").for_tuning:
        return Objective(
            "the mean over the data set's list for tuning; on the others, it is run by:",
            ("data.files",),
            (),
        )
    raise ConfigError(
        "tuning would choose settings by the labels that are scored: set split=tuning (a fifth of "
        "the cases, the rest is held out), a data set's own list (data.files=tuning), or "
        "oracle=true, which marks all results of it"
    )


@contextmanager
def _study(path: Path, metric: str, seed: int) -> Iterator[optuna.Study]:
    """The study in a file, a new one if there is none, for this process alone.

    Raises:
        ConfigError: another process is at work on it.
    """
    import optuna  # noqa: PLC0415
    from filelock import FileLock, Timeout  # noqa: PLC0415
    from optuna.storages import JournalStorage  # noqa: PLC0415
    from optuna.storages.journal import JournalFileBackend  # noqa: PLC0415

    from anomalib_ts.metrics.registry import sign_of  # noqa: PLC0415

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path.with_suffix(".busy"), timeout=0):
            storage = JournalStorage(JournalFileBackend(str(path)))
            study = optuna.create_study(
                storage=storage,
                study_name=path.stem,
                direction="maximize" if sign_of(metric) > 0 else "minimize",
                load_if_exists=True,
            )
            study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials))
            yield study
    except Timeout:
        raise ConfigError(f"another process is tuning the study {path}") from None


def _distribution(override: Override) -> BaseDistribution:
    from optuna import distributions as kinds  # noqa: PLC0415

    value: Any = override.value()
    sweep: object = value
    logarithmic = "log" in value.tags
    try:
        if isinstance(sweep, IntervalSweep):
            low, high = value.start, value.end
            kind = kinds.IntDistribution if type(low) is int else kinds.FloatDistribution
            return kind(low, high, log=logarithmic)
        if isinstance(sweep, RangeSweep) and type(sweep.start) is type(sweep.step) is int:
            values = range(value.start, value.stop, value.step)
            if values and values.step > 0:
                return kinds.IntDistribution(values[0], values[-1], step=values.step)
        return kinds.CategoricalDistribution(list(override.sweep_string_iterator()))
    except ValueError as error:
        raise ConfigError(f"{override.input_line}: {error}") from None


def _texts(settings: dict[str, Any]) -> list[tuple[str, str]]:
    """Settings as they are written on a command line; choices are texts already."""
    return [(name, one if isinstance(one, str) else repr(one)) for name, one in settings.items()]


def _key(settings: dict[str, Any]) -> _Key:
    return tuple(sorted(_texts(settings)))


def _state(name: str) -> optuna.trial.TrialState:
    from optuna.trial import TrialState  # noqa: PLC0415

    return TrialState[name]


def _in_state(study: optuna.Study, name: str) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(_state(name),))
