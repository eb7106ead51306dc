"""Checks of how a detector treats channels: all of them count, none is taken for time."""

from __future__ import annotations

import numpy as np

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.detectors.base import Capabilities, Detector
from anomalib_ts.errors import InputError
from anomalib_ts.testing.probe import (
    Check,
    Probe,
    altered,
    relative_change,
    require,
    with_channel,
)

_CHANGE_RULE = "a change of a channel that was constant in training is seen"
_ONE_RULE = "a detector that declares multivariate=False refuses several channels"
_EVERY_RULE = "every channel of a recording counts"
_SCRAMBLE_RULE = "channels are not taken for time, nor time for channels"

_TRANSPOSE = "use np.moveaxis, .transpose or .mT instead of .reshape or .view"

_ALTERED_POINTS = 4  # enough to be felt, few against a window
_GROUPS = 16


def _check_one_channel(probe: Probe) -> None:
    try:
        probe.fitted(2)
    except InputError:
        return
    remedy = "declare multivariate=True if all channels are used; do not override `fit`"
    require(False, _ONE_RULE, "it was fitted on recordings of 2 channels", remedy)


def _check_every_channel(probe: Probe) -> None:
    channels = 3 if probe.capabilities.multivariate else 1
    detector, test = probe.fitted(channels), probe.test(channels)
    before = detector.score(test)
    middle = slice(len(test) // 4, 3 * len(test) // 4)
    for channel in range(channels):
        after = detector.score(altered(test, middle, -8.0, slice(channel, channel + 1)))
        seen = (
            f"with half of channel {channel} (of {channels}) made eight times larger and turned "
            "upside down, no score changed"
        )
        remedy = "use all columns of `recording.values`, or declare multivariate=False"
        require(relative_change(before, after).max() > 1e-9, _EVERY_RULE, seen, remedy)


def _check_time_and_channels(probe: Probe) -> None:
    """Alter a few points in one group of channels after the other: where do the scores change?

    They must change near the altered points, whatever the group. A window of `(points, channels)`
    that is reshaped instead of transposed swaps its two axes (with as many channels as points,
    which is why that number is used here): then the place of the change follows the channel, one
    point a channel. A whole recording reshaped that way moves the change far away.

    A detector that happens to look at few points of few channels, as a forest of some ten trees
    does, changes at different places for different channels too, but not in a straight line.
    What this cannot see is a reshape behind which every window gets a single score.
    """
    channels = min(probe.window if probe.window >= 8 else 16, 128)
    detector, test = probe.fitted(channels), probe.test(channels)
    centres, near, groups = [], [], []
    for at in _places(len(test), channels):
        for group in np.array_split(np.arange(channels), min(_GROUPS, channels)):
            change = _response(detector, test, at, slice(int(group[0]), int(group[-1]) + 1))
            if not change.any():
                continue  # the check of every channel reports this
            near.append(_around(change, at, len(test) // 4).sum() / change.sum())
            centres.append(_centre(_around(change, at, 2 * probe.window)) - at)
            groups.append(float(group.mean()))
    if near and not probe.capabilities.transductive:
        seen = f"a few points were altered, and only {min(near):.0%} of what changed in the scores "
        seen += f"lay within {len(test) // 4} points"
        # All of it for a detector with a window; a long memory spreads it, but not to nothing.
        require(min(near) >= 0.25, _SCRAMBLE_RULE, seen, _TRANSPOSE)
    slope, correlation = _line(np.array(groups), np.array(centres))
    seen = f"of {channels} channels, altering a later one by one moved the scores' change by "
    seen += f"{slope:.2f} points (correlation {correlation:.2f})"
    # Reshaped windows give a slope of .7 to 1 (measured on both networks of this package and on
    # linear ones), honest detectors one within .15 of 0, forests of 2 to 20 trees within .6.
    require(not (slope > 0.5 and correlation > 0.8), _SCRAMBLE_RULE, seen, _TRANSPOSE)


def _check_constant_change(probe: Probe) -> None:
    """Whatever the constant: a valve that was closed in training has no deviation to count in.

    A transductive detector, which may give all points of a recording one score, is compared with
    what it scores without the change.
    """
    test = probe.test(2)
    part = slice(len(test) // 2, 3 * len(test) // 4)
    for level in (0.0, 5.0):
        training = [with_channel(r, 1, level) for r in probe.training(2)]
        changed = with_channel(test, 1, level, (part, level + 0.01))
        detector = probe.clone().fit(training)
        scores = detector.score(changed)
        inside, others = float(scores[part].mean()), scores[: len(test) // 4]
        if probe.capabilities.transductive:
            others = detector.score(with_channel(test, 1, level))
        outside = float(np.quantile(others, 0.9))
        seen = f"a channel that was constantly {level:g} in training rose to {level + 0.01:g}, and "
        seen += f"these points scored {inside:.6g} on average; a tenth of the others scored above "
        seen += f"{outside:.6g}"
        remedy = "do not drop channels, nor clip their values, for having no deviation in training"
        require(inside > outside, _CHANGE_RULE, seen, remedy)


def _places(length: int, channels: int) -> tuple[int, int]:
    """A point in the second and one in the third quarter that a reshape would move far away."""
    points = np.arange(length)
    distance = np.abs(points * channels % length - points)
    half, quarter = length // 2, length // 4
    return (
        int(quarter + np.argmax(distance[quarter:half])),
        int(half + np.argmax(distance[half:-quarter])),
    )


def _response(detector: Detector, test: Recording, at: int, channels: slice) -> FloatArray:
    part = slice(at, at + _ALTERED_POINTS)
    after = detector.score(altered(test, part, 6.0, channels))
    change: FloatArray = np.abs(after - detector.score(test))
    return change


def _around(change: FloatArray, at: int, reach: int) -> FloatArray:
    """`change` with zeros further than `reach` from the altered points."""
    near = np.zeros_like(change)
    part = slice(max(0, at - reach), at + _ALTERED_POINTS + reach)
    near[part] = change[part]
    return near


def _centre(change: FloatArray) -> float:
    """Centre of mass in points; NaN where nothing changed."""
    total = change.sum()
    return float(np.arange(len(change)) @ change / total) if total else float("nan")


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Slope of the straight line through `y` over `x`, and their correlation; 0 if undefined."""
    known = np.isfinite(y)
    if known.sum() < 3:
        return 0.0, 0.0
    x, y = x[known] - x[known].mean(), y[known] - y[known].mean()
    product, size = float(x @ y), float(np.sqrt((x @ x) * (y @ y)))
    return product / float(x @ x), product / size if size else 0.0


def _learns_from_normal_data(can: Capabilities) -> bool:
    """Whoever learns from labels, or from machines, may take a change for anything."""
    plain = can.supervision == "none" and not can.needs_machine_ids
    return plain and can.multivariate and can.uses_values


CHECKS = (
    Check("one_channel", _ONE_RULE, _check_one_channel, lambda can: not can.multivariate),
    Check("every_channel", _EVERY_RULE, _check_every_channel, lambda can: can.uses_values),
    Check(
        "time_and_channels",
        _SCRAMBLE_RULE,
        _check_time_and_channels,
        lambda can: can.multivariate and can.uses_values,
    ),
    Check(
        "constant_change",
        _CHANGE_RULE,
        _check_constant_change,
        _learns_from_normal_data,
    ),
)
