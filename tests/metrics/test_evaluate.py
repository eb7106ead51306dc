"""The one call: selection of metrics, errors, and what importing it costs."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import anomalib_ts.metrics
from anomalib_ts.errors import InputError, UndefinedMetricError
from anomalib_ts.metrics import DEFAULT, REGISTRY, ScoredSeries, evaluate, list_metrics
from anomalib_ts.metrics.registry import sign_of
from anomalib_ts.metrics.threshold_free import auroc

LABELS = np.array([0, 0, 1, 1, 0, 0, 0, 1, 0, 0])
SCORES = np.array([0.1, 0.2, 0.9, 0.4, 0.3, 0.35, 0.8, 0.15, 0.6, 0.05])


def test_default_and_one_key_and_several():
    assert tuple(evaluate(LABELS, SCORES, "default")) == DEFAULT == ("auroc", "aupr", "pauc")
    assert list(evaluate(LABELS, SCORES, "aupr")) == ["aupr"]
    assert list(evaluate(LABELS, SCORES, ["pauc", "auroc"])) == ["pauc", "auroc"]


def test_full_has_the_keys_the_field_reports():
    full = evaluate(LABELS, SCORES, window=2)
    asked = {"auroc", "aupr", "pauc", "vus_roc/tsb_ad", "vus_pr/tsb_ad", "vus_roc/paper"}
    asked |= {"vus_pr/paper", "range_auc_roc", "range_auc_pr", "oracle/f1", "oracle/range_f1"}
    asked |= {"oracle/event_f1", "oracle/affiliation_f1", "pa/oracle/f1"}
    assert asked <= set(full)
    assert all(isinstance(value, float) for value in full.values())
    assert "vus_pr/tsb_uad_basic" not in full
    assert "vus_pr/tsb_uad_basic" in evaluate(LABELS, SCORES, ["vus_pr/tsb_uad_basic"], window=2)
    with_threshold = evaluate(LABELS, SCORES, window=2, threshold=0.5)
    assert set(with_threshold) - set(full) == {
        key for key, metric in REGISTRY.items() if metric.needs_threshold
    }


def test_a_metric_alone_equals_the_metric_in_the_suite():
    full = evaluate(LABELS, SCORES, window=3, threshold=0.5)
    for key, value in full.items():
        assert evaluate(LABELS, SCORES, key, 3, 0.5)[key] == value
    assert auroc(ScoredSeries(LABELS, SCORES)) == full["auroc"]


def test_labels_may_be_bool_int_or_float():
    values = [evaluate(LABELS.astype(kind), SCORES, window=2) for kind in (bool, "i8", "u1", float)]
    assert all(value == values[0] for value in values)
    assert evaluate(LABELS.tolist(), SCORES.tolist(), window=2) == values[0]


def test_an_unknown_key_names_the_nearest_one():
    with pytest.raises(InputError, match=r"'auroc_'; did you mean auroc "):
        evaluate(LABELS, SCORES, "auroc_")
    with pytest.raises(InputError, match=r"'vus_pr/tsbad'; did you mean vus_pr/tsb_ad "):
        evaluate(LABELS, SCORES, ["auroc", "vus_pr/tsbad"])


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1], [0.1, 0.2, 0.3], "2 labels, 3 scores"),
        ([0, 1, 0], [0.1, float("nan"), 0.3], r"scores\[1\] is nan"),
        ([0, 1, 0], [0.1, 0.2, float("-inf")], r"scores\[2\] is -inf"),
        ([0, 2, 0], [0.1, 0.2, 0.3], r"labels\[1\] is .*2"),
        ([0, -1, 0], [0.1, 0.2, 0.3], r"labels\[1\]"),
        ([], [], "not empty"),
        ([[0, 1]], [[0.1, 0.2]], "one-dimensional"),
    ],
)
def test_unusable_input_is_refused(labels, scores, message):
    with pytest.raises(InputError, match=message):
        evaluate(labels, scores, "auroc")


def test_settings_are_checked():
    for message, arguments in {
        "window": {"metrics": "vus_pr", "window": -1},
        "whole number": {"metrics": "vus_pr", "window": 2.5},
        "not nan": {"metrics": "vus_pr", "window": float("nan")},
        "need `window`": {"metrics": "full"},
        "need `threshold`": {"metrics": "f1"},
        "finite": {"metrics": "f1", "threshold": float("nan")},
        "max_fpr": {"metrics": "pauc", "max_fpr": 0.0},
        "k must lie": {"metrics": "precision_at_k", "k": 11},
        "PA%K": {"metrics": "pa/oracle/f1_at_k", "pa_k": 101.0},
    }.items():
        with pytest.raises(InputError, match=re.escape(message)):
            evaluate(LABELS, SCORES, **arguments)


@pytest.mark.parametrize("labels", [np.zeros(10, dtype=int), np.ones(10, dtype=int)])
def test_a_missing_class_raises_or_is_left_out(labels):
    with pytest.raises(UndefinedMetricError, match="all 10 points are labelled"):
        evaluate(labels, SCORES, window=2)
    values = evaluate(labels, SCORES, window=2, threshold=0.5, undefined="omit")
    assert values.keys() == (set() if labels.all() else {"false_alarm_rate"})


def test_false_alarms_are_counted_among_normal_points():
    labels, scores = [0, 0, 0, 0, 1, 1], [0.1, 0.2, 0.9, 0.5, 0.4, 0.8]
    for threshold, rate in ((0.5, 0.25), (0.49, 0.5), (1.0, 0.0), (0.0, 1.0)):
        values = evaluate(labels, scores, "false_alarm_rate", threshold=threshold)
        assert values == {"false_alarm_rate": rate}
    alone = evaluate([0, 0], [1.0, 3.0], "false_alarm_rate", threshold=2.0)
    assert alone == {"false_alarm_rate": 0.5}
    with pytest.raises(UndefinedMetricError, match="no point is normal"):
        evaluate([1, 1], [1.0, 3.0], "false_alarm_rate", threshold=2.0)


def test_precision_of_nothing_is_undefined_and_its_f1_is_0():
    for family in ("", "range_", "event_", "affiliation_", "pa/"):
        with pytest.raises(UndefinedMetricError, match="no point is predicted"):
            evaluate(LABELS, SCORES, f"{family}precision", threshold=2.0)
        keys = [f"{family}f1", f"{family}precision", f"{family}recall"]
        values = evaluate(LABELS, SCORES, keys, threshold=2.0, undefined="omit")
        assert values == {keys[0]: 0.0, keys[2]: 0.0}
    assert evaluate(LABELS, SCORES, "detection_delay", threshold=2.0)["detection_delay"] == 1.5


def test_every_metric_is_described_in_the_readme():
    readme = (Path(anomalib_ts.metrics.__file__).parent / "README.md").read_text()
    documented = set(re.findall(r"^\| `([^`]+)` \|", readme, flags=re.MULTILINE))
    assert documented == set(REGISTRY)
    for metric in list_metrics():
        assert metric.description
        assert metric.is_oracle == ("oracle/" in metric.key)


def test_importing_the_metrics_imports_nothing_heavy():
    heavy = ["scipy", "sklearn", "torch", "pandas", "matplotlib", "librosa", "numba"]
    code = f"import sys, anomalib_ts.metrics; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_sign_of_a_metric_is_turned_where_less_is_better():
    less = {key for key, metric in REGISTRY.items() if metric.sign < 0}
    assert less == {"detection_delay", "oracle/detection_delay", "false_alarm_rate"}
    for key, metric in REGISTRY.items():
        assert sign_of(key) == sign_of(f"pooled/{key}") == metric.sign
    for other in ("harmonic_mean", "auroc/00", "auroc@rub", "fitted/a"):
        assert sign_of(other) == 1.0


# At the threshold of the best F1 everything may be predicted, so that the recall alone is 1. The
# UCR score forgives 100 points, as many as there are.
@pytest.mark.parametrize(
    "key", sorted(REGISTRY.keys() - {"oracle/affiliation_recall", "ucr_score"})
)
def test_a_higher_signed_value_is_a_better_detection(key):
    labels = np.repeat([0, 1, 0, 1, 0], [30, 10, 30, 10, 30])
    good = labels + 0.1 * np.random.default_rng(0).random(110)
    bad = np.roll(good, 5)  # the first anomaly too late, and surest where nothing is
    bad[35:40] -= 0.3
    bad[65:90] = -1.0  # the second not at all
    values = [evaluate(labels, s, key, window=4, threshold=0.5)[key] for s in (good, bad)]
    better, worse = (sign_of(key) * value for value in values)
    assert better > worse
