"""What defences gain under attack and cost without: a detector with and without them, paired."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from anomalib_ts.errors import AnomalibTsError
from anomalib_ts.metrics.registry import sign_of
from anomalib_ts.results.entries import Entry
from anomalib_ts.results.unit_key import Unit
from anomalib_ts.robustness.defended import behind
from anomalib_ts.settings.config import SHARED_SETTINGS, changed
from anomalib_ts.settings.effect import describe
from anomalib_ts.settings.trust import check_all_origins

DEFENDED = ("anomalib_ts.robustness.Defended", "anomalib_ts.robustness.defended.Defended")
"""The `_target_` of a detector behind defences."""

BEHIND = "detector"
"""The setting that says which detector that is."""


@dataclass(frozen=True)
class Defence:
    """One defence of one detector, on the series and seeds that both have, at each size.

    Attributes:
        detector: what is defended, with its changed settings.
        defence: the settings that defend it.
        pairs: at each size, 0 for no attack among them: the mean without and with the defence.
        sign: 1 where more is better, -1 where less is.
    """

    detector: str
    defence: str
    pairs: dict[float, tuple[float, float]]
    sign: float

    def gain(self, size: float) -> float:
        """By how much the defence makes the mean better; below 0 where it costs."""
        bare, defended = self.pairs[size]
        return self.sign * (defended - bare)

    @property
    def largest(self) -> float:
        """The largest size at which there are both."""
        return max(self.pairs)


def defences(sized: Sequence[tuple[float, Entry]], metric: str) -> list[Defence]:
    """What each defence does, the one that gains most at the largest size first.

    Args:
        sized: results with the size of the attack, all of one attack but those of size 0, which
            are without. Detectors that are there without a defence, by themselves or as a
            `defended` whose settings defend nothing, stand for what is defended.
        metric: what is compared; results without it are left out.

    Returns:
        Only defences with results under attack.
    """
    values: defaultdict[str, dict[tuple[Any, ...], float]] = defaultdict(dict)
    found: dict[tuple[str, str], dict[tuple[Any, ...], float]] = {}
    for size, (method, series, record) in sized:
        detector, defence = _split(record.unit)
        rest = method.protocol, json.dumps(record.unit.threshold, sort_keys=True)
        place = (size, rest, series, record.unit.seed)
        value = record.metrics.get(metric)
        if not detector or value is None:
            continue
        of = found.setdefault((detector, defence), {}) if defence else values[detector]
        of[place] = value
    made = [
        _paired(detector, defence, values[detector], of, sign_of(metric))
        for (detector, defence), of in found.items()
    ]
    return sorted(
        (one for one in made if one.pairs.keys() - {0.0}), key=lambda one: -one.gain(one.largest)
    )


def _paired(
    detector: str,
    defence: str,
    bare: dict[tuple[Any, ...], float],
    defended: dict[tuple[Any, ...], float],
    sign: float,
) -> Defence:
    by_size: defaultdict[float, list[tuple[float, float]]] = defaultdict(list)
    for place, value in defended.items():
        if place in bare:
            by_size[place[0]].append((bare[place], value))
    means = {
        size: (fmean(one for one, _ in pairs), fmean(other for _, other in pairs))
        for size, pairs in sorted(by_size.items())
    }
    return Defence(detector, defence, means, sign)


def _split(unit: Unit) -> tuple[str, str]:
    """The detector of a unit without its defence, and the defence; both in words.

    No detector where the settings name a class that may not be read, or is not there.
    """
    settings = unit.detector_settings
    defended = settings.get("_target_") in DEFENDED
    try:
        inner = behind(settings) if defended else settings
        check_all_origins(inner, BEHIND)
        name, variant = str(inner.get("_target_")).rpartition(".")[2], describe(changed(inner))
        changes = changed(settings) if defended else {}
    except AnomalibTsError:
        return "", ""
    of_detector = (BEHIND, *SHARED_SETTINGS)
    defence = {key: v for key, v in changes.items() if key.partition(".")[0] not in of_detector}
    return f"{name} ({variant})" if variant else name, describe(defence)
