"""What windows, or whole clips, are compared by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors.memory.part import Part
from anomalib_ts.saved.values import storable
from anomalib_ts.settings.fields import configured, setting

FLAT = 1e-3
"""Deviation, of standardised values, below which a window counts as constant."""

Rows = NDArray[np.float32]
Values = NDArray[np.float32]


@configured
class Representation(Part, ABC):
    """Makes a row of numbers of every window.

    Attributes:
        mixed: whether the numbers have no common unit, so that each is to be divided by its
            deviation in training.
    """

    mixed: ClassVar[bool] = False

    @property
    def whole(self) -> bool:
        """Whether it is given whole recordings, in the place of windows."""
        return False

    @property
    def original(self) -> bool:
        """Whether it is given values in the unit of the data, in the place of standardised ones."""
        return False

    def learn(self, train: tuple[Recording, ...], window: int, seed: int) -> None:
        """Learn from standardised training recordings; nothing by default."""

    @abstractmethod
    def rows(self, windows: Values) -> Rows:
        """Rows `(b, d)` of windows `(b, c, w)`, standardised unless `original`."""


@configured
class Raw(Representation):
    """The values of the window, channels side by side.

    >>> Raw().rows(np.zeros((5, 2, 8), dtype=np.float32)).shape
    (5, 16)
    """

    def rows(self, windows: Values) -> Rows:
        """The windows themselves."""
        return windows.reshape(len(windows), -1)


@configured
class ZNormalised(Representation):
    """The shape of the window: each channel less its mean, divided by its deviation.

    A channel that is constant in the window has the shape 0. Level and spread of the window can be
    kept as two numbers more, which weigh as much as `level` points each.

    >>> wave = np.array([[[1, 3]], [[10, 30]]], dtype="f4")
    >>> ZNormalised(level=0).rows(wave).tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """

    level: float = setting(
        8.0,
        "weight, in points, of the window's mean and of the logarithm of its deviation; 0 for the "
        "shape alone",
        at_least=0.0,
    )

    def rows(self, windows: Values) -> Rows:
        """Shapes, and means and log deviations of all channels if they are kept."""
        mean = windows.mean(axis=2, keepdims=True)
        deviation = windows.std(axis=2, keepdims=True)
        shapes = np.where(deviation > FLAT, windows - mean, 0) / np.maximum(deviation, FLAT)
        rows: Rows = shapes.reshape(len(windows), -1)
        if not self.level:
            return rows
        spread = np.log(deviation + np.float32(FLAT))
        kept = np.float32(np.sqrt(self.level)) * np.concatenate((mean, spread), axis=1)[:, :, 0]
        with_both: Rows = np.concatenate((rows, kept), axis=1)
        return with_both


@configured
class Spectrum(Representation):
    """The amplitude of each frequency in the window, whatever its phase.

    The squares of a row sum to about the mean square of the window.

    >>> wave = np.cos(np.arange(8) * np.pi / 2).astype(np.float32)
    >>> Spectrum().rows(np.stack([wave, np.roll(wave, 1)])[:, None]).round(2)
    array([[0.  , 0.  , 0.71, 0.  , 0.  ],
           [0.  , 0.  , 0.71, 0.  , 0.  ]], dtype=float32)
    """

    def rows(self, windows: Values) -> Rows:
        """Amplitudes of the frequencies of each channel, `w // 2 + 1` of them."""
        length = windows.shape[2]
        amplitudes = np.abs(np.fft.rfft(windows, axis=2)).astype(np.float32) / length
        amplitudes[:, :, 1 : (length + 1) // 2] *= np.float32(np.sqrt(2))  # they come in pairs
        rows: Rows = amplitudes.reshape(len(windows), -1)
        return rows


@configured
class Statistics(Representation):
    """Mean, deviation and mean absolute change of each channel.

    Of a whole recording (a clip) they do not depend on when something happens in it, and all its
    points score alike.

    >>> clip = np.array([[[0.0, 2.0, 0.0, 2.0]]], dtype=np.float32)
    >>> Statistics().rows(clip).tolist()
    [[1.0, 1.0, 2.0]]
    """

    mixed: ClassVar[bool] = True

    of: Literal["window", "recording"] = setting(
        "window", "what they are of: each window, or the whole recording, such as a clip"
    )

    @property
    def whole(self) -> bool:
        """As `of` says."""
        return self.of == "recording"

    def rows(self, windows: Values) -> Rows:
        """The three, each of all channels."""
        change = np.abs(np.diff(windows, axis=2, append=windows[:, :, -1:])).sum(axis=2)
        changes = max(1, windows.shape[2] - 1)
        parts = windows.mean(axis=2), windows.std(axis=2), change / np.float32(changes)
        return np.concatenate(parts, axis=1)


for _kind in (Raw, ZNormalised, Spectrum, Statistics):
    storable(_kind)
