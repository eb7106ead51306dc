"""Record-level areas by machine id and domain, by hand and against scikit-learn."""

import numpy as np
import pytest
from scipy.stats import hmean
from sklearn.metrics import roc_auc_score

from anomalib_ts.errors import InputError, UndefinedMetricError
from anomalib_ts.metrics import evaluate_records
from anomalib_ts.metrics.records import evaluate_kinds, record_areas


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


def test_what_is_undefined_does_not_hide_the_rest():
    labels, scores, ids, domains = clips()
    full = evaluate_records(labels, scores, ids, domains)
    kept = (ids != "id_02") | (domains == "source") | (labels == 1)
    found = record_areas(labels[kept], scores[kept], ids[kept], domains[kept])
    assert set(found.undefined) == {"auroc_target/id_02", "harmonic_mean"}
    for key in ("auroc/id_00", "auroc_target/id_00", "auroc_source/id_02"):
        assert found.values[key] == full[key]
    rest = [found.values[f"auroc_target/{machine}"] for machine in ("id_00", "id_04")]
    assert found.values["auroc_target"] == pytest.approx(np.mean(rest))


def faults():
    labels, scores, ids, _ = clips()
    kinds = np.random.default_rng(6).choice(
        ["bearing", "rubbing", ""], len(labels), p=[0.2, 0.7, 0.1]
    )
    return labels, scores, ids, np.where(labels == 1, kinds, "")


def test_each_kind_against_all_normal_records():
    labels, scores, _, kinds = faults()
    values = evaluate_kinds(labels, scores, kinds)
    assert list(values) == ["auroc@bearing", "auroc@rubbing"]
    for kind in ("bearing", "rubbing"):
        chosen = (labels == 0) | (kinds == kind)
        expected = roc_auc_score(labels[chosen], scores[chosen])
        assert values[f"auroc@{kind}"] == pytest.approx(expected)


def test_each_kind_is_a_mean_over_machines_that_have_it():
    labels, scores, ids, kinds = faults()
    kinds[(ids == "id_02") & (kinds == "bearing")] = "rubbing"
    values = evaluate_kinds(labels, scores, kinds, ids)
    for kind, machines in (("bearing", ["id_00", "id_04"]), ("rubbing", np.unique(ids))):
        areas = []
        for machine in machines:
            chosen = (ids == machine) & ((labels == 0) | (kinds == kind))
            areas.append(roc_auc_score(labels[chosen], scores[chosen]))
        assert values[f"auroc@{kind}"] == pytest.approx(np.mean(areas))


def test_the_kinds_of_a_machine_weighted_by_number_give_its_auroc():
    labels, scores, _, kinds = faults()
    kinds[(labels == 1) & (kinds == "")] = "overload"
    values = evaluate_kinds(labels, scores, kinds)
    weighted = [
        values[f"auroc@{kind}"] * np.mean(kinds[labels == 1] == kind) for kind in set(kinds) - {""}
    ]
    assert sum(weighted) == pytest.approx(roc_auc_score(labels, scores))


def test_kinds_that_cannot_be_judged_are_left_out():
    ids = ["01", "01", "01", "04"]
    labels, scores, kinds = [0, 0, 1, 1], [0.1, 0.5, 0.3, 0.9], ["", "", "propeller", "bearing"]
    assert evaluate_kinds(labels, scores, kinds, ids) == {"auroc@propeller": 0.5}
    assert evaluate_kinds(labels, scores, kinds) == {"auroc@propeller": 0.5, "auroc@bearing": 1.0}
    assert evaluate_kinds(labels, scores, ["", "", "", ""]) == {}
    assert evaluate_kinds([1, 1], [0.1, 0.2], ["bearing", "bearing"]) == {}
    with pytest.raises(InputError, match="kinds must name one value for each of 4 records"):
        evaluate_kinds(labels, scores, ["bearing"])
