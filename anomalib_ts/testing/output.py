"""Checks of what `score` returns: shape, type, finite numbers, and which way they point."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.detectors.base import Detector
from anomalib_ts.errors import ContractError, InputError
from anomalib_ts.testing.probe import Check, Probe, burst_of, require, with_burst

_SHAPE_RULE = "`score` returns one finite float64 for every point of the recording"
_SHORT_RULE = "recordings of any length from one point up are scored"
_CONSTANT_RULE = "constant recordings and constant channels give finite scores"
_DIRECTION_RULE = "a higher score means more anomalous"


def scores_of(detector: Detector, recording: Recording, kind: str) -> FloatArray:
    """Score a recording and check the form of what comes back."""
    remedy = "return np.ndarray of shape (len(recording),), float64, from `_score`"
    try:
        scores = detector.score(recording)
    except ContractError as error:
        require(False, _SHAPE_RULE, f"{kind}: {error}", remedy)
        raise
    shape, dtype = getattr(scores, "shape", None), getattr(scores, "dtype", None)
    seen = f"{kind} of {len(recording)} points gave a {type(scores).__name__} of {shape}, {dtype}"
    require(shape == (len(recording),) and dtype == np.float64, _SHAPE_RULE, seen, remedy)
    finite = np.isfinite(scores)
    seen = f"{kind}: {np.count_nonzero(~finite)} scores are not finite"
    require(finite.all(), _SHAPE_RULE, seen, "guard divisions by a deviation of 0, logarithms")
    return scores


def _channel_counts(probe: Probe) -> tuple[int, ...]:
    return (1, 3) if probe.capabilities.multivariate else (1,)


def _check_output(probe: Probe) -> None:
    for channels in _channel_counts(probe):
        detector, test = probe.fitted(channels), probe.test(channels)
        scores_of(detector, test, f"a recording of {channels} channels")
        huge = replace(test, values=test.values * np.float32(1e6))
        scores_of(detector, huge, "a recording with values around 1e6")


def _check_short(probe: Probe) -> None:
    for channels in _channel_counts(probe):
        training = probe.training(channels)
        # Training stretches cut between two anomalies may be as short as a point.
        detector = probe.clone().fit((*training, training[0][:1]))
        for length in sorted({1, 2, 3, probe.window - 1, probe.window, probe.window + 1} - {0}):
            scores_of(detector, probe.test(channels)[:length], f"a short recording ({length})")
    _fit_or_refuse(probe, [part[:1] for part in probe.training()])
    _fit_or_refuse(probe, [part[:2] for part in probe.training()])


def _check_constant(probe: Probe) -> None:
    detector, constant = probe.fitted(), _flattened(probe.test(), 1)
    for factor in (0, 1, 1000):
        recording = replace(constant, values=factor * constant.values)
        scores_of(detector, recording, f"a constant recording of {recording.values[0, 0]}")
    _fit_or_refuse(probe, [_flattened(part, 1) for part in probe.training()], constant)
    if probe.capabilities.multivariate:
        detector = probe.clone().fit([_flattened(part, 1) for part in probe.training(3)])
        scores_of(detector, probe.test(3), "after training with a constant channel, a recording")


def _flattened(recording: Recording, channels: int) -> Recording:
    values = recording.values.copy()
    values[:, :channels] = 3.0
    return replace(recording, values=values)


def _fit_or_refuse(probe: Probe, training: list[Recording], also: Recording | None = None) -> None:
    """Poor training data may be refused with an InputError, but must not give poor scores."""
    try:
        detector = probe.clone().fit(training)
    except InputError:
        return
    for recording in (probe.test(), also or probe.test()):
        scores_of(detector, recording, f"after training on {training[0].values.size} points each")


def _check_direction(probe: Probe) -> None:
    """Gross noise must score higher; only asked of detectors that do not tell machines apart.

    Those score how little a recording resembles its own machine, which says nothing of noise.
    """
    normal, noisy = probe.test(), with_burst(probe.test())
    detector, burst = probe.fitted(), burst_of(noisy)
    scores = detector.score(noisy)
    inside = float(scores[burst].mean())
    if _alike(scores):  # one score a recording: there is no normal part to compare it with
        outside = float(detector.score(normal).mean())
    else:
        # What lies next to the burst shares windows with it and belongs to neither side.
        outside = float(scores[: burst.start - len(noisy) // 8].mean())
    seen = (
        f"white noise of ten times the normal deviation scored {inside:.6g} on average, "
        f"normal points {outside:.6g}"
    )
    remedy = "turn the sign round (scikit-learn's score_samples is higher for normal points)"
    require(inside > outside, _DIRECTION_RULE, seen, remedy)


def _alike(scores: FloatArray) -> bool:
    """Whether a recording has one score, but for rounding."""
    return bool(np.ptp(scores) <= 1e-9 * np.abs(scores).max())


CHECKS = (
    Check("output", _SHAPE_RULE, _check_output),
    Check("short_recordings", _SHORT_RULE, _check_short),
    Check("constant", _CONSTANT_RULE, _check_constant),
    Check(
        "direction",
        _DIRECTION_RULE,
        _check_direction,
        lambda can: can.uses_values and not can.needs_machine_ids,
    ),
)
