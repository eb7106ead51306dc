"""Sound files that are cut short, or that lie about their length, in every format that counts."""

import hashlib
import io
from dataclasses import dataclass

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anomalib_ts.audio.clip_reader import SOUND_SUFFIXES, Clip, ClipError, ClipReader
from anomalib_ts.audio.truncation import examine
from tests.makers.clips import RATE, noise

READER = ClipReader(channel="mean")

FORMATS = [
    ("wav", "WAV", "PCM_16", "FILE"),
    ("wav", "WAV", "PCM_24", "FILE"),
    ("wav", "WAV", "PCM_U8", "FILE"),
    ("wav", "WAV", "FLOAT", "FILE"),
    ("wav", "WAV", "ULAW", "FILE"),
    ("wav", "WAV", "IMA_ADPCM", "FILE"),
    ("wav", "WAV", "GSM610", "FILE"),
    ("wav", "WAV", "PCM_16", "BIG"),  # RIFX
    ("wav", "WAVEX", "PCM_16", "FILE"),
    ("rf64", "RF64", "PCM_16", "FILE"),
    ("w64", "W64", "PCM_16", "FILE"),
    ("w64", "W64", "MS_ADPCM", "FILE"),
    ("aiff", "AIFF", "PCM_16", "FILE"),
    ("aifc", "AIFF", "PCM_16", "LITTLE"),
    ("aifc", "AIFF", "FLOAT", "FILE"),
    ("aifc", "AIFF", "IMA_ADPCM", "FILE"),
    ("au", "AU", "PCM_16", "FILE"),
    ("au", "AU", "ULAW", "LITTLE"),
    ("au", "AU", "G721_32", "FILE"),
    ("flac", "FLAC", "PCM_S8", "FILE"),
    ("flac", "FLAC", "PCM_16", "FILE"),
    ("flac", "FLAC", "PCM_24", "FILE"),
    ("ogg", "OGG", "VORBIS", "FILE"),
    ("opus", "OGG", "OPUS", "FILE"),
    ("mp3", "MP3", "MPEG_LAYER_III", "FILE"),
]
CHUNKED = [entry for entry in FORMATS if entry[0] in ("wav", "rf64", "w64", "aiff", "aifc", "au")]


def name(entry):
    return "-".join(entry[1:])


def encoded(entry, samples=None, **options):
    """The bytes of a file of `samples` (0.4 s of noise by default)."""
    _, kind, subtype, endian = entry
    file = io.BytesIO()
    samples = noise(0.4) if samples is None else samples
    soundfile.write(file, samples, RATE, format=kind, subtype=subtype, endian=endian, **options)
    return file.getvalue()


def read(folder, content):
    """The clip, or the error that refuses it."""
    path = folder / "clip"
    path.write_bytes(content)
    try:
        return READER.read(path)
    except ClipError as error:
        return error


def refused(result, *words):
    assert isinstance(result, ClipError), result
    assert any(word in str(result) for word in words), result
    assert "clip: " in str(result)


def same(result, expected):
    return isinstance(result, Clip) and np.array_equal(result.samples, expected.samples)


def put(content, at, number, size, order):
    return content[:at] + number.to_bytes(size, order) + content[at + size :]


@dataclass
class Field:
    """Where a file keeps a length, and how."""

    at: int
    size: int
    order: str

    def read(self, content):
        return int.from_bytes(content[self.at : self.at + self.size], self.order)

    def write(self, content, number):
        return put(content, self.at, number, self.size, self.order)


def sound_length(entry, content):
    """The field of the sound's length in a container of chunks, found without the package."""
    suffix, kind, _, endian = entry
    if suffix == "au":
        return Field(8, 4, "little" if endian == "LITTLE" else "big")
    if suffix in ("aiff", "aifc"):
        return Field(content.index(b"SSND") + 4, 4, "big")
    if kind == "RF64":
        return Field(content.index(b"ds64") + 16, 8, "little")
    if kind == "W64":
        return Field(content.index(b"data") + 16, 8, "little")
    return Field(content.index(b"data") + 4, 4, "big" if endian == "BIG" else "little")


