"""Checks of parameters, seeds, repeated fits, and saving and loading."""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors.base import Detector, load_detector
from anomalib_ts.errors import NotFittedError
from anomalib_ts.testing.probe import Check, Probe, describe_change, require

_PARAMETERS_RULE = "`__init__` only stores its arguments; what `fit` learns ends in `_`"
_RANDOM_RULE = "the same seed gives the same scores, and global random state is left alone"
_REFIT_RULE = "`fit` forgets what an earlier `fit` learnt"
_INPUT_RULE = "`fit` and `score` do not change the data they are given"
_SETTINGS_RULE = "settings that are changed after `fit` count for the next `fit` only"
_THREADS_RULE = "fits in several threads give the scores of fits one after another"
_SAVE_RULE = "a saved detector, loaded again, gives the same scores bit for bit"


def _check_parameters(probe: Probe) -> None:
    detector = probe.clone()
    given, rebuilt = detector.get_params(deep=False), type(detector)(**detector.get_params(False))
    remedy = "store every argument under its own name, unchanged, and nothing else"
    changed = [name for name, value in given.items() if getattr(rebuilt, name) is not value]
    require(not changed, _PARAMETERS_RULE, f"the constructor altered {changed}", remedy)
    extra = sorted(set(vars(detector)) - set(given))
    require(not extra, _PARAMETERS_RULE, f"the constructor also set {extra}", remedy)
    _check_unfitted(probe)
    result: object = detector.fit(probe.training())
    require(result is detector, "`fit` returns self", f"it returned {result!r}", "return self")
    after = detector.get_params(deep=False)
    changed = [name for name, value in given.items() if after[name] is not value]
    remedy = "keep what is worked out from the data in another attribute that ends in `_`"
    require(not changed, _PARAMETERS_RULE, f"`fit` changed the parameters {changed}", remedy)
    learnt = set(vars(detector)) - set(given)
    odd = sorted(name for name in learnt if not name.endswith("_") and not name.startswith("_"))
    require(not odd, _PARAMETERS_RULE, f"`fit` set the attributes {odd}", remedy)


def _check_unfitted(probe: Probe) -> None:
    rule, remedy = "an unfitted detector raises NotFittedError", "do not override `score`"
    try:
        probe.clone().score(probe.test())
    except NotFittedError:
        return
    require(False, rule, "it returned scores", remedy)


def _check_random_state(probe: Probe) -> None:
    remedy = "draw from np.random.default_rng(self.seed), or torch.random.fork_rng and a seed"
    with _global_seed(1):
        first = probe.fitted().score(probe.test())
    # The first pass has imported what it needs: if that is torch, its state now counts too.
    with _global_seed(2):
        before = _global_state()
        second = probe.fitted().score(probe.test())
        touched = [name for name, state in _global_state().items() if state != before.get(name)]
    seen = f"under two global seeds {describe_change(first, second)}"
    require(np.array_equal(first, second), _RANDOM_RULE, seen, remedy)
    seen = f"the global random state of {', '.join(touched)} was changed"
    require(not touched, _RANDOM_RULE, seen, remedy)


