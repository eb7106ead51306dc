"""Settings: declared once, checked before anything is imported, made into objects.

Names are imported when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anomalib_ts.core.exports import lazily

if TYPE_CHECKING:
    from anomalib_ts.settings.fields import Limits as Limits
    from anomalib_ts.settings.fields import configured as configured
    from anomalib_ts.settings.fields import setting as setting

_HOMES = {
    "Limits": "anomalib_ts.settings.fields",
    "configured": "anomalib_ts.settings.fields",
    "setting": "anomalib_ts.settings.fields",
}

__all__ = list(_HOMES)
__getattr__, __dir__ = lazily(__name__, _HOMES)
