"""Sound files to mono samples at one sampling rate, or a clear refusal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from anomalib_ts.errors import ConfigError, InputError

SOUND_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au"})
"""Files that count as clips, in lower case; soundfile reads all of them."""

LEVEL_RMS = 0.1
"""What `level_normalise` brings every clip to: -20 dB below a full-scale square wave."""

_FULL_SCALE = (
    1 - 2**-15
)  # the largest 16-bit sample; coarser formats reach it, finer ones exceed it
_UNKNOWN_SIZE = 0x7FFFF000  # what writers to a pipe put into the header of a WAV file


@dataclass(frozen=True)
class Clip:
    """A sound as read.

    Attributes:
        samples: `(n,)` mono, n >= 1, at the reader's sampling rate; full scale is 1 in the file.
        clipped: the fraction of the file's samples at full scale, in [0, 1].
        silent: whether all of the file's samples are equal.
    """

    samples: NDArray[np.float32]
    clipped: float
    silent: bool


@dataclass(frozen=True)
class ClipReader:
    """How sound files become mono samples at one rate.

    Attributes:
        sample_rate: in Hz, of every clip.
        channel: `only` refuses a clip with several channels, `mean` averages them, `first` or an
            index (from 0) takes one.
        resample: convert clips of another rate (soxr, high quality) instead of refusing them.
        level_normalise: scale each clip to a root mean square of 0.1, where faulty clips must not
            be told by their loudness. Silent clips stay as they are.

    Raises:
        ConfigError: a setting is out of range.
    """

    sample_rate: int = 16000
    channel: str | int = "only"
    resample: bool = False
    level_normalise: bool = False

    def __post_init__(self) -> None:
        if self.sample_rate < 1:
            raise ConfigError(f"audio.sample_rate must be positive, not {self.sample_rate}")
        named = self.channel in ("only", "mean", "first")
        if not named and not (isinstance(self.channel, int) and self.channel >= 0):
            raise ConfigError(
                "audio.channel must be only, mean, first or the index of a channel from 0, "
                f"not {self.channel!r}"
            )

    def read(self, path: str | Path) -> Clip:
        """Read one file, in any format that soundfile knows.

        Raises:
            InputError: the file is no sound file, is cut short or empty, holds values that are
                not finite, or has channels or a rate that the settings do not allow for.
        """
        samples, rate = _decode(Path(path))
        mono = self._mono(samples, Path(path))
        clipped = float(np.mean(np.abs(mono) >= _FULL_SCALE))
        silent = bool((mono == mono[0]).all())
        mono = self._at_rate(mono, rate, Path(path))
        if self.level_normalise and not silent:
            mono = mono * np.float32(LEVEL_RMS / np.sqrt(np.mean(mono.astype(np.float64) ** 2)))
        return Clip(mono, clipped, silent)

    def _mono(self, samples: NDArray[np.float32], path: Path) -> NDArray[np.float32]:
        channels = samples.shape[1]
        if self.channel == "mean":
            return np.asarray(samples.mean(axis=1), dtype=np.float32)
        if self.channel == "only" and channels > 1:
            raise InputError(
                f"{path}: {channels} channels where one is expected; set data.audio.channel to "
                f"mean, or to the index of one (0 to {channels - 1})"
            )
        index = self.channel if isinstance(self.channel, int) else 0
        if index >= channels:
            raise InputError(
                f"{path}: data.audio.channel={index} where channels go from 0 to {channels - 1}; "
                "choose one of them, or mean"
            )
        return np.ascontiguousarray(samples[:, index])

    def _at_rate(self, samples: NDArray[np.float32], rate: int, path: Path) -> NDArray[np.float32]:
        if rate == self.sample_rate:
            return samples
        if not self.resample:
            raise InputError(
                f"{path}: sampled at {rate} Hz where {self.sample_rate} Hz is expected; set "
                "data.audio.resample=true to convert such clips"
            )
        resampled = soxr.resample(samples, rate, self.sample_rate, quality="HQ")
        if not len(resampled):
            raise InputError(f"{path}: nothing is left after resampling its {len(samples)} samples")
        return np.asarray(resampled, dtype=np.float32)


def _decode(path: Path) -> tuple[NDArray[np.float32], int]:
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        missing = missing_bytes(path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise InputError(_unreadable(path, error)) from None
    if missing:
        raise InputError(
            f"{path}: cut short, {missing} bytes of sound are missing; copy or download it again"
        )
    if not len(samples):
        raise InputError(f"{path}: holds no samples; remove it or record it again")
    if not np.isfinite(samples).all():
        raise InputError(f"{path}: holds samples that are not finite numbers")
    return samples, int(rate)


def _unreadable(path: Path, error: Exception) -> str:
    if path.is_file() and not path.stat().st_size:
        return f"{path}: the file is empty (0 bytes); copy or download it again"
    reason = str(getattr(error, "error_string", error))  # libsndfile's, without the path again
    return (
        f"{path}: cannot be read as sound ({reason.rstrip('.')}); replace it with a sound file or "
        "remove it"
    )


def missing_bytes(path: str | Path) -> int:
    """How many bytes of sound a WAV file announces but does not hold.

    libsndfile reads such a file without complaint, up to where it ends. 0 for a whole file, for
    other formats, and for a WAV file whose writer left the length open.
    """
    with Path(path).open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        header = file.read(12)
        if header[:4] != b"RIFF" or header[8:] != b"WAVE":
            return 0
        while len(chunk := file.read(8)) == 8:
            length = int.from_bytes(chunk[4:], "little")
            if chunk[:4] == b"data":
                return max(0, file.tell() + length - size) if length < _UNKNOWN_SIZE else 0
            file.seek(length + length % 2, 1)
    return 0
