"""State of NumPy, SciPy, scikit-learn and their thread pools."""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from anomalib_ts.run.process_state.item import Item


def of_numeric() -> Iterator[Item]:
    """What units share in the numeric libraries; torch is for itself."""
    yield Item("NumPy's error state", np.geterr, lambda value: np.seterr(**value))
    yield Item("NumPy's error function", np.geterrcall, np.seterrcall)
    generator: Any = np.random  # the global one
    yield Item(
        "generator of NumPy",
        generator.get_bit_generator,
        generator.set_bit_generator,
        operator.is_not,
    )
    yield Item(
        "random state of NumPy",
        lambda: generator.get_state(legacy=False),
        generator.set_state,
        lambda before, after: repr(before) != repr(after) or _words(before) != _words(after),
    )
    if "sklearn" in sys.modules:
        sklearn = sys.modules["sklearn"]
        yield Item("scikit-learn's settings", sklearn.get_config, _set_sklearn)
    if "matplotlib" in sys.modules:
        settings = sys.modules["matplotlib"].rcParams
        yield Item("Matplotlib's settings", settings.copy, settings.update)
    if "threadpoolctl" in sys.modules:
        yield Item("threads of numeric libraries", _pools, _set_pools)


def _words(state: Mapping[str, Any]) -> bytes:
    return np.asarray(state["state"].get("key")).tobytes()


def _set_sklearn(before: Mapping[str, Any]) -> None:
    sys.modules["sklearn"].set_config(**before)


def _pools() -> dict[str, int]:
    return {pool.filepath: pool.num_threads for pool in _libraries(len(sys.modules))}


def _set_pools(before: Mapping[str, int]) -> None:
    for pool in _libraries(len(sys.modules)):
        if pool.filepath in before:
            pool.set_num_threads(before[pool.filepath])


@lru_cache(maxsize=1)
def _libraries(modules: int) -> list[Any]:
    """Libraries for linear algebra, looked for anew (12 ms) only when modules were imported."""
    del modules
    found = sys.modules["threadpoolctl"].ThreadpoolController().lib_controllers
    return [library for library in found if library.user_api == "blas"]
