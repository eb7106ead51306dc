"""Scores are judged at the level the labels are given at."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from anomalib_ts.core.recording import Recording
from anomalib_ts.errors import ConfigError, InputError
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.evaluation.judge import Evaluation

rng = np.random.default_rng(0)


def series(labels, name="series"):
    return Recording(rng.standard_normal(len(labels)), labels=np.array(labels), name=name)


def clip(label, machine="00", n=4, domain=""):
    values = rng.standard_normal((n, 20))
    return Recording(values, label=label, machine_id=machine, domain=domain)


def test_points_are_judged_per_recording_and_averaged():
    truth = GroundTruth.of([series([0, 1, 0, 0]), series([0, 0, 1, 1, 0])])
    scores = rng.random(9)
    judged = Evaluation(["auroc"]).judge(truth, scores, None)
    parts = [roc_auc_score([0, 1, 0, 0], scores[:4]), roc_auc_score([0, 0, 1, 1, 0], scores[4:])]
    assert judged.values["auroc"] == pytest.approx(np.mean(parts))


def test_a_recording_without_anomalies_does_not_enter_the_mean():
    truth = GroundTruth.of([series([0, 0, 0]), series([0, 1, 0])])
    judged = Evaluation(["auroc"]).judge(truth, np.array([5, 6, 7, 0, 1, 0.0]), None)
    assert judged.values == {"auroc": 1.0}


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1]])
def test_one_class_only_is_undefined_and_says_why(labels):
    judged = Evaluation().judge(GroundTruth.of([series(labels)]), np.arange(3.0), None)
    assert not judged.values
    assert set(judged.undefined) == {"auroc", "aupr", "pauc"}
    assert all(judged.undefined.values())


def test_no_labels_is_undefined_too():
    truth = GroundTruth.of([Recording(np.arange(5.0))])
    judged = Evaluation().judge(truth, np.arange(5.0), None)
    assert judged.undefined["auroc"] == "the data has no labels"


@pytest.mark.parametrize(("reduce", "expected"), [("mean", [2.5, 2.0]), ("max", [4.0, 5.0])])
def test_clips_are_reduced_to_one_score_each(reduce, expected):
    truth = GroundTruth.of([clip(0), clip(1)])
    scores = np.array([1, 2, 3, 4, 1, 1, 1, 5.0])
    judged = Evaluation(["auroc"], reduce=reduce).judge(truth, scores, None)
    assert judged.values["auroc"] == float(expected[1] > expected[0])


def test_clips_are_judged_by_machine():
    clips = [clip(0, "00"), clip(1, "00"), clip(0, "02"), clip(1, "02")]
    scores = np.repeat([1.0, 2.0, 9.0, 5.0], 4)
    judged = Evaluation().judge(GroundTruth.of(clips), scores, None)
    assert judged.values["auroc/00"] == 1.0
    assert judged.values["auroc/02"] == 0.0
    assert judged.values["auroc"] == 0.5
    assert judged.values["pooled/auroc"] == 0.5  # 1<2, 1<5, 9>2, 9>5


def test_a_machine_without_normal_clips_is_named_and_left_out():
    clips = [clip(0, "01"), clip(1, "01"), clip(1, "04")]
    judged = Evaluation().judge(GroundTruth.of(clips), np.repeat([1.0, 2.0, 0.0], 4), None)
    assert judged.values["auroc"] == 1.0
    assert judged.values["pooled/auroc"] == 0.5
    assert "04" in judged.undefined["auroc/04"]


def judged_with_domains(clips, scores):
    return Evaluation().judge(GroundTruth.of(clips), np.repeat(scores, 4), None)


def test_a_machine_without_target_clips_keeps_what_is_defined():
    clips = [clip(label, domain="source") for label in (0, 0, 1)]
    judged = judged_with_domains(clips, [1.0, 2.0, 3.0])
    for key in ("auroc", "pauc", "auroc/00", "auroc_source", "auroc_source/00", "pooled/auroc"):
        assert judged.values[key] == 1.0, key
    for key in ("auroc_target", "auroc_target/00", "harmonic_mean"):
        assert key not in judged.values
        assert "machine id 00 in the target domain has 0 normal" in judged.undefined[key]


def test_a_domain_that_one_machine_lacks_is_a_mean_over_the_others():
    clips = [
        *(clip(0, "00", domain="source"), clip(1, "00", domain="source")),
        *(clip(0, "01", domain="source"), clip(0, "01", domain="target")),
        clip(1, "01", domain="target"),
    ]
    judged = judged_with_domains(clips, [1.0, 2.0, 1.0, 4.0, 3.0])
    assert judged.values["auroc_target"] == judged.values["auroc_target/01"] == 0.0
    assert judged.values["auroc_source"] == 1.0
    assert judged.values["auroc"] == pytest.approx((1 + 0.5) / 2)
    assert "auroc_target/00" in judged.undefined
    assert "harmonic_mean" in judged.undefined


@pytest.mark.parametrize("labels", [[0, 0], [1, 1]])
@pytest.mark.parametrize("domains", [["", ""], ["source", "source"], ["source", "target"]])
def test_one_class_of_clips_is_undefined_and_no_error(labels, domains):
    clips = [clip(label, domain=domain) for label, domain in zip(labels, domains, strict=True)]
    judged = judged_with_domains(clips, [1.0, 2.0])
    assert not judged.values
    assert judged.undefined["auroc"] == judged.undefined["pauc"] == "no machine has both classes"
    assert "machine id 00 has" in judged.undefined["auroc/00"]


@pytest.mark.parametrize("other", ["", "desert"])
def test_clips_of_no_known_domain_do_not_fail_the_others(other):
    clips = [clip(0, domain="source"), clip(1, domain="target"), clip(0, domain=other)]
    judged = judged_with_domains(clips, [1.0, 2.0, 0.0])
    assert judged.values["auroc"] == 1.0
    assert "1 of 3 clips is neither source nor target" in judged.undefined["harmonic_mean"]


def test_range_metrics_of_clips_are_undefined():
    clips = [clip(0), clip(1)]
    judged = Evaluation(["auroc", "vus_pr/paper"]).judge(
        GroundTruth.of(clips), np.repeat([1.0, 2.0], 4), None
    )
    assert "points" in judged.undefined["vus_pr/paper"]


def test_ground_truth_survives_storage():
    truth = GroundTruth.of([series([0, 1, 0]), series([0, 0, 1, 1])])
    back = GroundTruth.from_arrays(truth.arrays())
    assert back.record_labels is None
    for name, array in truth.arrays().items():
        np.testing.assert_array_equal(getattr(back, name), array)
    assert back.stretches == [slice(0, 3), slice(3, 7)]


def test_an_unknown_metric_is_refused_at_once():
    with pytest.raises(InputError, match="auroc"):
        Evaluation(["aurocc"])


def test_each_kind_of_anomaly_has_its_own_area():
    kinds = ["", "", "squeal", "squeal", "rattle"]
    scores = [1.0, 2.0, 3.0, 1.5, 0.5]
    recordings = [
        Recording([score], label=int(bool(kind)), kind=kind, machine_id="00")
        for score, kind in zip(scores, kinds, strict=True)
    ]
    judged = Evaluation().judge(GroundTruth.of(recordings), np.array(scores), None)
    assert judged.values["auroc@squeal"] == 0.75  # 3>1, 3>2, 1.5>1
    assert judged.values["auroc@rattle"] == 0.0
    assert judged.values["auroc"] == 0.5


@pytest.mark.parametrize("kind", [int, np.int64, np.int32, np.uint8])
def test_a_window_counts_points_whatever_kind_of_whole_number_it_is(kind):
    truth = GroundTruth.of(
        [Recording(np.sin(np.arange(200) / 3), labels=np.arange(200) // 20 == 4)]
    )
    scores = np.random.default_rng(2).random(200)
    evaluation = Evaluation(["range_auc_pr", "vus_pr"], window=kind(3))
    plain = Evaluation(["range_auc_pr", "vus_pr"], window=3)
    assert evaluation.judge(truth, scores, None) == plain.judge(truth, scores, None)
    assert type(evaluation.rules["window"]) is int
    by_period = Evaluation(["range_auc_pr", "vus_pr"]).judge(truth, scores, None)
    assert by_period != plain.judge(truth, scores, None)


@pytest.mark.parametrize("window", [3.0, np.float64(3), True, None, [3], "3", -1])
def test_any_other_window_is_refused_and_not_taken_for_the_period(window):
    with pytest.raises(ConfigError, match=r"metrics\.window must be a whole number"):
        Evaluation(window=window)


def test_an_unknown_reduction_is_refused_at_once():
    with pytest.raises(ConfigError, match=r"metrics\.reduce must be mean, max or top_k, not 'med"):
        Evaluation(reduce="median")
