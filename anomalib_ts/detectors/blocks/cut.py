"""Recordings cut into blocks, each with a label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.errors import ConfigError, InputError
from anomalib_ts.recording import Recording
from anomalib_ts.windows import Windows, check_window, warn_of_short_training

Tail: TypeAlias = Literal["overlap", "pad", "drop"]
Bag: TypeAlias = Literal["block", "clip"]


@dataclass(frozen=True)
class Cut:
    """How a recording is cut into blocks.

    Attributes:
        window: points a block.
        stride: points between the starts of two blocks, in [1, window].
        tail: what becomes of points after the last whole block: `overlap` adds a block that ends
            at the end, `pad` reflects the recording at its end until it fills one, `drop` leaves
            them out. A recording shorter than a block is always reflected.

    Raises:
        ConfigError: a setting is out of range.
    """

    window: int
    stride: int
    tail: Tail

    def __post_init__(self) -> None:
        check_window(self.window, self.stride)
        if self.tail not in ("overlap", "pad", "drop"):
            raise ConfigError(f"tail must be overlap, pad or drop, not {self.tail!r}")

    def fitted(self, recording: Recording) -> Recording:
        """The recording cropped or reflected at its end, as `tail` has it; labels go along."""
        n = len(recording)
        if n < self.window:
            return _reflected(recording, self.window)
        rest = (n - self.window) % self.stride
        if self.tail == "overlap" or not rest:
            return recording
        if self.tail == "drop":
            return recording[: n - rest]
        return _reflected(recording, n - rest + self.stride)


def _reflected(recording: Recording, length: int) -> Recording:
    missing = (0, length - len(recording))
    values = np.pad(recording.values, (missing, (0, 0)), mode="reflect")
    values.setflags(write=False)
    labels = recording.labels
    if labels is not None:
        labels = np.pad(labels, missing, mode="reflect")
    return replace(recording, values=values, labels=labels, times=None)


@dataclass(frozen=True, eq=False)
class Bags:
    """Blocks in bags that share a label: a block each, or all the blocks of a recording.

    Gathers examples for training like any `BatchSource`: the blocks of some bags, bag by bag.

    Attributes:
        windows: all blocks.
        first: `(k,)` the first block of each bag.
        counts: `(k,)` the number of blocks of each bag.
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

    def blocks(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of the blocks in the bags numbered `index` (b,), bag by bag."""
        counts = self.counts[index]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        blocks: NDArray[np.int64] = np.repeat(self.first[index], counts) + within
        return blocks

    def gather(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """Those blocks, `(sum of their counts, c, window)`."""
        return self.windows.gather(self.blocks(index))

    def without(self, others: Bags) -> Self:
        """The bags that share no point with any of some other bags of the same blocks."""
        width, starts = self.windows.window, self.windows.starts
        others_starts = starts[others.blocks(np.arange(len(others)))]
        begun, ended = np.zeros((2, len(self.windows.values) + 1), dtype=np.int64)
        np.add.at(begun, others_starts, 1)
        np.add.at(ended, others_starts + width, 1)
        taken = np.cumsum(begun - ended) > 0
        before = np.concatenate([[0], np.cumsum(taken)])
        blocks = starts[self.blocks(np.arange(len(self)))]
        free = before[blocks + width] == before[blocks]
        edges = np.cumsum(self.counts) - self.counts
        return self.where(np.logical_and.reduceat(free, edges))

    @property
    def normal(self) -> Self:
        """The bags that are not labelled anomalous."""
        return self.where(~self.anomalous)


def cut_blocks(recordings: Sequence[Recording], cut: Cut) -> Bags:
    """Cut training recordings into blocks.

    A block is anomalous if any of its points is labelled so; where a recording has no point
    labels, its blocks have its record label. What has no label counts as normal.

    Returns:
        A bag for every block.

    Raises:
        InputError: all blocks are labelled anomalous.
    """
    warn_of_short_training(recordings, cut.window)
    fitted = [cut.fitted(recording) for recording in recordings]
    windows = Windows(fitted, cut.window, cut.stride)
    ends = np.cumsum([len(recording) for recording in fitted])
    anomalies = np.cumsum(
        np.concatenate([[False], *(recording.anomalous_points for recording in fitted)]),
        dtype=np.int64,
    )
    anomalous = anomalies[windows.starts + cut.window] > anomalies[windows.starts]
    if anomalous.all():
        raise InputError(
            f"all of the {len(anomalous)} training blocks are labelled anomalous; there must be "
            "normal ones too"
        )
    return Bags(
        windows=windows,
        first=np.arange(len(windows)),
        counts=np.ones(len(windows), dtype=np.int64),
        anomalous=anomalous,
        recordings=np.searchsorted(ends, windows.starts, side="right"),
    )


def whole_clips(blocks: Bags, recordings: Sequence[Recording]) -> Bags:
    """The blocks of each recording as one bag, with the recording's label.

    A recording without a record label is anomalous if any of its blocks is.
    """
    order, first, counts = np.unique(blocks.recordings, return_index=True, return_counts=True)
    any_block = np.logical_or.reduceat(blocks.anomalous, first)
    given = [
        r.label if r.label is not None else b for r, b in zip(recordings, any_block, strict=True)
    ]
    return Bags(blocks.windows, first, counts, np.array(given, dtype=np.bool_), order)
