"""Stored results that are not what they were: told in one line, never trusted, mended by a run."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anomalib_ts.cli.main import main
from anomalib_ts.core.digests import digest
from anomalib_ts.core.recording import Recording
from anomalib_ts.errors import AnomalibTsError, DamagedResultError, DataNotFoundError
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.results import store as store_module
from anomalib_ts.results.leaderboard import leaderboard
from anomalib_ts.results.leaderboard_table import as_json
from anomalib_ts.results.record import LONGEST, Record
from anomalib_ts.results.rejudge import evaluate_store
from anomalib_ts.results.store import Store, existing_store
from anomalib_ts.run.job import job_of, run_job
from tests.makers.records import failed, ok, unit

OLD = Path(__file__).with_name("record_of_0_1_0.json").read_text(encoding="utf-8")
"""As version 0.1.0 wrote it, without digests and times."""


def job(folder, path, **metrics):
    """A moving mean on a CSV file."""
    config = {
        "detector": {"_target_": "anomalib_ts.detectors.MovingMean", "window": 8},
        "baselines": {},
        "data": {"_target_": "anomalib_ts.data.CsvFile", "path": str(path)},
        "protocol": {"_target_": "anomalib_ts.protocols.base.Whole"},
        "threshold": {"_target_": "anomalib_ts.evaluation.thresholds.QuantileThreshold"},
        "metrics": {"_target_": "anomalib_ts.evaluation.judge.Evaluation", **metrics},
        "limits": {"_target_": "anomalib_ts.run.isolation.Limits"},
        "seed": 0,
        "results": str(folder),
        "retry": "none",
        "threads": 1,
        "save_scores": True,
        "oracle": False,
        "isolate": False,
        "split": "all",
    }
    return job_of(config, {"detector": "moving_mean", "protocol": "whole"})


@pytest.fixture
def series(tmp_path):
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 0], (120, 20, 60))
    values = random.standard_normal(200) + 3 * labels
    path = tmp_path / "a.csv"
    rows = zip(values.tolist(), labels.tolist(), strict=True)
    path.write_text("value,label\n" + "".join(f"{v},{y}\n" for v, y in rows))
    return path


def resigned(change):
    """Alters a record's content and gives it a checksum that fits, as another program could."""

    def alter(path):
        content = json.loads(path.read_text())
        del content["checksum"]
        change(content)
        path.write_text(json.dumps(content | {"checksum": digest(content)}))

    return alter


def replaced_by(make):
    def alter(path):
        path.unlink()
        make(path)

    return alter


DAMAGE = {
    "cut": lambda p: p.write_text(p.read_text()[:200]),
    "empty": lambda p: p.write_text(""),
    "altered": lambda p: p.write_text(p.read_text().replace('"auroc": 0.5', '"auroc": 0.9')),
    "nested objects": lambda p: p.write_text('{"a":' * 100_000 + "1" + "}" * 100_000),
    "nested lists": lambda p: p.write_text("[" * 100_000),
    "huge": lambda p: p.write_text('{"x":"' + "y" * 20_000_000 + '"}'),
    "binary": lambda p: p.write_bytes(bytes(range(256)) * 20),
    "long number": lambda p: p.write_text('{"a":' + "9" * 10_000 + "}"),
    "no object": lambda p: p.write_text("[1]"),
    "another program's": lambda p: p.write_text("{}"),
    "NaN": resigned(lambda c: c["metrics"].update(auroc=float("nan"))),
    "infinite": resigned(lambda c: c["metrics"].update(auroc=float("inf"))),
    "seconds": resigned(lambda c: c.update(fit_seconds=float("nan"))),
    "number beyond float": resigned(lambda c: c["metrics"].update(auroc=10**400)),
    "text for a number": resigned(lambda c: c["metrics"].update(auroc="high")),
    "flag for a number": resigned(lambda c: c["metrics"].update(auroc=True)),
    "null metrics": resigned(lambda c: c.update(metrics=None)),
    "list for a unit": resigned(lambda c: c.update(unit=[1])),
    "no unit": resigned(lambda c: c.pop("unit")),
    "no status": resigned(lambda c: c.pop("status")),
    "lacks a field": resigned(lambda c: c["unit"].pop("seed")),
    "text for a seed": resigned(lambda c: c["unit"].update(seed="x")),
    "text for a version": resigned(lambda c: c["unit"].update(version="2")),
    "odd status": resigned(lambda c: c.update(status="great")),
    "null error": resigned(lambda c: c.update(status="error", error=None)),
    "number in an error": resigned(lambda c: c.update(status="error", error={"message": 1})),
    "odd rule": resigned(lambda c: c.update(judged={"reduce": "median"})),
    "odd window": resigned(lambda c: c.update(judged={"window": [3]})),
    "list for settings": resigned(lambda c: c["unit"].update(detector_settings=[1])),
    "deep settings": resigned(
        lambda c: c["unit"].update(detector_settings=json.loads('{"a":' * 300 + "1" + "}" * 300))
    ),
    "null digest": resigned(lambda c: c.update(scores_digest=None)),
    "link to itself": replaced_by(lambda p: p.symlink_to(p)),
    "folder": replaced_by(Path.mkdir),
    "pipe": replaced_by(os.mkfifo),
}
LATER = {
    "field": resigned(lambda c: c.update(new_field=1)),
    "field of the unit": resigned(lambda c: c["unit"].update(device="gpu")),
    "rule": resigned(lambda c: c.update(judged={"new_rule": 1})),
}


