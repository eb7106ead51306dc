"""Two parts of a case have the same channels: matched by name where both have names."""

from __future__ import annotations

from dataclasses import replace

from anomalib_ts.core.recording import Recording
from anomalib_ts.data.series.column_names import listed
from anomalib_ts.errors import InputError


def same_channels(train: Recording, test: Recording) -> Recording:
    """The training part with the channels in the order of the series to score.

    Raises:
        InputError: their number or, where both have names, their names differ; both are listed.
    """
    if train.channels != test.channels:
        raise InputError(
            f"{test.name} has {test.channels} channels{_called(test)}, but its training part "
            f"{train.name} has {train.channels}{_called(train)}"
        )
    if None in (train.channel_names, test.channel_names):
        return train
    own, wanted = train.channel_names or (), test.channel_names or ()
    if own == wanted:
        return train
    if set(own) != set(wanted):
        raise InputError(
            f"{test.name} has the channels {listed(wanted)}, but its training part {train.name} "
            f"has {listed(own)}; rename them so that both have the same"
        )
    places = {name: i for i, name in enumerate(own)}
    values = train.values[:, [places[name] for name in wanted]]
    return replace(train, values=values, channel_names=wanted)


def _called(recording: Recording) -> str:
    return f" ({listed(recording.channel_names)})" if recording.channel_names else ""
