"""What the scores of a case are judged against, in a form that can be stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import LabelArray, Recording

MAX_STORED_CHANNELS = 8
"""Spectrograms are left out of the result store: they would outweigh everything else in it."""

NO_LABELS = "the data has no labels"
"""Why every metric of such a case is undefined."""

NONE_COUNTS = "every point is marked as ignored"
"""Why every metric of such a recording is undefined."""


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """Labels and descriptions of a case's test recordings, one after another.

    Attributes:
        lengths: `(r,)` points of each recording.
        labels: `(n,)` one a point, or None if any recording lacks them.
        record_labels: `(r,)` one a recording, or None if any recording lacks it.
        names, machine_ids, domains, kinds: `(r,)` texts.
        values: `(n, c)` what was scored, or None where that is too much to keep.
        channel_names: `(c,)` texts, or None where the channels have no names.
        times: `(n,)` time stamps of all points, see `Recording`, or None if any recording lacks
            them.
        ignored: `(n,)` points that count in no metric, or None if all do.
    """

    lengths: NDArray[np.int64]
    labels: LabelArray | None
    record_labels: LabelArray | None
    names: NDArray[np.str_]
    machine_ids: NDArray[np.str_]
    domains: NDArray[np.str_]
    kinds: NDArray[np.str_]
    values: NDArray[Any] | None = None
    channel_names: NDArray[np.str_] | None = None
    times: NDArray[Any] | None = None
    ignored: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, recordings: Sequence[Recording]) -> GroundTruth:
        """Collect it from test recordings."""
        points = [r.labels for r in recordings if r.labels is not None]
        whole = [r.label for r in recordings if r.label is not None]
        few = recordings[0].channels <= MAX_STORED_CHANNELS
        names = recordings[0].channel_names
        times = [r.times for r in recordings if r.times is not None]
        alike = len({array.dtype for array in times}) == 1
        ignored = np.concatenate([r.ignored_points for r in recordings])
        return cls(
            lengths=np.array([len(r) for r in recordings], dtype=np.int64),
            labels=np.concatenate(points) if len(points) == len(recordings) else None,
            record_labels=np.array(whole, np.int8) if len(whole) == len(recordings) else None,
            names=np.array([r.name for r in recordings]),
            machine_ids=np.array([r.machine_id for r in recordings]),
            domains=np.array([r.domain for r in recordings]),
            kinds=np.array([r.kind for r in recordings]),
            values=np.concatenate([r.values for r in recordings]) if few else None,
            channel_names=None if names is None else np.array(names),
            times=np.concatenate(times) if len(times) == len(recordings) and alike else None,
            ignored=ignored if ignored.any() else None,
        )

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> GroundTruth:
        """The inverse of `arrays`."""
        found: dict[str, Any] = {field.name: arrays.get(field.name) for field in fields(cls)}
        return cls(**found)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that is there, by name, for storing."""
        return {name: array for name, array in vars(self).items() if array is not None}

    @property
    def by_clip(self) -> bool:
        """Whether whole recordings are what is judged and decided on, not points."""
        return self.labels is None and self.record_labels is not None

    @property
    def looked_at_as_clips(self) -> bool:
        """Whether pictures show, and blame explains, whole recordings: also where none is judged.

        Points have no labels then, and there are several recordings or labels of the whole.
        """
        return self.by_clip or (self.labels is None and len(self.lengths) > 1)

    @property
    def anomalous_points(self) -> NDArray[np.bool_]:
        """`(n,)` whether a point is labelled anomalous, as `Recording.anomalous_points` has it."""
        if self.labels is not None:
            return self.labels.astype(np.bool_)
        if self.record_labels is not None:
            return np.repeat(self.record_labels.astype(np.bool_), self.lengths)
        return np.zeros(int(self.lengths.sum()), dtype=np.bool_)

    @property
    def anomalous_recordings(self) -> NDArray[np.bool_] | None:
        """`(r,)` the same for whole recordings, as `Recording.is_anomalous`; None if unknown."""
        if self.record_labels is not None:
            return self.record_labels.astype(np.bool_)
        if self.labels is not None:
            return np.array([self.labels[part].any() for part in self.stretches], dtype=np.bool_)
        return None

    @property
    def counted(self) -> NDArray[np.bool_]:
        """`(n,)` the points that metrics of points count."""
        if self.ignored is None:
            return np.ones(int(self.lengths.sum()), dtype=np.bool_)
        return ~self.ignored.astype(np.bool_)

    @property
    def stretches(self) -> list[slice]:
        """Where each recording lies in `labels`, `values` and the scores."""
        ends = np.cumsum(self.lengths).tolist()
        return [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def looked_at_as_clips(recordings: Sequence[Recording]) -> bool:
    """What `GroundTruth.looked_at_as_clips` will say of these recordings.

    >>> looked_at_as_clips([Recording(np.zeros(5)), Recording(np.zeros(5))])
    True
    """
    if all(recording.labels is not None for recording in recordings):
        return False
    return len(recordings) > 1 or recordings[0].label is not None
