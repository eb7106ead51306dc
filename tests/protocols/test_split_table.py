"""What is held out for the threshold, and the table of who trained and who was tested."""

import csv
import io
from collections import Counter

import numpy as np
import pytest

from anomalib_ts.core.recording import Recording
from anomalib_ts.errors import InputError
from anomalib_ts.protocols.hold_out import hold_out_recordings
from anomalib_ts.protocols.split_table import split_table


def clip(number, machine, label):
    name = f"{label}_id_{machine}_{number:08d}.wav"
    return Recording(np.zeros((3, 2)), label=label, machine_id=machine, name=name)


CLIPS = [
    *(clip(i, "00", 0) for i in range(30)),
    *(clip(i, "02", 0) for i in range(10)),
    *(clip(i, "02", 1) for i in range(5)),
]


def names(recordings):
    return [recording.name for recording in recordings]


def test_held_out_are_normal_clips_of_every_machine_and_nothing_is_lost():
    train, held_out = hold_out_recordings(CLIPS, 0.2)
    assert Counter(r.machine_id for r in held_out) == {"00": 6, "02": 2}
    assert all(recording.label == 0 for recording in held_out)
    assert sum(recording.label for recording in train) == 5
    kept = set(names(held_out))
    assert names(train) == [name for name in names(CLIPS) if name not in kept]


def test_the_same_clips_are_held_out_each_time():
    assert names(hold_out_recordings(CLIPS, 0.2)[1]) == names(hold_out_recordings(CLIPS, 0.2)[1])


def test_without_a_share_everything_trains():
    assert hold_out_recordings(CLIPS, 0.0) == (tuple(CLIPS), ())


@pytest.mark.parametrize(("share", "count"), [(0.001, 1), (0.999, 39)])
def test_at_least_one_clip_is_held_out_and_at_least_one_trains(share, count):
    assert len(hold_out_recordings(CLIPS, share)[1]) == count


def test_a_single_series_cannot_be_held_out():
    series = Recording(np.zeros(50), labels=np.zeros(50))
    faulty = Recording(np.zeros(50), labels=np.ones(50))
    with pytest.raises(InputError, match=r"only 1; use threshold\.held_out=0"):
        hold_out_recordings([series, faulty], 0.1)


def test_the_clips_of_a_split_are_listed():
    table = split_table({"train": CLIPS[:2], "threshold": [], "test": CLIPS[-1:]})
    assert list(csv.DictReader(io.StringIO(table))) == [
        {"part": part, "label": str(r.label), "machine_id": r.machine_id, "name": r.name}
        for part, r in (("train", CLIPS[0]), ("train", CLIPS[1]), ("test", CLIPS[-1]))
    ]