@pytest.mark.parametrize("entry", FORMATS, ids=name)
@pytest.mark.parametrize("channels", [1, 2])
def test_whole_files_are_read(tmp_path, entry, channels):
    samples = noise(0.4, channels=channels)
    if channels == 2 and entry[2] in ("GSM610", "G721_32"):
        pytest.skip("the codec has one channel")
    content = encoded(entry, samples)
    clip = read(tmp_path, content)
    assert isinstance(clip, Clip), clip
    assert not clip.open_ended
    if channels == 1:  # libsndfile itself, without the package
        plain, _ = soundfile.read(io.BytesIO(content), dtype="float32", frames=len(clip.samples))
        assert np.array_equal(clip.samples, plain)
    assert f".{entry[0]}" in SOUND_SUFFIXES


@pytest.mark.parametrize("entry", FORMATS, ids=name)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(fraction=st.floats(0, 1, exclude_max=True), last=st.integers(1, 40), near_end=st.booleans())
def test_a_file_that_is_cut_anywhere_is_never_read_as_whole(
    tmp_path, entry, fraction, last, near_end
):
    content = encoded(entry)
    whole = read(tmp_path, content)
    cut = content[:-last] if near_end else content[: int(fraction * len(content))]
    result = read(tmp_path, cut)
    assert isinstance(result, ClipError) or same(result, whole)


