"""Attacks as an axis of units: planned with their control, made where the detector is, stored."""

from dataclasses import replace

import numpy as np
import pytest

from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case
from anomalib_ts.errors import ConfigError
from anomalib_ts.protocols import Folds, Whole
from anomalib_ts.results.entries import entries, unattacked
from anomalib_ts.results.leaderboard import leaderboard
from anomalib_ts.results.leaderboard_table import as_csv, grid
from anomalib_ts.results.store import Store
from anomalib_ts.robustness import Noise
from anomalib_ts.run.fits import Fit
from anomalib_ts.run.job import job_of, run_job, units
from anomalib_ts.views.figures.curve import Curve
from anomalib_ts.views.figures.places import placed
from tests.makers.jobs import job_on_series

PCA = {"_target_": "anomalib_ts.detectors.Pca", "window": 16}
NET = {
    "_target_": "anomalib_ts.detectors.DenseAutoencoder",
    "window": 16,
    "width": 8,
    "trainer": {"_target_": "anomalib_ts.TrainerSettings", "max_steps": 20, "progress": False},
}
RANDOM = {"_target_": "anomalib_ts.detectors.RandomScore", "seed": 0}


def job(folder, attack=None, detector=PCA, baselines=None, isolate=False):
    made = job_on_series(
        folder,
        detector,
        baselines or {},
        name="chosen",
        protocol="Given",
        series={"n_points": 3000, "n_anomalies": 3},
        isolate=isolate,
        limits={},
    )
    return replace(made, attack=attack) if attack else made


def attack(kind, epsilon=0.2, **settings):
    plain = {"epsilon": epsilon, "goal": "both", "clip": None, "seed": 0}
    return {"_target_": f"anomalib_ts.robustness.{kind}", **plain, **settings}


SQUARE = attack("Square", queries=8, sizes=[])


def test_noise_of_the_same_size_is_tried_beside_every_attack(tmp_path):
    kinds = [
        one.attack["_target_"] for one in units(job(tmp_path, SQUARE, baselines={"r": RANDOM}))
    ]
    assert kinds == ["anomalib_ts.robustness.Square", "anomalib_ts.robustness.Noise"] * 2
    assert len(units(job(tmp_path, attack("Noise")))) == 1


def test_an_attack_of_no_size_is_the_unit_without_one(tmp_path):
    plain = run_job(job(tmp_path))
    again = run_job(job(tmp_path, attack("Pgd", epsilon=0.0)))
    assert again == plain
    assert len(list(Store(tmp_path).records())) == 1


@pytest.mark.parametrize("isolate", [False, True], ids=["here", "in a process of its own"])
def test_attacked_units_are_run_stored_and_found_again(tmp_path, isolate):
    (clean,) = run_job(job(tmp_path, isolate=isolate))
    tried = job(tmp_path, SQUARE, isolate=isolate)
    square, noise = run_job(tried)
    assert [clean.status, square.status, noise.status] == ["ok"] * 3, square.error
    assert square.metrics["auroc"] < noise.metrics["auroc"]
    assert square.metrics["auroc"] < clean.metrics["auroc"]
    assert square.threshold == noise.threshold == clean.threshold
    assert (square.attacked_by, noise.attacked_by, clean.attacked_by) == ("square", "noise", "")
    assert square.attack_seconds > 0 and clean.attack_seconds is None
    written = {record.unit.key: record.finished for record in Store(tmp_path).records()}
    run_job(tried)
    assert {r.unit.key: r.finished for r in Store(tmp_path).records()} == written


def test_a_gradient_is_used_where_there_is_one_and_else_it_is_said(tmp_path, caplog):
    pgd = attack("Pgd", steps=4, sizes=[])
    records = run_job(job(tmp_path, pgd, NET, {"pca": PCA, "random": RANDOM}))
    by = {(r.unit.detector, r.attacked_by): r for r in records}
    assert {("chosen", "pgd"), ("pca", "square"), ("random", "square")} < set(by)
    assert "pca has no gradient: attack=pgd was made as square" in caplog.text
    unmoved = by["random", "square"].metrics["auroc"]
    (clean,) = run_job(job(tmp_path, detector=RANDOM))
    assert unmoved == clean.metrics["auroc"]
    shown = {row.attack for row in leaderboard(records) if row.detector.startswith("pca")}
    assert {"pgd both 0.2, by square", "noise both 0.2"} == shown


