"""Which methods lose least under attack, where the ranking turns, and whether defences help."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple, TypeAlias

from anomalib_ts.evaluation.machines import chance_level
from anomalib_ts.metrics.registry import sign_of
from anomalib_ts.results.defences import Defence, defences
from anomalib_ts.results.entries import Entry, Method, Series

NOISE = "noise"

Place: TypeAlias = tuple[Method, Series, int]
"""A method, a series and a seed."""


class Attack(NamedTuple):
    """An attack but for its size.

    Attributes:
        kind, goal: as in `attack=pgd attack.goal=hide`.
        clipped: whether values were kept in the training range.
    """

    kind: str
    goal: str
    clipped: bool

    def __str__(self) -> str:
        return " ".join([self.kind, self.goal, *["clipped"] * self.clipped])


@dataclass(frozen=True)
class UnderAttack:
    """One attack on all methods: values on the series and seeds on which a method has both.

    Attributes:
        attack: which.
        sizes: rising, in training deviations.
        clean: for each method the mean without an attack; the best first.
        values: for each method the mean at each size; None where there is none.
        losses: for each method by how much the largest size at which it has a value makes it worse.
        chance: what a random score gets; None where that depends on the data.
        sign: 1 where more is better, -1 where less is.
        defences: what defences do, where a detector is there with and without.
    """

    attack: Attack
    sizes: list[float]
    clean: dict[Method, float]
    values: dict[Method, list[float | None]]
    losses: dict[Method, float]
    chance: float | None
    sign: float
    defences: list[Defence]

    @property
    def steadiest(self) -> Method | None:
        """The method that loses least, of those that are better than chance without an attack."""
        worst = -math.inf if self.chance is None else self.sign * self.chance
        able = [method for method, value in self.clean.items() if self.sign * value > worst]
        return min(able, key=lambda method: self.losses[method], default=None)

    @property
    def turns(self) -> list[tuple[float, Method]]:
        """Sizes from which on another method is the best than at the size before."""
        best, found = next(iter(self.clean)), []
        for place, size in enumerate(self.sizes):
            known = {m: v[place] for m, v in self.values.items() if v[place] is not None}
            first = max(known, key=lambda method: self.sign * (known[method] or 0.0))
            if first != best:
                found.append((size, first))
                best = first
        return found


def under_attack(kept: Sequence[Entry], metric: str) -> list[UnderAttack]:
    """What each attack does to each method, noise last.

    Args:
        kept: with and without attacks. A result under attack counts where the same method has one
            without, on the same series and with the same seed.
        metric: what is compared.
    """
    clean: dict[Place, float] = {}
    attacked: defaultdict[Attack, dict[Place, dict[float, float]]]
    attacked = defaultdict(lambda: defaultdict(dict))
    entries_of: defaultdict[Attack, list[tuple[float, Entry]]] = defaultdict(list)
    unattacked = []
    for entry in kept:
        method, series, record = entry
        value, unit = record.metrics.get(metric), record.unit
        place = method._replace(attack=""), series, unit.seed
        if value is None:
            continue
        if not unit.attack:
            clean[place] = value
            unattacked.append((0.0, entry))
            continue
        kind = str(unit.attack.get("_target_", "")).rpartition(".")[2].lower()
        attack = Attack(kind, str(unit.attack.get("goal")), bool(unit.attack.get("clip")))
        size = float(unit.attack["epsilon"])
        attacked[attack][place][size] = value
        entries_of[attack].append((size, entry))
    found = [
        _of(attack, clean, places, defences([*unattacked, *entries_of[attack]], metric), metric)
        for attack, places in attacked.items()
    ]
    return sorted(
        (one for one in found if one.clean), key=lambda one: (one.attack.kind == NOISE, one.attack)
    )


def _of(
    attack: Attack,
    clean: Mapping[Place, float],
    places: Mapping[Place, dict[float, float]],
    defended: list[Defence],
    metric: str,
) -> UnderAttack:
    sign = sign_of(metric)
    paired = {place: by_size for place, by_size in places.items() if place in clean}
    sizes = sorted({size for by_size in paired.values() for size in by_size})
    groups: defaultdict[Method, list[tuple[float, dict[float, float]]]] = defaultdict(list)
    for place, by_size in paired.items():
        groups[place[0]].append((clean[place], by_size))
    values: dict[Method, list[float | None]] = {}
    losses: dict[Method, float] = {}
    for method, pairs in groups.items():
        means = [_mean([by[size] for _, by in pairs if size in by]) for size in sizes]
        last = max(size for _, by in pairs for size in by)
        values[method] = means
        losses[method] = fmean(sign * (value - by[last]) for value, by in pairs if last in by)
    before = {method: fmean(value for value, _ in pairs) for method, pairs in groups.items()}
    order = sorted(before, key=lambda method: -sign * before[method])
    return UnderAttack(
        attack,
        sizes,
        {method: before[method] for method in order},
        {method: values[method] for method in order},
        {method: losses[method] for method in order},
        chance_level(metric),
        sign,
        defended,
    )


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
