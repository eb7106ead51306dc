"""Spectrograms of sound files, computed once and kept on disk."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.data.audio import ClipReader
from anomalib_ts.data.digests import text_digest
from anomalib_ts.errors import ConfigError, InputError
from anomalib_ts.files import atomic_write
from anomalib_ts.progress import Report, progress_line
from anomalib_ts.spectrogram.digest_memo import DigestMemo
from anomalib_ts.spectrogram.log_mel import LogMel

_REVISION = 1  # raise it whenever the code computes other numbers from the same settings
_LIBRARIES = ("librosa", "scipy", "soundfile", "soxr")
_SHOWN_ERRORS = 5


@dataclass(frozen=True, eq=False)
class ClipSpectrogram:
    """A clip's log-mel spectrogram and what was odd about its sound.

    Attributes:
        values: `(frames, n_mels)` in dB, read-only float32.
        clipped: fraction of the samples at full scale.
        silent: whether all samples are equal.
    """

    values: NDArray[np.float32]
    clipped: float
    silent: bool


@dataclass(frozen=True)
class SpectrogramCache:
    """Spectrograms of sound files, from disk where they have been computed before.

    An entry is found by the settings, the versions of the libraries that do the computing, and
    the SHA-256 of the sound file, so a changed file or setting is never answered with an old
    spectrogram. Entries appear whole or not at all, carry a checksum, and are computed again when
    damaged; processes may share the folder.

    Attributes:
        folder: of the cache, created when needed.
        reader: how files become samples.
        front_end: how samples become a spectrogram.
        dtype: `float32`, or `float16` for half the disk space and errors up to 0.03 dB.
        jobs: threads that compute and read; 0 for one per CPU. The results do not depend on it.

    Raises:
        ConfigError: `dtype` or `jobs` is out of range.
    """

    folder: Path
    reader: ClipReader
    front_end: LogMel
    dtype: str = "float32"
    jobs: int = 0

    def __post_init__(self) -> None:
        if self.dtype not in ("float32", "float16"):
            raise ConfigError(f"cache_dtype must be float32 or float16, not {self.dtype!r}")
        if self.jobs < 0:
            raise ConfigError(f"jobs must be 0 (one per CPU) or more, not {self.jobs}")

    @property
    def settings(self) -> dict[str, Any]:
        """All that decides what the spectrogram of a file is."""
        return {
            "reader": asdict(self.reader),
            "front_end": asdict(self.front_end),
            "dtype": self.dtype,
            "revision": _REVISION,
            "libraries": {name: version(name) for name in _LIBRARIES},
        }

    @property
    def key(self) -> str:
        """Digest of `settings` (16 hex digits)."""
        return text_digest(json.dumps(self.settings, sort_keys=True))[:16]

    def digests(self, files: Sequence[Path]) -> list[str]:
        """SHA-256 of each file; files that have not changed since last time are not read.

        Raises:
            DataNotFoundError: a file is not there.
        """
        folders = ",".join(sorted({str(file.parent) for file in files}))
        memo = DigestMemo(self.folder / "digests" / f"{text_digest(folders)[:16]}.json")
        with self._pool() as pool:
            return memo.digests(files, pool)

    def load(self, files: Sequence[Path]) -> list[ClipSpectrogram]:
        """The spectrogram of each file, in order, all in memory.

        A 10 s clip takes 160 kB (313 frames of 128 bands), so the 3,675 training clips of DCASE
        2020's fan take 590 MB.

        Raises:
            DataNotFoundError: a file is not there.
            InputError: files cannot be used; the message names the first few and why.
        """
        digests = self.digests(files)
        folder = self.folder / "log_mel" / self.key
        _describe(folder / "settings.json", self.settings)
        entries = [folder / digest[:2] / f"{digest}.npz" for digest in digests]
        with self._pool() as pool, progress_line("log-mel", len(files)) as report:
            return list(_results(pool, self._load_one, files, entries, report))

    @contextmanager
    def _pool(self) -> Iterator[Executor]:
        # Threads suffice: decoding, the transform and digests all run outside Python's lock.
        with ThreadPoolExecutor(self.jobs or os.cpu_count()) as pool:
            yield pool

    def _load_one(self, file: Path, entry: Path) -> ClipSpectrogram:
        return _read_entry(entry) or self._compute(file, entry)

    def _compute(self, file: Path, entry: Path) -> ClipSpectrogram:
        clip = self.reader.read(file)
        values = self.front_end(clip.samples, self.reader.sample_rate).astype(self.dtype)
        with atomic_write(entry) as out:
            np.savez(out, log_mel=values, clipped=clip.clipped, silent=clip.silent)
        return ClipSpectrogram(_read_only(values), clip.clipped, clip.silent)


def _describe(path: Path, settings: dict[str, Any]) -> None:
    if not path.exists():
        with atomic_write(path) as out:
            out.write(json.dumps(settings, indent=2).encode())


def _results(
    pool: Executor,
    load: Callable[[Path, Path], ClipSpectrogram],
    files: Sequence[Path],
    entries: Sequence[Path],
    report: Report,
) -> Iterator[ClipSpectrogram]:
    """Results in order; files that fail are collected, so that one message names several."""
    futures = [pool.submit(load, *pair) for pair in zip(files, entries, strict=True)]
    errors: list[str] = []
    for done, future in enumerate(futures, 1):
        try:
            yield future.result()
        except InputError as error:
            errors.append(str(error))
        report(done, "")
    if errors:
        shown = "\n  ".join(errors[:_SHOWN_ERRORS])
        more = f"\n  and {len(errors) - _SHOWN_ERRORS} more" if len(errors) > _SHOWN_ERRORS else ""
        raise InputError(f"{len(errors)} of {len(files)} clips cannot be used:\n  {shown}{more}")


def _read_entry(path: Path) -> ClipSpectrogram | None:
    """The entry at `path`, or None if there is none or it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            # Reading a member to its end is what verifies its checksum.
            values, clipped, silent = (
                np.load(io.BytesIO(archive.read(f"{name}.npy")))
                for name in ("log_mel", "clipped", "silent")
            )
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile):
        return None
    return ClipSpectrogram(_read_only(values), float(clipped), bool(silent))


def _read_only(values: NDArray[Any]) -> NDArray[np.float32]:
    values = values.astype(np.float32, copy=False)
    values.setflags(write=False)  # so that a Recording shares the memory instead of copying it
    return values
