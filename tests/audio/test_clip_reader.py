"""Sound files good and bad."""

import pickle

import numpy as np
import pytest
import soundfile

from anomalib_ts.audio.clip_reader import LEVEL_RMS, ClipError, ClipReader
from anomalib_ts.audio.truncation import examine
from anomalib_ts.errors import ConfigError, InputError
from tests.makers.clips import RATE, noise, sine, write


def refused(reader, path, *parts):
    with pytest.raises(InputError) as caught:
        reader.read(path)
    message = str(caught.value)
    for part in (str(path), *parts):
        assert part in message
    return message


@pytest.mark.parametrize(
    ("suffix", "subtype", "error"),
    [
        (".wav", "PCM_U8", 2**-7),
        (".wav", "PCM_16", 2**-15),
        (".wav", "PCM_24", 2**-23),
        (".wav", "FLOAT", 0),
        (".flac", "PCM_16", 2**-15),
        (".aiff", "PCM_16", 2**-15),
        (".ogg", "VORBIS", 0.2),
    ],
)
def test_reads_what_soundfile_reads(tmp_path, suffix, subtype, error):
    samples = noise(0.5)
    clip = ClipReader().read(write(tmp_path / f"clip{suffix}", samples, subtype=subtype))
    assert clip.samples.dtype == np.float32
    np.testing.assert_allclose(clip.samples, samples, rtol=0, atol=error)
    assert clip.clipped == 0
    assert not clip.silent


def test_several_channels_need_a_decision(tmp_path):
    samples = noise(0.5, channels=2)
    path = write(tmp_path / "stereo.wav", samples, subtype="FLOAT")
    refused(ClipReader(), path, "2 channels where one is expected", "audio.channel")
    for channel, expected in (
        ("mean", samples.mean(1)),
        ("first", samples[:, 0]),
        (0, samples[:, 0]),
        (1, samples[:, 1]),
    ):
        mono = ClipReader(channel=channel).read(path).samples
        np.testing.assert_allclose(mono, expected, rtol=0, atol=1e-7)
    refused(ClipReader(channel=2), path, "data.audio.channel=2", "from 0 to 1")


def test_another_rate_is_refused_or_converted(tmp_path):
    path = write(tmp_path / "cd.wav", sine(1000, 1.0, rate=44100), rate=44100)
    refused(ClipReader(), path, "44100 Hz", "16000 Hz", "audio.resample=true")
    samples = ClipReader(resample=True).read(path).samples
    assert len(samples) == RATE
    middle = slice(1000, -1000)
    np.testing.assert_allclose(samples[middle], sine(1000, 1.0)[middle], atol=2e-3)


def test_resampling_does_not_fold_high_tones_down(tmp_path):
    path = write(tmp_path / "high.wav", sine(12000, 1.0, rate=44100), rate=44100)
    assert np.abs(ClipReader(resample=True).read(path).samples[1000:-1000]).max() < 1e-3


def test_level_normalise(tmp_path):
    reader = ClipReader(level_normalise=True)
    for level in (0.001, 0.01, 0.2):
        path = write(tmp_path / f"{level}.wav", noise(0.5, level=level), subtype="FLOAT")
        samples = reader.read(path).samples
        assert np.sqrt(np.mean(samples**2)) == pytest.approx(LEVEL_RMS, rel=1e-5)
    assert (reader.read(write(tmp_path / "0.wav", np.zeros(800))).samples == 0).all()


@pytest.mark.parametrize("value", [0.0, 0.25])
def test_silence_is_marked(tmp_path, value):
    assert ClipReader().read(write(tmp_path / "s.wav", np.full(1000, value))).silent


def test_clipping_is_measured(tmp_path):
    loud = 1.5 * sine(100, 1.0, level=1.0)
    share = np.mean(np.abs(loud) >= 1)
    for subtype in ("PCM_16", "PCM_24"):
        clip = ClipReader().read(write(tmp_path / f"{subtype}.wav", loud, subtype=subtype))
        assert clip.clipped == pytest.approx(share, abs=1e-3)
    assert ClipReader().read(write(tmp_path / "ok.wav", 0.9 * sine(100, level=1))).clipped == 0


