"""What reads arrays or source text may do so on several threads at a time."""

import gc
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

from anomalib_ts.audio.cache import SpectrogramCache
from anomalib_ts.audio.clip_reader import ClipReader
from anomalib_ts.audio.log_mel import LogMel
from anomalib_ts.data.series.npz_file import read_npz
from anomalib_ts.results.stored_arrays import read_arrays
from anomalib_ts.settings.source import parsed


@pytest.fixture
def hasty_threads():
    """Threads take turns wherever they can: when garbage is collected amid the parser, too."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    gc.callbacks.append(yield_often)
    sys.setswitchinterval(1e-6)
    gc.set_threshold(5)
    yield
    gc.set_threshold(*threshold)
    sys.setswitchinterval(interval)
    gc.callbacks.remove(yield_often)


def yield_often(*_):
    for _ in range(50):
        pass


def stored_scores(folder):
    np.savez(folder / "a.npz", scores=np.zeros(5))
    return lambda: read_arrays(folder / "a.npz")


def series(folder):
    np.savez(folder / "a.npz", values=np.zeros((5, 2)), labels=np.zeros(5, dtype=int))
    return lambda: read_npz(folder / "a.npz")


def source_text(_folder):
    return lambda: parsed.__wrapped__("anomalib_ts.core.parser_turn")


def spectrogram(folder):
    soundfile.write(folder / "a.wav", np.zeros(4000), 16000)
    cache = SpectrogramCache(folder / "cache", ClipReader(), LogMel())
    cache.load([folder / "a.wav"])
    return lambda: cache.load([folder / "a.wav"])


@pytest.mark.parametrize("prepare", [stored_scores, series, source_text, spectrogram])
def test_threads_read_at_the_same_time(prepare, tmp_path, hasty_threads):
    read = prepare(tmp_path)

    def at_depth(depth):  # what the parser mistook was how deep each thread's stack was
        return at_depth(depth - 1) if depth else read()

    with ThreadPoolExecutor(8) as pool:
        assert all(found is not None for found in pool.map(at_depth, [k % 7 for k in range(100)]))