def _global_state() -> dict[str, Any]:
    name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 - the state under test
    state: dict[str, Any] = {
        "random": random.getstate(),
        "numpy.random": (name, np.asarray(keys).tobytes(), *rest),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        state["torch"] = torch.get_rng_state().numpy().tobytes()
    return state


@contextmanager
def _global_seed(seed: int) -> Iterator[None]:
    """Seed every global generator there is, and put the caller's state back afterwards."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - kept for the caller
    torch = sys.modules.get("torch")
    torch_state = None if torch is None else torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - what a detector must not depend on
    if torch is not None:
        torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 - kept for the caller
        if torch is not None:
            torch.set_rng_state(torch_state)


def _check_refit(probe: Probe) -> None:
    once = probe.fitted().score(probe.test())
    other = [replace(part, values=5 * part.values) for part in probe.training(seed=50)]
    twice = probe.clone().fit(other).fit(probe.training()).score(probe.test())
    seen = f"after an earlier fit on other data {describe_change(once, twice)}"
    require(np.array_equal(once, twice), _REFIT_RULE, seen, "start `_fit` from nothing")


def _check_input_untouched(probe: Probe) -> None:
    training, test = list(probe.training()), probe.test()
    _compare_after_use(probe, training, test)
    if probe.capabilities.supervision == "none" and not probe.capabilities.needs_machine_ids:
        arrays = [np.array(part.values, np.float64) for part in training]
        _compare_after_use(probe, arrays, np.array(test.values, np.float64))


def _compare_after_use(probe: Probe, training: list[Any], test: Any) -> None:
    remedy = "work on a copy: `values - mean`, not `values -= mean`"
    copies = [_contents(item) for item in (*training, test)]
    detector = probe.clone().fit(training)
    changed = [
        i for i, item in enumerate(training) if not np.array_equal(copies[i], _contents(item))
    ]
    require(not changed, _INPUT_RULE, f"`fit` changed training recordings {changed}", remedy)
    detector.score(test)
    same = np.array_equal(copies[-1], _contents(test))
    require(same, _INPUT_RULE, "`score` changed the recording it was given", remedy)


def _contents(item: Any) -> Any:
    return np.array(item.values if isinstance(item, Recording) else item)


def _check_save_load(probe: Probe) -> None:
    detector = probe.fitted()
    loaded = _saved_and_loaded(detector)
    remedy = "keep everything that scoring needs, unrounded, in attributes of `self`"
    for length in (probe.window, probe.length):
        test = probe.test()[:length]
        before, after = detector.score(test), loaded.score(test)
        same = np.array_equal(before, after)
        require(same, _SAVE_RULE, f"after loading, {describe_change(before, after)}", remedy)


def _saved_and_loaded(detector: Detector) -> Detector:
    remedy = "keep plain values, arrays and what `anomalib_ts.saved` knows, or override `_state`"
    with tempfile.TemporaryDirectory() as folder:
        try:
            return load_detector(detector.save(Path(folder) / "detector.ats"))
        except Exception as error:
            require(False, _SAVE_RULE, f"{type(error).__name__}: {error}", remedy)
            raise


def _check_settings_after_fit(probe: Probe) -> None:
    """Every setting that is a number is changed after `fit`; no score may notice."""
    detector, test = probe.fitted(), probe.test()
    before = detector.score(test)
    numbers = {
        name: 2 * value + 1
        for name, value in detector.get_params(deep=False).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    after = detector.set_params(**numbers).score(test)
    seen = f"with other settings ({', '.join(numbers)}) {describe_change(before, after)}"
    remedy = "read settings through the `self` that `_score` is called on, which has those of `fit`"
    require(np.array_equal(before, after), _SETTINGS_RULE, seen, remedy)


def _check_threads(probe: Probe) -> None:
    test, seeds = probe.test(), (0, 40, 80)
    alone = [probe.clone().fit(probe.training(seed=seed)).score(test) for seed in seeds]
    with ThreadPoolExecutor(len(seeds)) as pool:
        together = list(
            pool.map(lambda s: probe.clone().fit(probe.training(seed=s)).score(test), seeds)
        )
    for one, other in zip(alone, together, strict=True):
        seen = f"with three fits at the same time {describe_change(one, other)}"
        remedy = "keep nothing in the class or the module, and draw from a generator of one's own"
        require(np.allclose(one, other, rtol=1e-6, atol=0), _THREADS_RULE, seen, remedy)


PARAMETERS = Check("parameters", _PARAMETERS_RULE, _check_parameters)
CHECKS = (
    Check("random_state", _RANDOM_RULE, _check_random_state),
    Check("input_untouched", _INPUT_RULE, _check_input_untouched),
    Check("refit", _REFIT_RULE, _check_refit),
)
AFTER_HISTORY = (
    Check("settings_after_fit", _SETTINGS_RULE, _check_settings_after_fit),
    Check("save_and_load", _SAVE_RULE, _check_save_load),
    Check("threads", _THREADS_RULE, _check_threads),
)
