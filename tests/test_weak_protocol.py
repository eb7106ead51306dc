"""The weak protocol: who is given the labelled anomalies."""

import numpy as np
import pytest

from anomalib_ts.data.base import Case
from anomalib_ts.errors import InputError
from anomalib_ts.protocol import Given, Weak
from anomalib_ts.recording import Recording

CLIPS = tuple(
    Recording(np.full(4, i), label=int(i >= 12), name=f"clip {i}", machine_id=f"id_{i % 2}")
    for i in range(20)
)
CASE = Case("fan", train=CLIPS[:8], test=CLIPS[8:])


def names(recordings):
    return {recording.name for recording in recordings}


def test_every_clip_is_dealt_once():
    split = Weak(n_test_normal=4, n_test_anomalous=3).split(CASE)
    assert sum(r.label for r in split.test) == 3
    assert len(split.test) == 7
    assert names(split.train).isdisjoint(names(split.test))
    assert names(split.train) | names(split.test) == names(CLIPS)


def test_only_detectors_that_learn_from_labels_are_given_the_anomalies():
    protocol = Weak(n_test_normal=4, n_test_anomalous=3, n_train_anomalous=2)
    split = protocol.split(CASE)
    weak, others = protocol.training(split, "weak"), protocol.training(split, "none")
    assert sum(r.label for r in weak) == 2
    assert names(others) == {r.name for r in weak if r.label == 0}
    assert len(others) == 8


def test_other_protocols_train_every_detector_on_the_same():
    assert Given().training(CASE, "none") == Given().training(CASE, "weak") == CASE.train


def test_the_draw_depends_on_the_seed():
    first, again, other = (names(Weak(seed=seed).split(CASE).test) for seed in (0, 0, 1))
    assert first == again != other


def test_too_few_clips_are_told():
    with pytest.raises(InputError, match="200 are asked for, but there are 12"):
        Weak(n_test_normal=200).split(CASE)
