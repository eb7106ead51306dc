"""Record-level areas by machine id and domain, by hand and against scikit-learn."""

import numpy as np
import pytest
from scipy.stats import hmean
from sklearn.metrics import roc_auc_score

from anomalib_ts.errors import InputError, UndefinedMetricError
from anomalib_ts.metrics import evaluate_records


def clips():
    random = np.random.default_rng(5)
    n = 240
    labels = random.integers(0, 2, n)
    scores = random.normal(size=n) + labels * random.choice([0.2, 1.5], n)
    ids = np.repeat(["id_00", "id_02", "id_04"], n // 3)
    domains = np.where(random.random(n) < 0.7, "source", "target")
    return labels, scores, ids, domains


def test_each_id_and_the_mean_over_ids():
    labels, scores, ids, _ = clips()
    values = evaluate_records(labels, scores, ids)
    areas, partial = [], []
    for name in ("id_00", "id_02", "id_04"):
        mask = ids == name
        areas.append(roc_auc_score(labels[mask], scores[mask]))
        partial.append(roc_auc_score(labels[mask], scores[mask], max_fpr=0.1))
        assert values[f"auroc/{name}"] == pytest.approx(areas[-1])
        assert values[f"pauc/{name}"] == pytest.approx(partial[-1])
    assert values["auroc"] == pytest.approx(np.mean(areas))
    assert values["pauc"] == pytest.approx(np.mean(partial))
    assert len(values) == 8


def test_domains_since_2022_share_the_anomalous_clips():
    labels, scores, ids, domains = clips()
    values = evaluate_records(labels, scores, ids, domains)
    parts = []
    for name in np.unique(ids):
        mask = ids == name
        for domain in ("source", "target"):
            chosen = mask & ((domains == domain) | (labels == 1))
            parts.append(roc_auc_score(labels[chosen], scores[chosen]))
            assert values[f"auroc_{domain}/{name}"] == pytest.approx(parts[-1])
        parts.append(roc_auc_score(labels[mask], scores[mask], max_fpr=0.1))
    assert values["harmonic_mean"] == pytest.approx(hmean(parts))
    assert "pauc_source" not in values


def test_domains_in_2021_are_kept_apart():
    labels, scores, ids, domains = clips()
    values = evaluate_records(labels, scores, ids, domains, rule="dcase2021")
    parts = []
    for name in np.unique(ids):
        for domain in ("source", "target"):
            chosen = (ids == name) & (domains == domain)
            for kind, limit in (("auroc", None), ("pauc", 0.1)):
                parts.append(roc_auc_score(labels[chosen], scores[chosen], max_fpr=limit))
                assert values[f"{kind}_{domain}/{name}"] == pytest.approx(parts[-1])
    assert values["harmonic_mean"] == pytest.approx(hmean(parts))


def test_four_clips_by_hand():
    # Source normal .1, target normal .6, anomalous .5 (source) and .9 (target).
    values = evaluate_records(
        [0, 0, 1, 1], [0.1, 0.6, 0.5, 0.9], ["a"] * 4, ["source", "target", "source", "target"]
    )
    assert values["auroc"] == 3 / 4
    assert values["auroc_source"] == 1
    assert values["auroc_target"] == 1 / 2


def test_an_area_of_0_makes_the_harmonic_mean_0():
    domains = ["source", "target", "target"]
    with np.errstate(all="raise"):
        values = evaluate_records([0, 0, 1], [1.0, 1.0, 0.0], ["a"] * 3, domains)
    assert values["auroc_source"] == values["harmonic_mean"] == 0


def test_errors_name_the_machine():
    with pytest.raises(UndefinedMetricError, match="machine id b has 1 normal and 0 anomalous"):
        evaluate_records([0, 1, 0], [0.1, 0.2, 0.3], ["a", "a", "b"])
    with pytest.raises(UndefinedMetricError, match="a in the target domain has 0 normal"):
        evaluate_records([0, 1, 1], [0.1, 0.2, 0.3], ["a"] * 3, ["source", "source", "target"])
    with pytest.raises(InputError, match="machine_ids"):
        evaluate_records([0, 1], [0.1, 0.2], ["a"])
    with pytest.raises(InputError, match="'desert'"):
        evaluate_records([0, 1], [0.1, 0.2], ["a", "a"], ["source", "desert"])
