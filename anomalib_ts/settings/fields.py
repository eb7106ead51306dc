"""Settings declared once: default, type, limits and description beside each other.

A class marked `configured` lists its settings as fields. Its constructor, the checks of what a
user has set, the `Args` of its docstring, `anomalib-ts list` and the comments of its YAML file all
come from there.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from anomalib_ts.errors import ConfigError

T = TypeVar("T")

_DECLARED = "declared"
_DESCRIBES = "describes"
_CHOICE = "choice"


@dataclass(frozen=True)
class Limits:
    """The numbers that a setting may have; None where there is no limit."""

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None

    def hold(self, value: Any) -> bool:
        """Whether a number lies within."""
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        """As in `at least 8`, `above 0` or `in (0, 1)`; empty without limits."""
        low = self.at_least if self.at_least is not None else self.above
        high = self.at_most if self.at_most is not None else self.below
        if low is not None and high is not None:
            opened = "[" if self.at_least is not None else "("
            closed = "]" if self.at_most is not None else ")"
            return f"in {opened}{_told(low)}, {_told(high)}{closed}"
        if low is not None:
            return f"{'at least' if self.at_least is not None else 'above'} {_told(low)}"
        if high is not None:
            return f"{'at most' if self.at_most is not None else 'below'} {_told(high)}"
        return ""


def _told(limit: float) -> str:
    return str(limit) if isinstance(limit, int) else f"{limit:g}"


NO_LIMITS = Limits()

SEEDS = Limits(at_least=0, at_most=2**32 - 1)
"""What NumPy, scikit-learn and torch take."""


def limits_of(name: str, limits: Limits) -> Limits:
    """The limits of a setting: those that it declares, or of what is called `seed` `SEEDS`."""
    return SEEDS if name == "seed" and limits == NO_LIMITS else limits


@dataclass(frozen=True)
class Declaration:
    """What is known of one setting.

    Attributes:
        name: of the constructor's parameter.
        hint: its type.
        default: its default.
        about: what it means, in words, without a full stop.
        limits: of its numbers.
        describes: see `setting`.
        choice: see `setting`.
    """

    name: str
    hint: Any
    default: Any
    about: str
    limits: Limits
    describes: str = ""
    choice: str = ""


def setting(
    default: Any,
    about: str = "",
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    describes: str = "",
    choice: str = "",
) -> Any:
    """A field that is a setting.

    Args:
        default: what it is unless set.
        about: what it means; without it, description and limits are those of the field of the
            same name in the parent class, which only gets another default.
        at_least: the smallest number it may be.
        above: what a number must be larger than.
        at_most: the largest number it may be.
        below: what a number must be smaller than.
        describes: a key of `trust.KINDS`, where the value is settings of such an object (or of
            several, by name), to be made whenever one is needed, rather than the object.
        choice: what is chosen unless another is, where the setting has a folder of choices of its
            own in `conf/` (`detector/scorer=nearest`).
    """
    limits = Limits(at_least, above, at_most, below)
    told = {_DECLARED: (about, limits), _DESCRIBES: describes, _CHOICE: choice}
    return field(default=default, metadata=told)


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(setting,))
def configured(kind: type[T]) -> type[T]:
    """Give a class the constructor that its settings describe, and a docstring that has them.

    The constructor takes keywords only and does nothing but store them, as scikit-learn wants it.
    """
    made = dataclass(eq=False, repr=False, kw_only=True)(kind)
    made.__doc__ = "\n\n".join(filter(None, [inspect.cleandoc(made.__doc__ or ""), args_of(made)]))
    return made


def args_of(kind: type) -> str:
    """The section `Args` that a configured class's docstring ends with; empty without settings."""
    lines = [
        f"    {d.name}: {described(d.about, d.limits)}. Default {d.default!r}."
        for d in declarations(kind)
    ]
    return "\n".join(["Args:", *lines]) if lines else ""


def described(about: str, limits: Limits) -> str:
    """What a setting means and which numbers it may have; a seed's go without saying."""
    return "; ".join(filter(None, (about, "" if limits == SEEDS else str(limits))))


def declarations(kind: type) -> tuple[Declaration, ...]:
    """The settings of a configured class, inherited ones first; none of any other class."""
    return _declarations(kind)


@cache  # working types out from their text takes longer than a check of all settings
def _declarations(kind: Any) -> tuple[Declaration, ...]:
    if not hasattr(kind, "__dataclass_fields__"):
        return ()
    hints = get_type_hints(kind)
    found: Any = fields(kind)
    return tuple(
        Declaration(
            one.name,
            hints[one.name],
            one.default,
            *_about(kind, one.name),
            one.metadata[_DESCRIBES],
            one.metadata[_CHOICE],
        )
        for one in found
        if _DECLARED in one.metadata
    )


def constructor_hints(kind: type) -> dict[str, Any]:
    """The types of what a class's constructor takes; none where they cannot be worked out."""
    constructor: Any = kind
    try:
        # A generated constructor does not know the modules that its fields' types are named in.
        return get_type_hints(kind if declarations(kind) else constructor.__init__)
    except Exception:  # a name that only a type checker knows: values are then not converted
        return {}


def check_settings(item: Any) -> None:
    """Compare the settings of an object with their declarations.

    Raises:
        ConfigError: one has a value of another type, or one out of its limits.
    """
    for declared in declarations(type(item)):
        value = getattr(item, declared.name)
        if why := refusal(declared.hint, declared.limits, value):
            raise ConfigError(f"{declared.name} {why}")


def refusal(hint: Any, limits: Limits, value: Any) -> str:
    """What is wrong with a value, as in `must be at least 8, not 4`; empty if nothing is."""
    if any(_is(one, value, limits) for one in _alternatives(hint)):
        return ""
    return f"must {_wanted(hint, limits, value)}, not {value!r}"


def _about(kind: type, name: str) -> tuple[str, Limits]:
    """Description and limits: of the nearest class in which the field has a description."""
    for parent in kind.__mro__:
        one = getattr(parent, "__dataclass_fields__", {}).get(name)
        if one is not None and one.metadata.get(_DECLARED, ("",))[0]:
            about, limits = one.metadata[_DECLARED]
            return str(about), limits_of(name, limits)
    return "", limits_of(name, NO_LIMITS)


def _alternatives(hint: Any) -> Sequence[Any]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _is(hint: Any, value: Any, limits: Limits) -> bool:
    if get_origin(hint) is Literal:
        return isinstance(value, str | int) and value in get_args(hint)
    if hint is int:
        return not isinstance(value, bool) and isinstance(value, Integral) and limits.hold(value)
    if hint is float:
        return not isinstance(value, bool) and isinstance(value, Real) and limits.hold(value)
    if hint is NoneType:
        return value is None
    return not inspect.isclass(hint) or isinstance(value, hint)


def _wanted(hint: Any, limits: Limits, value: Any) -> str:
    """What comes after `must` in a message."""
    named, kinds = [], []
    for one in _alternatives(hint):
        if get_origin(one) is Literal:
            named += [str(choice) for choice in get_args(one)]
        elif one is not NoneType:
            kinds.append(_KINDS.get(one, getattr(one, "__name__", str(one))))
    if not isinstance(value, bool) and isinstance(value, Real) and str(limits) and not named:
        fits_kind = any(_is(one, value, NO_LIMITS) for one in _alternatives(hint))
        if fits_kind:
            text = str(limits)
            return f"lie {text}" if text.startswith("in ") else f"be {text}"
    choices = [*named, *(f"{kind} {limits}".strip() for kind in kinds)]
    return f"be {_listed(choices)}"


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _listed(words: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
