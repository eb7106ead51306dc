"""The log-mel front end, in NumPy: equal to librosa, without its 15 s of compiling on first use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import librosa
import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft
from scipy.signal import get_window
from scipy.sparse import csr_array

from anomalib_ts.errors import ConfigError, InputError

POWER_FLOOR = 1e-10
"""Mel power below this (-100 dB) counts as this, so that digital silence stays finite."""

_CHUNKS = {"double": 16, "single": 32}
"""Frames transformed at once: they stay in the CPU cache, twice as fast as a whole clip. Of more in
single precision, threads would hand the memory back to the system after each chunk."""

_GROUP = 8
"""Mel bands that are summed at once: they share few bins with the others, and the product is so
small that BLAS starts no threads for it."""

_DOUBTFUL = 1e-6
"""Power of a band against the frame's loudest bin below which single precision shows: there it
differs from double precision by up to 4e-4 dB, at 1e-7 by 2e-3 and at 1e-9 by 0.1."""

_DECIBELS = np.float32(10 / np.log(10))

Precision = Literal["double", "single"]


@dataclass(frozen=True)
class LogMel:
    """Sound to decibels per mel band: `10 log10(max(mel, 1e-10))`.

    The same numbers, to float32 rounding, as `librosa.feature.melspectrogram(..., power=2,
    center=True, pad_mode="reflect")` with no `top_db` (which would throw the level away). Only the
    filter bank comes from librosa; its other functions are compiled on first use, which takes
    about 15 s in a fresh environment.

    Attributes:
        n_fft: samples in a window and in its Fourier transform (Hann window).
        hop_length: samples between two windows, so `hop_length / sample_rate` is the sampling
            period of the spectrogram.
        n_mels: mel bands from 0 Hz to half the sampling rate (Slaney's scale and area
            normalisation, librosa's default), the channels of the spectrogram.
        precision: `double`, as librosa's, or `single`: twice as fast, equal within 1e-3 dB. Frames
            in which a band lies 60 dB or more below the loudest bin are computed in double
            precision then, too.

    Raises:
        ConfigError: a setting is not a positive whole number, or the precision is none.
    """

    n_fft: int = 2048
    hop_length: int = 512
    n_mels: int = 128
    precision: Precision = "double"

    def __post_init__(self) -> None:
        for name in ("n_fft", "hop_length", "n_mels"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ConfigError(f"spectrogram.{name} must be a positive integer, not {value!r}")
        if self.precision not in get_args(Precision):
            raise ConfigError(
                f"spectrogram.precision must be double or single, not {self.precision!r}"
            )

    def __call__(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """The spectrogram of a mono clip.

        Args:
            samples: `(n,)`, n >= 1, full scale at 1.
            sample_rate: in Hz.

        Returns:
            `(1 + n // hop_length, n_mels)` in dB, at least -100; frame k is centred on sample
            `k * hop_length`.

        Raises:
            InputError: `samples` is empty or not one-dimensional.
        """
        if samples.ndim != 1 or not len(samples):
            raise InputError(f"a clip must be (samples,), at least one, not {samples.shape}")
        padded = np.pad(samples.astype(np.float32, copy=False), self.n_fft // 2, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.n_fft)[:: self.hop_length]
        if self.precision == "single":
            return self._single_decibels(frames, sample_rate)
        decibels = np.empty((len(frames), self.n_mels), np.float32)
        for chunk in _chunks(len(frames), self.precision):
            decibels[chunk] = self._decibels(frames[chunk], sample_rate)
        return decibels

    def frequencies(self, sample_rate: int) -> NDArray[np.float64]:
        """`(n_mels,)` centre of each band in Hz, for sound of `sample_rate` Hz."""
        edges = librosa.mel_frequencies(self.n_mels + 2, fmin=0, fmax=sample_rate / 2)
        return np.asarray(edges[1:-1], dtype=np.float64)

    def _decibels(self, frames: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        # In double precision, as librosa: float32 rounding is heard 80 dB below a loud tone.
        spectrum = rfft(frames * hann_window(self.n_fft), axis=1).astype(np.complex64)
        power = spectrum.real**2 + spectrum.imag**2
        # Each band covers few bins: the sparse product is faster and starts no BLAS threads.
        mel = (_sparse_filter_bank(self, sample_rate) @ power.T).T
        return _to_decibels(np.maximum(mel, np.float32(POWER_FLOOR)))

    def _single_decibels(
        self, frames: NDArray[np.float32], sample_rate: int
    ) -> NDArray[np.float32]:
        groups, peaks = _grouped_filter_bank(self, sample_rate)
        mel = np.zeros((len(frames), self.n_mels), np.float32)
        loudest = np.empty((len(frames), 1), np.float32)  # at least the power of any bin
        for chunk in _chunks(len(frames), "single"):
            parts = rfft(frames[chunk] * _single_window(self.n_fft), axis=1).view(np.float32)
            np.multiply(parts, parts, out=parts)
            loudest[chunk] = 2 * parts.max(axis=1, keepdims=True)
            for bands, covered, weights in groups:
                np.matmul(parts[:, covered], weights, out=mel[chunk, bands])
        np.maximum(mel, np.float32(POWER_FLOOR), out=mel)
        again = np.flatnonzero((mel < loudest * (_DOUBTFUL * peaks)).any(axis=1))
        decibels = np.log(mel, out=mel)  # log10 takes four times as long
        decibels *= _DECIBELS
        for chunk in _chunks(len(again), "double"):
            decibels[again[chunk]] = self._decibels(frames[again[chunk]], sample_rate)
        return decibels


def _chunks(frames: int, precision: Precision) -> Iterator[slice]:
    size = _CHUNKS[precision]
    return (slice(start, start + size) for start in range(0, frames, size))


def _to_decibels(power: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(10 * np.log10(power), dtype=np.float32)


@lru_cache
def hann_window(length: int) -> NDArray[np.float64]:
    """The periodic Hann window, `(length,)`."""
    return np.asarray(get_window("hann", length, fftbins=True), dtype=np.float64)


@lru_cache
def mel_filter_bank(settings: LogMel, sample_rate: int) -> NDArray[np.float32]:
    """The mel filter bank of librosa, `(n_mels, 1 + n_fft // 2)`."""
    bank = librosa.filters.mel(sr=sample_rate, n_fft=settings.n_fft, n_mels=settings.n_mels)
    return np.asarray(bank, dtype=np.float32)


@lru_cache
def _sparse_filter_bank(settings: LogMel, sample_rate: int) -> Any:
    return csr_array(mel_filter_bank(settings, sample_rate))


@lru_cache
def _single_window(length: int) -> NDArray[np.float32]:
    return hann_window(length).astype(np.float32)


@lru_cache
def _grouped_filter_bank(
    settings: LogMel, sample_rate: int
) -> tuple[list[tuple[slice, slice, NDArray[np.float32]]], NDArray[np.float32]]:
    """Groups of bands, and the largest weight of each band, `(n_mels,)`.

    Of a group: the bands, where the real and imaginary parts of the bins that they cover are, and
    `(parts, bands)` weights of their squares, so that nothing has to be added up before.
    """
    bank = mel_filter_bank(settings, sample_rate)
    groups = []
    for start in range(0, len(bank), _GROUP):
        bands = slice(start, start + _GROUP)
        covered = np.flatnonzero(bank[bands].any(axis=0))
        if len(covered):
            first, end = int(covered[0]), int(covered[-1]) + 1
            weights = np.repeat(bank[bands, first:end].T, 2, axis=0)
            groups.append((bands, slice(2 * first, 2 * end), weights))
    return groups, bank.max(axis=1)
