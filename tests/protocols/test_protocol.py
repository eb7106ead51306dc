"""Which part of a case trains."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case
from anomalib_ts.errors import ConfigError, InputError
from anomalib_ts.protocols.base import Given, Normal, Prefix, Whole

LABELS = hnp.arrays(np.int8, st.integers(1, 40), elements=st.integers(0, 1))


def case_of(*labels):
    recordings = [Recording(np.arange(len(x)), x, name=f"r{i}") for i, x in enumerate(labels)]
    return Case("pump", test=tuple(recordings))


@given(st.lists(LABELS, min_size=1, max_size=3), st.floats(0, 1, exclude_min=True))
def test_prefix_takes_the_beginning_of_each_recording(labels, fraction):
    case = case_of(*labels)
    split = Prefix(fraction).deal(case)
    assert split.test is case.test
    assert len(split.train) == len(case.test)
    for part, whole in zip(split.train, case.test, strict=True):
        assert 1 <= len(part) <= len(whole)
        assert abs(len(part) - fraction * len(whole)) <= 1
        np.testing.assert_array_equal(part.values, whole.values[: len(part)])


def test_prefix_takes_a_tenth_unless_told():
    assert len(Prefix().deal(case_of(np.zeros(50))).train[0]) == 5


@pytest.mark.parametrize("fraction", [0, -0.1, 1.1, float("nan")])
def test_prefix_refuses_other_fractions(fraction):
    with pytest.raises(ConfigError, match=r"fraction must lie in \(0, 1\], not "):
        Prefix(fraction)


def test_whole_trains_on_what_is_scored():
    case = case_of([0, 1], [0, 0])
    split = Whole().deal(case)
    assert split.train is case.test
    assert split.test is case.test


@given(st.lists(LABELS, min_size=1, max_size=3))
def test_normal_takes_exactly_the_normal_points_in_stretches(labels):
    case = case_of(*labels)
    normal = [r.values[r.labels == 0] for r in case.test]
    if not sum(map(len, normal)):
        with pytest.raises(InputError, match="pump: nothing in it is labelled normal"):
            Normal().deal(case)
        return
    train = Normal().deal(case).train
    np.testing.assert_array_equal(np.concatenate([r.values for r in train]), np.concatenate(normal))
    for stretch in train:
        assert not stretch.labels.any()
        assert (np.diff(stretch.values[:, 0]) == 1).all()
    for before, after in pairwise(train):
        touching = before.values[-1, 0] + 1 == after.values[0, 0]
        assert before.name != after.name or not touching


def test_normal_takes_clips_by_their_own_label():
    clips = [Recording([1.0, 2.0], label=label, name=f"clip{label}") for label in (0, 1)]
    assert Normal().deal(Case("pump", test=tuple(clips))).train == (clips[0],)
    with pytest.raises(InputError, match="nothing in it is labelled normal"):
        Normal().deal(Case("pump", test=(clips[1],)))


def test_normal_needs_labels():
    with pytest.raises(InputError, match="r0: protocol=normal needs labels"):
        Normal().deal(Case("pump", test=(Recording([1.0], name="r0"),)))


def test_given_takes_the_training_part_of_the_data_set():
    case = Case("pump", test=(Recording([1.0]),), train=(Recording([2.0]),))
    assert Given().deal(case) == case
    with pytest.raises(InputError, match="pump: the data set has no training part of its own"):
        Given().deal(case_of([0, 1]))
