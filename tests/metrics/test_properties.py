"""What must hold for every score: invariance, symmetry, perfect and constant scores, by hand."""

import numpy as np
import pytest
from hypothesis import given, settings

from anomalib_ts.errors import UndefinedMetricError
from anomalib_ts.metrics import REGISTRY, evaluate
from tests.metrics.golden import checked_in_cases
from tests.metrics.test_brute_force import INPUTS

WINDOW = 6
QUICK = settings(max_examples=40, deadline=None, derandomize=True)
# TSB-AD's evenly spaced thresholds depend on the scale of the score; its point F1 uses all.
SCALE_DEPENDENT = {
    "oracle/range_f1/tsb_ad",
    "oracle/event_f1/tsb_ad",
    "oracle/affiliation_f1/tsb_ad",
    "pa/oracle/f1/tsb_ad",
}
WITHOUT_THRESHOLD = [key for key, metric in REGISTRY.items() if not metric.needs_threshold]
RANK_METRICS = [key for key in WITHOUT_THRESHOLD if key not in SCALE_DEPENDENT]
HAND = next(case for case in checked_in_cases() if case.name == "hand_n10")


def table(labels, scores, keys):
    return evaluate(labels, scores, keys, WINDOW, undefined="omit")


@QUICK
@given(INPUTS)
def test_rank_metrics_ignore_strictly_increasing_transforms(data):
    labels, scores = data
    before = table(labels, scores, RANK_METRICS)
    assert table(labels, np.exp(scores / 10) - 5, RANK_METRICS) == before
    assert table(labels, 1e6 * scores, RANK_METRICS) == before


def test_the_evenly_spaced_thresholds_of_tsb_ad_do_not():
    labels = np.array([0, 0, 1, 1, 0, 0, 1, 0, 0, 0])
    scores = np.array([1, 2, 7, 3, 4, 1, 3.5, 2, 1, 2])
    for key in SCALE_DEPENDENT:
        stretched = table(labels, np.exp(5 * scores), [key])
        assert stretched[key] < table(labels, scores, [key])[key], key


@QUICK
@given(INPUTS)
def test_auroc_of_the_negated_score_is_the_complement(data):
    labels, scores = data
    value = evaluate(labels, scores, "auroc")["auroc"]
    assert evaluate(labels, -scores, "auroc")["auroc"] == pytest.approx(1 - value, abs=1e-12)


@QUICK
@given(INPUTS)
def test_values_stay_within_their_declared_bounds(data):
    labels, scores = data
    threshold = float(np.median(scores))
    values = evaluate(labels, scores, list(REGISTRY), WINDOW, threshold, undefined="omit")
    for key, value in values.items():
        low, high = REGISTRY[key].bounds
        assert low - 1e-12 <= value, key
        assert high is None or value <= high + 1e-12, key


def test_a_perfect_score_is_best_everywhere():
    labels = np.zeros(200, dtype=bool)
    labels[50:60] = labels[120:140] = True
    keys = [key for key in WITHOUT_THRESHOLD if "vus" not in key and "range_auc" not in key]
    values = evaluate(labels, labels.astype(float), keys)
    assert values.pop("oracle/detection_delay") == 0
    assert values.pop("oracle/f1/tsb_ad") == pytest.approx(2 / 2.00001)
    assert list(values.values()) == pytest.approx([1.0] * len(values), abs=1e-12)


