"""Detectors that can also do what a published table was made with, faults included."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, TypeAlias

from anomalib_ts.detectors.capabilities import Capabilities

Mode: TypeAlias = Literal["default", "published"]


class _ByMode:
    """What a class declares, and what a detector of it in published mode does."""

    def __init__(self, default: Capabilities) -> None:
        self._default = default

    def __get__(self, detector: Any, _kind: type) -> Capabilities:
        if detector is None or detector.mode == "default":
            return self._default
        return replace(self._default, multivariate=False, causal=False, transductive=True)


def by_mode(default: Capabilities) -> Any:
    """Capabilities for a detector with a setting `mode`.

    In published mode it takes one channel and looks at the whole scored series.

    >>> class Both:
    ...     capabilities = by_mode(Capabilities(causal=True))
    ...     mode = "published"
    >>> Both.capabilities.causal, Both().capabilities.causal, Both().capabilities.transductive
    (True, False, True)

    Args:
        default: what the class declares.
    """
    return _ByMode(default)
