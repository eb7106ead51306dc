"""The cache in front of the front end: right, quick, and hard to break."""

import errno
import json
import multiprocessing
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anomalib_ts.audio import LogMel, SpectrogramCache, clip_reader, digest_memo
from anomalib_ts.audio import cache as cache_module
from anomalib_ts.audio.clip_reader import ClipReader
from anomalib_ts.core.digests import Content, file_digest, read_content
from anomalib_ts.errors import AnomalibTsWarning, ConfigError, DataNotFoundError, InputError
from tests.makers.clips import RATE, noise, sine, write


@pytest.fixture
def files(tmp_path):
    return [write(tmp_path / "clips" / f"{i}.wav", noise(0.4, seed=i)) for i in range(4)]


@pytest.fixture
def cache(tmp_path):
    return SpectrogramCache(tmp_path / "cache", ClipReader(), LogMel(), jobs=2)


@pytest.fixture
def computed(monkeypatch):
    """Names of the files whose sound is decoded from now on."""
    names = []
    read = ClipReader.read

    def counting(self, path, content=None):
        names.append(Path(path).name)
        return read(self, path, content)

    monkeypatch.setattr(ClipReader, "read", counting)
    return names


def entries(cache):
    return sorted(cache.folder.rglob("*.npz"))


def age(*paths):
    """Make files look as if they had not changed for a minute."""
    for path in paths:
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns - 60 * 10**9))


def expected(file):
    return LogMel()(ClipReader().read(file).samples, RATE)


def test_the_first_load_computes_and_the_second_reads(files, cache, computed):
    first = cache.load(files)
    assert sorted(computed) == ["0.wav", "1.wav", "2.wav", "3.wav"]
    computed.clear()
    second = cache.load(files)
    assert computed == []
    for file, a, b in zip(files, first, second, strict=True):
        assert (a.values == expected(file)).all()
        assert (b.values == a.values).all()
        assert b.values.dtype == np.float32
        assert not b.values.flags.writeable
        assert (a.clipped, a.silent) == (b.clipped, b.silent) == (0, False)


def test_a_new_file_is_read_once_for_its_digest_and_its_sound(files, cache, monkeypatch):
    read = []
    for module in (digest_memo, clip_reader):
        monkeypatch.setattr(
            module, "read_content", lambda file: read.append(Path(file)) or read_content(file)
        )
    cache.load(files)
    assert sorted(read) == files


def test_a_missing_file_ends_a_load_early(files, cache, monkeypatch):
    computed = []
    monkeypatch.setattr(
        ClipReader, "read", lambda *given: time.sleep(0.05) or computed.append(given)
    )
    many = [write(files[0].with_name(f"{i}.wav"), noise(0.1, seed=i)) for i in range(20)]
    with pytest.raises(DataNotFoundError, match=r"missing\.wav"):
        replace(cache, jobs=1).load([files[0].with_name("missing.wav"), *many])
    assert len(computed) < 20


def test_flaws_are_remembered(tmp_path, cache):
    silent = write(tmp_path / "silent.wav", np.zeros(4000))
    loud = write(tmp_path / "loud.wav", 1.4 * sine(100, level=1))
    for _ in range(2):
        a, b = cache.load([silent, loud])
        assert (a.silent, a.clipped, b.silent) == (True, 0, False)
        assert b.clipped > 0.3


def test_only_a_changed_file_is_computed_again(files, cache, computed):
    cache.load(files)
    computed.clear()
    write(files[2], noise(0.4, seed=99))
    loaded = cache.load(files)
    assert computed == ["2.wav"]
    assert (loaded[2].values == expected(files[2])).all()


