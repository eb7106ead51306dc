"""Folders of machine sounds, right and wrong."""

import os
import shutil
from collections import Counter

import numpy as np
import pytest
import soundfile

from anomalib_ts.audio import LogMel, SpectrogramCache
from anomalib_ts.audio.clip_reader import ClipReader
from anomalib_ts.data.sounds.dcase import Dcase
from anomalib_ts.errors import AnomalibTsWarning, DataNotFoundError, InputError
from anomalib_ts.protocols.weak_split import weak_split
from tests.makers.clips import RATE, noise, sine, write, write_machine_type
from tests.makers.shared import shared_path


@pytest.fixture
def root(tmp_path):
    write_machine_type(tmp_path / "sounds" / "fan")
    write_machine_type(tmp_path / "sounds" / "ToyCar", train=2, normal=1, anomalous=1, ids=("01",))
    (tmp_path / "sounds" / "notes").mkdir()
    return tmp_path / "sounds"


def data_set(root, **settings):
    return Dcase(str(root), cache=str(root.parent / "cache"), jobs=1, **settings)


def test_cases_are_machine_types(root):
    assert data_set(root).case_names() == ["ToyCar", "fan"]
    assert data_set(root, machine_types=["fan"]).case_names() == ["fan"]
    with pytest.raises(DataNotFoundError, match=r"'fam'.*did you mean fan\?"):
        data_set(root, machine_types=["fam"]).case_names()
    with pytest.raises(DataNotFoundError, match="<machine type>/train"):
        data_set(root / "fan").case_names()
    with pytest.raises(DataNotFoundError):
        data_set(root).load("pump")


def test_a_machine_type_is_loaded_with_labels_and_machines(root):
    case = data_set(root).load("fan")
    assert case.name == "fan"
    assert Counter(r.label for r in case.train) == {0: 8}
    assert Counter((r.label, r.machine_id) for r in case.test) == dict.fromkeys(
        [(0, "00"), (0, "02"), (1, "00"), (1, "02")], 3
    )
    names = [r.name for r in (*case.train, *case.test)]
    assert names[0] == "train/normal_id_00_00000000.wav"
    assert "test/normal_id_00_00000000.wav" in names
    assert len(set(names)) == len(names)
    for recording in (*case.train, *case.test):
        assert recording.values.shape == (10, 128)
        assert recording.sampling_period == 512 / RATE
        assert (recording.label == 1) == ("anomaly" in recording.name)
        samples = ClipReader().read(root / "fan" / recording.name).samples
        assert (recording.values == LogMel()(samples, RATE)).all()


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_spectrograms_are_shared_not_copied(root, monkeypatch, dtype):
    """A machine type has thousands of clips: it is in memory once, whether cached or not."""
    loaded = []
    load = SpectrogramCache.load

    def keeping(self, files):
        loaded.extend(load(self, files))
        return loaded[-len(files) :]

    monkeypatch.setattr(SpectrogramCache, "load", keeping)
    for _ in range(2):
        loaded.clear()
        case = data_set(root, cache_dtype=dtype).load("ToyCar")
        for sound, recording in zip(loaded, (*case.train, *case.test), strict=True):
            assert np.shares_memory(sound.values, recording.values)
            assert not recording.values.flags.writeable


def test_settings_reach_the_front_end(root):
    data = data_set(root, spectrogram=LogMel(n_fft=1024, hop_length=256, n_mels=40))
    recording = data.load("ToyCar").test[0]
    assert recording.values.shape == (19, 40)
    assert recording.sampling_period == 256 / RATE


def test_machines_can_be_chosen(root):
    data = data_set(root, machine_ids=["02"])
    case = data.load("fan")
    assert {r.machine_id for r in (*case.train, *case.test)} == {"02"}
    assert len(case.train) == 4
    assert data.fingerprint("fan") != data_set(root).fingerprint("fan")
    with pytest.raises(DataNotFoundError, match=r"of the machines 07 .*there are 00, 02"):
        data_set(root, machine_ids=["07"]).load("fan")