def three(folder):
    """A store with three cases, and the path of the second one's record."""
    store = Store(folder)
    records = [ok(0.5, case=case) for case in "xyz"]
    for record in records:
        store.save(record)
    return store, records, store.path(records[1].unit)


@pytest.mark.parametrize("name", [*DAMAGE, *LATER])
def test_every_record_that_cannot_be_used_is_told_in_one_line(tmp_path, name, caplog):
    store, _, path = three(tmp_path)
    {**DAMAGE, **LATER}[name](path)
    found = list(store.records())
    assert {record.unit.case for record in found} == {"x", "z"}
    (line,) = caplog.messages
    assert line.startswith("1 result is left out: 1 ")
    assert str(path) in line and "\n" not in line and len(line) < 400
    assert ("newer" in line) == (name in LATER)
    json.loads(as_json(leaderboard(found)), parse_constant=pytest.fail)


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_record_is_not_found_and_can_be_written_again(tmp_path, name):
    store, records, path = three(tmp_path)
    DAMAGE[name](path)
    assert store.find(records[1].unit) is None
    store.save(records[1])
    assert store.find(records[1].unit) == records[1]
    assert len(list(store.records())) == 3


@pytest.mark.parametrize("name", ["field", "rule"])
def test_a_record_of_a_later_version_is_never_overwritten(tmp_path, name):
    store, records, path = three(tmp_path)
    LATER[name](path)
    before = path.read_text()
    with pytest.raises(AnomalibTsError, match="later"):
        store.find(records[1].unit)
    assert path.read_text() == before


def test_a_folder_with_something_in_it_is_not_removed(tmp_path):
    store, records, path = three(tmp_path)
    path.unlink()
    path.mkdir()
    (path / "mine").write_text("x")
    with pytest.raises(AnomalibTsError, match="a folder is in the place of"):
        store.find(records[1].unit)
    assert (path / "mine").exists()


def test_a_store_of_damaged_results_only_says_so(tmp_path):
    store = Store(tmp_path)
    store.save(ok(0.5))
    store.path(unit()).write_text("torn")
    with pytest.raises(DataNotFoundError, match="1 damaged"):
        existing_store(tmp_path)


