"""What a detector returns or raises, made plain: bounded texts and numbers that any file can hold.

A detector is somebody else's program. Its error may have no text, or thirty megabytes of it, and
what it calls a number may be anything; nothing of that may reach a record.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import ContractError

LONGEST_TEXT = 10_000
"""Characters of an error's message or traceback that are kept."""

MOST_FITTED = 1000
"""Numbers that a detector may have learnt, see `Detector.fitted_values`."""

_LONGEST_NAME = 200
_NAME_OF_CLASS = vars(type)["__name__"].__get__


def plain_text(text: Any, longest: int = LONGEST_TEXT) -> str:
    """A text that can be printed and stored: its middle is left out where it is too long.

    Lone surrogates and control characters are written as escapes.
    """
    whole = text if type(text) is str else _shown(text)
    if len(whole) > longest:
        half = longest // 2
        left_out = f"\n... {len(whole) - 2 * half} characters left out ...\n"
        whole = whole[:half] + left_out + whole[-half:]
    return "".join(c if c.isprintable() or c in "\n\t" else _escaped(c) for c in whole)


def error_report(error: BaseException) -> dict[str, str]:
    """Type, message and traceback of an error, whatever the error is like.

    The message begins with the type where it says little without: `SystemExit: 0`.
    """
    kind, text = type_name(error), plain_text(_shown(error))
    if not text or not isinstance(error, Exception):
        text = f"{kind}: {text}" if text else kind
    return {
        "type": kind,
        "message": text,
        "traceback": plain_text(_traceback(error)),
    }


def type_name(value: Any) -> str:
    """The name of an object's class, which a metaclass cannot withhold."""
    return plain_text(_NAME_OF_CLASS(type(value)), _LONGEST_NAME)


def plain_numbers(values: Any, owner: str) -> tuple[dict[str, float], list[str]]:
    """Numbers by name as Python floats.

    Args:
        values: what `Detector.fitted_values` returned; NumPy and torch scalars are numbers, too.
        owner: whose values they are, for messages.

    Returns:
        The finite ones, and the names of the others.

    Raises:
        ContractError: it is no mapping from texts to numbers, or far too long.
    """
    if not isinstance(values, Mapping):
        raise ContractError(f"{owner}.fitted_values returned a {type_name(values)}, not a dict")
    if len(values) > MOST_FITTED:
        raise ContractError(
            f"{owner}.fitted_values returned {len(values)} numbers; at most {MOST_FITTED} belong "
            "beside a result"
        )
    items = islice(values.items(), MOST_FITTED)  # whose length may be a lie
    numbers = {_name(key, owner): _number(value, key, owner) for key, value in items}
    finite = {key: value for key, value in numbers.items() if math.isfinite(value)}
    return finite, [key for key in numbers if key not in finite]


def plain_scores(scores: Any, points: int) -> FloatArray:
    """Scores `(points,)` as finite float64 in memory that nothing else holds.

    Raises:
        ContractError: they are something else.
    """
    array: NDArray[Any] = np.array(scores, dtype=np.float64, order="C")
    if array.shape != (points,) or not np.isfinite(array).all():
        raise ContractError(f"scores must be {points} finite numbers, not {array.shape} of them")
    return array


def _number(value: Any, key: str, owner: str) -> float:
    try:
        if isinstance(value, str | bytes):
            raise TypeError("a text is no number")
        return float(value)
    except Exception:
        raise ContractError(
            f"{owner}.fitted_values: {plain_text(key, _LONGEST_NAME)!r} is a {type_name(value)}, "
            "not a number"
        ) from None


def _name(key: Any, owner: str) -> str:
    if not isinstance(key, str):
        raise ContractError(f"{owner}.fitted_values: the name {_shown(key)} is no text")
    return plain_text(str.__str__(key), _LONGEST_NAME)


def _shown(value: Any) -> str:
    try:
        return str.__str__(str(value))
    except BaseException as error:  # whatever a foreign `__str__` raises
        return f"<its text could not be made: {type(error).__name__}>"


def _traceback(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except BaseException as second:  # whatever a foreign error raises when it is looked at
        return f"<its traceback could not be made: {type(second).__name__}>"


def _escaped(character: str) -> str:
    if character.isspace():
        return " "
    return character.encode("unicode_escape").decode("ascii")
