"""The picture of a stored unit: what it shows, and where the values come from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from anomalib_ts.core.files import atomic_write
from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.data.base import DataSet
from anomalib_ts.errors import InputError
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.protocols.base import Protocol
from anomalib_ts.results.blamed import Blamed
from anomalib_ts.results.methods import attack_of
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store
from anomalib_ts.results.unit_key import Unit
from anomalib_ts.run.unit import load_case
from anomalib_ts.settings.config import create_stored
from anomalib_ts.views.case.clips import ClipPanel, draw_clips, telling_clips
from anomalib_ts.views.case.series import draw_series
from anomalib_ts.views.clips import clip_threshold, rank_clips

DPI = 110


def plot_unit(store: Store, record: Record) -> Path:
    """Draw a stored unit into the store.

    Values of many channels, such as spectrograms, are not in the store: they are loaded again.

    Returns:
        The PNG file.

    Raises:
        AnomalibTsError: scores or values are not there (any more), or the data has changed since.
    """
    case, scores = store.scored(record)
    truth = GroundTruth.from_arrays(case)
    values = _load_again(record.unit) if truth.values is None else _stored(truth)
    draw = _draw_clips if truth.looked_at_as_clips else _draw_series
    figure = draw(record, truth, scores, values, store.blamed(record))
    path = store.path(record.unit, ".png")
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=DPI)
    return path


@dataclass(frozen=True)
class _Values:
    """What was scored.

    Attributes:
        recordings: in the order of the case.
        frequencies: see `DataSet.frequencies`.
    """

    recordings: tuple[Recording, ...]
    frequencies: FloatArray | None = None


def _stored(truth: GroundTruth) -> _Values:
    assert truth.values is not None
    names = None if truth.channel_names is None else tuple(truth.channel_names.tolist())
    recordings = [
        Recording(
            truth.values[part],
            channel_names=names,
            times=None if truth.times is None else truth.times[part],
        )
        for part in truth.stretches
    ]
    return _Values(tuple(recordings))


def _load_again(unit: Unit) -> _Values:
    data_set: DataSet = create_stored(unit.data_settings, "data")
    if data_set.fingerprint(unit.case) != unit.fingerprint:
        raise InputError(f"the data of {unit.case} has changed since it was scored")
    case = load_case(json.dumps(unit.data_settings), unit.case, unit.fingerprint)
    protocol: Protocol = create_stored(unit.protocol_settings, "protocol")
    return _Values(protocol.deal(case).test, data_set.frequencies())


def _draw_series(
    record: Record, truth: GroundTruth, scores: FloatArray, values: _Values, blamed: Blamed
) -> Figure:
    whole = np.concatenate([recording.values for recording in values.recordings])
    return draw_series(
        whole,
        truth.labels,
        scores,
        record.threshold,
        _title(record),
        names=values.recordings[0].channel_names,
        times=truth.times,
        blamed=blamed,
    )


def _draw_clips(
    record: Record, truth: GroundTruth, scores: FloatArray, values: _Values, blamed: Blamed
) -> Figure:
    stretches = truth.stretches
    ranked = rank_clips(record, truth, scores, blamed, values.frequencies)
    panels = [
        ClipPanel(clip, caption, values.recordings[clip.place], scores[stretches[clip.place]])
        for clip, caption in telling_clips(ranked)
    ]
    return draw_clips(panels, _drawn_threshold(record), values.frequencies, _title(record))


def _drawn_threshold(record: Record) -> float | None:
    """The threshold, unless it decides on clip scores of another kind than those shown."""
    return record.threshold if record.decides == "points" else clip_threshold(record)


def _title(record: Record) -> str:
    unit = record.unit
    auroc = record.metrics.get("auroc")
    value = "AUROC undefined" if auroc is None else f"AUROC {auroc:.3f}"
    attack = f" under attack ({attack_of(unit)}; the values are those before it)"
    what = f"{unit.detector} on {unit.case}, protocol {unit.protocol}"
    return f"{what}{attack if unit.attack else ''}: {value}"
