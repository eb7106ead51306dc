"""What the checks share: recordings to train on and score, fitted clones, comparisons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.detectors.base import Capabilities, Detector

_USUAL_WINDOW = 32
_TRAINING_RECORDINGS = 4


Source = Callable[[int, int, int], NDArray[np.float32]]
"""Takes a length, channels and a seed to values, as `signal` does."""


class Probe:
    """A detector under test, with recordings whose size suits it.

    Attributes:
        name: of the detector's class.
        capabilities: what the detector declares.
        window: its parameter `window` if that is an integer, else 32, in points.
        length: of a recording to score: at least eight windows.
    """

    def __init__(self, detector: Detector) -> None:
        self.prototype = detector
        self.name = type(detector).__name__
        self.capabilities = detector.capabilities
        window = getattr(detector, "window", None)
        self.window = max(1, int(window)) if isinstance(window, Integral) else _USUAL_WINDOW
        self.length = max(512, 8 * self.window)

    def clone(self) -> Detector:
        """An unfitted detector with the parameters of the one under test."""
        copy: Detector = clone(self.prototype)
        return copy

    def fitted(self, channels: int = 1, source: Source | None = None) -> Detector:
        """A fresh clone, fitted on `training(channels)`."""
        return self.clone().fit(self.training(channels, source=source))

    def training(
        self, channels: int = 1, seed: int = 0, source: Source | None = None
    ) -> tuple[Recording, ...]:
        """Four recordings; normal ones, unless the detector is to learn from labels."""
        length = max(160, 4 * self.window)
        parts = [
            Recording((source or signal)(length, channels, seed + i), name=f"training {i}")
            for i in range(_TRAINING_RECORDINGS)
        ]
        if self.capabilities.supervision == "weak":
            parts = [with_burst(part) if i % 2 else part for i, part in enumerate(parts)]
            parts = list(labelled(parts))
        if self.capabilities.needs_machine_ids:
            parts = [_of_machine(part, i // 2) for i, part in enumerate(parts)]
        return tuple(parts)

    def test(self, channels: int = 1, seed: int = 100, source: Source | None = None) -> Recording:
        """A recording to score, from the same source as the training recordings."""
        recording = Recording((source or signal)(self.length, channels, seed), name="test")
        return _of_machine(recording, 0) if self.capabilities.needs_machine_ids else recording


@dataclass(frozen=True)
class Check:
    """One rule of the contract and the function that tests it.

    Attributes:
        name: short, for reports.
        rule: what the contract says, in one sentence.
        run: raises AssertionError if the probed detector breaks the rule.
        applies: whether the rule concerns a detector of these capabilities.
    """

    name: str
    rule: str
    run: Callable[[Probe], None]
    applies: Callable[[Capabilities], bool] = lambda _: True


def signal(length: int, channels: int, seed: int) -> NDArray[np.float32]:
    """Noisy sines `(length, channels)`, the same source for every seed."""
    rng = np.random.default_rng(seed)
    time = rng.integers(1000) + np.arange(length)[:, None]
    channel = np.arange(channels)
    period = 11 + 5 * channel % 13
    wave = np.sin(2 * np.pi * time / period + channel)
    drift = np.sin(2 * np.pi * time / 37)
    noise = rng.standard_normal((length, channels))
    return np.asarray(wave + 0.5 * drift + 0.1 * noise, np.float32)


def correlated_signal(length: int, channels: int, seed: int) -> NDArray[np.float32]:
    """As `signal`, of channels that follow one load, each with noise of its own: correlated .97."""
    rng = np.random.default_rng(seed)
    time = rng.integers(1000) + np.arange(length)[:, None]
    load = np.sin(2 * np.pi * time / 23) + 0.5 * np.sin(2 * np.pi * time / 37)
    noise = rng.standard_normal((length, channels))
    return np.asarray(np.linspace(1, 2, channels) * (load + 0.14 * noise), np.float32)


def burst_of(recording: Recording) -> slice:
    """Where `with_burst` puts its anomaly: the third quarter of the recording."""
    return slice(len(recording) // 2, 3 * len(recording) // 4)


def with_burst(recording: Recording, scale: float = 10.0) -> Recording:
    """The recording with white noise of deviation `scale` as a gross anomaly."""
    values = recording.values.copy()
    part = burst_of(recording)
    values[part] = scale * np.random.default_rng(7).standard_normal(values[part].shape)
    return replace(recording, values=values)


def labelled(recordings: list[Recording] | tuple[Recording, ...]) -> tuple[Recording, ...]:
    """Every second recording labelled anomalous, at the points of its burst and as a whole."""
    return tuple(_with_labels(recording, i % 2) for i, recording in enumerate(recordings))


def flipped(recording: Recording) -> Recording:
    """The recording with 0 for 1 and 1 for 0 in its labels."""
    if recording.labels is None or recording.label is None:
        raise ValueError("only labelled recordings can be flipped")
    labels = (1 - recording.labels).astype(np.int8)
    return replace(recording, labels=labels, label=1 - recording.label)


def _of_machine(recording: Recording, machine: int) -> Recording:
    """The recording as the machine of that number would give it: the second is twice as loud."""
    return replace(recording, values=(1 + machine) * recording.values, machine_id=f"id_{machine}")


def _with_labels(recording: Recording, label: int) -> Recording:
    labels = np.zeros(len(recording), np.int8)
    labels[burst_of(recording)] = label
    return replace(recording, labels=labels, label=label)


def altered(recording: Recording, part: slice, factor: float, channel: slice) -> Recording:
    """The recording with `x -> factor * x + factor` in a stretch of some channels."""
    values = recording.values.copy()
    values[part, channel] = factor * values[part, channel] + factor
    return replace(recording, values=values)


def with_channel(
    recording: Recording, channel: int, level: float, *steps: tuple[slice, float]
) -> Recording:
    """The recording with one channel at a constant level, but for the stretches in `steps`."""
    values = recording.values.astype(np.float64)
    values[:, channel] = level
    for part, height in steps:
        values[part, channel] = height
    return replace(recording, values=values)


def require(holds: bool | np.bool_, rule: str, seen: str, remedy: str) -> None:
    """Raise AssertionError in the form all checks use, unless the rule holds."""
    if not holds:
        raise AssertionError(f"The rule: {rule}.\n  Seen: {seen}.\n  Remedy: {remedy}.")


def relative_change(before: FloatArray, after: FloatArray) -> NDArray[np.float64]:
    """`|after - before|` in units of the largest score before."""
    scale = float(np.abs(before).max()) or 1.0
    change: NDArray[np.float64] = np.abs(after - before) / scale
    return change


def describe_change(before: FloatArray, after: FloatArray) -> str:
    """Where two score arrays of one length differ most, in words."""
    at = int(np.argmax(np.abs(after - before)))
    count = int(np.count_nonzero(after != before))
    return (
        f"{count} of {len(before)} scores changed, most at point {at}: "
        f"{before[at]:.6g} became {after[at]:.6g}"
    )
