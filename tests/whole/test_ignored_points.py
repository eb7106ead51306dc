"""Points that are scored but do not count, from the file to the table."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalib_ts import Recording, evaluate
from anomalib_ts.cli.main import main
from anomalib_ts.data import CsvFile, TsbUad
from anomalib_ts.data.base import Case
from anomalib_ts.data.digests import case_digest
from anomalib_ts.errors import InputError
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.evaluation.judge import Evaluation
from anomalib_ts.protocols.base import Fold
from anomalib_ts.results.store import Store
from anomalib_ts.run.fits import Fit
from anomalib_ts.run.task import Answer

POINTS = 60


@given(
    ignored=st.lists(st.booleans(), min_size=POINTS, max_size=POINTS),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_metric_is_that_of_the_other_points_alone(ignored, seed):
    rng = np.random.default_rng(seed)
    labels, scores = rng.integers(0, 2, POINTS), rng.standard_normal(POINTS)
    counted = ~np.array(ignored)
    truth = GroundTruth.of([Recording(scores, labels=labels, ignored=ignored)])
    judged = Evaluation("full", window=4).judge(truth, scores, threshold=0.5)
    if not counted.any():
        assert not judged.values
        assert judged.undefined["auroc"] == "every point is marked as ignored"
        return
    settings = {"metrics": "full", "window": 4, "threshold": 0.5, "undefined": "omit"}
    assert judged.values == evaluate(labels[counted], scores[counted], **settings)


def test_they_survive_storing_and_cutting_and_are_hidden_from_detectors():
    recording = Recording(np.arange(5.0), labels=[0, 0, 1, 1, 0], ignored=[0, 1, 0, 1, 0])
    truth = GroundTruth.of([recording, Recording(np.arange(2.0), labels=[0, 1])])
    assert truth.counted.tolist() == [True, False, True, False, True, True, True]
    again = GroundTruth.from_arrays(truth.arrays())
    assert np.array_equal(again.counted, truth.counted)
    assert recording[1:4].ignored_points.tolist() == [True, False, True]
    assert recording.without_labels().ignored is None


def test_a_case_without_them_has_the_digest_that_it_had_before():
    plain = Recording(np.arange(3.0), labels=[0, 1, 0])
    marked = Recording(np.arange(3.0), labels=[0, 1, 0], ignored=[0, 0, 1])
    assert case_digest(Case("a", (plain,))) != case_digest(Case("a", (marked,)))
    assert "ignored" not in GroundTruth.of([plain]).arrays()


@pytest.mark.parametrize("ignored", [[0, 1], [[0], [1], [0]], [0, 2, 0], [0, np.nan, 0], "abc"])
def test_marks_that_do_not_fit_are_refused(ignored):
    with pytest.raises(InputError, match=r"`ignored` must be \(3,\) of 0 and 1"):
        Recording(np.arange(3.0), ignored=ignored)


def test_they_set_no_threshold():
    train = Recording(np.arange(4.0), ignored=[0, 0, 1, 0])
    fit = Fit.of(Fold((train,), ()), 0.0, weak=False)
    answer = Answer(scores=[np.array([1.0, 2.0, 99.0, 3.0])])
    assert [part.tolist() for part in fit.normal_scores(answer)] == [[1.0, 2.0, 3.0]]


def test_tsb_uad_takes_a_value_for_missing_readings(tmp_path):
    (tmp_path / "Dodgers").mkdir()
    (tmp_path / "Dodgers" / "a.out").write_text("1.5,0\n-1,1\n9.0,1\n")
    plain = TsbUad(root=str(tmp_path))
    marking = TsbUad(root=str(tmp_path), ignored_value=-1)
    assert plain.load("a").test[0].ignored is None
    assert marking.load("a").test[0].ignored_points.tolist() == [False, True, False]
    assert plain.fingerprint("a") != marking.fingerprint("a")


def test_a_column_says_which_points_do_not_count(tmp_path):
    path = tmp_path / "pump.csv"
    path.write_text("flow,down,label\n1.5,0,0\n1.7,1,0\n9.0,0,1\n")
    (pump,) = CsvFile(str(path), ignored_column="down").load("pump").test
    assert pump.channel_names == ("flow",)
    assert pump.ignored_points.tolist() == [False, True, False]
    with pytest.raises(InputError, match="ignored_column"):
        CsvFile(str(path), ignored_column="flow", value_columns=["flow"]).load("pump")
    with pytest.raises(InputError, match=r"mark of an ignored point is 1\.5; it must be 0 or 1"):
        CsvFile(str(path), ignored_column="flow").load("pump")


def test_an_array_of_an_npz_file_does_too(tmp_path):
    path = tmp_path / "pump.npz"
    np.savez(path, values=np.arange(3.0), labels=[0, 0, 1], ignored=[1, 0, 0])
    (pump,) = CsvFile(str(path)).load("pump").test
    assert pump.ignored_points.tolist() == [True, False, False]


def test_a_run_judges_the_other_points(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    values, label, down = rng.standard_normal(300), np.zeros(300, int), np.zeros(300, int)
    values[200:210], label[200:210] = 8, 1  # found with ease
    values[250:290], label[250:290], down[250:290] = 0, 1, 1  # not to be found
    rows = zip(values.tolist(), label.tolist(), down.tolist(), strict=True)
    with Path("pump.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("flow", "label", "down"), *rows])
    run = ["run", "detector=moving_mean", "protocol=prefix", "data=csv", "data.path=pump.csv"]
    for name, column in (
        ("all", "data.exclude_columns=[down]"),
        ("counted", "data.ignored_column=down"),
    ):
        assert main([*run, "baselines=none", f"results={name}", column]) == 0
    found = {name: _auroc(tmp_path / name) for name in ("all", "counted")}
    assert found["counted"] > 0.95 > found["all"]


def _auroc(folder):
    (record,) = Store(folder).records()
    return record.metrics["auroc"]
