"""Scores of normal and anomalous clips."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from anomalib_ts.core.recording import Recording
from anomalib_ts.errors import DataNotFoundError
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.results.store import Store
from anomalib_ts.views.figures import write_figure
from anomalib_ts.views.figures.distributions import read
from anomalib_ts.views.figures.places import placed
from tests.makers.figure_stores import clips, made

LABELS = [0, 0, 0, 0, 1, 1, 1, 1]
SCORES = [1.0, 2.0, 3.0, 6.0, 4.0, 5.5, 7.0, 8.0]


def write(folder, records):
    settings = {"_target_": "anomalib_ts.views.figures.distributions.Distributions"}
    return write_figure(settings, Store(folder), records)


def test_clip_scores_are_those_that_were_judged(tmp_path):
    store = Store(tmp_path)
    for reduce, factor in (("mean", 1), ("max", 5)):
        record = clips(store, made(0.5, reduce), LABELS, SCORES, reduce=reduce)
        (result,) = placed([record])
        assert read(store, result).scores == pytest.approx(factor * np.array(SCORES))


def test_shares_above_the_threshold(tmp_path):
    record = clips(Store(tmp_path), made(0.5), LABELS, SCORES, threshold=5.0)
    (cells,) = write(tmp_path, [record]).grid.cells
    assert cells[0] == "weak"
    assert cells[3:] == ["5", "25.0 %", "75.0 %", "0.875"]


def test_a_threshold_that_decides_on_something_else_is_not_drawn(tmp_path):
    record = replace(clips(Store(tmp_path), made(0.5), LABELS, SCORES), decides="points")
    (cells,) = write(tmp_path, [record]).grid.cells
    assert cells[3:6] == ["-", "-", "-"]


def test_every_clip_is_in_the_file(tmp_path):
    before = clips(Store(tmp_path), made(0.5, "dense"), LABELS, SCORES)
    after = clips(Store(tmp_path), made(0.6, "weak"), LABELS, SCORES[::-1])
    write(tmp_path, [before, after])
    rows = list(csv.DictReader((tmp_path / "distributions.csv").open()))
    assert [row["detector"] for row in rows] == ["dense"] * 8 + ["weak"] * 8
    assert [int(row["label"]) for row in rows[:8]] == LABELS
    assert [float(row["score"]) for row in rows] == pytest.approx(SCORES + SCORES[::-1])
    assert rows[3]["name"] == "clip 3"


def test_the_first_seed_is_shown_and_failed_units_are_named(tmp_path):
    store = Store(tmp_path)
    records = [clips(store, made(0.5, "dense", seed=s), LABELS, SCORES) for s in (2, 1)]
    written = write(tmp_path, [*records, made(None, "weak", seed=1)])
    assert len(written.grid.cells) == 1
    assert "seed 1" in written.remarks[0]
    assert "1 of 2 units failed and are left out: weak on fan, seed 1." in written.remarks


def test_point_labels_are_shown_point_by_point(tmp_path):
    store = Store(tmp_path)
    series = Recording(np.zeros(8), labels=np.array(LABELS), name="series")
    record = replace(made(0.5), scores=True, threshold=5.0)
    store.save_case(record.unit, GroundTruth.of([series]).arrays())
    store.save(record, np.array(SCORES))
    written = write(tmp_path, [record])
    assert written.remarks[0] == "Scores of the test points, seed 0."
    assert written.grid.cells[0][3:] == ["5", "25.0 %", "75.0 %", "0.875"]


def test_nothing_to_tell_apart_is_said(tmp_path):
    record = clips(Store(tmp_path), made(0.5), [1] * 8, SCORES)
    with pytest.raises(DataNotFoundError, match="none of 2 units has labels"):
        write(tmp_path, [record, made(None, "other")])
