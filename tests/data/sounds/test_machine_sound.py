"""Generated machine sounds: the files, and whether the faults are in them."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import welch
from sklearn.metrics import roc_auc_score

from anomalib_ts.audio import LogMel
from anomalib_ts.audio.clip_reader import ClipReader
from anomalib_ts.data.sounds.dcase import Dcase
from anomalib_ts.data.sounds.machine_sound import MachineSound, Plan, fault_kind, generate
from anomalib_ts.data.sounds.machine_synthesis import (
    FAULTS,
    MACHINE_TYPES,
    SAMPLE_RATE,
    SHIFTS,
    Machine,
)
from anomalib_ts.errors import ConfigError, DataNotFoundError

SMALL = {"n_train": 4, "n_test_normal": 3, "n_test_anomalous": 12, "n_ids": 2, "seconds": 0.5}
PLAN = Plan(4, 3, 12, 2, FAULTS, 0.5, 0)


def data_set(tmp_path, **settings):
    folders = {"root": str(tmp_path / "sounds"), "cache": str(tmp_path / "cache")}
    return MachineSound(**(folders | SMALL | settings))


def test_the_files_are_a_dcase_folder(tmp_path):
    data = data_set(tmp_path)
    folder = data.folder("ventilator")
    info = soundfile.info(folder / "train" / "normal_id_00_00000000.wav")
    assert (info.samplerate, info.channels, info.subtype, info.frames) == (16000, 1, "PCM_16", 8000)
    found = Dcase(str(folder.parent), cache=str(tmp_path / "cache"))
    assert found.case_names() == ["ventilator"]
    assert found.fingerprint("ventilator") == data.fingerprint("ventilator")
    case = data.load("ventilator")
    assert (len(case.train), len(case.test)) == (4, 15)
    assert Counter(r.machine_id for r in case.train) == {"00": 2, "01": 2}
    assert Counter(fault_kind(r.name) for r in case.test) == {
        "": 3,
        "bearing": 4,
        "imbalance": 2,
        "rubbing": 2,
        "harmonics": 2,
        "overload": 2,
    }
    assert all((r.label == 1) == bool(fault_kind(r.name)) for r in (*case.train, *case.test))
    assert all(r.kind == fault_kind(r.name) for r in (*case.train, *case.test))
    assert {p.name for p in folder.parent.iterdir()} == {"ventilator", ".ventilator.lock"}


@pytest.mark.parametrize("shift", ["load", "background", "both"])
def test_with_a_shift_there_are_two_domains_as_in_dcase_2023(tmp_path, shift):
    data = data_set(tmp_path, domain_shift=shift, n_train=8, n_train_target=2, n_test_normal=8)
    case = data.load("ventilator")
    assert Counter((r.domain, r.machine_id) for r in case.train) == {
        ("source", "00"): 3,
        ("source", "01"): 3,
        ("target", "00"): 1,
        ("target", "01"): 1,
    }
    assert Counter((r.domain, r.label) for r in case.test) == {
        ("source", 0): 4,
        ("target", 0): 4,
        ("source", 1): 6,
        ("target", 1): 6,
    }
    assert all((r.label == 1) == bool(r.kind) for r in (*case.train, *case.test))
    assert {r.kind for r in case.test} == {"", *FAULTS}
    found = Dcase(str(data.folder("ventilator").parent), cache=str(tmp_path / "cache"))
    assert [r.domain for r in found.load("ventilator").test] == [r.domain for r in case.test]


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 200))
def test_no_kind_of_fault_is_of_one_domain(n_ids, n_faults, n):
    plan = replace(PLAN, n_ids=n_ids, faults=FAULTS[:n_faults], n_test_anomalous=n, shifts=SHIFTS)
    clips = [clip for clip in plan.clips() if clip.fault]
    assert len({clip.path for clip in plan.clips()}) == len(list(plan.clips()))
    for fault in FAULTS[:n_faults]:
        for machine in range(n_ids):
            found = [c for c in clips if (c.fault, c.machine) == (fault, machine)]
            assert abs(len(found) - 2 * sum(bool(c.shifts) for c in found)) <= 1


def test_without_a_shift_the_sounds_and_their_folder_are_what_they_were():
    """Of version 0.1: what was generated and measured before is found again."""
    assert PLAN.folder_name == replace(PLAN, n_train_target=3).folder_name == "662f734ce392"
    samples = Machine("gearmotor", 0).clip(np.random.default_rng(0), 0.5, "bearing")
    known = [-0.02071, 0.05001, 0.04656, -0.03253, -0.00797]
    np.testing.assert_allclose(samples[[0, 2000, 4000, 6000, 7999]], known, atol=2e-5)


@pytest.mark.parametrize("type_name", MACHINE_TYPES)
def test_each_shift_is_heard(type_name):
    machine = Machine(type_name, 0)

    def mean_spectrum(shifts):
        clips = [machine.clip(np.random.default_rng(i), 2.0, None, shifts) for i in range(12)]
        return np.array([LogMel(n_mels=32)(clip, SAMPLE_RATE).mean(axis=0) for clip in clips])

    plain = mean_spectrum(())
    for shifts in (("load",), ("background",), SHIFTS):
        # One seed, one clip: what differs is the shift.
        difference = np.abs((mean_spectrum(shifts) - plain).mean(axis=0))
        assert difference.max() > 1
    assert (mean_spectrum(()) == plain).all()


def test_kinds_of_fault_can_be_chosen(tmp_path):
    case = data_set(tmp_path, faults=["rubbing"]).load("ventilator")
    assert {fault_kind(r.name) for r in case.test if r.label} == {"rubbing"}


def test_all_types_are_cases(tmp_path):
    assert data_set(tmp_path, machine_types=list(MACHINE_TYPES)).case_names() == list(MACHINE_TYPES)
    with pytest.raises(DataNotFoundError, match="did you mean ventilator"):
        data_set(tmp_path, machine_types=["ventilater"]).case_names()


def sound_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.wav"))
    }


def test_the_same_settings_make_the_same_bytes(tmp_path):
    generate(PLAN, "gearmotor", tmp_path / "a" / "gearmotor", jobs=1)
    generate(PLAN, "gearmotor", tmp_path / "b" / "gearmotor", jobs=2)
    one, two = sound_of(tmp_path / "a"), sound_of(tmp_path / "b")
    assert len(one) == 19
    assert one == two
    assert len(set(one.values())) == 19


def test_another_seed_or_type_makes_other_sounds(tmp_path):
    generate(PLAN, "gearmotor", tmp_path / "a")
    generate(replace(PLAN, seed=1), "gearmotor", tmp_path / "b")
    generate(PLAN, "conveyor", tmp_path / "c")
    a, b, c = (sound_of(tmp_path / name) for name in "abc")
    assert a.keys() == b.keys() == c.keys()
    assert all(len({a[name], b[name], c[name]}) == 3 for name in a)


def test_a_larger_plan_has_the_same_clips_and_more(tmp_path):
    generate(PLAN, "stamper", tmp_path / "a")
    generate(replace(PLAN, n_train=6, n_test_normal=5), "stamper", tmp_path / "b")
    small, large = sound_of(tmp_path / "a"), sound_of(tmp_path / "b")
    assert len(large) == len(small) + 4
    assert all(large[name] == sound for name, sound in small.items())


def test_settings_have_folders_of_their_own():
    plans = [
        PLAN,
        replace(PLAN, seed=1),
        replace(PLAN, n_train=5),
        replace(PLAN, seconds=0.6),
        replace(PLAN, faults=("bearing",)),
        replace(PLAN, shifts=("load",)),
        replace(PLAN, shifts=SHIFTS),
        replace(PLAN, shifts=SHIFTS, n_train_target=2),
    ]
    assert len({plan.folder_name for plan in plans}) == len(plans)


def test_an_interrupted_generation_leaves_nothing(tmp_path, monkeypatch):
    calls = []
    write = soundfile.write

    def broken(*args, **kwargs):
        calls.append(args)
        if len(calls) > 5:
            raise OSError("disk full")
        write(*args, **kwargs)

    monkeypatch.setattr(soundfile, "write", broken)
    with pytest.raises(OSError, match="disk full"):
        generate(PLAN, "stamper", tmp_path / "stamper", jobs=1)
    assert [path.name for path in tmp_path.iterdir()] == [".stamper.lock"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_train": -1},
        {"n_ids": 0},
        {"seconds": 0.01},
        {"faults": []},
        {"faults": ["gremlins"]},
        {"n_train": 0, "n_test_normal": 0, "n_test_anomalous": 0},
        {"domain_shift": "weather"},
        {"domain_shift": "load", "n_train_target": 5},
        {"domain_shift": "load", "n_test_normal": 20_001},
    ],
)
def test_impossible_settings_are_refused(tmp_path, wrong):
    with pytest.raises(ConfigError, match="machine_sound"):
        data_set(tmp_path, **wrong)


def test_other_names_have_no_kind():
    assert fault_kind("test/anomaly_id_00_30000012.wav") == "rubbing"
    with pytest.raises(DataNotFoundError, match="no fault has number 9"):
        fault_kind("test/anomaly_id_00_90000012.wav")
    assert fault_kind("section_00_target_test_anomaly_0000_fault_rubbing.wav") == "rubbing"
    assert fault_kind("section_00_source_test_normal_0000.wav") == ""
    with pytest.raises(DataNotFoundError, match="no fault is 'vel_12'"):
        fault_kind("section_00_target_test_anomaly_0000_vel_12.wav")


def pair(fault, type_name="centrifuge", seed=0, strength=0.0):
    """A healthy and a faulty clip of the same machine, the fault far above the rest."""
    machine = Machine(type_name, 0)
    machine.type = replace(machine.type, fault=strength, background=-30.0, clangs=0.0)
    healthy = machine.clip(np.random.default_rng(seed), 4.0)
    return machine, healthy, machine.clip(np.random.default_rng(seed), 4.0, fault)


def band(samples, low, high):
    """Share of the power between two frequencies."""
    frequencies, power = welch(samples, SAMPLE_RATE, nperseg=4096)
    inside = (frequencies >= low) & (frequencies < high)
    return power[inside].sum() / power.sum()


def test_a_bearing_makes_its_housing_ring():
    machine, healthy, faulty = pair("bearing")
    low, high = machine.resonance_hz - 200, machine.resonance_hz + 200
    assert band(faulty, low, high) > 5 * band(healthy, low, high)


def test_imbalance_is_heard_at_the_shaft_frequency():
    machine, healthy, faulty = pair("imbalance")
    low, high = machine.shaft_hz * 0.9, machine.shaft_hz * 1.1
    assert band(faulty, low, high) > 3 * band(healthy, low, high)


def test_rubbing_hisses_once_per_revolution():
    machine, healthy, faulty = pair("rubbing", "ventilator")
    assert band(faulty, 3000, 8000) > 2 * band(healthy, 3000, 8000)
    envelopes = [np.abs(np.fft.rfft(x.astype(float) ** 2)) for x in (healthy, faulty)]
    at = round(machine.shaft_hz * 4)
    around = slice(at - 8, at + 9)
    rates = [envelope[around].max() / envelope[0] for envelope in envelopes]
    assert rates[1] > 3 * rates[0]


def test_missing_harmonics_are_missing():
    machine, healthy, faulty = pair("harmonics", strength=-12.0)
    blades = machine.shaft_hz * machine.type.blades
    assert band(faulty, 0.95 * blades, 1.05 * blades) < 0.2 * band(
        healthy, 0.95 * blades, 1.05 * blades
    )


def test_an_overloaded_machine_is_slower():
    machine, healthy, faulty = pair("overload", strength=-6.0)

    def blade_frequency(samples):
        frequencies, power = welch(samples, SAMPLE_RATE, nperseg=16384)
        blades = machine.shaft_hz * machine.type.blades
        near = (frequencies > 0.7 * blades) & (frequencies < 1.2 * blades)
        return frequencies[near][power[near].argmax()]

    assert blade_frequency(faulty) < 0.95 * blade_frequency(healthy)


@pytest.mark.parametrize("type_name", MACHINE_TYPES)
def test_clips_are_neither_clipped_nor_inaudible(type_name):
    for fault in (None, *FAULTS):
        samples = Machine(type_name, 1).clip(np.random.default_rng(3), 2.0, fault)
        assert samples.dtype == np.float32
        assert samples.shape == (32000,)
        assert np.mean(np.abs(samples) >= 0.999) < 1e-4
        assert 0.003 < np.sqrt(np.mean(samples**2)) < 0.3


def test_machines_differ_and_stay_the_same():
    clips = [Machine("gearmotor", n).clip(np.random.default_rng(0), 1.0) for n in (0, 0, 1)]
    assert (clips[0] == clips[1]).all()
    assert (clips[0] != clips[2]).any()


def test_faults_can_be_found_but_not_by_loudness(tmp_path):
    """On the demo data a simple detector is right more often than not, without the level too."""
    settings = {"n_train": 60, "n_test_normal": 40, "n_test_anomalous": 40, "n_ids": 3}
    data = data_set(
        tmp_path, **settings, seconds=3.0, audio=ClipReader(level_normalise=True), jobs=2
    )
    case = data.load("ventilator")
    labels = [r.label for r in case.test]
    loudness = [
        np.sqrt(np.mean(soundfile.read(data.folder("ventilator") / r.name)[0] ** 2))
        for r in case.test
    ]
    assert abs(roc_auc_score(labels, loudness) - 0.5) < 0.15
    train = np.concatenate([r.values for r in case.train]).astype(np.float64)
    inverse = np.linalg.inv(np.cov(train.T))
    centred = [r.values - train.mean(0) for r in case.test]
    scores = [np.einsum("ij,jk,ik->i", x, inverse, x).mean() for x in centred]
    assert 0.6 < roc_auc_score(labels, scores) < 0.97
