"""Log-mel spectrograms of sound clips: the front end, and a disk cache in front of it."""

from anomalib_ts.spectrogram.cache import ClipSpectrogram, SpectrogramCache
from anomalib_ts.spectrogram.log_mel import LogMel

__all__ = ["ClipSpectrogram", "LogMel", "SpectrogramCache"]