def test_what_is_left_out_is_counted_by_reason(tmp_path, capsys):
    store, _, path = three(tmp_path)
    for case in ("v", "w"):
        store.save(ok(0.5, case=case))
        store.path(unit(case=case)).write_text("torn\n")
    LATER["field"](path)
    assert main(["leaderboard", str(tmp_path), "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)[0]["cases"] == 2
    assert "3 results are left out: 2 damaged (first: " in err or not err  # pytest may hold the log


def altered_scores(store, of):
    np.savez(store.path(of, ".scores.npz"), scores=np.arange(200.0))


def short_scores(store, of):
    np.savez(store.path(of, ".scores.npz"), scores=np.arange(20.0))


def other_labels(store, of):
    case = store.case(of)
    case["labels"] = case["labels"][::-1]
    np.savez(store.case_path(of), **case)


def broken(suffix, change):
    def alter(store, of):
        change(store.case_path(of) if suffix == "case" else store.path(of, ".scores.npz"))

    return alter


def another_byte(content):
    content[len(content) // 2] ^= 0x55
    return content


FILES = {
    "lost": Path.unlink,
    "cut": lambda p: p.write_bytes(p.read_bytes()[:100]),
    "empty": lambda p: p.write_bytes(b""),
    "text": lambda p: p.write_text("no archive"),
    "pickle": lambda p: np.save(p.open("wb"), np.array([{}], dtype=object), allow_pickle=True),
    "plain array": lambda p: np.save(p.open("wb"), np.arange(200.0)),
    "other arrays": lambda p: np.savez(p, a=np.arange(3)),
    "matrix": lambda p: np.savez(p, scores=np.ones((2, 100)), lengths=np.ones((1, 1))),
    "a byte": lambda p: p.write_bytes(another_byte(bytearray(p.read_bytes()))),
    "folder": replaced_by(Path.mkdir),
    "pipe": replaced_by(os.mkfifo),
    "link to itself": replaced_by(lambda p: p.symlink_to(p)),
}
SCORES = {
    "altered scores": altered_scores,
    "short scores": short_scores,
    "other labels": other_labels,
    **{f"scores, {name}": broken("scores", change) for name, change in FILES.items()},
    **{f"case, {name}": broken("case", change) for name, change in FILES.items()},
}


@pytest.mark.parametrize("name", SCORES)
def test_damaged_scores_are_refused_and_the_same_run_mends_them(series, tmp_path, name, caplog):
    (first,) = run_job(job(tmp_path / "r", series))
    store = Store(tmp_path / "r")
    SCORES[name](store, first.unit)
    with pytest.raises(DamagedResultError):
        store.scored(first)
    with pytest.raises(DamagedResultError):
        store.check(first)
    (judged,) = evaluate_store(store, ["auroc", "recall"])
    assert judged.metrics == first.metrics
    assert sum("1 result is not judged again: 1 damaged" in line for line in caplog.messages) == 1
    (again,) = run_job(job(tmp_path / "r", series))
    assert again.metrics == first.metrics
    case, scores = store.scored(store.find(first.unit))
    assert len(scores) == int(case["lengths"].sum()) == 200
    (more,) = run_job(job(tmp_path / "r", series, metrics=["auroc", "precision_at_k"]))
    assert more.metrics["auroc"] == first.metrics["auroc"] and "precision_at_k" in more.metrics


def test_an_intact_result_is_not_run_again(series, tmp_path):
    (first,) = run_job(job(tmp_path / "r", series))
    (again,) = run_job(job(tmp_path / "r", series))
    assert (again.finished, again.fit_seconds) == (first.finished, first.fit_seconds)
    assert first.threads == 1


def test_commands_go_on_without_damaged_scores(series, tmp_path, capsys):
    (first,) = run_job(job(tmp_path / "r", series))
    altered_scores(Store(tmp_path / "r"), first.unit)
    page = tmp_path / "page.html"
    for command in (["evaluate"], ["report", "-o", str(page)], ["leaderboard"]):
        assert main([command[0], str(tmp_path / "r"), *command[1:]]) == 0
    assert "1 result is not drawn: 1 damaged" in page.read_text(encoding="utf-8")
    assert main(["clips", str(tmp_path / "r")]) == 2
    assert "is damaged (altered since the unit was run)" in capsys.readouterr().err


def test_records_of_before_there_were_digests_stay_readable(tmp_path):
    store = Store(tmp_path)
    old = Record.read(OLD.encode())
    assert (old.metrics, old.scores_digest, old.threads) == ({"auroc": 0.75}, "", None)
    store.path(old.unit).parent.mkdir(parents=True)
    store.path(old.unit).write_text(OLD)
    assert store.path(old.unit).name == "101-freeway_traffic-s0-8294bf8a113e.json"
    assert store.find(old.unit) == old
    (found,) = store.records()
    assert found.finished.startswith("20")  # when the file was written
    truth = GroundTruth.of([Recording(np.arange(4.0), labels=np.array([0, 0, 1, 0]))])
    arrays = truth.arrays()
    case = tmp_path / "Dodgers" / "cases" / "101-freeway_traffic-af0e024ceda5.npz"
    case.parent.mkdir()
    np.savez_compressed(case, **arrays)
    np.savez(store.path(old.unit, ".scores.npz"), scores=np.arange(4.0))
    assert store.scored(old)[1].tolist() == [0, 1, 2, 3]
    (judged,) = evaluate_store(store, ["aupr"])
    assert judged.metrics["aupr"] == 0.5


def test_texts_about_errors_are_bounded_and_can_be_written(tmp_path):
    store = Store(tmp_path)
    record = failed(message="x" * 30_000_000 + "end \udcff")
    store.save(record)
    assert store.path(record.unit).stat().st_size < 30_000
    found = store.find(record.unit)
    assert found == record
    assert len(found.error["message"]) <= LONGEST["message"] + 10
    assert found.error["message"].endswith("end \\udcff")


def test_a_metric_that_is_not_finite_is_undefined(tmp_path):
    record = replace(ok(0.5), metrics={"auroc": 0.5, "aupr": float("nan"), "f1": float("inf")})
    assert record.metrics == {"auroc": 0.5}
    assert record.undefined == {"aupr": "the value is nan", "f1": "the value is inf"}
    store = Store(tmp_path)
    store.save(replace(record, threshold=float("inf"), fitted={"a": float("nan")}))
    assert store.find(record.unit).threshold == float("inf")


NAMES = [
    "a b",
    "a_b",
    "ä",
    "ö",
    "x" * 300,
    "x" * 299 + "y",
    "é" * 200,
    "日本語",
    ".",
    "..",
    "\udcff",
    "CON",
]


def test_names_are_bounded_and_never_meet(tmp_path):
    store = Store(tmp_path)
    truth = GroundTruth.of([Recording(np.arange(3.0), labels=np.array([0, 1, 0]))]).arrays()
    units = [unit(case=name, fingerprint="same data") for name in NAMES]
    for number, one in enumerate(units):
        arrays = truth | {"names": np.array([str(number)])}
        digest_ = store.save_case(one, arrays)
        record = replace(ok(0.5), unit=one, scores=True, case_digest=digest_)
        store.save(record, np.array([0.0, 1.0, number]))
    for number, one in enumerate(units):
        case, scores = store.scored(store.find(one))
        assert (case["names"].tolist(), scores[2]) == ([str(number)], number)
    assert len(list(store.records())) == len(NAMES)
    assert max(len(path.name) for path in tmp_path.rglob("*")) < 245


def test_data_sets_whose_folders_meet_keep_their_results(tmp_path):
    store = Store(tmp_path)
    for value, data in ((0.1, "a b"), (0.2, "a_b"), (0.3, "x" * 300), (0.4, "x" * 301)):
        store.save(ok(value, data=data))
    assert sorted(record.metrics["auroc"] for record in store.records()) == [0.1, 0.2, 0.3, 0.4]


def test_a_full_disk_is_one_clear_line(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = Store(tmp_path / "r")
    monkeypatch.setattr("anomalib_ts.core.files.tempfile.TemporaryFile", full)
    with pytest.raises(AnomalibTsError, match="No space left on device"):
        store.check_writable()
    monkeypatch.setattr(store_module, "atomic_write", full)
    with pytest.raises(AnomalibTsError, match="No space left on device"):
        store.save(ok(0.5))
    monkeypatch.setattr(store_module.FileLock, "acquire", full)
    with pytest.raises(AnomalibTsError, match="cannot write the lock"), store.lock(unit()):
        pass
