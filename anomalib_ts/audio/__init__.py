"""Sound files read, and their log-mel spectrograms, with a disk cache in front.

Names are imported when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anomalib_ts.core.exports import lazily

if TYPE_CHECKING:
    from anomalib_ts.audio.cache import ClipSpectrogram as ClipSpectrogram
    from anomalib_ts.audio.cache import SpectrogramCache as SpectrogramCache
    from anomalib_ts.audio.clip_reader import ClipReader as ClipReader
    from anomalib_ts.audio.log_mel import LogMel as LogMel

_HOMES = {
    "ClipReader": "anomalib_ts.audio.clip_reader",
    "ClipSpectrogram": "anomalib_ts.audio.cache",
    "LogMel": "anomalib_ts.audio.log_mel",
    "SpectrogramCache": "anomalib_ts.audio.cache",
}

__all__ = list(_HOMES)
__getattr__, __dir__ = lazily(__name__, _HOMES)
