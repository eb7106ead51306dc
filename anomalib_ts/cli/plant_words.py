"""What the commands of `anomalib_ts.cli.plant` say of data, models and alarms."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anomalib_ts.core.recording import Recording
    from anomalib_ts.deploy.model import PlantModel
    from anomalib_ts.deploy.target import AlarmTarget

MOSTLY = 0.5
"""In alarm for a larger share of the data, and what changed is more than a fault."""


def command_parser(name: str, about: str, examples: str) -> argparse.ArgumentParser:
    """A parser whose help ends with examples as they are written."""
    return argparse.ArgumentParser(
        f"anomalib-ts {name}",
        description=about,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def facts(recording: Recording) -> str:
    """A recording in one line: how long, how many channels, how often, from when to when."""
    parts = [f"{len(recording):,} points", counted(recording.channels, "channel")]
    if recording.sampling_period is not None:
        parts.append(f"one every {duration(recording.sampling_period)}")
    if recording.times is not None:
        parts.append(f"{recording.times[0]} to {recording.times[-1]}".replace(".000000000", ""))
    return f"{recording.name}: {', '.join(parts)}"


def described(model: PlantModel) -> str:
    """A model in one line: its detector, and what it was fitted on."""
    healthy = model.healthy
    named = [] if healthy.names is None else [f"channels {', '.join(healthy.names[:12])}"]
    if healthy.names and len(healthy.names) > 12:
        named = [f"{named[0]} and {len(healthy.names) - 12} more"]
    period = [] if healthy.period is None else [f"a point every {duration(healthy.period)}"]
    parts = [f"{healthy.points:,} points of {healthy.source}", *period, *named]
    return f"{type(model.detector).__name__}, fitted on {'; '.join(parts)}"


def alarms_described(model: PlantModel) -> list[str]:
    """The threshold, what it promises, and what the held-back data shows of that."""
    from anomalib_ts.deploy.calibration import poisson_upper  # noqa: PLC0415

    held, rule = model.held_back, model.rule
    count, days, expected = held.alarms(rule), held.days, model.expected_per_day()
    share = float((held.scores > rule.threshold).mean())
    what = "new" if held.source else "held-back"
    lines = [f"alarm above {rule.threshold:.6g} ({promise(model.target)})"]
    if expected is None:
        lines.append(f"on {len(held.scores):,} {what} points: {share:.3%} of them above it")
        return lines
    most = poisson_upper(count) / days
    lines.append(
        f"expected false alarms a day: {expected:.3g}, while the plant is as in the {what} data"
    )
    lines.append(
        f"on {days:.3g} days of {what} data: {counted(count, 'alarm')}; by that alone, at most "
        f"{most:.3g} a day (95 %)"
    )
    return lines


def recalibration_described(former: PlantModel, model: PlantModel) -> list[str]:
    """What new healthy data changed, and a warning where the detector is the wrong one for them."""
    held, before = model.held_back, former.held_back.source or "the data that was held back"
    count = held.alarms(former.rule)
    rate = "" if held.period is None else f" ({count / held.days:.3g} a day)"
    lines = [
        f"set on {len(held.scores):,} points of {held.source}; before, on {before}",
        f"the former threshold would raise {counted(count, 'alarm')} there{rate}",
    ]
    above = float((held.scores > former.rule.threshold).mean())
    if above > MOSTLY:
        lines.append(
            f"! {above:.0%} of the new data lie above it: to the detector this is another plant, "
            "and above the new threshold only larger faults are seen. Fit a model on newer data"
        )
    return lines


def promise(target: AlarmTarget) -> str:
    """What a target promises, in a few words."""
    if target.value is not None:
        return "set by hand"
    if target.per_day is not None:
        return f"{target.per_day:g} false alarms a day, {target.method}"
    return f"{target.rate:g} of healthy points, {target.method}"


def counted(count: int, what: str) -> str:
    """`no alarms`, `1 alarm`, `2 alarms`."""
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """Seconds in the largest unit that they fill."""
    for unit, name in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.3g} s"


def say(lines: Sequence[str]) -> None:
    """Write lines to standard output."""
    from anomalib_ts.core.streams import printable  # noqa: PLC0415

    sys.stdout.write("".join(printable(line) + "\n" for line in lines))
