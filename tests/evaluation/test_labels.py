"""One rule says which points and which recordings are anomalous, wherever it is asked."""

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import anomalib_ts
from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.data.base import Case
from anomalib_ts.detectors.deep.bags import clip_bags, window_bags
from anomalib_ts.errors import AnomalibTsWarning, InputError
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.protocols.base import Given, Normal
from anomalib_ts.protocols.hold_out import hold_out_recordings
from anomalib_ts.views.clips import rank_clips
from tests.makers.records import ok

PACKAGE = Path(anomalib_ts.__file__).parent


def recording(labels, label):
    return Recording(np.arange(5.0), labels, label)


RECORDINGS = st.builds(
    recording,
    st.none() | st.lists(st.integers(0, 1), min_size=5, max_size=5),
    st.sampled_from([None, 0, 1]),
)


@pytest.mark.parametrize(
    ("labels", "label", "points", "whole"),
    [
        (None, None, [0, 0, 0, 0, 0], False),
        (None, 0, [0, 0, 0, 0, 0], False),
        (None, 1, [1, 1, 1, 1, 1], True),
        ([0, 0, 0, 0, 0], None, [0, 0, 0, 0, 0], False),
        ([0, 1, 0, 0, 0], None, [0, 1, 0, 0, 0], True),
        ([0, 1, 0, 0, 0], 1, [0, 1, 0, 0, 0], True),
        ([0, 1, 0, 0, 0], 0, [0, 1, 0, 0, 0], False),
        ([0, 0, 0, 0, 0], 1, [0, 0, 0, 0, 0], True),
    ],
)
def test_each_level_is_answered_by_its_own_label_else_by_the_other(labels, label, points, whole):
    one = recording(labels, label)
    assert one.anomalous_points.astype(int).tolist() == points
    assert one.is_anomalous is whole
    assert one.is_anomalous_throughout is all(points)


@given(st.lists(RECORDINGS, min_size=1, max_size=4))
def test_what_is_stored_answers_as_the_recordings_do(recordings):
    truth = GroundTruth.of(recordings)
    if truth.labels is None and truth.record_labels is None:
        assert truth.anomalous_recordings is None
        assert not truth.anomalous_points.any()
        return
    if truth.labels is not None or all(r.labels is None for r in recordings):
        points = np.concatenate([r.anomalous_points for r in recordings])
        np.testing.assert_array_equal(truth.anomalous_points, points)
    if truth.record_labels is not None or all(r.label is None for r in recordings):
        whole = [r.is_anomalous for r in recordings]
        assert truth.anomalous_recordings.tolist() == whole
        record = ok(0.5)
        ranked = rank_clips(record, truth, np.zeros(5 * len(recordings)))
        assert [bool(clip.label) for clip in sorted(ranked, key=lambda c: c.place)] == whole


@given(RECORDINGS)
def test_normal_stretches_are_the_points_that_are_not_anomalous(one):
    case = Case("x", test=(one,))
    normal = one.values[~one.anomalous_points]
    if not one.is_labelled or one.is_anomalous_throughout:
        with pytest.raises(InputError, match="protocol=whole or protocol=prefix"):
            Normal().deal(case)
        return
    train = Normal().deal(case).train
    np.testing.assert_array_equal(np.concatenate([r.values for r in train]), normal)


def test_given_leaves_out_what_is_anomalous_throughout_and_tells_of_single_points():
    fine, partly = recording(None, 0), recording([0, 1, 0, 0, 0], 1)
    bad = [recording(None, 1), recording([1, 1, 1, 1, 1], None)]
    case = Case("x", train=(fine, partly, *bad), test=(fine,))
    with pytest.warns(AnomalibTsWarning) as told:
        assert Given().training(case, "none") == (fine, partly)
    texts = [str(one.message) for one in told]
    assert any("1 of 10 training points" in text for text in texts)
    assert any("2 of 4 training recordings" in text for text in texts)


@given(st.lists(RECORDINGS, min_size=2, max_size=6))
def test_only_recordings_that_are_not_anomalous_are_held_out(recordings):
    normal = [one for one in recordings if not one.is_anomalous]
    if len(normal) < 2:
        with pytest.raises(InputError, match="normal recordings"):
            hold_out_recordings(recordings, 0.5)
        return
    train, held_out = hold_out_recordings(recordings, 0.5)
    assert held_out
    assert not any(one.is_anomalous for one in held_out)
    assert len(train) + len(held_out) == len(recordings)


@given(st.lists(RECORDINGS, min_size=1, max_size=4))
def test_bags_are_labelled_as_their_recordings_are(recordings):
    windows = Windows(recordings, 2, 1)
    points = [one.anomalous_points for one in recordings]
    expected = [bool(p[i : i + 2].any()) for p in points for i in range(4)]
    if all(expected):
        return
    bags = window_bags(windows, recordings)
    assert bags.anomalous.tolist() == expected
    whole = clip_bags(bags, recordings)
    assert whole.anomalous.tolist() == [one.is_anomalous for one in recordings]


def test_no_other_module_works_the_rule_out_again():
    """Only these compare or reduce labels themselves: they hold labels, or hide and turn them."""
    homes = ("core/recording.py", "evaluation/ground_truth.py", "metrics/")
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if not str(path.relative_to(PACKAGE)).startswith(homes)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if _works_out(node)
    ]
    assert found == []


def _works_out(node):
    """Whether code compares a recording's `label` with a number, or asks its `labels` for any."""
    if isinstance(node, ast.Compare):
        constants = [c.value for c in node.comparators if isinstance(c, ast.Constant)]
        named = isinstance(node.left, ast.Attribute) and node.left.attr == "label"
        owner = ast.unparse(node.left.value) if named else ""
        return named and owner in {"r", "recording", "self"} and bool({0, 1} & set(constants))
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    if not called or node.func.attr not in {"any", "all", "sum"}:
        return False
    of = node.func.value
    return isinstance(of, ast.Attribute) and of.attr == "labels" and ast.unparse(of.value) != "self"
