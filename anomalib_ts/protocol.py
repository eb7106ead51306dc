"""Which part of the data trains. Scoring is always on the whole test recordings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from anomalib_ts.data.base import Case
from anomalib_ts.errors import InputError
from anomalib_ts.recording import Recording


@dataclass(frozen=True)
class Protocol:
    """A rule that picks the training recordings of a case.

    Attributes:
        name: stands in every result.
        fraction: for `prefix`, the part of each recording that trains, in (0, 1].
    """

    name: str = "prefix"
    fraction: float = 0.1

    def __post_init__(self) -> None:
        if self.name not in _SELECT:
            raise InputError(f"unknown protocol {self.name!r}; there are {', '.join(_SELECT)}")
        if not 0 < self.fraction <= 1:
            raise InputError(f"protocol fraction must lie in (0, 1], not {self.fraction}")

    def training_part(self, case: Case) -> tuple[Recording, ...]:
        """The recordings of `case` that a detector may learn from.

        Raises:
            InputError: the case has nothing that this protocol could train on.
        """
        return _SELECT[self.name](self, case)


def _prefix(protocol: Protocol, case: Case) -> tuple[Recording, ...]:
    return tuple(r[: max(1, round(protocol.fraction * len(r)))] for r in case.test)


def _whole(_: Protocol, case: Case) -> tuple[Recording, ...]:
    return case.test


def _normal(_: Protocol, case: Case) -> tuple[Recording, ...]:
    stretches = tuple(stretch for r in case.test for stretch in _normal_stretches(r))
    if not stretches:
        raise InputError(
            f"{case.name}: nothing in it is labelled normal, so protocol=normal has nothing to "
            "train on; use protocol=whole or protocol=prefix"
        )
    return stretches


def _normal_stretches(recording: Recording) -> list[Recording]:
    if recording.label is not None:
        return [] if recording.label else [recording]
    if recording.labels is None:
        raise InputError(f"{recording.name}: protocol=normal needs labels, and there are none")
    edges = np.flatnonzero(np.diff(recording.labels, prepend=1, append=1))
    return [recording[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _given(_: Protocol, case: Case) -> tuple[Recording, ...]:
    if not case.train:
        raise InputError(
            f"{case.name}: the data set has no training part of its own; use protocol=prefix, "
            "whole or normal"
        )
    return case.train


_SELECT: dict[str, Callable[[Protocol, Case], tuple[Recording, ...]]] = {
    "prefix": _prefix,
    "whole": _whole,
    "normal": _normal,
    "given": _given,
}
