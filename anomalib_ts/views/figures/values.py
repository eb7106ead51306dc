"""The values that figures show, over seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from anomalib_ts.core.names import nearest
from anomalib_ts.errors import ConfigError, UndefinedMetricError
from anomalib_ts.evaluation.machines import AREAS
from anomalib_ts.metrics.registry import POOLED, REGISTRY, select
from anomalib_ts.results.leaderboard_table import title
from anomalib_ts.results.record import Record
from anomalib_ts.views.figures.places import NO_VALUE, Result, text_of

FITTED = "fitted/"
"""Begins the name of a number that the detector learnt, see `Detector.fitted_values`."""

MACHINE = "harmonic_mean"
"""A score of whole machines that no single metric stands for."""


class Summary(NamedTuple):
    """A value over seeds.

    Attributes:
        mean: of the seeds that have it.
        deviation: their standard deviation (n - 1); None of a single one.
        values: of each seed.
        seeds: how many the figure has in all.
    """

    mean: float
    deviation: float | None
    values: dict[int, float]
    seeds: int


def value(record: Record, key: str) -> float | None:
    """A metric of a record, or a number that its detector learnt; None if it has none."""
    if key.startswith(FITTED):
        return record.fitted.get(key.removeprefix(FITTED))
    return record.metrics.get(key)


def summary(records: Sequence[Record], key: str, seeds: int) -> Summary | None:
    """A value over the seeds of one method; None if none of them has it."""
    found = {r.unit.seed: value(r, key) for r in records}
    return summary_of({seed: v for seed, v in found.items() if v is not None}, seeds)


def seeds_of(found: Iterable[Result]) -> list[int]:
    """All seeds in a figure."""
    return sorted({result.record.unit.seed for result in found})


def summary_of(values: dict[int, float], seeds: int) -> Summary | None:
    """The same from values by seed."""
    if not values:
        return None
    deviation = stdev(values.values()) if len(values) > 1 else None
    return Summary(fmean(values.values()), deviation, values, seeds)


def cell(found: Summary | None, digits: int = 3) -> str:
    """`0.812 ±0.012`, and `(2/3)` after it where a seed has no value."""
    if found is None:
        return "-"
    texts = [f"{found.mean:.{digits}f}"]
    if found.deviation is not None:
        texts.append(f"±{found.deviation:.{digits}f}")
    if len(found.values) < found.seeds:
        texts.append(f"({len(found.values)}/{found.seeds})")
    return " ".join(texts)


def digits_for(values: Iterable[float]) -> int:
    """Digits after the point that give about four in all."""
    largest = max(map(abs, values), default=0.0)
    return sum(largest < bound for bound in (10.0, 100.0, 1000.0))


def heading(key: str) -> str:
    """How a value is headed in a table."""
    pooled, _, metric = key.rpartition("/")
    if key.startswith(FITTED):
        return key.removeprefix(FITTED)
    return f"{title(metric)}, pooled" if pooled == "pooled" else title(key)


def check_value(key: str, metrics: str | list[str], where: str) -> None:
    """Refuse a value that no record will have.

    Args:
        key: what `value` is to be asked for. Which numbers a detector learns is not known before.
        metrics: what is computed, see `Evaluation`.
        where: the setting that names it.

    Raises:
        ConfigError: nothing computes it.
    """
    computed = [row.key for row in select(metrics, has_threshold=True)]
    areas = [name for name in AREAS if name in computed]
    base = key.partition("/")[0].partition("@")[0].partition("_")[0]
    allowed = key in computed or (key == MACHINE and areas) or base in areas
    allowed = allowed or key in [f"{POOLED}{name}" for name in areas]
    if allowed or key.startswith(FITTED):
        return
    name = key.removeprefix(POOLED)
    if name in REGISTRY and (name == key or name in AREAS):
        raise ConfigError(f"{where}: {key} is not computed; set metrics=[{name},...]")
    near = nearest(key, [*computed, *(f"{POOLED}{area}" for area in areas)])
    raise ConfigError(f"{where}: unknown value {key!r}; {near}")


def refuse_nothing(found: Sequence[Result], keys: Sequence[str]) -> None:
    """Go on only if there is a value to show.

    Raises:
        UndefinedMetricError: no record has any of them; the message says what they have.
    """
    if any(value(result.record, key) is not None for result in found for key in keys):
        return
    records = [result.record for result in found]
    if all(record.status != "ok" for record in records):
        raise UndefinedMetricError(f"nothing to draw: no unit of {len(records)} succeeded")
    known = sorted({key for r in records for key in r.metrics})
    known += sorted({f"{FITTED}{key}" for r in records for key in r.fitted})
    raise UndefinedMetricError(
        f"nothing to draw: no result has {' or '.join(keys)}; there are {', '.join(known)}"
    )


def _at(result: Result) -> list[str]:
    return [] if result.x is NO_VALUE else [f"at {text_of(result.x)}"]


def remarks(found: Sequence[Result], *, incomplete: bool = False) -> list[str]:
    """How many seeds the means are over, and what is left out.

    Args:
        found: all results.
        incomplete: whether a mean lacks a seed.
    """
    seeds = seeds_of(found)
    lines = [
        f"Mean ± standard deviation over {len(seeds)} seeds ({', '.join(map(str, seeds))})."
        if len(seeds) > 1
        else f"One seed ({seeds[0]}): the spread between seeds is not known."
    ]
    lost = [result for result in found if result.record.status != "ok"]
    if incomplete:
        lines[0] += f" (1/{len(seeds)}): only 1 of them has a value."
    if lost:
        named = [
            " ".join([r.method, *_at(r), f"on {r.case}, seed {r.record.unit.seed}"]) for r in lost
        ]
        more = f" and {len(named) - 5} more" if len(named) > 5 else ""
        of_all = f"{len(lost)} of {len(found)} units failed"
        lines.append(f"{of_all} and are left out: {'; '.join(named[:5])}{more}.")
    return lines