@pytest.mark.parametrize("entry", FORMATS, ids=name)
def test_half_a_file_is_refused_as_cut(tmp_path, entry):
    content = encoded(entry)
    refused(read(tmp_path, content[: len(content) // 2]), "cut short")


@pytest.mark.parametrize("entry", CHUNKED, ids=name)
@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_a_length_that_is_too_small_is_refused(tmp_path, entry, share):
    content = encoded(entry)
    field = sound_length(entry, content)
    length = int(field.read(content) * share) // 256 * 256
    refused(read(tmp_path, field.write(content, length)), "too small a length", "cut short")


@pytest.mark.parametrize("entry", CHUNKED, ids=name)
def test_a_length_that_is_too_large_is_refused(tmp_path, entry):
    content = encoded(entry)
    field = sound_length(entry, content)
    longer = field.write(content, field.read(content) + 5000)
    refused(read(tmp_path, longer), "5000 bytes of sound are missing")


@pytest.mark.parametrize("entry", CHUNKED, ids=name)
@pytest.mark.parametrize("placeholder", ["zero", "highest"])
def test_an_open_length_is_read_to_the_end_and_marked(tmp_path, entry, placeholder):
    if entry[2] in ("GSM610", "IMA_ADPCM", "MS_ADPCM", "G721_32"):
        pytest.skip("streamed only where samples have one size")
    samples = noise(0.4)[:6000]
    content = encoded(entry, samples)
    whole = read(tmp_path, content)
    field = sound_length(entry, content)
    number = 0 if placeholder == "zero" else 256**field.size - 1
    clip = read(tmp_path, field.write(content, number))
    assert same(clip, whole)
    assert clip.open_ended
    if field.size == 4 and entry[0] == "wav":
        for stated in (0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF - 36):
            assert read(tmp_path, field.write(content, stated)).open_ended


@pytest.mark.parametrize("entry", [e for e in CHUNKED if e[2] in ("PCM_16", "PCM_24")], ids=name)
def test_an_open_length_does_not_hide_a_sample_that_is_cut(tmp_path, entry):
    content = encoded(entry, noise(0.4)[:6000])
    field = sound_length(entry, content)
    stream = field.write(content, 256**field.size - 1)
    refused(read(tmp_path, stream[:-1]), "ends within a sample")


def test_chunks_around_the_sound_are_not_sound(tmp_path):
    content = encoded(FORMATS[0])
    whole = read(tmp_path, content)
    odd = b"LIST" + (5).to_bytes(4, "little") + b"abcde\0"
    assert content[36:40] == b"data"
    before, after = content[:36] + odd + content[36:], content + odd
    tagged = content + b"TAG" + bytes(125)
    for changed in (before, after, tagged, after + odd, content[:36] + odd + content[36:] + odd):
        assert same(read(tmp_path, changed), whole)
    refused(read(tmp_path, after[:-3]), "too small a length")
    with_size = put(after, 4, len(after) - 8, 4, "little")
    assert same(read(tmp_path, with_size), whole)
    for cut in range(2, len(odd) - 1):  # the last byte is padding
        refused(read(tmp_path, with_size[:-cut]), "cut short", "too small a length")


def test_two_chunks_of_sound_are_refused(tmp_path):
    content = encoded(FORMATS[0])
    refused(read(tmp_path, content + content[36:]), "too small a length")


@pytest.mark.parametrize("length", [1, 2, 7, 100, 5000])
@pytest.mark.parametrize("filler", ["zeros", "noise"])
def test_sound_beyond_the_stated_length_is_never_dropped_in_silence(tmp_path, length, filler):
    content = encoded(FORMATS[0])
    rng = np.random.default_rng(length)
    more = bytes(length) if filler == "zeros" else rng.bytes(length)
    result = read(tmp_path, content + more)
    if length == 1:  # less than a sample
        assert isinstance(result, Clip)
    else:
        refused(result, f"{length} bytes follow")


def test_flac_states_how_many_samples_it_has_and_their_checksum(tmp_path):
    content = encoded(("flac", "FLAC", "PCM_16", "FILE"))
    frames = Field(22, 4, "big")
    assert frames.read(content) == 6400
    for number in (3200, 6399, 6401, 9000):
        refused(read(tmp_path, frames.write(content, number)), "cut short or damaged")
    refused(read(tmp_path, frames.write(content, 0)), "leaves the length open")
    assert read(tmp_path, content[:26] + bytes(16) + content[42:]).open_ended
    refused(read(tmp_path, content[:30] + b"\x01" + content[31:]), "does not match its checksum")


def test_pages_that_are_missing_damaged_or_too_many_are_noticed_in_ogg(tmp_path):
    content = encoded(("ogg", "OGG", "VORBIS", "FILE"), noise(3.0))
    starts = [at for at in range(len(content)) if content[at : at + 4] == b"OggS"]
    assert len(starts) > 4
    third, fourth = starts[2], starts[3]
    refused(read(tmp_path, content[:third] + content[fourth:]), "is missing")
    refused(read(tmp_path, content[:fourth]), "its last page is missing")
    flipped = bytearray(content)
    flipped[fourth + 100] ^= 1
    refused(read(tmp_path, bytes(flipped)), "does not match its checksum")
    refused(read(tmp_path, content + content), "too small a length")
    refused(read(tmp_path, content + b"more"), "too small a length")


@pytest.mark.parametrize("mode", ["CONSTANT", "AVERAGE", "VARIABLE"])
def test_mp3_is_whole_by_the_length_in_its_first_frame(tmp_path, mode):
    entry = ("mp3", "MP3", "MPEG_LAYER_III", "FILE")
    content = encoded(entry, noise(1.0), bitrate_mode=mode, compression_level=0.3)
    whole = read(tmp_path, content)
    assert isinstance(whole, Clip)
    tag = b"ID3\4\0\0" + bytes([0, 0, 1, 0]) + bytes(128)
    assert same(read(tmp_path, tag + content + b"TAG" + bytes(125)), whole)
    refused(read(tmp_path, tag + content[:-300]), "300 bytes of sound are missing")
    refused(read(tmp_path, content + content), "too small a length")
    at = max(content.find(b"Xing"), content.find(b"Info"))
    unknown = read(tmp_path, content[:at] + bytes(4) + content[at + 4 :])
    assert isinstance(unknown, ClipError) or unknown.open_ended


@pytest.mark.parametrize("kind", ["CAF", "NIST", "VOC", "PAF", "IRCAM", "SVX"])
def test_formats_that_cannot_be_checked_are_refused_by_name(tmp_path, kind):
    file = io.BytesIO()
    soundfile.write(file, noise(0.1), RATE, format=kind, subtype="PCM_16")
    refused(read(tmp_path, file.getvalue()), "cannot be read as sound", "no chunk of sound")


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(start=st.sampled_from([b"RIFF", b"RIFX", b"RF64", b"riff", b"FORM", b".snd", b"OggS",
                              b"fLaC", b"ID3\4\0", b"\xff\xfb\x90\x64", b""]),
       rest=st.binary(max_size=300))  # fmt: skip
def test_no_bytes_make_the_check_fail(tmp_path, start, rest):
    examine(start + rest)
    read(tmp_path, start + rest)


def test_all_formats_that_count_are_tried_here():
    tried = {f".{entry[0]}" for entry in FORMATS}
    synonyms = {".wave": ".wav", ".aif": ".aiff", ".snd": ".au", ".oga": ".ogg"}
    assert {synonyms.get(suffix, suffix) for suffix in SOUND_SUFFIXES} == tried


def test_what_was_read_is_what_is_digested(tmp_path):
    content = encoded(FORMATS[0])
    path = tmp_path / "clip.wav"
    path.write_bytes(content)
    clip = READER.read(path)
    assert clip.digest == hashlib.sha256(content).hexdigest()
