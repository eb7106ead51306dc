"""Whatever a detector returns or raises becomes a bounded text or a number."""

import json
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anomalib_ts.core.plain import (
    LONGEST_TEXT,
    error_report,
    plain_numbers,
    plain_scores,
    plain_text,
)
from anomalib_ts.errors import ContractError

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=300)


@given(ANY_TEXT, st.integers(2, 200))
def test_every_text_can_be_stored_and_is_bounded(text, longest):
    plain = plain_text(text, longest)
    assert plain.encode().decode() == plain
    assert all(c.isprintable() or c in "\n\t" for c in plain)
    assert len(plain) <= 10 * (longest + 60)  # a character is escaped by up to ten


@given(st.text(st.characters(categories=["L", "N"]), max_size=300))
def test_an_ordinary_text_stays_as_it_is(text):
    assert plain_text(text) == text


def raised_by_text(error):
    class OddError(Exception):
        def __str__(self):
            raise error

    return OddError()


class SaysNoTextError(Exception):
    __str__ = property(lambda self: 3)


class LiesAboutItsText(str):
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("x" * 1_000_000),
        RuntimeError("\udcff\0\x1b[31m"),
        RuntimeError(LiesAboutItsText("odd")),
        raised_by_text(ValueError()),
        raised_by_text(SystemExit(0)),
        raised_by_text(KeyboardInterrupt()),
        SaysNoTextError(),
        ExceptionGroup("several", [ValueError("a"), raised_by_text(OSError())]),
        type("T" * 10_000, (Exception,), {})(),
        type("N", (Exception,), {"__notes__": 3})(),
    ],
    ids=range(10),
)
def test_every_error_has_a_report(error):
    try:
        raise error
    except BaseException as caught:
        report = error_report(caught)
    assert report.keys() == {"type", "message", "traceback"}
    assert all(report.values())
    assert len(json.dumps(report).encode()) < 10 * LONGEST_TEXT


@pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt(), ValueError()])
def test_an_error_that_says_little_is_called_by_its_type(error):
    assert error_report(error)["message"].startswith(type(error).__name__)


@pytest.mark.parametrize(
    "number",
    [
        1.5,
        3,
        True,
        np.float32(1.5),
        np.int64(3),
        np.bool_(True),
        np.array(1.5),
        torch.tensor(1.5),
        torch.tensor(1.5, requires_grad=True),
        Decimal("1.5"),
        Fraction(3, 2),
        10**300,
    ],
    ids=repr,
)
def test_numbers_of_any_kind_become_floats(number):
    numbers, left_out = plain_numbers({"a": number}, "X")
    assert type(numbers["a"]) is float and numbers["a"] == float(number)
    assert not left_out


@pytest.mark.parametrize("number", [math.nan, math.inf, np.float32("-inf")])
def test_what_is_not_finite_is_left_out_by_name(number):
    assert plain_numbers({"a": number, "b": 1}, "X") == ({"b": 1.0}, ["a"])


@pytest.mark.parametrize(
    "values",
    [
        {"a": lambda: 1},
        {"a": "1.5"},
        {"a": 1j},
        {"a": None},
        {"a": [1.0]},
        {"a": np.ones(3)},
        {"a": 10**400},
        {1: 1.0},
        [1.0],
        None,
        {str(i): 0.0 for i in range(10_000)},
    ],
    ids=range(11),
)
def test_what_is_no_number_breaks_the_contract(values):
    with pytest.raises(ContractError, match=r"^X\.fitted_values"):
        plain_numbers(values, "X")


def test_scores_are_a_copy():
    given = np.arange(3.0)
    scores = plain_scores(given, 3)
    given[:] = 0
    assert scores.tolist() == [0, 1, 2]


@pytest.mark.parametrize("scores", [[1.0], [1.0, np.nan], [[1.0, 2.0]]])
def test_scores_must_be_finite_and_one_a_point(scores):
    with pytest.raises(ContractError):
        plain_scores(scores, 2)
