"""A unit that dies, hangs or hoards ends as a recorded status, and the next one is run."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anomalib_ts.cli.main import main
from anomalib_ts.data import CsvFile
from anomalib_ts.errors import ConfigError
from anomalib_ts.evaluation.judge import Evaluation
from anomalib_ts.results.store import Store
from anomalib_ts.run import isolation
from anomalib_ts.run.job import run_job
from anomalib_ts.run.limits import Limits
from anomalib_ts.run.processes import descendants
from anomalib_ts.run.unit import execute
from anomalib_ts.run.watcher import Watcher
from tests.makers.jobs import job_on_series
from tests.makers.naughty_detectors import EXPECTED
from tests.run.test_blame import unit as unit_of_channels

NAUGHTY = "tests.makers.naughty_detectors"


def job(folder, detector, isolate=True, **limits):
    return job_on_series(
        folder,
        {"_target_": detector},
        {"random": {"_target_": "anomalib_ts.detectors.RandomScore", "seed": 0}},
        name="naughty",
        protocol="Whole",
        series={"n_points": 1000, "n_anomalies": 1, "train_length": 0},
        isolate=isolate,
        limits=limits,
    )


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
    hung, _ = run_job(job(tmp_path, f"{NAUGHTY}.Sleeps", seconds=4))
    assert hung.status == "timeout"
    assert "4 s" in hung.error["message"]
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


def test_the_blamed_channels_are_the_same_in_a_process_of_their_own():
    here = execute(unit_of_channels(), Evaluation(), 1).blamed
    there = isolation.execute_isolated(unit_of_channels(), Evaluation(), 1, Limits()).blamed
    assert len(here) > 2
    np.testing.assert_array_equal(there.stretches, here.stretches)
    np.testing.assert_array_equal(there.parts, here.parts)


@pytest.mark.parametrize("limit", [{"seconds": 0}, {"memory_mb": -1}])
def test_limits_must_be_positive(limit):
    with pytest.raises(ConfigError, match="must be above 0"):
        Limits(**limit)


def test_one_command_reproduces_a_failure(tmp_path, capsys):
    (naughty, _) = run_job(job(tmp_path, f"{NAUGHTY}.Raises", isolate=False))
    path = Store(tmp_path).path(naughty.unit)
    assert main(["reproduce", str(path)]) == 1
    assert "RuntimeError: planted failure" in capsys.readouterr().err


MOVING_MEAN = "anomalib_ts.detectors.MovingMean"
SLOW = [kind for kind, expected in EXPECTED.items() if expected.status == "timeout"]


KINDS = [
    pytest.param(kind, marks=pytest.mark.slow if kind in SLOW else (), id=kind.__name__)
    for kind in EXPECTED
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_hostile_unit_ends_as_it_should_and_leaves_nothing(tmp_path, kind):
    limits = {"seconds": 3} if kind in SLOW else {"seconds": 60, "memory_mb": 1200}
    hostile, random = run_job(job(tmp_path, f"{NAUGHTY}.{kind.__name__}", **limits))
    assert (hostile.status, random.status) == (EXPECTED[kind].status, "ok"), hostile.error
    assert descendants(isolation._worker._process.pid) == []


@pytest.mark.parametrize(
    "kind", [pytest.param(k, id=k.__name__) for k, expected in EXPECTED.items() if expected.here]
)
def test_in_this_process_a_hostile_unit_ends_no_other(tmp_path, kind):
    if kind.__name__ in ("ForksAndReturns", "LeavesThread", "LeavesChild", "LeavesMemory"):
        pytest.skip("it would leave something in the process of the tests")
    hostile, random = run_job(job(tmp_path, f"{NAUGHTY}.{kind.__name__}", isolate=False))
    assert (hostile.status, random.status) == (EXPECTED[kind].status, "ok"), hostile.error


def test_no_thread_of_a_server_takes_a_signal(tmp_path):
    """Libraries start threads of their own as they are imported."""
    run_job(job(tmp_path, MOVING_MEAN, seconds=60))
    threads = list(Path(f"/proc/{isolation._worker._process.pid}/task").iterdir())
    masks = [
        int(line.split()[1], 16)
        for thread in threads
        for line in (thread / "status").read_text().splitlines()
        if line.startswith("SigBlk")
    ]
    assert len(masks) == len(threads)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1):
        assert all(mask >> (number - 1) & 1 for mask in masks), number


def test_memory_that_an_earlier_unit_left_is_not_counted_again(tmp_path):
    alone = run_job(job(tmp_path / "alone", MOVING_MEAN))[0].peak_memory_mb
    hoarder, _ = run_job(job(tmp_path / "hoards", f"{NAUGHTY}.LeavesMemory"))
    after = run_job(job(tmp_path / "after", MOVING_MEAN))[0].peak_memory_mb
    assert hoarder.peak_memory_mb > alone + 200
    assert abs(after - alone) < 50


def test_threads_get_their_own_results(tmp_path):
    targets = {name: f"anomalib_ts.detectors.{name}" for name in ("MovingMean", "IForest")}
    apart = {k: run_job(job(tmp_path / k, v))[0].metrics for k, v in targets.items()}
    together = {}

    def run(name, time):
        folder = tmp_path / f"{name}{time}"
        together[folder] = (name, run_job(job(folder, targets[name]))[0].metrics)

    threads = [threading.Thread(target=run, args=(k, i)) for k in targets for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(together) == 6
    for name, metrics in together.values():
        assert metrics == apart[name]


def test_a_worker_outlives_the_thread_that_started_it(tmp_path):
    if isolation._worker is not None:
        isolation._worker.stop()
    thread = threading.Thread(target=run_job, args=(job(tmp_path / "a", MOVING_MEAN),))
    thread.start()
    thread.join()
    worker = isolation._worker
    assert [r.status for r in run_job(job(tmp_path / "b", MOVING_MEAN))] == ["ok", "ok"]
    assert isolation._worker is worker


def test_ctrl_c_ends_the_unit_at_work(tmp_path, monkeypatch):
    def press(pids):
        raise KeyboardInterrupt

    monkeypatch.setattr(isolation, "resident_mb", press)
    with pytest.raises(KeyboardInterrupt):
        run_job(job(tmp_path, f"{NAUGHTY}.Sleeps"))
    assert not isolation._worker.alive()
    monkeypatch.undo()
    assert run_job(job(tmp_path, MOVING_MEAN))[0].status == "ok"


PROGRAM = """
import sys
from pathlib import Path
from tests.run.test_isolation import job, run_job
if __name__ == "__main__":
    records = run_job(job(Path(sys.argv[1]), sys.argv[2]))
    assert all(record.status == "ok" for record in records), records