def test_unknown_machines_beside_known_ones_are_named(root):
    message = r"fan: no sound files of the machines 99, 2 .*there are 00, 02"
    with pytest.raises(DataNotFoundError, match=message):
        data_set(root, machine_ids=["00", "99", "2"]).fingerprint("fan")
    with pytest.raises(DataNotFoundError, match=r"machines 2 .*did you mean 02\?"):
        data_set(root, machine_ids=["00", "2"]).load("fan")
    # 01 is a machine of ToyCar, 00 and 02 of fan: one list can serve both.
    for name, machines in (("fan", {"00", "02"}), ("ToyCar", {"01"})):
        case = data_set(root, machine_ids=["00", "01", "02"]).load(name)
        assert {r.machine_id for r in case.test} == machines


def test_unknown_sections_are_named_like_machines(tmp_path):
    folder = tmp_path / "sounds" / "bearing"
    for part in ("train", "test"):
        write(folder / part / f"section_00_source_{part}_normal_0000_a.wav", noise(0.1, len(part)))
    with pytest.raises(DataNotFoundError, match=r"machines 03 .*there are 00"):
        data_set(tmp_path / "sounds", machine_ids=["00", "03"]).load("bearing")


CLUTTER = [
    *(".snapshot", "__MACOSX", ".ipynb_checkpoints", "@eaDir", "#recycle", "#snapshot"),
    *("$RECYCLE.BIN", "System Volume Information", "lost+found", ".Trash-1000", "~backup"),
]


@pytest.mark.parametrize("folder", CLUTTER)
def test_system_folders_are_no_machines(root, folder):
    shutil.copytree(root / "fan", root / folder)
    assert data_set(root).case_names() == ["ToyCar", "fan"]
    with pytest.raises(DataNotFoundError):
        data_set(root, machine_types=[folder]).case_names()
    shutil.copytree(root / "ToyCar", root / "fan" / "train" / folder)
    assert len(data_set(root).load("fan").train) == 8


def test_what_systems_leave_behind_is_no_clip_and_no_table(root, tmp_path):
    train = root / "ToyCar" / "train"
    (train / "._normal_id_01_00000000.wav").write_bytes(b"\0\5\x16\7")
    (train / ".normal_id_01_00000009.wav.part").write_bytes(b"")
    (train / "normal_id_01_00000010.wav").mkdir()
    tables = tmp_path / "tables"
    tables.mkdir()
    (tables / "ground_truth_ToyCar_section_01.csv").write_text("id_01_00000007.wav,1\n")
    (tables / "._ground_truth_ToyCar_section_01.csv").write_bytes(b"\0\5\x16\7\xff\xfe")
    write(root / "ToyCar" / "test" / "id_01_00000007.wav", noise(0.2, 999))
    case = data_set(root, ground_truth=str(tables)).load("ToyCar")
    assert (len(case.train), len(case.test)) == (2, 3)


def test_clips_of_any_length_and_format(root):
    write(root / "fan" / "train" / "normal_id_00_00000100.flac", noise(1.7, seed=77))
    write(root / "fan" / "train" / "normal_id_00_00000101.WAV", noise(0.01, seed=78))
    (root / "fan" / "train" / "readme.txt").write_text("not a clip")
    (root / "fan" / "train" / "._normal_id_00_00000100.wav").write_text("left by an archiver")
    case = data_set(root).load("fan")
    lengths = {r.name: len(r) for r in case.train}
    assert len(lengths) == 10
    assert lengths["train/normal_id_00_00000100.flac"] == 54
    assert lengths["train/normal_id_00_00000101.WAV"] == 1


def test_sections_and_domains_from_2021_on(tmp_path):
    folder = tmp_path / "sounds" / "bearing"
    for seed, name in enumerate(
        [
            "train/section_00_source_train_normal_0000_vel_2.wav",
            "train/section_00_target_train_normal_0001_.wav",
            "source_test/section_00_source_test_normal_0000.wav",
            "target_test/section_00_target_test_anomaly_0000_vel_4.wav",
            "test/section_01_source_test_anomaly_0001.wav",
        ]
    ):
        write(folder / name, noise(0.2, seed))
    case = data_set(tmp_path / "sounds").load("bearing")
    assert [(r.machine_id, r.domain, r.label) for r in case.train] == [
        ("00", "source", 0),
        ("00", "target", 0),
    ]
    assert {(r.name.split("/")[0], r.machine_id, r.domain, r.label) for r in case.test} == {
        ("source_test", "00", "source", 0),
        ("target_test", "00", "target", 1),
        ("test", "01", "source", 1),
    }


