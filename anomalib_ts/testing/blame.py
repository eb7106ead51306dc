"""Check of contributions: the channel at fault is blamed.

There is nothing to blame where the scores do not rise, as those of a network that has hardly been
trained may not: such a fault is passed over, so test the blame of a detector with training too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from anomalib_ts.core.recording import Recording
from anomalib_ts.errors import ContractError, InputError
from anomalib_ts.testing.probe import Check, Probe, burst_of, require

_BLAME_RULE = (
    "`contributions` blames the channel at fault, or the detector declares blames_channels=False"
)
_FAULT = 8.0  # in units of the channel's deviation, about 1


def blamed_channels(probe: Probe, at_fault: Iterable[int], channels: int = 8) -> list[int | None]:
    """Which channel is blamed most for noise in one of several, after the other.

    Args:
        probe: of the detector, which is fitted once.
        at_fault: the channels that are given the noise, one at a time.
        channels: of the recordings.

    Returns:
        For each channel at fault the one with the highest mean contribution; None where the
        scores do not rise above nine tenths of those without the fault.
    """
    detector, test = probe.fitted(channels), probe.test(channels)
    usual = np.quantile(detector.score(test), 0.9)
    burst, blamed = burst_of(test), list[int | None]()
    for channel in at_fault:
        fault = _with_fault(test, channel)
        seen = detector.score(fault)[burst].mean() > usual
        parts = detector.contributions(fault, burst)
        blamed.append(int(parts.mean(axis=0).argmax()) if seen else None)
    return blamed


def _check_blame(probe: Probe) -> None:
    channels, at_fault = (8, (1, 6)) if probe.capabilities.multivariate else (1, (0,))
    remedy = "return `(n, c)` from `_contributions`, or declare blames_channels=False"
    try:
        blamed = blamed_channels(probe, at_fault, channels)
    except (InputError, ContractError) as error:
        require(False, _BLAME_RULE, str(error), remedy)
        raise
    for channel, found in zip(at_fault, blamed, strict=True):
        seen = f"noise of {_FAULT:g} deviations in channel {channel} of {channels} was blamed on "
        require(found in (channel, None), _BLAME_RULE, f"{seen}channel {found}", remedy)


def _with_fault(recording: Recording, channel: int) -> Recording:
    values = recording.values.copy()
    part = burst_of(recording)
    noise = np.random.default_rng(11).standard_normal(len(values[part]))
    values[part, channel] += _FAULT * noise
    return replace(recording, values=values)


CHECKS = (
    Check("blame", _BLAME_RULE, _check_blame, lambda can: can.blames_channels and can.uses_values),
)