def full_scale_formats():
    """Every format with its subtypes that soundfile can write and read."""
    return [
        (kind, subtype)
        for kind in ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "FLAC", "OGG", "MP3")
        for subtype in soundfile.available_subtypes(kind)
        if soundfile.check_format(kind, subtype)
        and not subtype.startswith(("DWVW", "NMS"))  # not readable in memory; a modem's codec
        and not (kind == "MP3" and subtype != "MPEG_LAYER_III")
        and not (kind == "WAV" and subtype == "MPEG_LAYER_III")
    ]


@pytest.mark.parametrize(("kind", "subtype"), full_scale_formats())
@pytest.mark.parametrize("channel", ["only", "mean", "first"])
def test_clipping_is_measured_in_every_format(tmp_path, kind, subtype, channel):
    """Flat tops are seen; a sound just below full scale has none."""
    loud = np.clip(1.5 * sine(100, 1.0, level=1.0), -1, 1)
    for samples, clips in ((loud, True), (0.9 * sine(100, 1.0, level=1.0), False)):
        if channel != "only" and subtype in ("GSM610", "G721_32", "G723_24", "G723_40"):
            pytest.skip("the codec has one channel")
        sound = samples if channel == "only" else np.stack([samples, 0.1 * samples], axis=1)
        path = tmp_path / "clip"
        soundfile.write(path, sound, RATE, format=kind, subtype=subtype)
        clip = ClipReader(channel=channel).read(path)
        assert (clip.clipped > 1e-3) == clips, clip.clipped


def test_of_channels_only_those_that_are_used_count_as_clipped(tmp_path):
    loud = np.clip(1.5 * sine(100, 1.0, level=1.0), -1, 1)
    path = write(tmp_path / "stereo.wav", np.stack([loud, 0.5 * loud], axis=1))
    share = np.mean(np.abs(loud) >= 1)
    assert ClipReader(channel="mean").read(path).clipped == pytest.approx(share, abs=1e-3)
    assert ClipReader(channel=0).read(path).clipped == pytest.approx(share, abs=1e-3)
    assert ClipReader(channel=1).read(path).clipped == 0


def test_all_that_is_wrong_with_a_file_is_said_at_once(tmp_path):
    samples = noise(0.5, channels=2, rate=44100)
    samples[5, 1] = np.inf
    path = write(tmp_path / "bad.wav", samples, rate=44100, subtype="FLOAT")
    path.write_bytes(path.read_bytes()[:-800])
    refused(
        ClipReader(),
        path,
        "cut short, 800 bytes of sound are missing",
        "not finite",
        "2 channels where one is expected",
        "44100 Hz where 16000 Hz",
        "data.audio.channel",
        "data.audio.resample=true",
    )


def test_what_is_wrong_survives_the_way_between_processes(tmp_path):
    path = write(tmp_path / "bad.wav", noise(0.5, channels=2, rate=8000), rate=8000)
    with pytest.raises(ClipError) as caught:
        ClipReader().read(path)
    back = pickle.loads(pickle.dumps(caught.value))
    assert str(back) == str(caught.value)
    assert back.flaws == caught.value.flaws
    assert len(back.flaws) == 2


def test_the_same_sound_has_the_same_digest_in_any_file(tmp_path):
    samples = np.round(noise(0.5) * 2**15) / 2**15
    samples[:3] = [-0.0, 0.0, 0.25]
    both = np.stack([samples, samples], axis=1)
    copies = [
        write(tmp_path / "16.wav", samples),
        write(tmp_path / "24.wav", samples, subtype="PCM_24"),
        write(tmp_path / "float.wav", samples, subtype="FLOAT"),
        write(tmp_path / "copy.flac", samples),
        write(tmp_path / "copy.aiff", samples),
        write(tmp_path / "stereo.wav", both),
    ]
    tagged = tmp_path / "tagged.wav"
    tagged.write_bytes(copies[0].read_bytes() + b"LIST" + (4).to_bytes(4, "little") + b"INFO")
    clips = [ClipReader(channel="mean").read(path) for path in (*copies, tagged)]
    assert len({clip.sound for clip in clips}) == 1
    assert len({clip.digest for clip in clips}) == len(clips)
    other = write(tmp_path / "other.wav", samples[:-1])
    assert ClipReader().read(other).sound != clips[0].sound
    loud = ClipReader(level_normalise=True).read(copies[0])
    assert loud.sound == clips[0].sound


