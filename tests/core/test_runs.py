"""Runs of True."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from anomalib_ts.core.runs import run_slices, runs


@given(st.lists(st.booleans(), max_size=30))
def test_runs_are_those_that_a_walk_through_the_mask_meets(flags):
    walked, at = [], 0
    for flag, group in itertools.groupby(flags):
        length = len(list(group))
        walked += [(at, at + length)] if flag else []
        at += length
    starts, ends = runs(np.array(flags, dtype=bool))
    assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == walked
    slices = run_slices(np.array(flags, dtype=bool))
    assert [(part.start, part.stop) for part in slices] == walked
