"""Checks of contributions: the channel at fault is blamed.

There is nothing to blame where the scores do not rise, as those of a network that has hardly been
trained may not: such a fault is passed over, so test the blame of a detector with training too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors.base import Detector
from anomalib_ts.errors import ContractError, InputError
from anomalib_ts.testing.probe import Check, Probe, burst_of, correlated_signal, require

_BLAME_RULE = (
    "`contributions` blames the channel at fault, or the detector declares blames_channels=False"
)
_CORRELATED_RULE = (
    "of channels that rise and fall together, `contributions` blames the one that leaves the "
    "others, or the detector declares blames_correlated=False"
)
_FAULT = 8.0  # in units of the channel's deviation, about 1
_CHANNELS = 6  # that follow each other; of two alone nobody can say which has left the other

Fault = Callable[[NDArray[np.floating], float, float], NDArray[np.floating]]
"""Takes the healthy values `(n,)` of a channel, its mean and its deviation to those at fault."""


def _noise(values: NDArray[np.floating], _mean: float, deviation: float) -> NDArray[np.floating]:
    noise = np.random.default_rng(3).standard_normal(len(values))
    found: NDArray[np.floating] = values + 4 * deviation * noise
    return found


def _spikes(values: NDArray[np.floating], _mean: float, deviation: float) -> NDArray[np.floating]:
    found: NDArray[np.floating] = values + 6 * deviation * (np.arange(len(values)) % 8 == 0)
    return found


FAULTS: dict[str, Fault] = {
    "staying at its mean": lambda values, mean, _: np.full_like(values, mean),
    "staying where it was": lambda values, _mean, _: np.full_like(values, values[0]),
    "noise": _noise,
    "the opposite of its values": lambda values, mean, _: 2 * mean - values,
    "spikes": _spikes,
}
"""What can happen to one of several channels that rise and fall together."""


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
    return [_blamed(detector, test, _with_noise(test, channel)) for channel in at_fault]


def blamed_among_correlated(probe: Probe, at_fault: dict[str, int]) -> dict[str, int | None]:
    """Which of six channels that rise and fall together is blamed for the faults of one of them.

    Args:
        probe: of the detector, which is fitted once.
        at_fault: the channel that is given each of `FAULTS`.

    Returns:
        As `blamed_channels` has it, for each fault.
    """
    detector = probe.fitted(_CHANNELS, correlated_signal)
    test = probe.test(_CHANNELS, source=correlated_signal)
    part, found = burst_of(test), dict[str, int | None]()
    for name, channel in at_fault.items():
        values = test.values.copy()
        healthy = test.values[:, channel]
        mean, deviation = float(healthy.mean()), float(healthy.std())
        values[part, channel] = FAULTS[name](healthy[part], mean, deviation)
        found[name] = _blamed(detector, test, replace(test, values=values))
    return found


def _blamed(detector: Detector, healthy: Recording, fault: Recording) -> int | None:
    burst = burst_of(healthy)
    usual = np.quantile(detector.score(healthy), 0.9)
    if not detector.score(fault)[burst].mean() > usual:
        return None
    return int(detector.contributions(fault, burst).mean(axis=0).argmax())


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


def _check_correlated(probe: Probe) -> None:
    remedy = (
        "compare a channel with what the others make one expect of it, or declare "
        "blames_correlated=False"
    )
    at_fault = {name: (1 + 3 * number) % _CHANNELS for number, name in enumerate(FAULTS)}
    for name, found in blamed_among_correlated(probe, at_fault).items():
        channel = at_fault[name]
        seen = f"{name} in channel {channel} of {_CHANNELS} was blamed on channel {found}"
        require(found in (channel, None), _CORRELATED_RULE, seen, remedy)


def _with_noise(recording: Recording, channel: int) -> Recording:
    values = recording.values.copy()
    part = burst_of(recording)
    noise = np.random.default_rng(11).standard_normal(len(values[part]))
    values[part, channel] += _FAULT * noise
    return replace(recording, values=values)


CHECKS = (
    Check("blame", _BLAME_RULE, _check_blame, lambda can: can.blames_channels and can.uses_values),
    Check(
        "blame_correlated",
        _CORRELATED_RULE,
        _check_correlated,
        lambda can: (
            can.blames_channels and can.uses_values and can.multivariate and can.blames_correlated
        ),
    ),
)
