"""What is known of a case is the same before and after it was stored."""

from itertools import product

import numpy as np
import pytest

from anomalib_ts import Recording
from anomalib_ts.evaluation.ground_truth import GroundTruth, looked_at_as_clips

POINTS = np.zeros(4, dtype=np.int8)
LABELLED = [
    {"labels": labels, "label": label} for labels, label in product((None, POINTS), (None, 0))
]


@pytest.mark.parametrize(
    "known",
    [*product(LABELLED), *product(LABELLED, repeat=2), *product(LABELLED, repeat=3)],
    ids=str,
)
def test_pictures_show_clips_where_blame_explains_them(known):
    recordings = [Recording(np.zeros(4), **labels) for labels in known]
    truth = GroundTruth.of(recordings)
    assert looked_at_as_clips(recordings) == truth.looked_at_as_clips
    assert truth.looked_at_as_clips >= truth.by_clip
    assert GroundTruth.from_arrays(truth.arrays()).looked_at_as_clips == truth.looked_at_as_clips
