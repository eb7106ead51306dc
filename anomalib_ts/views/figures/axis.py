"""Where the values of a setting lie on an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from anomalib_ts.views.figures.places import text_of

CLOSEST = 0.1
"""Values of the setting that are closer than this share of the axis are spaced evenly instead."""


class Axis(NamedTuple):
    """Where each value of the setting lies.

    Attributes:
        places: on the axis, by the value as text.
        how: `logarithmic`, `evenly spaced`, or empty for a plain axis.
    """

    places: dict[str, float]
    how: str


def axis_of(values: Sequence[Any]) -> Axis:
    """An axis on which no two values fall together.

    Args:
        values: each once, in their order.
    """
    texts = [text_of(x) for x in values]
    even = Axis({text: float(place) for place, text in enumerate(texts)}, "evenly spaced")
    if not values or not all(map(_is_number, values)):
        return even._replace(how="")
    wide = values[0] > 0 and values[-1] >= 10 * values[0]
    numbers = [math.log10(x) if wide else float(x) for x in values]
    span = numbers[-1] - numbers[0]
    if any(b - a < CLOSEST * span for a, b in pairwise(numbers)):
        return even
    return Axis(dict(zip(texts, numbers, strict=True)), "logarithmic" if wide else "")


def order_of(x: Any) -> tuple[bool, float, str]:
    """What sorts values of a setting: numbers first, by size, then all others as text."""
    return (False, float(x), "") if _is_number(x) else (True, 0.0, str(x))


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool)