def test_withheld_labels_come_from_the_table(tmp_path):
    folder = tmp_path / "sounds" / "bandsaw"
    write(folder / "train" / "section_00_source_train_normal_0000_vel_9.wav", noise(0.2, 0))
    for i in range(2):
        write(folder / "test" / f"section_00_{i:04d}.wav", noise(0.2, 1 + i))
    with pytest.raises(InputError, match=r"no label for 2 test clips.*data\.ground_truth"):
        data_set(tmp_path / "sounds").load("bandsaw")
    table = tmp_path / "ground_truth_bandsaw_section_00_test.csv"
    table.write_text(
        "section_00_0000.wav,section_00_target_test_normal_0000_vel_12\n"
        "section_00_0001.wav,section_00_source_test_anomaly_0001_vel_12\n"
    )
    case = data_set(tmp_path / "sounds", ground_truth=str(table)).load("bandsaw")
    assert [(r.label, r.domain) for r in case.test] == [(0, "target"), (1, "source")]
    table.write_text("section_00_0000.wav,0\n")
    with pytest.raises(InputError, match="no label for 1 test clips, first test/section_00_0001"):
        data_set(tmp_path / "sounds", ground_truth=str(table)).load("bandsaw")


def test_training_clips_without_a_label_are_normal(root):
    write(root / "ToyCar" / "train" / "id_01_00000050.wav", noise(0.2, 5))
    case = data_set(root).load("ToyCar")
    assert {r.label for r in case.train} == {0}


def test_unparsable_names_are_refused(root):
    path = write(root / "fan" / "train" / "my_recording.wav", noise(0.1))
    with pytest.raises(InputError, match=r"my_recording\.wav.*normal_id_00_00000000") as caught:
        data_set(root).load("fan")
    assert str(path) in str(caught.value)


def test_all_that_is_wrong_with_names_is_said_at_once(root):
    for i in range(3):
        write(root / "fan" / "train" / f"recording_{i}.wav", noise(0.1, i))
    write(root / "fan" / "test" / "section_00_source_train_normal_0000.wav", noise(0.1, 5))
    write(root / "fan" / "test" / "id_00_00000077.wav", noise(0.1, 6))
    with pytest.raises(InputError) as caught:
        data_set(root).fingerprint("fan")
    names, places, labels = str(caught.value).splitlines()
    assert "recording_0.wav: the name of a clip must look like" in names
    assert "(and so for 2 more clips)" in names
    assert "named as a train clip" in places
    assert "no label for 1 test clips, first test/id_00_00000077.wav" in labels


def test_sounds_of_formats_that_are_not_read_are_named(root):
    (root / "fan" / "train" / "normal_id_00_00000070.m4a").write_bytes(b"any")
    with pytest.warns(AnomalibTsWarning, match=r"1 sound files are left out.*70\.m4a.*FLAC"):
        data_set(root).load("fan")


def test_a_clip_without_a_length_is_used_with_a_warning(root):
    path = root / "fan" / "train" / "normal_id_00_00000000.wav"
    content = path.read_bytes()
    path.write_bytes(content[:40] + b"\xff\xff\xff\xff" + content[44:])
    for _ in range(2):
        with pytest.warns(AnomalibTsWarning, match=r"1 of 20 clips are without a length in their"):
            data_set(root).load("fan")


def test_a_clip_in_the_wrong_part_is_refused(root):
    write(root / "fan" / "test" / "section_00_source_train_normal_0000.wav", noise(0.1))
    with pytest.raises(InputError, match="named as a train clip, but it lies in the test part"):
        data_set(root).load("fan")


def test_a_clip_in_both_parts_is_a_leak(root):
    shutil.copy(
        root / "fan" / "train" / "normal_id_00_00000001.wav",
        root / "fan" / "test" / "anomaly_id_02_00000050.wav",
    )
    with pytest.raises(InputError, match="fan: 1 test clips are byte for byte training") as caught:
        data_set(root).load("fan")
    assert "train/normal_id_00_00000001.wav is test/anomaly_id_02_00000050.wav" in str(caught.value)


def as_flac(samples, folder, number):
    return write(folder / f"anomaly_id_02_{number}.flac", samples)


def with_more_bits(samples, folder, number):
    return write(folder / f"anomaly_id_02_{number}.wav", samples, subtype="PCM_24")


