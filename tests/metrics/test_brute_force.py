"""The fast metrics against slow ones written from the definitions, on random small inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from anomalib_ts.metrics import affiliation, evaluate, range_based
from anomalib_ts.metrics.neighbours import nearest_smaller
from tests.metrics import brute

QUICK = settings(max_examples=60, deadline=None, derandomize=True)


@st.composite
def labelled_scores(draw, max_size=24):
    """Labels with both classes, and scores with many, few or no ties."""
    labels = draw(st.lists(st.booleans(), min_size=2, max_size=max_size))
    if all(labels) or not any(labels):
        labels[draw(st.integers(0, len(labels) - 1))] ^= True
    levels = draw(st.sampled_from([2, 4, 1000]))
    n = len(labels)
    scores = draw(st.lists(st.integers(-levels, levels), min_size=n, max_size=n))
    return np.array(labels), np.array(scores) / 7


@st.composite
def few_segments(draw):
    """A longer series with a few segments, so that zones and buffers have room."""
    n = draw(st.integers(20, 60))
    labels = np.zeros(n, dtype=bool)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, n - 1))
        labels[start : start + draw(st.integers(1, 8))] = True
    scores = draw(st.lists(st.integers(0, 30), min_size=n, max_size=n))
    return labels, np.array(scores, dtype=float)


INPUTS = labelled_scores() | few_segments()


@QUICK
@given(INPUTS)
def test_threshold_free(data):
    labels, scores = data
    ours = evaluate(labels, scores, "default")
    assert ours["auroc"] == pytest.approx(brute.auroc(labels, scores), abs=1e-12)
    assert ours["aupr"] == pytest.approx(brute.aupr(labels, scores), abs=1e-12)
    assert ours["aupr"] == pytest.approx(average_precision_score(labels, scores), abs=1e-12)


@QUICK
@given(INPUTS, st.sampled_from([0.01, 0.1, 0.25, 0.5, 1.0]))
def test_partial_auroc_equals_scikit_learn(data, max_fpr):
    labels, scores = data
    ours = evaluate(labels, scores, "pauc", max_fpr=max_fpr)["pauc"]
    assert ours == pytest.approx(roc_auc_score(labels, scores, max_fpr=max_fpr), abs=1e-12)


@QUICK
@given(labelled_scores(max_size=6), st.data())
def test_precision_at_k_is_the_mean_over_orders_of_the_ties(data, more):
    labels, scores = data
    k = more.draw(st.integers(1, len(labels)))
    ours = evaluate(labels, scores, "precision_at_k", k=k)["precision_at_k"]
    assert ours == pytest.approx(brute.precision_at_k(labels, scores, k), abs=1e-12)


MEASURES = {
    "": brute.point,
    "range_": brute.range_based,
    "event_": brute.event,
    "affiliation_": brute.affiliation,
}


@pytest.mark.parametrize("family", MEASURES)
@QUICK
@given(data=INPUTS)
def test_best_f1_over_all_thresholds(family, data):
    labels, scores = data
    stem = f"oracle/{family}"
    ours = evaluate(labels, scores, [stem + "f1", stem + "precision", stem + "recall"])
    assert ours[stem + "f1"] == pytest.approx(
        brute.best(MEASURES[family], labels, scores), abs=1e-12
    )
    assert ours[stem + "f1"] == pytest.approx(
        brute.f1(ours[stem + "precision"], ours[stem + "recall"]), abs=1e-12
    )


@pytest.mark.parametrize("family", MEASURES)
@QUICK
@given(data=INPUTS, quantile=st.floats(0, 0.95))
def test_scores_of_a_given_threshold(family, data, quantile):
    labels, scores = data
    threshold = float(np.quantile(scores, quantile))
    predicted = scores > threshold
    if not predicted.any():
        return
    keys = [f"{family}{name}" for name in ("f1", "precision", "recall")]
    ours = evaluate(labels, scores, keys, threshold=threshold)
    precision, recall = MEASURES[family](labels, predicted)
    expected = [brute.f1(precision, recall), precision, recall]
    assert list(ours.values()) == pytest.approx(expected, abs=1e-12)


@QUICK
@given(INPUTS, st.floats(0, 0.95))
def test_point_f1_equals_scikit_learn(data, quantile):
    labels, scores = data
    threshold = float(np.quantile(scores, quantile))
    ours = evaluate(labels, scores, "f1", threshold=threshold)["f1"]
    expected = f1_score(labels, scores > threshold, zero_division=0)
    assert ours == pytest.approx(expected, abs=1e-12)


@QUICK
@given(INPUTS, st.sampled_from([0.0, 10.0, 20.0, 50.0, 75.0, 100.0]))
def test_point_adjusted_f1(data, percent):
    labels, scores = data

    def measure(labels, predicted):
        return brute.adjusted(labels, predicted, percent)

    ours = evaluate(labels, scores, "pa/oracle/f1_at_k", pa_k=percent)["pa/oracle/f1_at_k"]
    assert ours == pytest.approx(brute.best(measure, labels, scores), abs=1e-12)
    if percent == 0:
        assert evaluate(labels, scores, "pa/oracle/f1")["pa/oracle/f1"] == ours
    middle = float(np.median(scores))
    if (scores > middle).any():
        at = evaluate(labels, scores, "pa/f1_at_k", threshold=middle, pa_k=percent)["pa/f1_at_k"]
        assert at == pytest.approx(brute.f1(*measure(labels, scores > middle)), abs=1e-12)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(labelled_scores(max_size=14))
def test_area_over_all_percents(data):
    labels, scores = data
    values = [
        brute.best(lambda y, p, k=k: brute.adjusted(y, p, k), labels, scores) for k in range(101)
    ]
    ours = evaluate(labels, scores, "pa/oracle/f1_over_k")["pa/oracle/f1_over_k"]
    assert ours == pytest.approx(brute.trapezoid(values, range(101)) / 100, abs=1e-12)


@QUICK
@given(INPUTS, st.floats(0, 0.95))
def test_detection_delay(data, quantile):
    labels, scores = data
    threshold = float(np.quantile(scores, quantile))
    ours = evaluate(labels, scores, "detection_delay", threshold=threshold)["detection_delay"]
    assert ours == pytest.approx(brute.delay(labels, scores > threshold), abs=1e-12)


@QUICK
@given(INPUTS)
def test_oracle_delay_is_taken_at_the_best_point_f1(data):
    labels, scores = data
    values = [brute.f1(*brute.point(labels, p)) for p in brute.predictions(scores)]
    chosen = list(brute.predictions(scores))[int(np.argmax(np.round(values, 12)))]
    ours = evaluate(labels, scores, "oracle/detection_delay")["oracle/detection_delay"]
    assert ours == pytest.approx(brute.delay(labels, chosen), abs=1e-12)


@QUICK
@given(INPUTS, st.integers(0, 13))
def test_range_areas(data, window):
    labels, scores = data
    keys = ["vus_pr", "range_auc_pr", "vus_roc/paper", "vus_pr/paper"]
    keys += ["range_auc_roc/paper", "range_auc_pr/paper"]
    ours = evaluate(labels, scores, keys, window, undefined="omit")
    slow = {
        "range_auc_pr": lambda w: brute.range_auc_pr(labels, scores, w, step=True),
        "range_auc_roc/paper": lambda w: brute.range_auc_roc(labels, scores, w, reachable=False),
        "range_auc_pr/paper": lambda w: brute.range_auc_pr(labels, scores, w, step=False),
    }
    for key, area in slow.items():
        if key in ours:
            assert ours[key] == pytest.approx(area(window), abs=1e-12)
            volume = key.replace("range_auc", "vus")
            assert ours[volume] == pytest.approx(brute.volume(area, window), abs=1e-12)
    assert "range_auc_roc/paper" in ours


@QUICK
@given(INPUTS, st.integers(0, 13))
def test_range_roc_with_reachable_false_alarms(data, window):
    labels, scores = data
    if brute.soft_labels(labels, window).min() == 1:
        return

    def area(w):
        return brute.range_auc_roc(labels, scores, w, reachable=True)

    ours = evaluate(labels, scores, ["range_auc_roc", "vus_roc"], window)
    assert ours["range_auc_roc"] == pytest.approx(area(window), abs=1e-12)
    assert ours["vus_roc"] == pytest.approx(brute.volume(area, window), abs=1e-12)


@QUICK
@given(INPUTS, st.integers(0, 9))
def test_the_variant_of_timeeval(data, window):
    labels, scores = data
    keys = [
        f"{measure}_{kind}/timeeval" for measure in ("range_auc", "vus") for kind in ("roc", "pr")
    ]
    slices = [brute.timeeval(labels, scores, w) for w in range(window + 1)]
    expected = [*slices[-1], *np.mean(slices, axis=0)]
    ours = evaluate(labels, scores, keys, window)
    assert list(ours.values()) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("chunk", [1, 7, 50, 200])
def test_long_series_are_handled_in_chunks_without_a_seam(chunk, monkeypatch):
    random = np.random.default_rng(chunk)
    labels = np.zeros(400, dtype=bool)
    for start in (0, 30, 41, 150, 170, 171, 390):
        labels[start : start + random.integers(1, 12)] = True
    scores = random.integers(0, 60, 400) + 10.0 * labels
    keys = ["oracle/affiliation_f1", "oracle/range_f1", "oracle/affiliation_precision"]
    whole = evaluate(labels, scores, keys)
    for module in (affiliation, range_based):
        monkeypatch.setattr(module, "_CHUNK", chunk)
    assert evaluate(labels, scores, keys) == pytest.approx(whole, abs=1e-12)


@QUICK
@given(st.permutations(range(23)), st.integers(1, 23))
def test_nearest_smaller_neighbours(order, size):
    ranks = np.argsort(np.argsort(order[:size]))
    left, right = nearest_smaller(ranks)
    for i, rank in enumerate(ranks):
        assert left[i] == max((j for j in range(i) if ranks[j] < rank), default=-1)
        assert right[i] == min((j for j in range(i + 1, size) if ranks[j] < rank), default=size)