def test_data_without_labels_cannot_be_attacked(tmp_path):
    (tmp_path / "a.csv").write_text("x\n" + "\n".join(map(str, np.sin(np.arange(300)))))
    data = {
        "_target_": "anomalib_ts.data.series.csv_file.CsvFile",
        "path": str(tmp_path / "a.csv"),
        "train_length": 100,
    }
    (record,) = run_job(replace(job(tmp_path / "r", attack("Noise")), data=data))
    assert record.status == "error"
    assert "has no labels" in record.error["message"]


def test_wrong_settings_are_refused_before_anything_runs(tmp_path):
    made = job(tmp_path)
    config = {
        name: getattr(made, name)
        for name in ("data", "protocol", "threshold", "metrics", "limits", "seed", "results")
    }
    config |= {"detector": PCA, "baselines": {}, "retry": "none", "threads": 1}
    config |= {"save_scores": True, "isolate": False, "split": "all", "oracle": False}
    names = {"detector": "pca", "protocol": "given"}
    assert job_of(config | {"attack": {}}, names).attack == {}
    with pytest.raises(ConfigError, match=r"attack\.goal"):
        job_of(config | {"attack": attack("Noise", goal="win")}, names)
    with pytest.raises(ConfigError, match="steps"):
        job_of(config | {"attack": attack("Noise", steps=3)}, names)


def test_what_sets_the_threshold_is_not_attacked_even_where_it_is_what_is_tested():
    series = Recording(np.arange(40.0), labels=np.arange(40) > 30)
    (fold,) = Whole().folds(Whole().deal(Case("x", (series,))), "none")
    fit = Fit.of(fold, 0.0, weak=False, attack=Noise())
    assert [wanted is None for wanted in fit.wanted] == [False, True]
    assert fit.unseen_points() == 0
    assert len(Fit.of(fold, 0.0, weak=False).scored) == 1


def test_a_part_is_attacked_at_the_points_that_count():
    series = Recording(np.arange(60.0), labels=np.arange(60) > 50)
    protocol = Folds(k=3, gap=4)
    total = np.zeros(60, int)
    for fold in protocol.folds(protocol.deal(Case("x", (series,))), "none"):
        fit = Fit.of(fold, 0.0, weak=False, attack=Noise())
        for part, wanted in zip(fit.parts, fit.wanted, strict=False):
            counted = wanted[part.lead : part.lead + part.end - part.begin]
            assert np.count_nonzero(wanted) == len(counted)
            total[part.begin : part.end] += counted
    assert total.tolist() == [1] * 51 + [-1] * 9


def test_attacked_rows_stand_apart(tmp_path):
    records = [*run_job(job(tmp_path)), *run_job(job(tmp_path, SQUARE))]
    rows = leaderboard(records)
    assert [row.attack for row in rows] == ["", "noise both 0.2", "square both 0.2"]
    table = grid(rows)
    assert table.header[3] == "attack" and table.text_columns == 4
    assert "attack" in as_csv(rows)
    assert "attack" not in grid(leaderboard(records[:1])).header
    kept = entries(records).kept
    assert [entry.method.attack for entry in unattacked(kept)] == [""]
    labels = {entry.method.label for entry in kept}
    assert len(labels) == 3 and "chosen (window=16) · given · square both 0.2" in labels


def test_a_curve_over_the_size_begins_at_the_clean_result(tmp_path):
    records = [*run_job(job(tmp_path))]
    for size in (0.1, 0.3):
        records += run_job(job(tmp_path, {**SQUARE, "epsilon": size}))
    found = placed(records, "attack.epsilon")
    lines = {
        name: sorted(r.x for r in found if r.method == name) for name in {r.method for r in found}
    }
    assert lines == {
        "chosen (attack=square both)": [0.0, 0.1, 0.3],
        "chosen (attack=noise both)": [0.0, 0.1, 0.3],
    }
    drawn = Curve(x="attack.epsilon", metrics=["auroc", "recall"]).draw(Store(tmp_path), records)
    assert len(drawn.grid.cells) == 6
