"""Methods against series: the matrix that ranks, tests and figures are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import InputError
from anomalib_ts.metrics.registry import sign_of
from anomalib_ts.results.entries import Entry, Method, Series
from anomalib_ts.results.published import PublishedTable

MIN_COVERAGE = 0.5
"""A method takes part in ranks if it has a value on this share of the series."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What each method reached on each series.

    Attributes:
        metric: key of the metric.
        methods: `(m,)`.
        series: `(s,)` those on which at least one method has a value.
        values: `(m, s, seeds)`, NaN where there is none: not run, failed or undefined.
        seconds: `(m, s)` to fit and score, mean over the seeds; NaN where unknown.
        without_value: series that were run but on which no method has a value.
    """

    metric: str
    methods: tuple[Method, ...]
    series: tuple[Series, ...]
    values: FloatArray
    seconds: FloatArray
    without_value: tuple[Series, ...] = ()

    @property
    def means(self) -> FloatArray:
        """`(m, s)`: the mean over the seeds that have a value, NaN where none has."""
        return mean_known(self.values)

    def common(self) -> Common:
        """The methods and series that can be compared without a gap."""
        means = self.means
        known = np.isfinite(means)
        taking_part = known.mean(axis=1) >= MIN_COVERAGE if len(self.series) else known.any(axis=1)
        complete = np.flatnonzero(known[taking_part].all(axis=0))
        chosen = np.flatnonzero(taking_part)
        return Common(
            metric=self.metric,
            methods=tuple(self.methods[i] for i in chosen),
            series=tuple(self.series[i] for i in complete),
            values=means[np.ix_(chosen, complete)],
            seconds=mean_known(self.seconds[np.ix_(chosen, complete)]),
            left_out={
                self.methods[i]: int(known[i].sum()) for i in np.flatnonzero(~taking_part).tolist()
            },
            all_series=len(self.series),
        )


@dataclass(frozen=True, eq=False)
class Common:
    """A comparison without gaps: every method here has a value on every series here.

    Attributes:
        metric: key of the metric.
        methods: `(m,)`.
        series: `(s,)`.
        values: `(m, s)`, finite, mean over seeds.
        seconds: `(m,)` mean over the series; NaN where unknown.
        left_out: methods with a value on too few series to take part, and on how many.
        all_series: number of series on which any method has a value.
    """

    metric: str
    methods: tuple[Method, ...]
    series: tuple[Series, ...]
    values: FloatArray
    seconds: FloatArray
    left_out: dict[Method, int]
    all_series: int

    @property
    def sign(self) -> float:
        """-1 if less is better by the metric, else 1."""
        return sign_of(self.metric)

    @property
    def goodness(self) -> FloatArray:
        """`(m, s)`: the values, turned so that higher is better."""
        return self.sign * self.values


def compare(
    entries: Sequence[Entry], metric: str, published: Sequence[PublishedTable] = ()
) -> Comparison:
    """Put stored results, and quoted ones for the same series, side by side.

    Args:
        entries: as `anomalib_ts.results.entries.entries` gives them.
        metric: what is compared.
        published: tables of the same metric.

    Raises:
        InputError: a table holds another metric, or none of the series.
    """
    own = _own(entries, metric)
    for table in published:
        own = _with_quoted(own, table)
    return own


def compare_published(table: PublishedTable) -> Comparison:
    """The methods of a published table with each other, on its own series."""
    known = np.isfinite(table.values).any(axis=0)
    kept = tuple(table.series[i] for i in np.flatnonzero(known))
    rest = tuple(table.series[i] for i in np.flatnonzero(~known))
    values = table.values[:, known, None]
    seconds = np.full(values.shape[:2], np.nan)
    return Comparison(table.layout.metric, table.methods, kept, values, seconds, rest)


def _own(entries: Sequence[Entry], metric: str) -> Comparison:
    methods = tuple(dict.fromkeys(entry.method for entry in entries))
    scored = dict.fromkeys(e.series for e in entries if metric in e.record.metrics)
    series = tuple(sorted(scored))
    seeds = sorted({entry.record.unit.seed for entry in entries})
    rows, columns, depths = ({x: i for i, x in enumerate(xs)} for xs in (methods, series, seeds))
    values = np.full((len(methods), len(series), len(seeds)), np.nan)
    seconds = np.full(values.shape, np.nan)
    for method, where, record in entries:
        if where not in scored:
            continue
        place = rows[method], columns[where], depths[record.unit.seed]
        values[place] = record.metrics.get(metric, np.nan)
        if record.fit_seconds is not None and record.score_seconds is not None:
            seconds[place] = record.fit_seconds + record.score_seconds
    rest = tuple(sorted({e.series for e in entries} - scored.keys()))
    return Comparison(metric, methods, series, values, mean_known(seconds), rest)


def _with_quoted(own: Comparison, table: PublishedTable) -> Comparison:
    source = table.layout.source
    if table.layout.metric != own.metric:
        raise InputError(
            f"the published table of {source} holds {table.layout.metric}, but this compares "
            f"{own.metric}; use --metric {table.layout.metric}"
        )
    data_sets = [series.data for series in own.series]
    if not table.layout.file and len(set(data_sets)) < len(data_sets):
        raise InputError(
            f"the published table {source} has one value a data set, which cannot be compared "
            "series by series; `anomalib-ts leaderboard` shows it beside the means"
        )
    quoted = quoted_values(table, own.series)
    if not np.isfinite(quoted).any():
        example = table.series[0] if table.series else "nothing"
        raise InputError(
            f"none of the {len(own.series)} series is in the published table of {source}, which "
            f"has, for example, {' / '.join(example)}"
        )
    depth = own.values.shape[2]
    padded = np.full((*quoted.shape, depth), np.nan)
    padded[:, :, 0] = quoted
    return Comparison(
        own.metric,
        own.methods + table.methods,
        own.series,
        np.concatenate([own.values, padded]),
        np.concatenate([own.seconds, np.full(quoted.shape, np.nan)]),
        own.without_value,
    )


def quoted_values(table: PublishedTable, series: Sequence[Series]) -> FloatArray:
    """`(methods, len(series))`: what a table has on these series, NaN where it has nothing."""
    columns = table.column_of()
    found = np.full((len(table.methods), len(series)), np.nan)
    for place, one in enumerate(series):
        column = columns.get(table.normalised(one))
        if column is not None:
            found[:, place] = table.values[:, column]
    return found


def mean_known(values: FloatArray) -> FloatArray:
    """The mean over the last axis of what is not NaN; NaN where all is."""
    known: NDArray[np.bool_] = np.isfinite(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    mean: FloatArray = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean
