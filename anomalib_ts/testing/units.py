"""A check of units: scores must not depend on what the values are measured in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.stats import spearmanr

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.testing.probe import Check, Probe, require

UNITS = ((1e-9, 0.0), (1e9, 0.0), (1.0, 1e9), (1e-9, -1e9), (1e9, 1e6))
"""Pairs (a, b): values x become a (x + b d), with d the training deviation of their channel."""

LOWEST_CORRELATION = 0.99
"""Rounding of values at 1e9 deviations leaves the ranks of scores alike, not equal."""

_RULE = "scores rank alike in whatever unit and at whatever level the values are given"


def unit_correlations(
    probe: Probe, units: Sequence[tuple[float, float]] = UNITS
) -> dict[tuple[float, float], float]:
    """Rank correlation of a detector's scores with those of the same data in other units."""
    channels = 2 if probe.capabilities.multivariate else 1
    training = [_in_double(recording) for recording in probe.training(channels)]
    test = _in_double(probe.test(channels))
    deviation = np.concatenate([r.values for r in training]).std(axis=0)
    plain = probe.clone().fit(training).score(test)
    found = {}
    for a, b in units:
        moved = [_moved(recording, a, b * deviation) for recording in training]
        scores = probe.clone().fit(moved).score(_moved(test, a, b * deviation))
        found[a, b] = _rank_correlation(plain, scores)
    return found


def _check_units(probe: Probe) -> None:
    for (a, b), correlation in unit_correlations(probe).items():
        seen = (
            f"with values x turned into {a:g} (x {b:+g} deviations), the rank correlation of the "
        )
        seen += f"scores with those of x is {correlation:.3f}"
        remedy = "work on the standardised values that `_fit` and `_score` are given, and compare "
        remedy += "nothing with an absolute number in the unit of the data"
        require(correlation > LOWEST_CORRELATION, _RULE, seen, remedy)


def _in_double(recording: Recording) -> Recording:
    return replace(recording, values=recording.values.astype(np.float64))


def _moved(recording: Recording, a: float, level: FloatArray) -> Recording:
    return replace(recording, values=a * (recording.values + level))


def _rank_correlation(one: FloatArray, other: FloatArray) -> float:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float(np.ptp(one) == np.ptp(other))
    return float(spearmanr(one, other).statistic)


CHECKS = (Check("units", _RULE, _check_units, lambda can: can.uses_values),)
