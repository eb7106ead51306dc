"""One line a method over all series: mean, coverage, mean rank, wins, intervals, time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.metrics.bootstrap import Interval
from anomalib_ts.results.comparison import Common, Comparison
from anomalib_ts.results.entries import Entry, Method, Series
from anomalib_ts.results.formats import Grid
from anomalib_ts.results.leaderboard import QUOTED, UNRANKED
from anomalib_ts.results.leaderboard_table import coverage, number, title
from anomalib_ts.results.ranking import pareto_front, ranks, wins
from anomalib_ts.results.statistics import interval_over_seeds, interval_over_series


@dataclass(frozen=True)
class Tally:
    """What became of a method's units.

    Attributes:
        series: number of series it was run on, or could have been quoted on.
        failed: number of these on which at least one seed failed.
        undefined: number of labelled ones among these that did not fail and have no value.
        unlabelled: number of these whose data has no labels.
        seeds: number of seeds; 0 for quoted methods, whose seeds are unknown.
        fit_seconds, score_seconds: mean over all units that finished; None where there is none.
        points_per_second: scored points by seconds of scoring, over all units.
        peak_memory_mb: the largest.
    """

    series: int
    failed: int = 0
    undefined: int = 0
    seeds: int = 0
    fit_seconds: float | None = None
    score_seconds: float | None = None
    points_per_second: float | None = None
    peak_memory_mb: float | None = None
    unlabelled: int = 0


@dataclass(frozen=True)
class Place:
    """How a method does against the others on the series that all of them have a value on.

    Attributes:
        mean_rank: 1 is best, ties share the mean of their ranks.
        wins, ties, losses: against all others, summed over the series.
        mean: of the metric.
        seconds: to fit and score a series, mean over the series; None where unknown.
        on_front: whether no other method is at least as good and as fast, and better in one.
    """

    mean_rank: float
    wins: int
    ties: int
    losses: int
    mean: float
    seconds: float | None
    on_front: bool


@dataclass(frozen=True)
class Standing:
    """A method over all series.

    Attributes:
        method: what it is.
        tally: what became of its units.
        mean: over the series on which it has a value, each averaged over its seeds first; None if
            there is no such series.
        mean_of_data_sets: each data set's mean weighs the same.
        by_data: the mean on each data set on which it has a value.
        covered: number of series behind `mean`.
        covered_by_data: the same for each data set.
        over_series, over_seeds: 95 % bootstrap intervals of `mean`.
        place: against the others; None if the method does not take part in ranks.
        complete: whether `mean` is over all series on which any method of ours has a value; only
            such methods can be the best.
    """

    method: Method
    tally: Tally
    mean: float | None
    mean_of_data_sets: float | None
    by_data: dict[str, float]
    covered: int
    covered_by_data: dict[str, int]
    over_series: Interval | None
    over_seeds: Interval | None
    place: Place | None
    complete: bool = True


def standings(entries: Sequence[Entry], comparison: Comparison) -> list[Standing]:
    """One line a method, best mean rank first, those that lack a series after those that do not.

    Methods that take no part in ranks stand at the end.
    """
    common = comparison.common()
    tallies = tally(entries, comparison.metric)
    places = _places(common)
    lines = []
    for method, values, means in zip(
        comparison.methods, comparison.values, comparison.means, strict=True
    ):
        by_data, covered = _by_data(comparison.series, means)
        known = means[np.isfinite(means)]
        lines.append(
            Standing(
                method=method,
                tally=tallies.get(method, Tally(len(comparison.series))),
                mean=float(known.mean()) if len(known) else None,
                mean_of_data_sets=float(np.mean(list(by_data.values()))) if by_data else None,
                by_data=by_data,
                covered=len(known),
                covered_by_data=covered,
                over_series=interval_over_series(means),
                over_seeds=interval_over_seeds(values),
                place=places.get(method),
                complete=len(known) == len(means),
            )
        )
    return sorted(lines, key=lambda line: _order(line, common.sign))


def tally(entries: Sequence[Entry], metric: str) -> dict[Method, Tally]:
    """What became of each method's units, as far as a metric goes."""
    by_method: defaultdict[Method, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_method[entry.method].append(entry)
    return {method: _tally(own, metric) for method, own in by_method.items()}


def _tally(entries: list[Entry], metric: str) -> Tally:
    records = [entry.record for entry in entries]
    series = {entry.series for entry in entries}
    with_value = {e.series for e in entries if metric in e.record.metrics}
    failed = {e.series for e in entries if e.record.status != "ok"}
    unlabelled = {e.series for e in entries if e.record.unlabelled} - with_value - failed
    fit = [r.fit_seconds for r in records if r.fit_seconds is not None]
    scored = [(r.points or 0, r.score_seconds) for r in records if r.score_seconds is not None]
    points, seconds = sum(p for p, _ in scored), sum(s for _, s in scored)
    return Tally(
        series=len(series),
        failed=len(failed),
        undefined=len(series - with_value - failed - unlabelled),
        seeds=len({r.unit.seed for r in records}),
        fit_seconds=sum(fit) / len(fit) if fit else None,
        score_seconds=seconds / len(scored) if scored else None,
        points_per_second=points / seconds if seconds else None,
        peak_memory_mb=max((r.peak_memory_mb for r in records if r.peak_memory_mb), default=None),
        unlabelled=len(unlabelled),
    )


def _places(common: Common) -> dict[Method, Place]:
    if not common.series:
        return {}
    goodness = common.goodness
    mean_ranks, won = ranks(goodness).mean(axis=1), wins(goodness)
    front = pareto_front(goodness.mean(axis=1), common.seconds)
    games = (len(common.methods) - 1) * len(common.series)
    won_by, lost_by = won.sum(axis=1).tolist(), won.sum(axis=0).tolist()
    return {
        method: Place(
            mean_rank=float(mean_ranks[i]),
            wins=won_by[i],
            ties=games - won_by[i] - lost_by[i],
            losses=lost_by[i],
            mean=float(common.values[i].mean()),
            seconds=float(common.seconds[i]) if np.isfinite(common.seconds[i]) else None,
            on_front=bool(front[i]),
        )
        for i, method in enumerate(common.methods)
    }


def _by_data(
    series: Sequence[Series], means: FloatArray
) -> tuple[dict[str, float], dict[str, int]]:
    values: defaultdict[str, list[float]] = defaultdict(list)
    for (data, _), mean in zip(series, means.tolist(), strict=True):
        if np.isfinite(mean):
            values[data].append(mean)
    return (
        {data: float(np.mean(found)) for data, found in values.items()},
        {data: len(found) for data, found in values.items()},
    )


def _order(line: Standing, sign: float) -> tuple[bool, bool, float, float, Method]:
    rank = np.inf if line.place is None else line.place.mean_rank
    mean = np.inf if line.mean is None else -sign * line.mean
    return line.place is None, not line.complete, rank, mean, line.method


def grid(lines: Sequence[Standing], metric: str) -> Grid:
    """The standings as texts, ready for a table."""
    header = ["detector", "protocol", title(metric), "95 % over series", "mean of data sets"]
    header += ["mean rank", "win/tie/loss", "cases", "s a case"]
    cells = [
        [
            line.method.name,
            line.method.protocol or f"{QUOTED}, {line.method.source}",
            number(line.mean, 3),
            _span(line.over_series),
            number(line.mean_of_data_sets, 3),
            number(line.place.mean_rank, 2) if line.place else "-",
            f"{line.place.wins}/{line.place.ties}/{line.place.losses}" if line.place else "-",
            _coverage(line),
            number(line.place.seconds, 2) if line.place else "-",
        ]
        for line in lines
    ]
    return Grid(header, cells, text_columns=2)


def _coverage(line: Standing) -> str:
    t = line.tally
    text = coverage(line.covered, t.series, t.failed, t.undefined, t.unlabelled)
    return text if line.complete or line.mean is None else f"{text} {UNRANKED}"


def _span(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.low:.3f}-{interval.high:.3f}"
