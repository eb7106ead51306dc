"""The series of a report: values, true anomalies and scores, small enough to travel in a page.

A series that is too long for its share of the page is thinned: each stretch of `step` points is
kept as its smallest and its largest value, so that no peak is lost. Values are stored in 16 bits,
scores in 8, both relative to their own range. Times are stored where their pace changes.
"""

from __future__ import annotations

import base64
import logging
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.core.runs import runs
from anomalib_ts.errors import DataNotFoundError
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.results.entries import Entry, Method, Series
from anomalib_ts.results.left_out import LeftOut
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store
from anomalib_ts.views.clips import frequencies_of
from anomalib_ts.views.culprits import as_text, culprits, framed, telling
from anomalib_ts.views.report.times import KNOT_BYTES, Times

log = logging.getLogger(__name__)

MIN_POINTS = 512
"""Fewer would not be a picture; rather than that, whole series are left out."""
VALUE_LEVELS, SCORE_LEVELS = 65535, 255
BASE64 = 4 / 3
SEGMENT_BYTES = 14
"""Of one true anomaly in the page: two numbers and two commas."""
BLAMED_BYTES = 1500
"""Of the channels that a method's scores come from, or a little less."""

Units = Mapping[Method, Record]
"""The unit that is drawn for each method on one series."""


@dataclass(frozen=True)
class Gallery:
    """The series in the page.

    Attributes:
        pictures: one plain object a series, as `templates/series.js` reads it.
        stored: number of series with stored scores that were asked for.
        points: the most points of a series that are kept; longer ones are thinned to it.
        damaged: a sentence about stored scores that are lost or altered; empty if none are.
    """

    pictures: list[dict[str, Any]]
    stored: int
    points: int
    damaged: str = ""


def gallery(
    store: Store,
    entries: Sequence[Entry],
    methods: Sequence[Method],
    metric: str,
    *,
    patterns: Sequence[str] = ("*",),
    max_bytes: float = 20e6,
) -> Gallery:
    """Read the series that match, and thin them to what the page may hold.

    Args:
        store: where their arrays lie.
        entries: all results.
        methods: in the order in which the page lists them.
        metric: whose value stands beside each score.
        patterns: of case names, or of `data set/case`.
        max_bytes: of all series together, before compression.

    Raises:
        DataNotFoundError: patterns were given, and no series with stored scores matches.
    """
    chosen = _chosen(entries, patterns)
    if not chosen and tuple(patterns) != ("*",):
        raise DataNotFoundError(
            f"no series with stored scores matches {', '.join(patterns)}; a pattern is of a case "
            "or of DATA/CASE, and scores are stored with save_scores=true"
        )
    damaged = LeftOut("not drawn")
    sizes = [
        _size(series, truth, units)
        for series, units in chosen.items()
        if (truth := _truth(store, units, damaged)) is not None
    ]
    points, kept = _fit(sizes, max_bytes)
    places = {method: i for i, method in enumerate(methods)}
    pictures = []
    for size in kept:
        units = dict(sorted(chosen[size.series].items(), key=lambda item: places[item[0]]))
        scores = _scores(store, units, damaged)
        truth = _truth(store, {method: units[method] for method in scores}, damaged)
        if truth is None:
            continue
        picture = _picture(size.series, truth, list(scores.values()), size.step(points))
        picture["scores"] = [
            {
                "span": span,
                "threshold": units[method].threshold,
                "seed": units[method].unit.seed,
                "method": places[method],
                "value": units[method].metrics.get(metric),
                "blamed": _blamed(store, units[method], truth, scores[method]),
            }
            for span, method in zip(picture["scores"], scores, strict=True)
        ]
        pictures.append(picture)
    if damaged.count:
        log.warning("%s", damaged)
    return Gallery(pictures, len(sizes), points, str(damaged) if damaged.count else "")


def _chosen(entries: Sequence[Entry], patterns: Sequence[str]) -> dict[Series, Units]:
    """For each series that matches, each method's unit of the smallest seed that has scores."""
    found: defaultdict[Series, dict[Method, Record]] = defaultdict(dict)
    for method, series, record in sorted(entries, key=lambda e: (e.series, e.record.unit.seed)):
        names = (series.case, "/".join(series))
        if record.scores and any(fnmatchcase(n, p) for n in names for p in patterns):
            found[series].setdefault(method, record)
    return dict(found)