def in_stereo(samples, folder, number):
    both = np.stack([samples, samples], axis=1)
    return write(folder / f"anomaly_id_02_{number}.aiff", both)


def with_a_comment(samples, folder, number):
    path = write(folder / f"anomaly_id_02_{number}.wav", samples)
    path.write_bytes(path.read_bytes() + b"LIST" + (4).to_bytes(4, "little") + b"INFO")
    return path


@pytest.mark.parametrize("copy", [as_flac, with_more_bits, in_stereo, with_a_comment])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_same_sound_in_both_parts_is_a_leak_whatever_the_file(root, copy, dtype):
    samples, _ = soundfile.read(root / "fan" / "train" / "normal_id_00_00000001.wav")
    path = copy(samples, root / "fan" / "test", "00000050")
    data = data_set(root, audio=ClipReader(channel="mean"), cache_dtype=dtype)
    message = "fan: 1 test clips are sample for sample training clips too "
    for _ in range(2):  # from sound files, and from the cache
        with pytest.raises(InputError, match=message) as caught:
            data.load("fan")
        assert f"train/normal_id_00_00000001.wav is test/{path.name}" in str(caught.value)


def test_what_looks_the_same_to_a_detector_is_a_leak_here_and_in_a_split(root):
    """A recording whose sign is turned has the same spectrogram."""
    samples, _ = soundfile.read(root / "fan" / "train" / "normal_id_00_00000001.wav")
    turned = write(root / "fan" / "test" / "anomaly_id_02_00000050.wav", -samples)
    with pytest.raises(InputError, match="1 test clips are frame for frame training clips too"):
        data_set(root).load("fan")
    turned.rename(root / "fan" / "train" / "normal_id_02_00000050.wav")
    case = data_set(root).load("fan")
    refusals = 0
    for seed in range(20):
        try:
            split = weak_split(case, 0.5, 0.5, seed=seed)
        except InputError as error:
            refusals += "the same sound" in str(error)
        else:  # both copies were dealt to one side
            tested = {recording.values.tobytes() for recording in split.test}
            assert not any(recording.values.tobytes() in tested for recording in split.train)
    assert 0 < refusals < 20


def test_the_case_carries_the_fingerprint_of_what_was_read(root, monkeypatch):
    data = data_set(root)
    before = data.fingerprint("fan")
    assert data.load("fan").fingerprint == before
    assert data.load("fan").fingerprint == before
    changed = root / "fan" / "test" / "normal_id_00_00000000.wav"
    read = ClipReader.read

    def late(self, path, content=None):
        """The file changes after its digest was asked for."""
        if path == changed:
            write(changed, noise(0.3, 777))
        return read(self, path)

    write(changed, noise(0.3, 776))
    monkeypatch.setattr(ClipReader, "read", late)
    case = data_set(root).load("fan")
    monkeypatch.undo()
    assert case.fingerprint == data_set(root).fingerprint("fan") != before
    (recording,) = [r for r in case.test if r.name == "test/normal_id_00_00000000.wav"]
    assert (recording.values == LogMel()(ClipReader().read(changed).samples, RATE)).all()


def test_clips_that_change_names_are_judged_under_their_new_names(root):
    """Two files swap their names and keep size and time of change."""
    test = root / "fan" / "test"
    for path in root.rglob("*.wav"):
        os.utime(path, ns=(10**18, 10**18))
    one, other = test / "normal_id_00_00000000.wav", test / "anomaly_id_00_00000001.wav"
    before = {r.name: r.values for r in data_set(root).load("fan").test}
    data_set(root).load("fan")
    one.rename(test / "aside")
    other.rename(one)
    (test / "aside").rename(other)
    after = {r.name: r.values for r in data_set(root).load("fan").test}
    assert (after[f"test/{one.name}"] == before[f"test/{other.name}"]).all()
    assert (after[f"test/{other.name}"] == before[f"test/{one.name}"]).all()


def test_the_same_clip_twice_in_one_part_is_allowed(root):
    train = root / "fan" / "train"
    shutil.copy(train / "normal_id_00_00000001.wav", train / "normal_id_00_00000051.wav")
    assert len(data_set(root).load("fan").train) == 9


