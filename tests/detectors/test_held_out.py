"""Blocks that stage 1 does not see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors.deep.bags import clip_bags
from anomalib_ts.detectors.deep.held_out import hold_out_bags
from tests.detectors.test_deep_parts import cut


def clips(lengths, channels=1):
    return [Recording(np.zeros((n, channels)), label=0) for n in lengths]


def points(bags):
    """Which points of all recordings, end to end, the bags cover."""
    starts = bags.windows.starts[bags.members(np.arange(len(bags)))]
    return {int(p) for start in starts for p in range(start, start + bags.windows.window)}


def test_whole_recordings_are_held_out_where_there_are_many():
    blocks = cut(clips([20] * 30), 4, 4, "overlap")
    held = hold_out_bags(blocks, 0.1, seed=0)
    assert len(np.unique(held.recordings)) == 3 and len(held) == 15
    left = blocks.without(held)
    assert len(left) == 135
    assert not set(left.recordings) & set(held.recordings)


def test_another_seed_holds_out_other_recordings():
    blocks = cut(clips([20] * 30), 4, 4, "overlap")
    chosen = {tuple(hold_out_bags(blocks, 0.1, seed=seed).recordings) for seed in range(5)}
    assert len(chosen) > 1


def test_the_end_of_a_single_series_is_held_out_and_overlapping_blocks_are_dropped():
    blocks = cut(clips([100]), 10, 5, "overlap")  # 19 blocks, at 0, 5, ..., 90
    held = hold_out_bags(blocks, 0.2, seed=0)
    starts = blocks.windows.starts
    assert starts[held.first].tolist() == [75, 80, 85, 90]  # a fifth of 19, rounded up
    assert starts[blocks.without(held).first].tolist() == list(range(0, 66, 5))


@pytest.mark.parametrize("whole", [False, True])
def test_nothing_is_held_out_for_a_share_of_0_or_when_nothing_would_be_left(whole):
    blocks = cut(clips([10, 10]), 10, 10, "overlap")
    assert len(hold_out_bags(blocks, 0.0, seed=0, whole=whole)) == 0
    alone = cut(clips([10]), 10, 10, "overlap")
    assert len(hold_out_bags(alone, 0.5, seed=0, whole=whole)) == 0


def test_whole_clips_stay_whole():
    recordings = clips([30, 30, 30])
    bags = clip_bags(cut(recordings, 4, 2, "overlap"), recordings)
    held = hold_out_bags(bags, 0.1, seed=0, whole=True)
    assert len(held) == 1
    assert len(bags.without(held)) == 2


def test_a_share_is_raised_to_the_fewest_wanted_unless_that_is_too_many():
    blocks = cut(clips([20] * 30), 4, 4, "overlap")  # 5 blocks each
    assert len(hold_out_bags(blocks, 0.01, seed=0, fewest=30)) == 30
    assert len(hold_out_bags(blocks, 0.01, seed=0, fewest=76)) == 0


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=8),
    st.integers(1, 8),
    st.integers(1, 8),
    st.floats(0.0, 0.5),
    st.integers(0, 3),
)
def test_what_is_left_shares_no_point_with_what_is_held_out(lengths, window, stride, share, seed):
    blocks = cut(clips(lengths), window, min(stride, window), "overlap")
    held = hold_out_bags(blocks, share, seed)
    left = blocks.without(held)
    assert not points(left) & points(held)
    assert len(left) >= len(blocks) / 2
    apart = [
        block
        for block in range(len(blocks))
        if not points(blocks.where(np.arange(len(blocks)) == block)) & points(held)
    ]
    assert left.first.tolist() == apart