@dataclass(frozen=True)
class _Size:
    """What a series would take in the page."""

    series: Series
    points: int
    sample_bytes: int
    segments: int
    times: int
    blamed: int

    def step(self, limit: int) -> int:
        """How many points become two samples, so that no more than about `limit` are kept."""
        return max(1, -(-2 * self.points // limit))

    def cost(self, limit: int) -> float:
        kept = min(self.points, limit + 2)
        samples = kept * self.sample_bytes * BASE64
        segments = min(self.segments, kept) * SEGMENT_BYTES
        return samples + segments + self.times * KNOT_BYTES + self.blamed * BLAMED_BYTES


def _size(series: Series, truth: GroundTruth, units: Units) -> _Size:
    channels = 0 if truth.values is None else truth.values.shape[1]
    return _Size(
        series,
        points=int(truth.lengths.sum()),
        sample_bytes=2 * channels + len(units),
        segments=len(_segments(truth.anomalous_points, 1)),
        times=0 if (times := Times.of(truth.times)) is None else len(times.points),
        blamed=0 if channels == 1 else len(units),
    )


def _fit(sizes: list[_Size], max_bytes: float) -> tuple[int, list[_Size]]:
    """The number of points a series may have, and the series that fit then."""
    points = max([MIN_POINTS, *(size.points for size in sizes)])
    while points > MIN_POINTS and sum(size.cost(points) for size in sizes) > max_bytes:
        points = max(MIN_POINTS, points // 2)
    left, kept = max_bytes, set()
    for size in _turn_by_turn(sizes):
        left -= size.cost(points)
        if left >= 0:
            kept.add(size.series)
    return points, [size for size in sizes if size.series in kept]


def _turn_by_turn(sizes: list[_Size]) -> list[_Size]:
    """One series of each data set, then a second of each, and so on."""
    turn: defaultdict[str, int] = defaultdict(int)
    order = []
    for size in sizes:
        order.append((turn[size.series.data], size.series))
        turn[size.series.data] += 1
    return [size for _, size in sorted(zip(order, sizes, strict=True), key=lambda pair: pair[0])]


def _picture(
    series: Series, truth: GroundTruth, scores: Sequence[FloatArray], step: int
) -> dict[str, Any]:
    """One series as the page holds it; `step` points become two samples if it exceeds two."""
    step = step if step > 2 else 1
    channels = [] if truth.values is None else list(truth.values.T)
    packed = [_pack(channel, step, VALUE_LEVELS, np.dtype("<u2")) for channel in channels]
    strips = [_pack(one, step, SCORE_LEVELS, np.dtype("u1")) for one in scores]
    content = b"".join(samples for samples, _ in (*packed, *strips))
    return {
        "data": series.data,
        "case": series.case,
        "names": None if truth.channel_names is None else truth.channel_names.tolist(),
        "times": None if (times := Times.of(truth.times)) is None else asdict(times),
        "points": int(truth.lengths.sum()),
        "step": step,
        "anomalies": np.ravel(_segments(truth.anomalous_points, step)).tolist(),
        "joints": np.cumsum(truth.lengths)[:-1].tolist(),
        "channels": [span for _, span in packed],
        "scores": [span for _, span in strips],
        "samples": base64.b64encode(zlib.compress(content, 6)).decode(),
    }


def _truth(store: Store, units: Units, damaged: LeftOut) -> GroundTruth | None:
    """What the units were scored against; None if all are damaged."""
    told = ""
    for unit in units.values():
        try:
            return GroundTruth.from_arrays(store.case(unit.unit, unit.case_digest))
        except DataNotFoundError as error:
            told = str(error)
    if told:
        damaged.add("damaged", told)
    return None


def _scores(store: Store, units: Units, damaged: LeftOut) -> dict[Method, FloatArray]:
    """The scores of each unit that has them as they were when it was run."""
    found = {}
    for method, unit in units.items():
        try:
            scores = store.check(unit)
            if scores is not None:
                found[method] = scores
        except DataNotFoundError as error:
            damaged.add("damaged", str(error))
    return found


def _blamed(
    store: Store, record: Record, truth: GroundTruth, scores: FloatArray
) -> list[dict[str, Any]]:
    """Stretches of high scores, the channels that they come from as text, and those to frame.

    `height` is that of the score above its lowest, 1 for the highest.
    """
    threshold = record.threshold if record.decides == "points" else None
    found = telling(store.blamed(record), scores, threshold, truth.anomalous_points)
    names = None if truth.channel_names is None else truth.channel_names.tolist()
    frequencies = frequencies_of(record.unit) if len(found) and truth.values is None else None
    rows = []
    for stretch, shares in zip(found.stretches.tolist(), found.shares, strict=True):
        if not (here := culprits(shares, names, frequencies)):
            continue
        frames = [(one.start, one.stop) for one in framed(here)] if truth.values is not None else []
        height = float((scores[slice(*stretch)].max() - scores.min()) / (np.ptp(scores) or 1.0))
        row = {"stretch": stretch, "text": as_text(here), "channels": frames}
        rows.append(row | {"height": round(height, 4)})
    return rows


def _segments(anomalous: NDArray[np.bool_], step: int) -> list[tuple[int, int]]:
    """Runs of anomalous points as half-open intervals; gaps that no sample shows are closed."""
    starts, stops = runs(anomalous)
    apart = starts[1:] - stops[:-1] >= step
    starts = starts[np.concatenate([[True], apart])] if len(starts) else starts
    stops = stops[np.concatenate([apart, [True]])] if len(stops) else stops
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


def _pack(
    values: NDArray[Any], step: int, levels: int, dtype: np.dtype[Any]
) -> tuple[bytes, tuple[float, float]]:
    """Samples as whole numbers in 0..levels, and the smallest and largest value they stand for."""
    samples = thin(values.astype(np.float64), step)
    low, high = float(samples.min()), float(samples.max())
    unit = (high - low) / levels or 1.0
    return np.round((samples - low) / unit).astype(dtype).tobytes(), (low, high)


def thin(values: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    """The smallest and the largest of each `step` values, in turn; all values if `step` is 1.

    Args:
        values: `(n,)`.
        step: 1, or at least 3; the last stretch may be shorter.

    Returns:
        `(n,)`, or `(2 * ceil(n / step),)`.
    """
    if step == 1:
        return values
    starts = np.arange(0, len(values), step)
    pairs = [np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)]
    return np.stack(pairs, axis=1).ravel()
