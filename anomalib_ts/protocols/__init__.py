"""Protocols: who trains, who sets the threshold, who is scored.

Names are imported when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anomalib_ts.core.exports import lazily

if TYPE_CHECKING:
    from anomalib_ts.protocols.base import Given as Given
    from anomalib_ts.protocols.base import Normal as Normal
    from anomalib_ts.protocols.base import Prefix as Prefix
    from anomalib_ts.protocols.base import Protocol as Protocol
    from anomalib_ts.protocols.base import Weak as Weak
    from anomalib_ts.protocols.base import Whole as Whole
    from anomalib_ts.protocols.folds import Folds as Folds

_HOMES = {
    "Folds": "anomalib_ts.protocols.folds",
    "Given": "anomalib_ts.protocols.base",
    "Normal": "anomalib_ts.protocols.base",
    "Prefix": "anomalib_ts.protocols.base",
    "Protocol": "anomalib_ts.protocols.base",
    "Weak": "anomalib_ts.protocols.base",
    "Whole": "anomalib_ts.protocols.base",
}

__all__ = list(_HOMES)
__getattr__, __dir__ = lazily(__name__, _HOMES)
