"""Spectrograms of sound files, computed once and kept on disk."""

from __future__ import annotations

import io
import json
import os
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.audio.clip_reader import ClipError, ClipReader
from anomalib_ts.audio.digest_memo import DigestMemo
from anomalib_ts.audio.log_mel import LogMel
from anomalib_ts.audio.truncation import Flaw
from anomalib_ts.core.digests import Content, text_digest
from anomalib_ts.core.files import atomic_write
from anomalib_ts.core.parser_turn import parser_turn
from anomalib_ts.core.progress import Report, progress_line
from anomalib_ts.errors import AnomalibTsWarning, ConfigError, InputError

_REVISIONS = {"double": 1, "single": 2}
"""Of the code; raise one whenever it computes other numbers from the same settings."""

_FORM = 2  # of what is kept beside a spectrogram; an entry of another form is made again
_ABOUT = ("clipped", "silent", "open_ended", "sound")  # what is kept beside a spectrogram
_UNUSABLE = (
    *(OSError, EOFError, ValueError, KeyError, TypeError),
    RuntimeError,  # NotImplementedError is one
    *(zipfile.BadZipFile, zlib.error),
)
"""What reading a damaged entry may raise."""
_LIBRARIES = ("librosa", "scipy", "soundfile", "soxr")
_SHOWN_FLAWS = 8
_SHOWN_FILES = 5


@dataclass(frozen=True, eq=False)
class ClipSpectrogram:
    """A clip's log-mel spectrogram and what was odd about its sound.

    Attributes:
        values: `(frames, n_mels)` in dB, read-only float32.
        clipped, silent, open_ended, digest, sound: see `anomalib_ts.audio.clip_reader.Clip`.
    """

    values: NDArray[np.float32]
    clipped: float
    silent: bool
    open_ended: bool
    digest: str
    sound: str


