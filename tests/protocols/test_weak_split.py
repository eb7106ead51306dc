"""The split of weakly supervised studies."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case
from anomalib_ts.errors import InputError
from anomalib_ts.protocols.weak_split import weak_split


def clip(part, label, machine, number):
    kind = "anomaly" if label else "normal"
    name = f"{part}/{kind}_id_{machine}_{number:08d}.wav"
    values = np.frombuffer(name.encode().ljust(48), np.uint8)
    return Recording(values, label=label, name=name, machine_id=machine)


def case_of(counts):
    """`counts` maps (part, label, machine) to a number of clips."""
    clips = [(part, clip(part, *rest, i)) for (part, *rest), n in counts.items() for i in range(n)]
    train, test = (tuple(r for p, r in clips if p == part) for part in ("train", "test"))
    return Case("fan", test=test, train=train)


FAN = case_of(
    {
        ("train", 0, "00"): 90,
        ("train", 0, "02"): 30,
        ("test", 0, "00"): 20,
        ("test", 0, "02"): 20,
        ("test", 1, "00"): 60,
        ("test", 1, "02"): 30,
        ("test", 1, "04"): 10,
    }
)
BLDC = case_of(
    {
        ("train", 0, "01"): 4,
        ("train", 0, "02"): 4,
        ("train", 0, "03"): 3,
        ("test", 0, "01"): 4,
        ("test", 0, "02"): 4,
        ("test", 0, "03"): 3,
        ("test", 1, "01"): 6,
        ("test", 1, "02"): 7,
        ("test", 1, "04"): 8,
    }
)


def names(recordings, label=None):
    return [r.name for r in recordings if label is None or r.label == label]


def shares(recordings, label):
    return Counter(r.machine_id for r in recordings if r.label == label)


def test_every_clip_is_on_one_side():
    split = weak_split(FAN, 40, 50, seed=3)
    assert sorted(names(split.train) + names(split.test)) == sorted(
        names(FAN.train) + names(FAN.test)
    )
    assert Counter(r.label for r in split.test) == {0: 40, 1: 50}
    assert Counter(r.label for r in split.train) == {0: 120, 1: 50}
    assert split.name == "fan"
    assert [r.label for r in split.train] == [0] * 120 + [1] * 50


@pytest.mark.parametrize("seed", range(5))
def test_each_machine_has_its_share(seed):
    split = weak_split(FAN, 40, 50, n_train_anomalous=20, seed=seed)
    for found, expected in (
        (shares(split.test, 0), {"00": 27.5, "02": 12.5}),
        (shares(split.test, 1), {"00": 30, "02": 15, "04": 5}),
        (shares(split.train, 1), {"00": 12, "02": 6, "04": 2}),
    ):
        assert all(abs(found[machine] - share) <= 1 for machine, share in expected.items())


def test_the_seed_decides():
    one, again, other = (names(weak_split(FAN, 40, 50, seed=s).test) for s in (1, 1, 2))
    assert one == again
    assert set(one) != set(other)


def test_every_clip_has_the_same_chance():
    """Over many seeds each clip is tested about as often as every other one."""
    splits = [weak_split(FAN, 40, 25, seed=seed) for seed in range(150)]
    for label, tested in ((0, 40), (1, 25)):
        seen = Counter(name for split in splits for name in names(split.test, label))
        pool = names((*FAN.train, *FAN.test), label)
        rate = tested / len(pool)
        deviation = np.sqrt(rate * (1 - rate) / len(splits))
        assert max(abs(seen[name] / len(splits) - rate) for name in pool) < 4.5 * deviation


def test_fewer_training_anomalies_are_some_of_the_more_and_the_test_part_stays():
    splits = [weak_split(FAN, 40, 50, n_train_anomalous=n, seed=5) for n in (0, 1, 5, 20, None)]
    assert [len(names(s.train, 1)) for s in splits] == [0, 1, 5, 20, 50]
    for fewer, more in pairwise(splits):
        assert set(names(fewer.train)) < set(names(more.train))
        assert names(fewer.test) == names(more.test)


def test_fractions_for_few_clips():
    split = weak_split(BLDC, 0.5, 0.5, seed=0)
    assert Counter(r.label for r in split.test) == {0: 11, 1: 11}
    assert Counter(r.label for r in split.train) == {0: 11, 1: 10}
    assert set(shares(split.test, 0)) == {"01", "02", "03"}
    assert len(names(weak_split(BLDC, 0.5, 0.5, n_train_anomalous=0.2).train, 1)) == 2
    assert len(names(weak_split(BLDC, 0.01, 0.01).test)) == 2


def test_kinds_that_never_train_are_still_tested():
    unseen = {"04"}
    split = weak_split(FAN, 40, 50, may_train=lambda r: r.machine_id not in unseen, seed=2)
    assert set(shares(split.train, 1)) == {"00", "02"}
    assert shares(split.test, 1)["04"] >= 4
    assert names(split.test) == names(weak_split(FAN, 40, 50, seed=2).test)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_test_normal": 161, "n_test_anomalous": 5}, "161 are asked for, but there are 160"),
        ({"n_test_normal": 160, "n_test_anomalous": 5}, "leave none to train on"),
        ({"n_test_normal": 5, "n_test_anomalous": 101}, "anomalous test clips: 101 are asked"),
        (
            {"n_test_normal": 5, "n_test_anomalous": 90, "n_train_anomalous": 11},
            "anomalous clips that may train: 11 are asked for, but there are 10",
        ),
        ({"n_test_normal": -1}, "neither a number of clips nor a fraction"),
        ({"n_test_normal": 1.5}, "neither a number of clips nor a fraction"),
        ({}, "normal test clips: 200 are asked for, but there are 160; ask for fewer"),
    ],
)
def test_impossible_wishes_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        weak_split(FAN, **arguments)


def test_clips_without_a_label_are_refused():
    stray = Recording(np.zeros((1, 1)), name="stray.wav")
    with pytest.raises(InputError, match=r"stray\.wav has no label"):
        weak_split(Case("fan", test=(*FAN.test, stray), train=FAN.train), 5, 5)


def renamed(case):
    """The same clips with a sound each."""
    return replace(case, train=tuple(replace(r, values=[i]) for i, r in enumerate(case.train)))


def test_copies_on_both_sides_are_a_leak():
    twice = replace(FAN.train[0], name="train/normal_id_00_00000999.wav")
    twins = replace(FAN, train=(*FAN.train, twice))
    copies = {twice.name, FAN.train[0].name}
    outcomes = set()
    for seed in range(20):
        tested = copies & set(names(weak_split(renamed(twins), 40, 50, seed=seed).test))
        outcomes.add(len(tested))
        if len(tested) == 1:
            with pytest.raises(InputError, match="fan: 1 training clips are the same") as caught:
                weak_split(twins, 40, 50, seed=seed)
            assert all(name in str(caught.value) for name in copies)
        else:
            weak_split(twins, 40, 50, seed=seed)
    assert outcomes >= {0, 1}


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=4),
    st.integers(0, 1000),
    st.floats(0.05, 0.95),
)
def test_any_beginning_of_the_order_is_fair(sizes, seed, fraction):
    counts = {("test", 1, f"{i:02d}"): n for i, n in enumerate(sizes)}
    case = case_of({("train", 0, "00"): 2, **counts})
    wanted = round(fraction * sum(sizes))
    split = weak_split(case, 1, wanted, seed=seed)
    found = shares(split.test, 1)
    assert sum(found.values()) == wanted
    for (_, _, machine), n in counts.items():
        assert abs(found[machine] - wanted * n / max(1, sum(sizes))) <= 2