def test_a_change_that_keeps_size_and_age_of_a_fresh_file_is_noticed(files, cache):
    """Sizes and times of change cannot be trusted right after a file was written."""
    before = files[0].stat()
    first = cache.digests(files)
    write(files[0], noise(0.4, seed=7))
    os.utime(files[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert files[0].stat().st_size == before.st_size
    assert cache.digests(files) == [file_digest(files[0]), *first[1:]]


def test_unchanged_files_are_not_read_for_their_digests(files, cache, monkeypatch):
    monkeypatch.setattr(digest_memo, "_SETTLED", 0)
    age(*files)
    first = cache.digests(files)
    assert first == [file_digest(file) for file in files]
    read = []
    monkeypatch.setattr(
        digest_memo, "read_content", lambda file: read.append(file) or Content(b"", "changed")
    )
    assert cache.digests(files) == first
    assert read == []
    time.sleep(0.02)  # the clock of a file system ticks every few milliseconds
    files[1].touch()
    assert cache.digests(files) == [first[0], "changed", *first[2:]]
    assert read == [files[1]]


@pytest.mark.parametrize("change", ["swap", "replace", "overwrite", "hard link"])
def test_a_change_that_keeps_size_and_time_of_change_is_noticed(files, cache, monkeypatch, change):
    """By the inode, or by the time of the status change, which nobody can set."""
    monkeypatch.setattr(digest_memo, "_SETTLED", 0)
    for file in files:
        os.utime(file, ns=(10**18, 10**18))
    first = cache.digests(files)
    time.sleep(0.02)
    one, other = files[:2]
    if change == "swap":
        aside = one.rename(one.with_suffix(".aside"))
        other.rename(one)
        aside.rename(other)
    elif change == "replace":
        other.replace(one)
    elif change == "overwrite":
        one.write_bytes(other.read_bytes())
    else:
        one.unlink()
        one.hardlink_to(other)
    os.utime(one, ns=(10**18, 10**18))
    left = [file for file in files if file.exists()]
    assert one.stat().st_size == left[-1].stat().st_size
    assert cache.digests(left) == [file_digest(file) for file in left]
    assert cache.digests([one]) == [first[1]]


def test_a_file_that_changed_just_now_is_read_again(files, cache, monkeypatch):
    """Even if its time of change was set back: the same clock tick may bring another change."""
    age(*files)
    cache.digests(files)
    read = []
    monkeypatch.setattr(
        digest_memo, "read_content", lambda file: read.append(file) or Content(b"", "again")
    )
    assert cache.digests(files) == ["again"] * 4
    assert sorted(read) == files


def test_a_spectrogram_goes_with_the_digest_of_what_it_was_made_of(files, cache, monkeypatch):
    """A file that changes between its digest and its reading is described as it was read."""
    monkeypatch.setattr(digest_memo, "_SETTLED", 0)
    age(*files)
    cache.digests(files)  # remembered, so that `load` reads it once more for its sound
    read = ClipReader.read

    def late(self, path, content=None):
        assert content is None
        if Path(path) == files[1]:
            write(files[1], noise(0.4, seed=50))
        return read(self, path)

    monkeypatch.setattr(ClipReader, "read", late)
    loaded = cache.load(files)
    assert [clip.digest for clip in loaded] == [file_digest(file) for file in files]
    monkeypatch.undo()
    for clip, file in zip(loaded, files, strict=True):
        assert (clip.values == expected(file)).all()
    for clip, file in zip(cache.load(files), files, strict=True):
        assert (clip.values == expected(file)).all()


def file_in_its_place(folder, monkeypatch):
    folder.write_text("a file")


def broken_link(folder, monkeypatch):
    folder.symlink_to(folder.parent / "nowhere" / "at" / "all")
    folder.parent.joinpath("nowhere").write_text("")


def full_disk(folder, monkeypatch):
    def full(path, durable=True):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(cache_module, "atomic_write", full)
    monkeypatch.setattr(digest_memo, "atomic_write", full)


def full_at_the_end(folder, monkeypatch):
    """The disk is full once the data has to be there."""

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)


def read_only(folder, monkeypatch):
    folder.mkdir()

    def refuse(path, durable=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(cache_module, "atomic_write", refuse)  # root may write to any folder
    monkeypatch.setattr(digest_memo, "atomic_write", refuse)


def folders_in_place_of_files(folder, monkeypatch):
    (folder / "log_mel").parent.mkdir()
    (folder / "log_mel").write_text("a file")


@pytest.mark.parametrize(
    "spoil",
    [
        file_in_its_place,
        broken_link,
        full_disk,
        full_at_the_end,
        read_only,
        folders_in_place_of_files,
    ],
)
def test_a_cache_that_cannot_be_written_is_a_warning(files, cache, monkeypatch, spoil):
    spoil(cache.folder, monkeypatch)
    for _ in range(2):
        with pytest.warns(AnomalibTsWarning, match=r"cannot be kept there .*data\.cache") as caught:
            loaded = cache.load(files)
        assert len(caught) == 1
        assert str(cache.folder) in str(caught[0].message)
        for clip, file in zip(loaded, files, strict=True):
            assert (clip.values == expected(file)).all()
    assert not list(cache.folder.rglob(".*")) if cache.folder.is_dir() else True


def test_an_entry_of_another_shape_is_computed_again(files, cache):
    good = cache.load(files[:1])[0].values
    (entry,) = entries(cache)
    about = np.load(entry)["about"]
    np.savez(entry, log_mel=np.zeros((13, 7), np.float32), about=about)
    assert (cache.load(files[:1])[0].values == good).all()


def test_an_entry_from_before_it_told_its_form_is_made_again(files, cache, computed):
    cache.load(files[:1])
    (entry,) = entries(cache)
    with np.load(entry) as known:
        values, about = known["log_mel"], json.loads(bytes(known["about"]))
    del about["form"]
    np.savez(entry, log_mel=values, about=np.bytes_(json.dumps(about | {"sound": "another"})))
    computed.clear()
    assert cache.load(files[:1])[0].sound == ClipReader().read(files[0]).sound
    assert computed[:1] == ["0.wav"]


def test_a_damaged_memo_is_started_anew(files, cache):
    age(*files)
    first = cache.digests(files)
    (memo,) = (cache.folder / "digests").glob("*.json")
    for content in ("", "{", "[1]", '[["a", 1]]', "null", '{"a": 1}'):
        memo.write_text(content)
        assert cache.digests(files) == first


@pytest.mark.parametrize(
    "change",
    [
        {"front_end": LogMel(n_fft=1024)},
        {"front_end": LogMel(hop_length=256)},
        {"front_end": LogMel(n_mels=64)},
        {"front_end": LogMel(precision="single")},
        {"reader": ClipReader(channel="mean")},
        {"reader": ClipReader(level_normalise=True)},
        {"reader": ClipReader(sample_rate=8000, resample=True)},
        {"dtype": "float16"},
    ],
    ids=str,
)
def test_other_settings_are_other_entries(files, cache, computed, change):
    plain = cache.load(files)
    computed.clear()
    other = replace(cache, **change)
    assert other.key != cache.key
    values = [clip.values for clip in other.load(files)]
    assert len(computed) == len(files)
    if "channel" not in str(change):
        assert values[0].shape != plain[0].values.shape or (values[0] != plain[0].values).any()
    assert len(entries(cache)) == 2 * len(files)


def test_another_library_version_is_another_key(cache, monkeypatch):
    before = cache.key
    monkeypatch.setattr(cache_module, "version", lambda name: "0.0.1" if name == "scipy" else "1")
    changed = cache.key
    monkeypatch.setattr(cache_module, "version", lambda name: "1")
    assert len({before, changed, cache.key}) == 3


def test_settings_stand_beside_the_entries(files, cache):
    cache.load(files)
    (path,) = cache.folder.rglob("settings.json")
    assert json.loads(path.read_text())["front_end"] == {
        "n_fft": 2048,
        "hop_length": 512,
        "n_mels": 128,
    }


def test_float16_is_half_the_size_and_the_same_every_time(files, cache):
    half = replace(cache, dtype="float16")
    exact, first, second = cache.load(files), half.load(files), half.load(files)
    for a, b, c in zip(exact, first, second, strict=True):
        assert b.values.dtype == np.float32
        assert (b.values == c.values).all()
        np.testing.assert_allclose(b.values, a.values, rtol=0, atol=0.0313)
    sizes = [path.stat().st_size for path in entries(cache)]
    assert max(sizes) > 1.8 * min(sizes)


def test_damaged_entries_are_computed_again(files, cache):
    """Every byte of an entry matters: a flipped one is noticed or changes nothing."""
    good = cache.load(files[:1])[0].values
    (entry,) = entries(cache)
    whole = entry.read_bytes()
    rng = np.random.default_rng(0)
    edges = [*range(400), *range(len(whole) - 400, len(whole))]
    for position in [*edges, *rng.integers(0, len(whole), 400)]:
        damaged = bytearray(whole)
        damaged[position] ^= 1 << rng.integers(8)
        entry.write_bytes(damaged)
        clip = cache_module._read_entry(entry)
        assert clip is None or (clip.values == good).all(), position
        assert clip is None or (clip.clipped, clip.silent) == (0, False), position
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        entry.write_bytes(whole[:length])
        assert (cache.load(files[:1])[0].values == good).all()
        assert entry.read_bytes() != whole[:length]


def test_nothing_half_written_is_left_behind(files, cache, monkeypatch):
    def broken(out, **arrays):
        out.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", broken)
    with pytest.raises(KeyboardInterrupt):
        cache.load(files[:1])
    assert [p for p in cache.folder.rglob("*") if p.is_file() and p.name != "settings.json"] == [
        *(cache.folder / "digests").glob("*.json")
    ]


def test_the_number_of_threads_changes_nothing(files, tmp_path):
    one, four = (
        SpectrogramCache(tmp_path / str(jobs), ClipReader(), LogMel(), jobs=jobs).load(files)
        for jobs in (1, 4)
    )
    for a, b in zip(one, four, strict=True):
        assert (a.values == b.values).all()


def load_in_process(folder, files, queue):
    cache = SpectrogramCache(folder, ClipReader(), LogMel(), jobs=1)
    for _ in range(3):
        queue.put([float(clip.values.sum()) for clip in cache.load(files)])


def test_processes_may_share_the_folder(files, cache):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    arguments = (cache.folder, files, queue)
    workers = [context.Process(target=load_in_process, args=arguments) for _ in range(3)]
    for worker in workers:
        worker.start()
    sums = [queue.get(timeout=60) for _ in range(9)]
    for worker in workers:
        worker.join()
    assert all(worker.exitcode == 0 for worker in workers)
    assert all(found == [float(expected(file).sum()) for file in files] for found in sums)
    assert len(entries(cache)) == len(files)


def test_all_bad_files_are_named_in_one_message(files, tmp_path, cache):
    bad = [write(tmp_path / f"bad{i}.wav", np.zeros(0)) for i in range(7)]
    with pytest.raises(InputError, match="7 of 11 clips cannot be used") as caught:
        cache.load([*files, *bad])
    message = str(caught.value)
    assert "bad0.wav: holds no samples" in message
    assert "bad4.wav" in message
    assert "bad5.wav" not in message
    assert "and 2 more" in message
    assert len(entries(cache)) == 4


def test_missing_files_are_named(files, tmp_path, cache):
    with pytest.raises(DataNotFoundError, match=r"gone\.wav"):
        cache.load([*files, tmp_path / "gone.wav"])


def test_each_kind_of_flaw_is_named_once(tmp_path, cache):
    stereo = [
        write(tmp_path / f"{i}.wav", noise(0.1, i, channels=2, rate=44100), rate=44100)
        for i in range(3)
    ]
    slow = write(tmp_path / "slow.wav", noise(0.1, rate=8000), rate=8000)
    with pytest.raises(InputError) as caught:
        cache.load([*stereo, slow])
    first, *lines = str(caught.value).splitlines()
    assert first == "4 of 4 clips cannot be used:"
    assert len(lines) == 3
    assert "0.wav: 2 channels" in lines[0]
    folder = tmp_path.name
    assert f"(3 clips: also {folder}/1.wav, {folder}/2.wav)" in lines[0]
    assert "0.wav: sampled at 44100 Hz" in lines[1]
    assert "data.audio.resample=true" in lines[1]
    assert "slow.wav: sampled at 8000 Hz" in lines[2]


@pytest.mark.parametrize(("setting", "value"), [("dtype", "int8"), ("jobs", -1)])
def test_refuses_impossible_settings(cache, setting, value):
    with pytest.raises(ConfigError, match=setting):
        replace(cache, **{setting: value})
