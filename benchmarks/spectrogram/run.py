"""Seconds for many clips of 10 s: a librosa loop, ours computed, ours from the cache.

First the spectrogram alone of sound that is in memory, then from file to spectrogram.

    python benchmarks/spectrogram/run.py [--clips 1000] [--jobs 2] [--sounds FOLDER]

Writes no results; prints one line a method. Clips are generated unless a folder of sounds (16 kHz,
WAV, mono) is given, whose files are then taken in turn under new names.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np

from anomalib_ts.audio import LogMel, SpectrogramCache
from anomalib_ts.audio.clip_reader import ClipReader
from anomalib_ts.data.sounds.machine_sound import Plan, generate
from anomalib_ts.data.sounds.machine_synthesis import FAULTS

PRECISIONS = ("double", "single")


def main() -> None:
    """Make the clips, time the methods, compare the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--sounds", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = make_files(Path(folder), options.clips, options.sounds, options.jobs)
        compare(files, Path(folder) / "cache", options.jobs)


def make_files(folder: Path, clips: int, sounds: Path | None, jobs: int) -> list[Path]:
    if sounds is None:
        plan = Plan(clips, 0, 0, n_ids=3, faults=FAULTS, seconds=10.0, seed=0)
        seconds, _ = timed(lambda: generate(plan, "ventilator", folder / "ventilator", jobs))
        print(f"generated {clips} clips of 10 s in {seconds:.1f} s ({clips / seconds:.0f} clips/s)")
        return sorted(folder.rglob("*.wav"))
    sources = sorted(sounds.rglob("*.wav"))
    files = [folder / f"{i:08d}.wav" for i in range(clips)]
    for i, file in enumerate(files):
        # A chunk of its own behind the sound makes each WAV another one for the cache.
        shutil.copy(sources[i % len(sources)], file)
        with file.open("ab") as out:
            out.write(b"note" + (8).to_bytes(4, "little") + f"{i:08d}".encode())
    return files


def compare(files: list[Path], folder: Path, jobs: int) -> None:
    first, _ = timed(lambda: by_librosa(files[0]))
    print(
        f"librosa's first clip took {first:.1f} s (import and, in a fresh environment, compiling)"
    )
    alone(files[:200])
    report("librosa loop, 1 thread", by_loop, files)
    reference = [by_librosa(file) for file in files[:50]]
    worst = dict.fromkeys(PRECISIONS, 0.0)
    for n in sorted({1, jobs}):
        for precision in PRECISIONS:
            front_end = LogMel(precision=precision)
            cache = SpectrogramCache(folder / f"{n}{precision}", ClipReader(), front_end, jobs=n)
            for state in ("cold cache", "from cache"):
                clips = report(f"ours, {precision}, {state}, {n} thread(s)", cache.load, files)
                for clip, exact in zip(clips, reference, strict=False):
                    difference = float(np.abs(clip.values - exact).max())
                    worst[precision] = max(worst[precision], difference)
    for precision, difference in worst.items():
        print(f"{precision}: largest difference from librosa in 50 clips: {difference:.1e} dB")


def alone(files: list[Path]) -> None:
    """The spectrogram without reading, digests and writing."""
    sounds = [librosa.load(file, sr=None, mono=True) for file in files]
    report("librosa, of sound in memory", lambda some: [mel_of(*one) for one in some], sounds)
    for precision in PRECISIONS:
        front_end = LogMel(precision=precision)
        name = f"ours, {precision}, of sound in memory"
        report(name, lambda some, made=front_end: [made(*one) for one in some], sounds)


def report(name: str, work: Callable[[list], list], files: list) -> list:
    before = time.process_time()
    seconds, result = timed(lambda: work(files))
    cpu = time.process_time() - before
    print(
        f"{name:40s} {seconds:7.2f} s   (CPU {cpu:6.2f} s, {1e3 * cpu / len(files):.2f} ms a clip)"
    )
    return result


def by_loop(files: list[Path]) -> list:
    return [by_librosa(file) for file in files]


def by_librosa(file: Path) -> np.ndarray:
    return mel_of(*librosa.load(file, sr=None, mono=True))


def mel_of(samples: np.ndarray, rate: int) -> np.ndarray:
    mel = librosa.feature.melspectrogram(
        y=samples, sr=rate, n_fft=2048, hop_length=512, n_mels=128, pad_mode="reflect"
    )
    return librosa.power_to_db(mel, ref=1.0, amin=1e-10, top_db=None).T


def timed(work: Callable[[], list | None]) -> tuple[float, list | None]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
