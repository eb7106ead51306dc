"""What a detector declares about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal


@dataclass(frozen=True)
class Capabilities:
    """What a detector declares about itself; `anomalib_ts.testing.check_detector` verifies it.

    >>> from anomalib_ts import Capabilities, WeakAutoencoder
    >>> WeakAutoencoder.capabilities.supervision
    'weak'
    >>> Capabilities(causal=True)
    Capabilities(multivariate=True, causal=True, supervision='none', ...)

    Attributes:
        multivariate: takes recordings of more than one channel and uses all of them.
        causal: the score of a point does not depend on later points.
        supervision: `weak` detectors are given the labels of the training recordings; all
            others never see a label.
        transductive: a score may depend on the whole scored recording (a matrix profile), not
            just on a neighbourhood of the point.
        needs_machine_ids: training needs recordings of at least two machine ids.
        uses_values: False only for baselines that score without looking (random).
        blames_channels: `contributions` says which channels a high score comes from.
        blames_correlated: so it does among channels that rise and fall together, where a fault
            makes one leave the others. False for detectors that may then blame another one.
    """

    multivariate: bool = True
    causal: bool = False
    supervision: Literal["none", "weak"] = "none"
    transductive: bool = False
    needs_machine_ids: bool = False
    uses_values: bool = True
    blames_channels: bool = True
    blames_correlated: bool = True


class _BySettings:
    """What a class declares, and what an object of it does with its settings."""

    def __init__(self, default: Capabilities, changes: Callable[[Any], Mapping[str, Any]]) -> None:
        self._default = default
        self._changes = changes

    def __get__(self, detector: Any, _kind: type) -> Capabilities:
        if detector is None:
            return self._default
        return replace(self._default, **self._changes(detector))


def by_settings(default: Capabilities, changes: Callable[[Any], Mapping[str, Any]]) -> Any:
    """Capabilities that depend on the settings of a detector.

    >>> class Either:
    ...     capabilities = by_settings(Capabilities(), lambda one: {"transductive": one.whole})
    ...     whole = True
    >>> Either.capabilities.transductive, Either().capabilities.transductive
    (False, True)

    Args:
        default: what the class declares.
        changes: takes a detector to those of its capabilities that are others.
    """
    return _BySettings(default, changes)
