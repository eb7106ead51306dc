"""The front end against librosa."""

from dataclasses import replace

import librosa
import numpy as np
import pytest
import torch

from anomalib_ts.audio import LogMel
from anomalib_ts.audio.clip_reader import ClipReader
from anomalib_ts.audio.torch_log_mel import TorchLogMel
from anomalib_ts.errors import ConfigError, InputError
from tests.makers.clips import RATE, noise, sine
from tests.makers.shared import shared_path


def by_librosa(samples, rate, front_end):
    mel = librosa.feature.melspectrogram(
        y=samples,
        sr=rate,
        n_fft=front_end.n_fft,
        hop_length=front_end.hop_length,
        n_mels=front_end.n_mels,
        power=2.0,
        center=True,
        pad_mode="reflect",
    )
    return librosa.power_to_db(mel, ref=1.0, amin=1e-10, top_db=None).T


def chirp(seconds):
    """Quiet and loud, low and high, with exact silence in the middle."""
    time = np.arange(round(seconds * RATE)) / RATE
    samples = 0.8 * np.sin(2 * np.pi * (50 + 3500 * time / seconds) * time) * time / seconds
    samples[len(samples) // 3 : len(samples) // 2] = 0
    return samples.astype(np.float32)


FRONT_ENDS = [
    LogMel(),
    LogMel(n_fft=1024),
    LogMel(n_fft=400, hop_length=160, n_mels=40),
    LogMel(n_fft=1023, hop_length=300, n_mels=64),
]


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=str)
@pytest.mark.parametrize("samples", [noise(2.0), chirp(3.0)], ids=["noise", "chirp"])
def test_equals_librosa_to_float_precision(front_end, samples):
    ours = front_end(samples, RATE)
    reference = by_librosa(samples, RATE, front_end)
    assert ours.dtype == np.float32
    assert ours.shape == reference.shape
    np.testing.assert_allclose(ours, reference, rtol=0, atol=1e-4)


@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large")
@pytest.mark.parametrize("n", [1025, 1026, 2047, 2048, 5000, 33280])
def test_equals_librosa_at_every_length(n):
    samples = noise(n / RATE)
    reference = by_librosa(samples, RATE, LogMel())
    np.testing.assert_allclose(LogMel()(samples, RATE), reference, rtol=0, atol=1e-4)


def quiet_bands(seed, length=20_000):
    """Tones of any frequency far above noise of any colour, which starts and stops."""
    rng = np.random.default_rng(seed)
    tones = sum(
        10 ** rng.uniform(-5, 0) * np.sin(rng.uniform(0.001, 3.1) * np.arange(length))
        for _ in range(rng.integers(1, 4))
    )
    noise = rng.standard_normal(length)
    for _ in range(rng.integers(0, 3)):
        noise = np.cumsum(noise) - np.cumsum(noise).mean()
    noise *= 10 ** rng.uniform(-6, 0) / np.abs(noise).max()
    noise[: rng.integers(length)] *= rng.integers(2)
    return (0.3 * (tones + noise + rng.integers(2))).astype(np.float32)


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=str)
def test_single_precision_is_equal_within_a_thousandth_of_a_decibel(front_end):
    single = replace(front_end, precision="single")
    for seed in range(40):
        samples = quiet_bands(seed)
        difference = np.abs(single(samples, RATE) - front_end(samples, RATE))
        assert difference.max() < 1e-3, seed


@pytest.mark.parametrize("samples", [noise(2.0), chirp(3.0)], ids=["noise", "chirp"])
def test_single_precision_equals_librosa(samples):
    ours = LogMel(precision="single")(samples, RATE)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, by_librosa(samples, RATE, LogMel()), rtol=0, atol=1e-3)


def test_single_precision_takes_double_only_where_it_shows(monkeypatch):
    loud_and_quiet = np.concatenate([noise(1.0), sine(1000, 1.0)])
    transformed = []
    exact = LogMel._decibels
    monkeypatch.setattr(
        LogMel, "_decibels", lambda *given: transformed.append(len(given[1])) or exact(*given)
    )
    LogMel(precision="single")(noise(2.0), RATE)
    assert transformed == []
    LogMel(precision="single")(loud_and_quiet, RATE)
    assert 25 <= sum(transformed) <= 36


