"""Check of streams: the scores of blocks of any size are those of the whole recording."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.detectors.base import Detector
from anomalib_ts.errors import InputError
from anomalib_ts.testing.probe import Check, Probe, describe_change, require

_STREAM_RULE = "`stream` gives the scores of the whole recording, whatever the sizes of the blocks"
_DELAY_RULE = "a score comes with the delay that the stream states, which is 0 if causal"
_ROUNDING = 1e-6  # of the largest score
_BITS = 4.0  # of the last ones, which the rounding of some thousand products may reach
_TINY = 1e-9  # the logarithm of a probability near 1 rounds like that 1, not like itself

_REMEDY = (
    "say in `_margins` how many points before and after a point its score depends on, or return "
    "None there (or declare transductive=True) if that is not bounded"
)


def streamed(detector: Detector, recording: Recording, sizes: list[int]) -> FloatArray:
    """The scores of a recording that comes in blocks of these sizes, the last one in what is left.

    Raises:
        InputError: the detector cannot score streams.
        AssertionError: a score comes later than the stream states.
    """
    stream = detector.stream()
    parts, at = [], 0
    for size in [*sizes, len(recording)]:
        if at >= len(recording):
            break
        parts.append(stream.push(recording[at : at + size]))
        at += size
        late = stream.received - stream.delay - stream.scored
        seen = f"after {stream.received} points {stream.scored} had scores, the delay is "
        seen += f"{stream.delay}"
        waits = stream.received < stream.shortest
        require(late <= 0 or waits, _DELAY_RULE, seen, _REMEDY)
    return np.concatenate([*parts, stream.finish()])


def _check_stream(probe: Probe) -> None:
    random = np.random.default_rng(5)
    channels = 3 if probe.capabilities.multivariate else 1
    detector, test = probe.fitted(channels), probe.test(channels)
    try:
        stream = detector.stream()
    except InputError:  # as it says itself
        return
    causal = probe.capabilities.causal
    seen = f"the delay is {stream.delay}"
    require(stream.delay == 0 or not causal, _DELAY_RULE, seen, _REMEDY)
    longest = 2 * probe.window
    for length in sorted({1, probe.window, probe.window + 3, probe.length - 1, probe.length}):
        sizes = random.integers(1, longest + 1, size=length).tolist()
        whole = detector.score(test[:length])
        blocks = streamed(detector, test[:length], sizes)
        same = blocks.shape == whole.shape
        seen = f"{len(blocks)} scores of {length} points"
        require(same, _STREAM_RULE, seen, _REMEDY)
        seen = f"in blocks of 1 to {longest} points {describe_change(whole, blocks)}"
        change = np.abs(blocks - whole).max()
        near = change <= _ROUNDING * np.abs(whole).max() + _TINY
        near = near or change <= _BITS * _decided_by_last_bits(detector, test[:length], whole)
        require(near, _STREAM_RULE, seen, _REMEDY)


def _decided_by_last_bits(detector: Detector, recording: Recording, scores: FloatArray) -> float:
    """How far scores change with the last bit of each value.

    Sums in blocks of another size are rounded otherwise, and a small distance between large
    features loses more digits by that than 1e-6 of it: as many as those bits decide.
    """
    values = np.asarray(recording.values, np.float32)
    last_bit = np.spacing(np.abs(values)) * np.random.default_rng(6).choice((-1, 1), values.shape)
    flipped = detector.score(replace(recording, values=values + last_bit.astype(np.float32)))
    return float(np.abs(flipped - scores).max())


CHECKS = (Check("streaming", _STREAM_RULE, _check_stream),)
