"""Channels of an array that look like labels, times or row numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.data.series.column_contents import (
    FEW,
    LOOK,
    are_classes,
    is_switch,
    maybe_classes,
    maybe_counters,
    maybe_switches,
    only_rises,
    rises_evenly,
    tells_labels,
)
from anomalib_ts.data.series.column_names import LABEL_NAMES, Named, listed, named


def doubtful_channels(
    values: FloatArray, names: Sequence[str] | None, labels: FloatArray | None
) -> list[str]:
    """What to tell of channels `(n, c)` that come as an array and look as if they were none.

    Args:
        values: `(n, c)`.
        names: of the channels; None without.
        labels: `(n,)` of 0 and 1; None without.
    """
    called = [str(i) for i in range(values.shape[1])] if names is None else list(names)
    found: dict[str, list[str]] = {}
    for i in np.flatnonzero(_may_be_none(values, names, labels)).tolist():
        why = _doubt(values[:, i], Named.NOTHING if names is None else named(names[i]), labels)
        if why:
            found.setdefault(why, []).append(called[i])
    return [
        f"channel {listed(which)} {why}; if it is none, name it in exclude_columns"
        for why, which in found.items()
    ]


def _may_be_none(
    values: FloatArray, names: Sequence[str] | None, labels: FloatArray | None
) -> NDArray[np.bool_]:
    head = values[: max(FEW, LOOK // values.shape[1])]
    worth = maybe_counters(head) | maybe_switches(head)
    if names is not None:
        worth |= np.array([named(name) is not Named.NOTHING for name in names])
    return worth if labels is None else worth | maybe_classes(head)


def _doubt(column: FloatArray, kind: Named, labels: FloatArray | None) -> str:
    """What makes a channel doubtful; empty if nothing does."""
    switch = is_switch(column)
    reasons = (
        ("is named like labels", kind in LABEL_NAMES),
        ("is named like a time", kind in (Named.TIME, Named.TIMES)),
        ("is named like an index", kind is Named.INDEX),
        ("rises evenly as a row number does", rises_evenly(column)),
        ("only rises or only falls, as time and counters do", only_rises(column)),
        (
            "follows the labels",
            labels is not None and (switch or are_classes(column)) and tells_labels(column, labels),
        ),
        ("holds only two values, as labels do", switch),
    )
    return next((why for why, holds in reasons if holds), "")
