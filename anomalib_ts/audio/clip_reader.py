"""Sound files to mono samples at one sampling rate, or a clear refusal."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from anomalib_ts.audio.truncation import COPY_AGAIN, Container, Flaw, examine
from anomalib_ts.core.digests import Content, read_content
from anomalib_ts.errors import ConfigError, InputError

SOUND_SUFFIXES = frozenset(
    {
        *(".wav", ".wave", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".au", ".snd"),
        *(".flac", ".ogg", ".oga", ".opus", ".mp3"),
    }
)
"""Files that count as clips, in lower case; of all of them `truncation` tells if they are cut."""

OTHER_SOUNDS = frozenset({".m4a", ".aac", ".wma", ".caf", ".mp4", ".webm", ".amr", ".raw", ".pcm"})
"""Files that hold sound but do not count as clips."""

LEVEL_RMS = 0.1
"""What `level_normalise` brings every clip to: -20 dB below a full-scale square wave."""

_STEPS = np.float32(2**15)  # of a 16-bit sample from 0 to 1

_FULL_SCALE = 1 - 2**-15  # the largest 16-bit sample; finer formats exceed it
_FULL_SCALES = {
    "PCM_S8": 1 - 2**-7,
    "PCM_U8": 1 - 2**-7,
    "ULAW": 32124 / 2**15,
    "ALAW": 32256 / 2**15,
    "GSM610": 1 - 2**-12,
    "G721_32": 1 - 2**-13,
    "G723_24": 1 - 2**-13,
    "G723_40": 1 - 2**-13,
}
"""The largest sample of formats that do not reach that of 16 bits."""

_WIDTHS = {
    "PCM_S8": 1,
    "PCM_U8": 1,
    "ULAW": 1,
    "ALAW": 1,
    "PCM_16": 2,
    "PCM_24": 3,
    "PCM_32": 4,
    "FLOAT": 4,
    "DOUBLE": 8,
}
"""Bytes of a sample, where all samples of a format have the same."""


@dataclass(frozen=True)
class Clip:
    """A sound as read.

    Attributes:
        samples: `(n,)` mono, n >= 1, at the reader's sampling rate; full scale is 1 in the file.
        clipped: the fraction of the file's samples at the full scale of its format, in [0, 1]; of
            several channels that are averaged, that of the worst.
        silent: whether all samples are equal.
        open_ended: whether the file does not tell how long it is, as writers to a pipe leave it,
            so that nobody can tell whether it is whole.
        digest: SHA-256 (64 hex digits) of the bytes that this was decoded from.
        sound: digest (32 hex digits) of the samples before their level was normalised. Equal for
            the same sound in two files, whatever the format.
    """

    samples: NDArray[np.float32]
    clipped: float
    silent: bool
    open_ended: bool = False
    digest: str = ""
    sound: str = ""


class ClipError(InputError):
    """A sound file cannot be used.

    Args:
        path: of the file.
        flaws: all that is wrong with it.
    """

    def __init__(self, path: str | Path, flaws: Sequence[Flaw]) -> None:
        super().__init__(path, flaws)  # so that it can be pickled
        self.path = path
        self.flaws = tuple(flaws)

    def __str__(self) -> str:
        return f"{self.path}: {'; and '.join(map(str, self.flaws))}"


@dataclass(frozen=True)
class _Decoded:
    """What a file holds: `(n, channels)` samples, full scale at 1, and their rate in Hz."""

    samples: NDArray[np.float32]
    rate: int
    subtype: str


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

    def read(self, path: str | Path, content: Content | None = None) -> Clip:
        """Read one file, once: what is decoded is what is digested.

        Args:
            path: of the file.
            content: what it holds, where it has been read already.

        Raises:
            ClipError: the file is no sound file, is cut short or empty, holds values that are not
                finite, or has channels or a rate that the settings do not allow for. All of these
                that apply are named.
        """
        content = content or _content(path)
        if not content.data:
            raise ClipError(path, [Flaw("the file is empty (0 bytes)", COPY_AGAIN)])
        container = examine(content.data)
        decoded, flaws = _decode(container)
        if decoded is not None:
            flaws += self._misfits(decoded)
        if flaws or decoded is None:
            raise ClipError(path, flaws)
        chosen = self._chosen(decoded.samples)
        full_scale = np.float32(_FULL_SCALES.get(decoded.subtype, _FULL_SCALE))
        clipped = float((np.abs(chosen) >= full_scale).mean(axis=0).max())
        mono = chosen[:, 0] if chosen.shape[1] == 1 else chosen.mean(axis=1)
        mono = np.ascontiguousarray(mono, dtype=np.float32)
        silent = bool((mono == mono[0]).all())
        mono = self._at_rate(mono, decoded.rate, path)
        sound = _sound_digest(mono)
        if self.level_normalise and not silent:
            mono = mono * np.float32(LEVEL_RMS / np.sqrt(np.mean(mono.astype(np.float64) ** 2)))
        return Clip(mono, clipped, silent, container.open_ended, content.digest, sound)

    def _misfits(self, decoded: _Decoded) -> list[Flaw]:
        """What about the channels and the rate the settings do not allow for."""
        flaws = []
        channels = decoded.samples.shape[1]
        if self.channel == "only" and channels > 1:
            flaws.append(
                Flaw(
                    f"{channels} channels where one is expected",
                    f"set data.audio.channel to mean, or to the index of one (0 to {channels - 1})",
                )
            )
        if isinstance(self.channel, int) and self.channel >= channels:
            flaws.append(
                Flaw(
                    f"data.audio.channel={self.channel} where channels go from 0 to {channels - 1}",
                    "choose one of them, or mean",
                )
            )
        if decoded.rate != self.sample_rate and not self.resample:
            flaws.append(
                Flaw(
                    f"sampled at {decoded.rate} Hz where {self.sample_rate} Hz is expected",
                    "set data.audio.resample=true to convert such clips",
                )
            )
        return flaws

    def _chosen(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """`(n, 1)` samples of the channel that is taken, or `(n, channels)` to be averaged."""
        if self.channel == "mean":
            return samples
        index = self.channel if isinstance(self.channel, int) else 0
        return samples[:, index : index + 1]

    def _at_rate(
        self, samples: NDArray[np.float32], rate: int, path: str | Path
    ) -> NDArray[np.float32]:
        if rate == self.sample_rate:
            return samples
        resampled = soxr.resample(samples, rate, self.sample_rate, quality="HQ")
        if not len(resampled):
            few = f"nothing is left after resampling its {len(samples)} samples"
            raise ClipError(path, [Flaw(few, "remove it or record it again")])
        return np.asarray(resampled, dtype=np.float32)


class _Memory(io.BytesIO):
    """Bytes in which a seek to before the beginning fails without a trace, as in a file."""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


def _content(path: str | Path) -> Content:
    try:
        return read_content(path)
    except OSError as error:
        raise ClipError(path, [_unreadable(str(error.strerror or error))]) from None


def _sound_digest(samples: NDArray[np.float32]) -> str:
    """Of samples of 16 bits as such, which is half as much to digest; of finer ones as they are."""
    scaled = samples * _STEPS
    with np.errstate(invalid="ignore"):  # beyond 16 bits
        numbers = scaled.astype("<i2")
    exact = (numbers == scaled).all()
    content = numbers.data if exact else (samples + np.float32(0)).data  # without -0.0
    return hashlib.sha256(content).hexdigest()[:32]


def _decode(container: Container) -> tuple[_Decoded | None, list[Flaw]]:
    """The sound, as far as it can be read, and all that is wrong with it."""
    flaws = [container.flaw] if container.flaw else []
    try:
        with soundfile.SoundFile(_Memory(container.content)) as file:
            announced = file.frames  # a codec without a length cannot be read to its end
            if file.seekable():
                file.seek(0)  # as soundfile.read does: MP3 decodes to other last bits after it
            samples = _samples(file, announced)
            decoded = _Decoded(samples, file.samplerate, file.subtype)
    except (soundfile.SoundFileError, RuntimeError, ValueError, MemoryError) as error:
        # libsndfile's words, without the file's name again; a known flaw says more than they do.
        reason = str(getattr(error, "error_string", error)).rstrip(".")
        return None, flaws or [_undecodable(container, reason)]
    if not flaws:
        flaws = _shortfall(container, decoded, announced)
    if not flaws and not len(samples):
        flaws = [Flaw("holds no samples", "remove it or record it again")]
    if not np.isfinite(samples).all():
        flaws.append(
            Flaw("holds samples that are not finite numbers", "remove it or record it again")
        )
    return decoded, flaws


def _samples(file: soundfile.SoundFile, frames: int) -> NDArray[np.float32]:
    """`(frames, channels)` or fewer, full scale at 1."""
    if file.subtype == "PCM_16":  # the floats that libsndfile gives, in a fifth of the time
        return np.asarray(file.read(frames, dtype="int16", always_2d=True) / _STEPS)
    return np.asarray(file.read(frames, dtype="float32", always_2d=True))


def _unreadable(reason: str) -> Flaw:
    return Flaw(f"cannot be read as sound ({reason})", "replace it with a sound file or remove it")


def _undecodable(container: Container, reason: str) -> Flaw:
    if container.sound_bytes is None:  # FLAC, Ogg or MP3, all of which can be decoded if whole
        return Flaw("cut short or damaged", COPY_AGAIN, f"decoding stops ({reason})")
    return _unreadable(reason)


def _shortfall(container: Container, decoded: _Decoded, announced: int) -> list[Flaw]:
    """Whether less, or something else, was decoded than the file announces."""
    found, channels = decoded.samples.shape
    frames = {announced, container.frames} - {None}
    width = _WIDTHS.get(decoded.subtype)
    if width is None:
        frames = {announced}  # of compressed sound, headers count blocks
    elif container.sound_bytes is not None:
        frames.add(container.sound_bytes // (width * channels))
        if container.open_ended and container.sound_bytes % (width * channels):
            return [Flaw("cut short", COPY_AGAIN, "it ends within a sample")]
    wrong = [count for count in frames if count != found]
    if wrong:
        detail = f"it announces {wrong[0]} samples and holds {found}"
        return [Flaw("cut short or damaged", COPY_AGAIN, detail)]
    if container.md5 and width and _md5(decoded.samples, width) != container.md5:
        return [Flaw("cut short or damaged", COPY_AGAIN, "its sound does not match its checksum")]
    return []


def _md5(samples: NDArray[np.float32], width: int) -> bytes:
    """The MD5 of whole-number samples of `width` bytes, as FLAC states it."""
    numbers = np.rint(samples * np.float32(2 ** (8 * width - 1))).astype("<i4")
    packed = numbers.view(np.uint8).reshape(-1, 4)[:, :width]
    return hashlib.md5(packed.tobytes(), usedforsecurity=False).digest()