def test_bad_clips_are_named_together(root):
    train = root / "fan" / "train"
    cut = train / "normal_id_00_00000000.wav"
    cut.write_bytes(cut.read_bytes()[:-100])
    write(train / "normal_id_00_00000001.wav", np.zeros(0))
    write(train / "normal_id_00_00000002.wav", noise(0.2, rate=8000), rate=8000)
    write(train / "normal_id_00_00000003.wav", noise(0.2, channels=2))
    with pytest.raises(InputError, match="4 of 20 clips") as caught:
        data_set(root).load("fan")
    for part in ("cut short", "no samples", "8000 Hz", "2 channels"):
        assert part in str(caught.value)


def test_silent_and_clipped_clips_are_named_in_warnings_every_time(root):
    write(root / "fan" / "test" / "normal_id_00_00000060.wav", np.zeros(4000))
    write(root / "fan" / "test" / "normal_id_00_00000061.wav", 1.4 * sine(100, level=1))
    write(root / "fan" / "test" / "normal_id_00_00000062.wav", 1.4 * sine(90, level=1))
    for _ in range(2):
        with pytest.warns(AnomalibTsWarning) as caught:
            data_set(root).load("fan")
        texts = [str(warning.message) for warning in caught]
        assert len(texts) == 2
        assert "1 of 23 clips are silent" in texts[0]
        assert "first test/normal_id_00_00000060.wav" in texts[0]
        assert "2 of 23 clips are clipped" in texts[1]
        assert "first test/normal_id_00_00000061.wav" in texts[1]


def test_the_fingerprint_follows_what_load_would_give(root):
    plain = data_set(root).fingerprint("fan")
    assert data_set(root).fingerprint("fan") == plain
    others = {
        data_set(root).fingerprint("ToyCar"),
        data_set(root, spectrogram=LogMel(n_fft=1024)).fingerprint("fan"),
        data_set(root, audio=ClipReader(level_normalise=True)).fingerprint("fan"),
        data_set(root, cache_dtype="float16").fingerprint("fan"),
    }
    test = root / "fan" / "test"
    (test / "normal_id_00_00000000.wav").rename(test / "anomaly_id_00_00000099.wav")
    others.add(data_set(root).fingerprint("fan"))
    write(test / "anomaly_id_00_00000099.wav", noise(0.3, 12345))
    others.add(data_set(root).fingerprint("fan"))
    assert len(others) == 6
    assert plain not in others


@pytest.mark.filterwarnings("ignore:bldc. 1 of 43 clips are clipped")
@pytest.mark.parametrize("level_normalise", [False, True])
def test_real_motors_load_as_they_are(tmp_path, level_normalise):
    folder = shared_path("data/machine-sounds")
    reader = ClipReader(channel="mean", resample=True, level_normalise=level_normalise)
    data = Dcase(str(folder), machine_types=["bldc"], audio=reader, cache=str(tmp_path))
    case = data.load("bldc")
    assert Counter(r.label for r in (*case.train, *case.test)) == {0: 22, 1: 21}
    assert {r.machine_id for r in case.test} == {"01", "02", "03", "04"}
    levels = [np.mean(10 ** (r.values / 10)) for r in (*case.train, *case.test)]
    spread = 10 * np.log10(max(levels) / min(levels))
    assert spread < 4 if level_normalise else spread > 10


def test_real_motors_are_refused_by_default(tmp_path):
    folder = shared_path("data/machine-sounds")
    with pytest.raises(InputError, match=r"43 of 43 clips.*\n.*2 channels"):
        Dcase(str(folder), cache=str(tmp_path)).load("bldc")
    mean = Dcase(str(folder), audio=ClipReader(channel="mean"), cache=str(tmp_path))
    with pytest.raises(InputError, match=r"1 of 43 clips.*\n.*44100 Hz"):
        mean.load("bldc")


def test_real_machine_clips_load(tmp_path):
    folder = shared_path("data/machine-sounds")
    case = Dcase(str(folder), cache=str(tmp_path)).load("unknown_mimii")
    assert (len(case.train), len(case.test)) == (75, 1)
    assert {r.values.shape for r in case.train} == {(313, 128)}


def test_labelled_anomalies_may_lie_in_the_training_part(root):
    write(root / "ToyCar" / "train" / "anomaly_id_01_00000050.wav", noise(0.2, 5))
    case = data_set(root).load("ToyCar")
    assert Counter(r.label for r in case.train) == {0: 2, 1: 1}
