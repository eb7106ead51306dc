"""Training windows in bags that share a label: a window each, or all windows of a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.errors import InputError

Bag: TypeAlias = Literal["window", "clip"]


@dataclass(frozen=True, eq=False)
class Bags:
    """Labelled windows, in bags.

    Gathers examples for training like any `BatchSource`: the windows of some bags, bag by bag.

    Attributes:
        windows: all windows.
        first: `(k,)` the first window of each bag.
        counts: `(k,)` the number of windows of each bag.
        anomalous: `(k,)` whether a bag is labelled anomalous.
        recordings: `(k,)` which training recording a bag comes from.
    """

    windows: Windows
    first: NDArray[np.int64]
    counts: NDArray[np.int64]
    anomalous: NDArray[np.bool_]
    recordings: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first)

    def where(self, chosen: NDArray[np.bool_]) -> Self:
        """The bags for which the mask `chosen` (k,) is true."""
        parts = {
            name: getattr(self, name)[chosen]
            for name in ("first", "counts", "anomalous", "recordings")
        }
        return replace(self, **parts)

    def members(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of the windows in the bags numbered `index` (b,), bag by bag."""
        counts = self.counts[index]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        members: NDArray[np.int64] = np.repeat(self.first[index], counts) + within
        return members

    def gather(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """Those windows, `(sum of their counts, c, window)`."""
        return self.windows.gather(self.members(index))

    def without(self, others: Bags) -> Self:
        """The bags that share no point with any of some other bags of the same windows."""
        return self.where(self.are_without(others))

    def are_without(self, others: Bags) -> NDArray[np.bool_]:
        """Mask `(k,)` of those bags."""
        width, starts = self.windows.window, self.windows.starts
        others_starts = starts[others.members(np.arange(len(others)))]
        begun, ended = np.zeros((2, len(self.windows.values) + 1), dtype=np.int64)
        np.add.at(begun, others_starts, 1)
        np.add.at(ended, others_starts + width, 1)
        taken = np.cumsum(begun - ended) > 0
        before = np.concatenate([[0], np.cumsum(taken)])
        own = starts[self.members(np.arange(len(self)))]
        free = before[own + width] == before[own]
        edges = np.cumsum(self.counts) - self.counts
        alone: NDArray[np.bool_] = np.logical_and.reduceat(free, edges)
        return alone

    @property
    def normal(self) -> Self:
        """The bags that are not labelled anomalous."""
        return self.where(~self.anomalous)


def window_bags(windows: Windows, recordings: Sequence[Recording]) -> Bags:
    """A bag for every window of some recordings.

    A window is anomalous if any of its points is labelled so, see `Recording.anomalous_points`.

    Raises:
        InputError: all windows are labelled anomalous.
    """
    points = [windows.fitted(recording.anomalous_points) for recording in recordings]
    anomalies = np.cumsum(np.concatenate([[False], *points]), dtype=np.int64)
    anomalous = anomalies[windows.starts + windows.window] > anomalies[windows.starts]
    if anomalous.all():
        raise InputError(
            f"all of the {len(anomalous)} training windows are labelled anomalous; there must be "
            "normal ones too"
        )
    return replace(each_window(windows), anomalous=anomalous)


def each_window(windows: Windows) -> Bags:
    """A bag for every window, none of them labelled anomalous."""
    return Bags(
        windows=windows,
        first=np.arange(len(windows)),
        counts=np.ones(len(windows), dtype=np.int64),
        anomalous=np.zeros(len(windows), dtype=np.bool_),
        recordings=np.searchsorted(windows.ends, windows.starts, side="right"),
    )


def labelled_bags(windows: Windows, recordings: Sequence[Recording], detector: str) -> Bags:
    """The same for a detector that learns from labelled anomalies.

    Raises:
        InputError: no window is labelled anomalous, or all are.
    """
    bags = window_bags(windows, recordings)
    if not bags.anomalous.any():
        raise InputError(
            f"{detector} learns from labelled anomalies, and the training recordings have none: "
            "use protocol=weak with data that has anomalous recordings left to train on, or a "
            "detector that needs none, such as dense_autoencoder"
        )
    return bags


def clip_bags(bags: Bags, recordings: Sequence[Recording]) -> Bags:
    """The windows of each recording as one bag, with its label, see `Recording.is_anomalous`."""
    order, first, counts = np.unique(bags.recordings, return_index=True, return_counts=True)
    anomalous = np.array([recordings[i].is_anomalous for i in order], dtype=np.bool_)
    return Bags(bags.windows, first, counts, anomalous, order)