def test_the_same_sound_finer_than_16_bits_is_known_in_another_format(tmp_path):
    samples = np.round(noise(0.2) * 2**23) / 2**23
    samples[:2] = 0.0, -0.0
    fine = [
        write(tmp_path / "24.wav", samples, subtype="PCM_24"),
        write(tmp_path / "float.wav", samples, subtype="FLOAT"),
        write(tmp_path / "24.flac", samples, subtype="PCM_24"),
    ]
    coarse = write(tmp_path / "16.wav", samples)
    louder = write(tmp_path / "louder.wav", 16 * samples, subtype="FLOAT")  # beyond full scale
    sounds = [ClipReader().read(path).sound for path in (*fine, coarse, louder)]
    assert sounds[0] == sounds[1] == sounds[2]
    assert len(set(sounds)) == 3


def test_16_bits_are_the_floats_that_libsndfile_gives(tmp_path):
    extremes = np.arange(-(2**15), 2**15) / 2**15
    for name in ("all.wav", "all.flac", "all.aiff"):
        path = write(tmp_path / name, extremes)
        expected, _ = soundfile.read(path, dtype="float32")
        samples = ClipReader().read(path).samples
        assert samples.dtype == np.float32
        assert (samples == expected).all()


def test_truncated_wav_is_refused(tmp_path):
    path = write(tmp_path / "cut.wav", noise(0.5))
    whole = path.read_bytes()
    path.write_bytes(whole[:-3000])
    refused(ClipReader(), path, "cut short", "3000 bytes")
    path.write_bytes(whole[:30])
    refused(ClipReader(), path)


def test_truncated_flac_is_refused(tmp_path):
    path = write(tmp_path / "cut.flac", noise(0.5))
    path.write_bytes(path.read_bytes()[:-3000])
    refused(ClipReader(), path)


def test_chunks_before_the_sound_and_open_lengths_are_fine(tmp_path):
    path = write(tmp_path / "clip.wav", noise(0.5))
    whole = path.read_bytes()
    assert whole[36:40] == b"data"
    extra = b"LIST" + (5).to_bytes(4, "little") + b"abcde\0"
    path.write_bytes(whole[:36] + extra + whole[36:])
    assert examine(path.read_bytes()).missing == 0
    path.write_bytes(whole[:36] + extra + whole[36:-10])
    assert examine(path.read_bytes()).missing == 10
    path.write_bytes(whole[:40] + b"\xff\xff\xff\xff" + whole[44:])
    assert examine(path.read_bytes()).missing == 0
    path.write_bytes(whole[:20])
    assert examine(path.read_bytes()).missing == 0


def test_files_without_sound_are_refused(tmp_path):
    (tmp_path / "zero.wav").write_bytes(b"")
    refused(ClipReader(), tmp_path / "zero.wav", "the file is empty")
    refused(ClipReader(), write(tmp_path / "empty.wav", np.zeros(0)), "no samples")
    (tmp_path / "text.wav").write_text("not a sound at all, only a text")
    message = refused(ClipReader(), tmp_path / "text.wav", "cannot be read as sound (Format not")
    assert message.count("text.wav") == 1
    refused(ClipReader(), tmp_path / "missing.wav")


def test_samples_that_are_not_finite_are_refused(tmp_path):
    samples = noise(0.1)
    samples[7] = np.nan
    path = tmp_path / "nan.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    refused(ClipReader(), path, "not finite")


@pytest.mark.parametrize(
    "settings", [{"sample_rate": 0}, {"channel": "left"}, {"channel": -1}, {"channel": 0.5}]
)
def test_refuses_impossible_settings(settings):
    with pytest.raises(ConfigError, match=f"audio.{next(iter(settings))}"):
        ClipReader(**settings)