def test_range_areas_reward_a_score_that_fades_out_over_the_buffers():
    labels = np.zeros(200, dtype=bool)
    labels[50:60] = labels[120:140] = True
    fading = np.zeros(200)
    for distance in range(WINDOW // 2, -1, -1):
        for start, end in ((50, 60), (120, 140)):
            fading[start - distance : end + distance] = 10 - distance
    for key in ("range_auc_roc", "range_auc_pr", "vus_roc", "vus_pr"):
        blunt = evaluate(labels, labels.astype(float), key, WINDOW)[key]
        best = evaluate(labels, fading, key, WINDOW)[key]
        late = evaluate(labels, np.roll(fading, 5), key, WINDOW)[key]
        assert best > 0.97, key
        assert best > blunt, key
        assert late < blunt, key


def test_a_constant_score_never_flatters():
    labels = np.zeros(500, dtype=bool)
    labels[100:120] = labels[300:340] = True
    constant = np.full(500, 3.7)
    values = evaluate(labels, constant, "full", WINDOW, undefined="omit")
    share = 60 / 500
    # Two buffers of 2 * (sqrt(5/6) + sqrt(4/6) + sqrt(3/6)) around 60 points.
    covered = (60 + 4 * sum(np.sqrt(1 - d / 6) for d in (1, 2, 3))) / 500
    expected = {
        "auroc": 0.5,
        "aupr": share,
        "pauc": 0.5,
        "precision_at_k": share,
        "vus_roc": 0.5,
        "range_auc_roc": 0.5,
        "range_auc_pr": covered,
        "oracle/f1": 2 * share / (1 + share),
        "oracle/recall": 1.0,
        "pa/oracle/f1": 2 * share / (1 + share),
        "pa/oracle/f1/tsb_ad": 0.0,
        "oracle/detection_delay": 0.0,
    }
    assert {key: values[key] for key in expected} == pytest.approx(expected, abs=1e-12)
    assert values["vus_roc/tsb_ad"] > 0.5
    assert "oracle/affiliation_f1/tsb_ad" not in values


def test_ten_points_by_hand():
    # Scores .1 .2 .9 .4 .3 .35 .8 .15 .6 .05, anomalies at 2, 3 and 7.
    values = evaluate(HAND.labels, HAND.scores, "full", HAND.window, threshold=0.5)
    expected = {
        "auroc": (7 + 5 + 2) / 21,
        "aupr": (1 + 2 / 4 + 3 / 8) / 3,
        "pauc": 0.5 * (1 + (0.1 / 3 - 0.005) / 0.095),
        "precision_at_k": 1 / 3,
        "oracle/f1": 4 / 7,
        "oracle/precision": 1 / 2,
        "oracle/recall": 2 / 3,
        "pa/oracle/f1": 4 / 5,
        "oracle/event_f1": 2 / 3,
        "oracle/range_f1": 0.6 / 1.3,
        "oracle/detection_delay": (0 + 1) / 2,
        # At 0.5 the points 2, 6 and 8 are predicted.
        "f1": 2 * 1 / (3 + 3),
        "precision": 1 / 3,
        "recall": 1 / 3,
        "event_recall": 1 / 2,
        "range_recall": (0.2 + 0.8 / 2) / 2,
        "range_precision": 1 / 3,
        "pa/f1": 2 * 2 / (4 + 3),
        "detection_delay": (0 + 1) / 2,
    }
    assert {key: values[key] for key in expected} == pytest.approx(expected, abs=1e-12)


def test_range_areas_by_hand():
    # One anomaly at 2 of 5; window 2 gives its neighbours the weight sqrt(1/2).
    labels, scores = np.array([0, 0, 1, 0, 0]), np.array([1.0, 5.0, 4.0, 3.0, 2.0])
    half = np.sqrt(0.5)
    positives, covered = 1 + half, 1 + 2 * half
    values = evaluate(labels, scores, ["range_auc_roc", "range_auc_pr"], 2)
    # Order 1, 2, 3, 4, 0: credit half, 1 + half (recall 1), covered, covered, covered.
    alarms = np.array([1 - half, 1 - half, 5 - covered - 2, 5 - covered - 1, 5 - covered])
    recall = np.array([half / positives, 1, 1, 1, 1])
    area = alarms[0] * recall[0] / 2 + (alarms[-1] - alarms[1])
    assert values["range_auc_roc"] == pytest.approx(area / alarms[-1], abs=1e-12)
    expected = recall[0] * half + (1 - recall[0]) * positives / 2
    assert values["range_auc_pr"] == pytest.approx(expected, abs=1e-12)


def test_affiliation_by_hand():
    # Anomaly [4, 6) in a zone [0, 10); the point 7 is predicted.
    labels, scores = np.zeros(10, dtype=bool), np.zeros(10)
    labels[4:6], scores[7] = True, 1
    # At distance d in [1, 2) there are 2 (4 - d) of 10 at least as far away: 2 (4 - 1.5) / 10.
    precision = 0.5
    # From y in [4, 6) the prediction is 7 - y away: within it lie 7 - y on the right, and on the
    # left 7 - y or, from 3.5 on down, all y; so farther are 10 - 2 (7 - y) of 10, never less.
    recall = (10 - 2 * 2) / 10
    keys = ["affiliation_precision", "affiliation_recall", "affiliation_f1"]
    values = evaluate(labels, scores, keys, threshold=0.5)
    expected = [precision, recall, 2 * precision * recall / (precision + recall)]
    assert list(values.values()) == pytest.approx(expected, abs=1e-12)


def test_an_event_at_the_last_point_can_be_found():
    labels, scores = np.array([0, 0, 0, 1]), np.array([0.0, 0.1, 0.2, 1.0])
    assert evaluate(labels, scores, "oracle/event_f1")["oracle/event_f1"] == 1
    assert evaluate(labels, scores, "event_recall", threshold=0.5)["event_recall"] == 1
    assert evaluate(labels, scores, "oracle/event_f1/tsb_ad")["oracle/event_f1/tsb_ad"] == 0


def test_point_adjustment_fills_in_index_0():
    labels, scores = np.array([1, 1, 1, 0, 0]), np.array([0.0, 1.0, 0.0, 0.0, 0.1])
    assert evaluate(labels, scores, "pa/oracle/f1")["pa/oracle/f1"] == 1
    both = evaluate(labels, scores, ["pa/f1", "pa/f1/tsb_ad"], threshold=0.5)
    assert both == pytest.approx({"pa/f1": 1.0, "pa/f1/tsb_ad": 2 * 2 / (2 + 3)})


def test_predicting_everything_is_one_long_range():
    labels, scores = np.array([0, 0, 1, 1, 0, 0]), np.arange(6.0)
    both = evaluate(labels, scores, ["range_f1", "range_f1/tsb_ad"], threshold=-1.0)
    assert both == pytest.approx({"range_f1": 2 * (1 / 3) / (1 + 1 / 3), "range_f1/tsb_ad": 0.0})


def test_buffers_over_everything_leave_the_range_auc_undefined():
    labels, scores = np.array([1, 0, 1, 0, 1]), np.arange(5.0)
    with pytest.raises(UndefinedMetricError, match="no false alarm"):
        evaluate(labels, scores, "range_auc_roc", 2)
    assert evaluate(labels, scores, "range_auc_roc/paper", 2)["range_auc_roc/paper"] >= 0