@dataclass(frozen=True)
class SpectrogramCache:
    """Spectrograms of sound files, from disk where they have been computed before.

    An entry is found by the settings, the versions of the libraries that do the computing, and
    the SHA-256 of the sound file, so a changed file or setting is never answered with an old
    spectrogram. Entries appear whole or not at all, carry a checksum, and are computed again when
    damaged; processes may share the folder. Where it cannot be written, a warning says so and
    nothing is kept.

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
        front_end = asdict(self.front_end)
        if front_end["precision"] == "double":
            del front_end["precision"]  # entries from before there was a choice stay good
        return {
            "reader": asdict(self.reader),
            "front_end": front_end,
            "dtype": self.dtype,
            "revision": _REVISIONS[self.front_end.precision],
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
        memo = self._memo(files)
        with self._pool() as pool:
            digests = memo.digests(files, pool)
        _Writer().attempt(memo.save)  # `load` is what warns of a folder it cannot use
        return digests

    def load(self, files: Sequence[Path]) -> list[ClipSpectrogram]:
        """The spectrogram of each file, in order, all in memory.

        A 10 s clip takes 160 kB (313 frames of 128 bands), so the 3,675 training clips of DCASE
        2020's fan take 590 MB.

        Raises:
            DataNotFoundError: a file is not there.
            InputError: files cannot be used; the message names each flaw, how many files have it
                and the first of them.
        """
        writer = _Writer()
        memo = self._memo(files)
        folder = self.folder / "log_mel" / self.key
        description = json.dumps(self.settings, indent=2).encode()
        writer.write(folder / "settings.json", description)

        def load_one(file: Path) -> ClipSpectrogram:
            digest, content = memo.digest(file)
            found = self._cached(_entry(folder, digest))
            return found or self._compute(file, content, folder, writer)

        try:
            with self._pool() as pool, progress_line("log-mel", len(files)) as report:
                return list(_results(pool, load_one, files, report))
        finally:
            writer.attempt(memo.save)
            writer.warn(self.folder)

    @contextmanager
    def _pool(self) -> Iterator[Executor]:
        # Threads suffice: decoding, the transform and digests all run outside Python's lock.
        with ThreadPoolExecutor(self.jobs or os.cpu_count()) as pool:
            try:
                yield pool
            except BaseException:
                pool.shutdown(cancel_futures=True)  # what is left to do is of no use any more
                raise

    def _memo(self, files: Sequence[Path]) -> DigestMemo:
        folders = ",".join(sorted({str(file.parent) for file in files}))
        return DigestMemo(self.folder / "digests" / f"{text_digest(folders)[:16]}.json")

    def _cached(self, entry: Path) -> ClipSpectrogram | None:
        found = _read_entry(entry)
        fits = found is not None and found.values.shape[1:] == (self.front_end.n_mels,)
        return found if fits else None

    def _compute(
        self, file: Path, content: Content | None, folder: Path, writer: _Writer
    ) -> ClipSpectrogram:
        """Compute it from what was read, or the file as it is now, and keep it under its digest."""
        clip = self.reader.read(file, content)
        values = self.front_end(clip.samples, self.reader.sample_rate).astype(self.dtype)
        about = {name: getattr(clip, name) for name in _ABOUT}
        described = np.bytes_(json.dumps(about | {"form": _FORM}))
        archive = io.BytesIO()
        np.savez(archive, log_mel=values, about=described)
        writer.keep(_entry(folder, clip.digest), archive.getbuffer())
        return ClipSpectrogram(values=_read_only(values), digest=clip.digest, **about)


class _Writer:
    """Writes to the cache until that fails: a full disk is no reason to stop, or to try again."""

    def __init__(self) -> None:
        self._error: OSError | None = None

    def attempt(self, write: Callable[[], object]) -> None:
        """Run `write`, unless something could not be written before."""
        if self._error is None:
            try:
                write()
            except OSError as error:
                self._error = error

    def write(self, path: Path, content: bytes) -> None:
        """Put `content` in the file `path`, unless there is one."""

        def write() -> None:
            if not path.exists():
                with atomic_write(path) as out:
                    out.write(content)

        self.attempt(write)

    def keep(self, path: Path, entry: memoryview) -> None:
        """Put an entry in the file `path`; its checksum tells if a power cut has damaged it."""

        def write() -> None:
            with atomic_write(path, durable=False) as out:
                out.write(entry)

        self.attempt(write)

    def warn(self, folder: Path) -> None:
        """Say that the cache does not work, if it does not."""
        if self._error is not None:
            warnings.warn(
                f"{folder}: spectrograms cannot be kept there "
                f"({self._error.strerror or self._error}), so they are computed again each time; "
                "set data.cache to a folder that can be written",
                AnomalibTsWarning,
                stacklevel=3,
            )


def _entry(folder: Path, digest: str) -> Path:
    return folder / digest[:2] / f"{digest}.npz"


def _results(
    pool: Executor,
    load: Callable[[Path], ClipSpectrogram],
    files: Sequence[Path],
    report: Report,
) -> Iterator[ClipSpectrogram]:
    """Results in order; files that fail are collected, so that one message names all flaws."""
    futures = [pool.submit(load, file) for file in files]
    flawed: list[tuple[Path, Flaw]] = []
    bad = 0
    for done, (file, future) in enumerate(zip(files, futures, strict=True), 1):
        try:
            yield future.result()
        except ClipError as error:
            flawed += [(file, flaw) for flaw in error.flaws]
            bad += 1
        report(done, "")
    if bad:
        summary = "\n  ".join(_summary(flawed))
        raise InputError(f"{bad} of {len(files)} clips cannot be used:\n  {summary}")


def _summary(flawed: Sequence[tuple[Path, Flaw]]) -> list[str]:
    """A line a kind of flaw: how many files have it, the first of them, and what to do."""
    kinds: dict[tuple[str, str], list[tuple[Path, Flaw]]] = {}
    for file, flaw in flawed:
        kinds.setdefault((flaw.what, flaw.advice), []).append((file, flaw))
    lines = []
    for found in kinds.values():
        file, flaw = found[0]
        others = [f"{f.parent.name}/{f.name}" for f, _ in found[1:_SHOWN_FILES]]
        more = f" and {len(found) - _SHOWN_FILES} more" if len(found) > _SHOWN_FILES else ""
        also = f" ({len(found)} clips: also {', '.join(others)}{more})" if others else ""
        lines.append(f"{file}: {flaw}{also}")
    left_out = len(lines) - _SHOWN_FLAWS
    return lines[:_SHOWN_FLAWS] + ([f"and {left_out} other flaws"] if left_out > 0 else [])


def _read_entry(path: Path) -> ClipSpectrogram | None:
    """The entry at `path`, or None if there is none or it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            # Reading a member to its end is what verifies its checksum.
            members = [io.BytesIO(archive.read(f"{name}.npy")) for name in ("log_mel", "about")]
        with parser_turn():
            values, about = map(np.load, members)
        known = json.loads(bytes(about))
        about = {name: known[name] for name in _ABOUT}
        if known["form"] != _FORM:
            return None
    except _UNUSABLE:
        return None
    return ClipSpectrogram(values=_read_only(values), digest=path.stem, **about)


def _read_only(values: NDArray[Any]) -> NDArray[np.float32]:
    # Memory that no one can write to, not a view of some that someone could: then a Recording
    # shares it instead of copying it.
    values = values.astype(np.float32, copy=values.base is not None)
    values.setflags(write=False)
    return values
