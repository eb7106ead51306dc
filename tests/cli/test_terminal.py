"""What reaches a terminal: text as it is, whatever it holds and whatever the terminal can show."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalib_ts.cli.main import main
from anomalib_ts.core.console import console
from anomalib_ts.core.streams import printable
from anomalib_ts.results.formats import Grid

SMALL = [
    *("detector=random", "baselines=none", "data.n_points=1000", "data.n_anomalies=1"),
    *("data.train_length=100", "plot=false"),
]
NASTY = [
    "[m³/h]",
    "[/usr/lib]",
    "[bold red]x[/]",
    "[",
    "\\[bold]",
    ":warning:",
    "\x1b[31mred",
    "\x9b31m",
]


@given(st.text())
def test_nothing_that_steers_a_terminal_is_left(text):
    shown = printable(text)
    assert all(letter.isprintable() or letter in "\n\t" or letter.isspace() for letter in shown)
    assert "\x1b" not in shown and "\r" not in shown
    shown.encode()
    if text.isprintable():
        assert shown == text


@pytest.mark.parametrize("text", NASTY)
def test_text_is_never_markup(text, capsys):
    console().print(text)
    console().print(Grid([text, "n"], [[text, "1"]], bold=frozenset({(0, 0)})).for_terminal())
    out = capsys.readouterr().out
    assert out.count(printable(text)) == 3
    assert "\x1b" not in out


def nasty_series(folder, name):
    folder.mkdir()
    (folder / f"{name}.csv").write_text("value,label\n1,0\n[/usr/lib] [m³/h] \x1b[31m,0\n")


def test_a_failing_case_with_a_nasty_name_and_message(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    nasty_series(tmp_path / "data", "[bold]flow [m³ per h]")
    found = main(["run", "detector=random", "data=csv", "data.path=data", "protocol=whole"])
    shown = capfd.readouterr()
    assert found == 1
    assert "[bold]flow [m³ per h]" in shown.err
    assert shown.err.count("[/usr/lib] [m³/h]") == 2, "once a unit: detectors do not share it"
    assert "[/usr/lib]" not in shown.out
    assert "\x1b" not in shown.err + shown.out


def command(arguments, folder, **environment):
    env = os.environ | environment
    return subprocess.run(
        [sys.executable, "-m", "anomalib_ts", *arguments],
        cwd=folder,
        env=env | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        check=False,
    )


def test_any_terminal(tmp_path):
    """One that knows no letters, has no width, and is set up for a notebook's pictures."""
    environment = {
        "PYTHONIOENCODING": "ascii",
        "LANG": "C",
        "LC_ALL": "C",
        "TERM": "dumb",
        "COLUMNS": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    folder = tmp_path / "mü [x]"
    folder.mkdir()
    overrides = [setting for setting in SMALL if not setting.startswith("plot")]
    for arguments in (["run", "-m", "seed=0,1", *overrides], ["list"]):
        done = command(arguments, folder, **environment)
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr
        assert b"backend" not in done.stderr
    board = command(["leaderboard", "results"], folder, **environment)
    assert (board.returncode, board.stderr) == (0, b"")


@pytest.mark.parametrize("arguments", [["list"], ["leaderboard", "results"]])
def test_a_reader_that_goes_away_or_never_was(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["run", *SMALL]) == 0
    call = f"{sys.executable} -m anomalib_ts {' '.join(arguments)}"
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    for shell in (f"{call} | true", f"{call} >&-", f"{call} >&- 2>&-"):
        done = subprocess.run(["sh", "-c", shell], env=env, capture_output=True, check=False)
        assert done.returncode == 0
        assert done.stderr == b""
