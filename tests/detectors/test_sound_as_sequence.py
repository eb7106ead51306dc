"""A sound's log-mel spectrogram goes through FastFlow-1D unchanged, as a 128-channel sequence."""

import numpy as np
import pytest

from anomalib_ts import FastFlow1D, TrainerSettings

pytest.importorskip("librosa")

from anomalib_ts.audio import LogMel
from anomalib_ts.audio.clip_reader import ClipReader
from anomalib_ts.core.recording import Recording

RATE = 16_000


def score(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    front_end = LogMel()
    detector = FastFlow1D(window=32, trainer=TrainerSettings(max_steps=60, progress=False))
    clips = [Recording(front_end(samples, RATE)) for samples in (train, test)]
    assert clips[0].channels == 128
    scores = detector.fit(clips[0]).score(clips[1])
    assert scores.shape == (len(clips[1]),)
    return scores


def hum(seconds: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    harmonics = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 9))
    return 0.05 * harmonics + 0.01 * rng.standard_normal(len(time))


def test_a_generated_clip_with_a_knock():
    test = hum(4.0, seed=1)
    knock = slice(32_000, 34_000)
    test[knock] += 0.5 * np.random.default_rng(2).standard_normal(2000)
    scores = score(hum(8.0, seed=0), test)
    first, last = 32_000 // 512, 34_000 // 512 + 1
    elsewhere = np.delete(scores, np.arange(first - 32, last + 32))
    assert scores[first:last].max() > elsewhere.max()


def test_real_clips(shared):
    folder = shared / "data" / "machine-sounds" / "bldc"
    healthy = sorted(folder.rglob("normal_id_02_*.wav"))[0]
    faulty = sorted(folder.rglob("anomaly_id_02_*.wav"))[0]
    reader = ClipReader(channel="mean", resample=True)
    scores = score(reader.read(healthy).samples, reader.read(faulty).samples)
    assert np.ptp(scores) > 0
