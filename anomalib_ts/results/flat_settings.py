"""Settings by their full name, in a form that can be compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from anomalib_ts.results.unit_key import Unit
from anomalib_ts.settings.effect import has_effect

Flat: TypeAlias = tuple[tuple[str, str], ...]
"""Settings by their full name, sorted, values as JSON."""

HOW_FETCHED = frozenset(
    {"cache", "download", "jobs", "machine_types", "n_series", "series", "sha256", "url"}
)
"""Settings of data sets that say which cases there are, or how they are fetched, not what is in
one."""


def flat_settings(parts: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested settings by their full name, those that only change what is shown left out.

    >>> flat_settings({"detector": {"window": 32, "trainer": {"max_steps": 5, "progress": True}}})
    {'detector.window': 32, 'detector.trainer.max_steps': 5}
    """
    found: dict[str, Any] = {}
    owner = above.split(".")[-2] if above else ""
    for key, value in parts.items():
        if not has_effect(key, value, owner):
            continue
        if isinstance(value, Mapping):
            found |= flat_settings(value, f"{above}{key}.")
        else:
            found[f"{above}{key}"] = value
    return found


def settings_of(unit: Unit) -> dict[str, Any]:
    """All settings of a unit by the names that the command line has for them."""
    parts = {
        "detector": unit.detector_settings,
        "data": unit.data_settings,
        "protocol": unit.protocol_settings,
        "threshold": unit.threshold,
        "attack": unit.attack,
        "seed": unit.seed,
    }
    return flat_settings(parts)


def differing(settings: Iterable[Flat]) -> list[str]:
    """Names of the settings that are not the same in all, sorted."""
    found = [dict(flat) for flat in dict.fromkeys(settings)]
    names = {name for one in found for name in one}
    return sorted(name for name in names if len({one.get(name) for one in found}) > 1)


def shown(value: str) -> str:
    """A value of `Flat` as people write it; of the path of a class its name."""
    plain = json.loads(value)
    if not isinstance(plain, str):
        return value
    return plain.rpartition(".")[2] if plain.startswith("anomalib_ts.") else plain


def as_flat(settings: Mapping[str, Any]) -> Flat:
    """Named values, sorted, in a form that can be compared and be a key."""
    return tuple(sorted((name, json.dumps(value)) for name, value in settings.items()))