"""
ROOT = Path(__file__).parents[2]


def start(folder, detector, path=()):
    return subprocess.Popen(
        [sys.executable, "-P", "-c", PROGRAM, str(folder / "results"), detector],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [ROOT, *path]))},
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_when_the_job_is_killed_its_unit_and_all_it_started_end(tmp_path, how):
    process = start(tmp_path, f"{NAUGHTY}.WaitsForChild")
    deadline = time.monotonic() + 120
    while len(family := descendants(process.pid)) < 3:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.1)
    process.send_signal(how)
    process.wait(60)
    while any(Path(f"/proc/{pid}").exists() for pid in family):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_working_folder_is_not_searched_but_python_path_is(tmp_path):
    (tmp_path / "random.py").write_text("raise SystemExit('the file of the user was imported')")
    plugin = tmp_path / "plugin"
    plugin.mkdir()
    (plugin / "my_plugin.py").write_text(
        "from anomalib_ts.detectors import MovingMean\nclass Mine(MovingMean): pass\n"
    )
    assert start(tmp_path, "my_plugin.Mine", [plugin]).wait(120) == 0


def test_a_forked_process_has_a_worker_of_its_own(tmp_path):
    run_job(job(tmp_path / "before", MOVING_MEAN))
    worker = isolation._worker
    child = os.fork()
    if child == 0:
        try:
            own = run_job(job(tmp_path / "child", MOVING_MEAN))
            isolation._worker.stop()
            os._exit(0 if own[0].status == "ok" and isolation._worker is not worker else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert run_job(job(tmp_path / "after", MOVING_MEAN))[0].status == "ok"
    assert isolation._worker is worker


def write_csv(path, points, seed=0):
    values = np.random.default_rng(seed).standard_normal(points)
    path.write_text("value\n" + "\n".join(map(str, values)))


def csv_job(folder, data, isolate):
    settings = {"_target_": "anomalib_ts.data.CsvFile", "path": str(data)}
    return replace(job(folder, MOVING_MEAN, isolate=isolate), data=settings)


@pytest.mark.parametrize("isolate", [False, True])
def test_a_file_that_changed_between_two_jobs_is_read_again(tmp_path, isolate):
    data = tmp_path / "a.csv"
    found = []
    for points in (400, 600, 400):
        write_csv(data, points)
        found.append([r.points for r in run_job(csv_job(tmp_path / "r", data, isolate))])
    assert found == [[400, 400], [600, 600], [400, 400]]


@pytest.mark.parametrize("isolate", [False, True])
def test_a_file_that_changes_during_a_job_is_stored_as_what_was_read(tmp_path, isolate):
    data = tmp_path / "data"
    data.mkdir()
    write_csv(data / "a.csv", 400)
    write_csv(data / "b.csv", 400)

    class Changes(Watcher):
        def finished(self, record, stored, done, total):
            write_csv(data / "b.csv", 700, seed=5)

    records = run_job(csv_job(tmp_path / "r", data, isolate), Changes())
    assert [record.points for record in records] == [400, 400, 700, 700]
    now = CsvFile(str(data)).fingerprint("b")
    assert {record.unit.fingerprint for record in records[2:]} == {now}
    again = run_job(csv_job(tmp_path / "r", data, isolate))
    assert again == records
