"""Detectors that can also do what a published table was made with, faults included."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from anomalib_ts.detectors.capabilities import Capabilities, by_settings

Mode: TypeAlias = Literal["default", "published"]


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
    published = {"multivariate": False, "causal": False, "transductive": True}
    return by_settings(default, lambda one: published if one.mode == "published" else {})
