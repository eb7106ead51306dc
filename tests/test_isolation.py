"""A unit that dies, hangs or hoards ends as a recorded status, and the next one is run."""

import time

import pytest

from anomalib_ts.cli import main
from anomalib_ts.errors import ConfigError
from anomalib_ts.isolation import Limits
from anomalib_ts.results.store import Store
from anomalib_ts.run import job_of, run_job

NAUGHTY = "tests.helpers.naughty_detectors"
PROTOCOL = {"_target_": "anomalib_ts.protocol.Whole"}


def job(folder, detector, isolate=True, **limits):
    config = {
        "detector": {"_target_": detector},
        "baselines": {"random": {"_target_": "anomalib_ts.detectors.RandomScore", "seed": 0}},
        "data": {
            "_target_": "anomalib_ts.data.mackey_glass.MackeyGlass",
            "n_points": 1000,
            "n_anomalies": 1,
            "train_length": 0,
        },
        "protocol": PROTOCOL,
        "threshold": {"_target_": "anomalib_ts.thresholds.QuantileThreshold"},
        "metrics": {"_target_": "anomalib_ts.evaluation.Evaluation"},
        "limits": {"_target_": "anomalib_ts.isolation.Limits", **limits},
        "results": str(folder),
        "seed": 0,
        "retry": "none",
        "threads": 1,
        "save_scores": True,
        "isolate": isolate,
        "split": "all",
    }
    return job_of(config, {"detector": "naughty", "protocol": "whole"})


@pytest.mark.parametrize(
    ("detector", "status", "message"),
    [
        ("Raises", "error", "planted failure"),
        ("Exits", "error", "exit status 7"),
        ("Segfaults", "error", "SIGSEGV"),
        ("RunsOutOfMemory", "oom", "Unable to allocate"),
        ("ShortScores", "error", "returned scores of shape"),
    ],
)
def test_a_failing_unit_is_recorded_and_the_next_one_runs(tmp_path, detector, status, message):
    naughty, fine = run_job(job(tmp_path, f"{NAUGHTY}.{detector}"))
    assert (naughty.status, fine.status) == (status, "ok")
    assert message in naughty.error["message"]
    assert "auroc" not in naughty.metrics
    assert [r.status for r in Store(tmp_path).records()] == [status, "ok"]


def test_a_unit_that_takes_too_long_is_stopped(tmp_path):
    start = time.monotonic()
    hung, _ = run_job(job(tmp_path, f"{NAUGHTY}.Sleeps", seconds=8))
    assert hung.status == "timeout"
    assert "8 s" in hung.error["message"]
    assert time.monotonic() - start < 60


def test_a_unit_that_hoards_memory_is_stopped(tmp_path):
    hoarder, fine = run_job(job(tmp_path, f"{NAUGHTY}.Allocates", memory_mb=900))
    assert (hoarder.status, fine.status) == ("oom", "ok")
    assert "above the limit of 900 MB" in hoarder.error["message"]


def test_scores_are_the_same_in_a_process_of_their_own(tmp_path):
    fine = "anomalib_ts.detectors.MovingMean"
    here = run_job(job(tmp_path / "here", fine, isolate=False))
    there = run_job(job(tmp_path / "there", fine, isolate=True))
    assert [r.metrics for r in here] == [r.metrics for r in there]


@pytest.mark.parametrize("limit", [{"seconds": 0}, {"memory_mb": -1}])
def test_limits_must_be_positive(limit):
    with pytest.raises(ConfigError, match="must be above 0"):
        Limits(**limit)


def test_one_command_reproduces_a_failure(tmp_path, capsys):
    (naughty, _) = run_job(job(tmp_path, f"{NAUGHTY}.Raises", isolate=False))
    path = Store(tmp_path).path(naughty.unit)
    assert main(["reproduce", str(path)]) == 1
    assert "RuntimeError: planted failure" in capsys.readouterr().err
