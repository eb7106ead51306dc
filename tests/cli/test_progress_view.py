"""What a person sees while a sweep runs."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from anomalib_ts.cli import progress_view
from anomalib_ts.cli.notes import JobNote, Notes
from anomalib_ts.cli.progress_view import JobLog, sweep_view
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store
from tests.results.test_store import UNIT

FINE = Record(UNIT, "ok", metrics={"auroc": 0.75}, fit_seconds=1.0, score_seconds=0.5)
FAILED = Record(replace(UNIT, seed=1), "error", error={"message": "planted"})


def test_notes_tell_what_jobs_are_at(tmp_path):
    notes = Notes.new(tmp_path)
    note = notes.job(0)
    log = JobLog(note, Store(tmp_path))
    log.started(UNIT, 0, 2)
    assert notes.all()[0].running == "Dodgers 101-freeway traffic iforest"
    log.finished(FINE, False, 1, 2)
    log.finished(FAILED, False, 2, 2)
    (read,) = notes.all()
    assert (len(read.records), read.total, read.bad, read.running) == (2, 2, 1, "")


def test_a_line_that_is_still_being_written_is_left_out(tmp_path):
    note = JobNote(tmp_path / "0.jsonl")
    note.started("unit", 3)
    with note.path.open("a") as file:
        file.write('{"record": "half')
    assert JobNote.read(note.path).total == 3


def test_a_failure_is_logged_with_the_command_that_shows_it_again(tmp_path, caplog):
    JobLog(Notes.new(tmp_path).job(0), Store(tmp_path)).finished(FAILED, False, 1, 1)
    assert "error: planted" in caplog.text
    assert f"anomalib-ts reproduce {Store(tmp_path).path(FAILED.unit)}" in caplog.text


def test_the_view_counts_units_jobs_and_failures(tmp_path):
    jobs = [
        JobNote(tmp_path / "0", records=["a", "b"], total=2, bad=1),
        JobNote(tmp_path / "1", records=["c"], total=4, running="Dodgers series fastflow1d"),
    ]
    console = Console(file=io.StringIO(), width=100)
    console.print(progress_view._picture(jobs, seconds=30.0))
    head, _, running = console.file.getvalue().splitlines()
    assert head.strip() == "3/6 units of 2 jobs so far, 1 failed, 0:00:30 left"
    assert running.strip() == "Dodgers series fastflow1d"


@pytest.fixture
def screen(monkeypatch):
    found = io.StringIO()
    monkeypatch.setattr(progress_view, "REFRESH_EVERY", 0.01)
    monkeypatch.setattr(
        progress_view, "Console", lambda **_: Console(file=found, force_terminal=True, width=90)
    )
    return found


def test_a_sweep_on_a_terminal_is_shown_and_cleared(tmp_path, screen):
    notes = Notes.new(tmp_path)
    with sweep_view(notes):
        notes.job(0).began(sweep=True)
        notes.job(0).started("Dodgers series iforest", 5)
        for _ in range(200):
            if "0/5 units" in screen.getvalue():
                break
            progress_view.time.sleep(0.02)
    assert "0/5 units of 1 jobs so far" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K")


def test_a_single_run_is_left_to_its_own_progress_lines(tmp_path, screen):
    notes = Notes.new(tmp_path)
    notes.job(0).began(sweep=False)
    notes.job(0).started("Dodgers series iforest", 5)
    with sweep_view(notes):
        progress_view.time.sleep(0.2)
    assert screen.getvalue() == ""
    assert not notes.collect().sweep


def test_nothing_is_shown_where_there_is_no_terminal(tmp_path, capsys):
    notes = Notes.new(tmp_path)
    notes.job(0).began(sweep=True)
    with sweep_view(notes):
        pass
    assert capsys.readouterr() == ("", "")