def test_bands_that_cover_no_bin_are_the_floor():
    narrow = LogMel(n_fft=256, n_mels=128)
    with pytest.warns(UserWarning, match="Empty filters"):
        expected = narrow(noise(1.0), RATE)
    found = replace(narrow, precision="single")(noise(1.0), RATE)
    assert (found < -99.99).any()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)


def test_an_unknown_precision_is_refused():
    with pytest.raises(ConfigError, match="precision must be double or single, not 'half'"):
        LogMel(precision="half")


def test_equals_librosa_at_another_rate():
    samples = noise(1.0, rate=44100)
    reference = by_librosa(samples, 44100, LogMel())
    np.testing.assert_allclose(LogMel()(samples, 44100), reference, rtol=0, atol=1e-4)


def test_equals_librosa_on_a_recording():
    path = shared_path("data/machine-sounds/unknown_mimii/test/anomaly_id_00_00000000.wav")
    samples = ClipReader().read(path).samples
    reference = by_librosa(samples, RATE, LogMel())
    assert reference.shape == (313, 128)
    np.testing.assert_allclose(LogMel()(samples, RATE), reference, rtol=0, atol=1e-4)


@pytest.mark.parametrize("n", [1, 2, 511, 512, 1023, 1024])
def test_clips_shorter_than_half_a_window_have_frames_too(n):
    spectrogram = LogMel()(noise(1.0)[:n], RATE)
    assert spectrogram.shape == (1 + n // 512, 128)
    assert np.isfinite(spectrogram).all()


def test_silence_is_the_floor():
    silence = LogMel()(np.zeros(8000, np.float32), RATE)
    np.testing.assert_allclose(silence, -100, rtol=0, atol=1e-4)


def test_level_is_kept():
    quiet, loud = LogMel()(noise(1.0, level=0.01), RATE), LogMel()(noise(1.0, level=0.1), RATE)
    np.testing.assert_allclose(loud - quiet, 20, atol=1e-3)


@pytest.mark.parametrize("hertz", [200, 1000, 4000])
def test_a_tone_lies_in_its_band(hertz):
    centres = librosa.mel_frequencies(130, fmin=0, fmax=RATE / 2)[1:-1]
    loudest = LogMel()(sine(hertz, 1.0), RATE).mean(0).argmax()
    assert abs(loudest - np.abs(centres - hertz).argmin()) <= 1


def test_refuses_what_is_no_mono_clip():
    with pytest.raises(InputError, match=r"\(0,\)"):
        LogMel()(np.zeros(0, np.float32), RATE)
    with pytest.raises(InputError, match=r"\(100, 2\)"):
        LogMel()(np.zeros((100, 2), np.float32), RATE)


@pytest.mark.parametrize("setting", ["n_fft", "hop_length", "n_mels"])
@pytest.mark.parametrize("value", [0, -5, 2.5])
def test_refuses_impossible_settings(setting, value):
    with pytest.raises(ConfigError, match=f"spectrogram.{setting}"):
        LogMel(**{setting: value})


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=str)
def test_torch_front_end_equals_librosa(front_end):
    clips = np.stack([noise(1.5), noise(1.5, seed=1, level=0.01), chirp(1.5)])
    decibels = TorchLogMel(front_end, RATE)(torch.from_numpy(clips)).numpy()
    for clip, ours in zip(clips, decibels, strict=True):
        reference = by_librosa(clip, RATE, front_end)
        assert ours.shape == reference.shape
        np.testing.assert_allclose(ours, reference, rtol=0, atol=1e-3)


def test_torch_front_end_moves_and_saves_its_tables():
    assert set(TorchLogMel(LogMel(), RATE).state_dict()) == {"window", "filter_bank"}


@pytest.mark.parametrize("hertz", [500, 2000, 6000])
def test_a_tone_is_loudest_in_the_band_of_its_frequency(hertz):
    front_end = LogMel(n_mels=64)
    frequencies = front_end.frequencies(RATE)
    assert frequencies.shape == (64,)
    band = int(front_end(sine(hertz), RATE)[5].argmax())
    assert band == np.abs(frequencies - hertz).argmin()
