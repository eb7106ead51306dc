"""Which methods lose least under attack, and where the ranking turns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from anomalib_ts.metrics.registry import sign_of
from anomalib_ts.results.entries import Entry, Method, Series

NOISE = "noise"


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
    """

    attack: Attack
    sizes: list[float]
    clean: dict[Method, float]
    values: dict[Method, list[float | None]]
    losses: dict[Method, float]

    @property
    def steadiest(self) -> Method:
        """The method that loses least."""
        return min(self.losses, key=lambda method: self.losses[method])

    def turns(self, sign: float) -> list[tuple[float, Method]]:
        """Sizes from which on another method is the best than at the size before.

        Args:
            sign: 1 where more is better, -1 where less is.
        """
        best, found = next(iter(self.clean)), []
        for place, size in enumerate(self.sizes):
            known = {m: v[place] for m, v in self.values.items() if v[place] is not None}
            first = max(known, key=lambda method: sign * (known[method] or 0.0))
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
    clean: dict[tuple[Method, Series, int], float] = {}
    attacked: defaultdict[Attack, dict[tuple[Method, Series, int], dict[float, float]]]
    attacked = defaultdict(lambda: defaultdict(dict))
    for method, series, record in kept:
        value, unit = record.metrics.get(metric), record.unit
        place = method._replace(attack=""), series, unit.seed
        if value is None:
            continue
        if not unit.attack:
            clean[place] = value
            continue
        kind = str(unit.attack.get("_target_", "")).rpartition(".")[2].lower()
        attack = Attack(kind, str(unit.attack.get("goal")), bool(unit.attack.get("clip")))
        attacked[attack][place][float(unit.attack["epsilon"])] = value
    found = [_of(attack, clean, places, sign_of(metric)) for attack, places in attacked.items()]
    return sorted(
        (one for one in found if one.clean), key=lambda one: (one.attack.kind == NOISE, one.attack)
    )


def _of(
    attack: Attack,
    clean: Mapping[tuple[Method, Series, int], float],
    places: Mapping[tuple[Method, Series, int], dict[float, float]],
    sign: float,
) -> UnderAttack:
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
    )


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
