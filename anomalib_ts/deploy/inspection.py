"""A look at data before anything is fitted: what is odd about its channels, and what to choose."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.runs import runs
from anomalib_ts.core.windows import find_period

CLIPPED = 0.01
"""A channel that has its highest or lowest value at this share of its points may be clipped."""

FEW_VALUES = 12
"""A channel of so few different values is a switch or a state, and cannot be clipped."""

LONGEST_STILL = 0.02
"""A channel that stands still for this share of a recording at a time is named."""

ALIKE = 0.999
"""Channels whose correlation is at least this are nearly the same."""

MOST_PAIRS = 64
"""Channels that are compared with each other, at most."""

MOST_POINTS = 100_000
"""Points that are compared, at most."""

FEW_POINTS = 2000
"""A series of fewer points is short for a network."""

NO_PERIOD = -1


@dataclass(frozen=True)
class Finding:
    """What was found in a recording.

    Attributes:
        what: `constant`, `clipped`, `still`, `alike`, `uneven` or `labels`.
        text: for a person, with what to do.
    """

    what: str
    text: str


def findings(recording: Recording) -> list[Finding]:
    """What is odd about a recording.

    >>> import numpy as np
    >>> from anomalib_ts import Recording
    >>> from anomalib_ts.deploy.inspection import findings
    >>> wave = np.sin(np.arange(400) / 9)
    >>> values = np.stack([wave, np.minimum(wave, 0.5), np.zeros(400)], axis=1)
    >>> [finding.what for finding in findings(Recording(values))]
    ['clipped', 'constant']
    """
    found = [
        finding
        for channel in range(recording.channels)
        for finding in _of_channel(recording, channel)
    ]
    found += _alike(recording)
    if recording.times is not None and recording.sampling_period is None:
        text = "the steps in time are uneven: resample it, or say data.timestamp_column=none"
        found.append(Finding("uneven", text))
    if recording.is_labelled and (count := int(recording.anomalous_points.sum())):
        share = count / len(recording)
        text = f"{count} points ({share:.1%}) are labelled anomalous: metrics will be computed"
        found.append(Finding("labels", text))
    return found


def advice(recording: Recording) -> list[str]:
    """What to choose for such data, and why, as lines of text."""
    lines = []
    period = _period(recording)
    if period == NO_PERIOD:
        lines.append("no channel repeats itself within 6 to 303 points: keep the default windows")
        window = ""
    else:
        lines.append(f"it repeats itself about every {period} points: a window near that suits")
        window = f" detector.window={period}"
    forest = f"detector=iforest{window}: seconds to fit, no training loop"
    if recording.channels > 1:
        lines.append(
            "detector=mahalanobis: seconds to fit; sees when channels stop moving together, and "
            "one that leaves the others"
        )
        lines.append(f"{forest}; in long windows of many channels it hardly sees one of them")
    else:
        lines.append(f"{forest}; a good first try")
    if len(recording) >= FEW_POINTS:
        lines.append("detector=fastflow1d: minutes; learns shapes that the others miss")
    else:
        lines.append(f"{len(recording)} points are few for a network such as fastflow1d")
    return lines


def _of_channel(recording: Recording, channel: int) -> list[Finding]:
    values, name = recording.values[:, channel], recording.channel_name(channel)
    low, high = values.min(), values.max()
    if low == high:
        text = f"{name} is constant ({low:g}): any change will score high; leave it out if it is "
        return [Finding("constant", text + "no measurement (data.exclude_columns)")]
    found = []
    different = len(np.unique(values[:MOST_POINTS]))
    for edge, word in ((low, "lowest"), (high, "highest")):
        share = float((values == edge).mean())
        if share >= CLIPPED and different > FEW_VALUES and share > 3 / different:
            text = f"{name} has its {word} value, {edge:g}, at {share:.1%} of its points: clipped?"
            found.append(Finding("clipped", text))
    still = _longest_still(values)
    long = still.stop - still.start >= max(20, LONGEST_STILL * len(values))
    if long and different > FEW_VALUES and not found:
        place = f"points {still.start} to {still.stop - 1}"
        if recording.times is not None:
            place = f"{recording.times[still.start]} to {recording.times[still.stop - 1]}"
        text = f"{name} stands still at {values[still.start]:g} from {place}: a stuck sensor?"
        found.append(Finding("still", text))
    return found


def _longest_still(values: NDArray[np.floating]) -> slice:
    """The longest run of equal values."""
    starts, ends = runs(np.append(values[1:] == values[:-1], False))
    if not len(starts):
        return slice(0, 1)
    longest = int(np.argmax(ends - starts))
    return slice(int(starts[longest]), int(ends[longest]) + 1)


def _alike(recording: Recording) -> list[Finding]:
    step = max(1, len(recording) // MOST_POINTS)
    values = recording.values[::step, :MOST_PAIRS].astype(np.float64)
    varies = np.flatnonzero(np.ptp(values, axis=0) > 0)
    if len(varies) < 2 or len(values) < 3:
        return []
    related = np.atleast_2d(np.corrcoef(values[:, varies], rowvar=False))
    found = []
    for one, other in combinations(range(len(varies)), 2):
        if abs(related[one, other]) >= ALIKE:
            first, second = (recording.channel_name(int(varies[i])) for i in (one, other))
            text = (
                f"{first} and {second} are nearly the same (correlation "
                f"{related[one, other]:.4f}): leave one out, or both count twice"
            )
            found.append(Finding("alike", text))
    return found


def _period(recording: Recording) -> int:
    """The median period of the channels that have one."""
    found = [find_period(channel, NO_PERIOD) for channel in recording.values.T[:MOST_PAIRS]]
    known = [period for period in found if 0 < 2 * period <= len(recording)]  # seen at least twice
    return int(np.median(known)) if known else NO_PERIOD
