import csv
import io
import json

import numpy as np
import pytest
from rich.console import Console

from anomalib_ts.results.comparison import compare
from anomalib_ts.results.entries import entries
from anomalib_ts.results.formats import Grid, as_latex_table, as_markdown_table
from anomalib_ts.results.leaderboard import (
    as_csv,
    as_json,
    as_latex,
    as_markdown,
    as_table,
    leaderboard,
)
from anomalib_ts.results.standings import grid, standings
from tests.results.records import failed, ok, undefined
from tests.results.test_comparison import table

RECORDS = [
    ok(0.9, "good", "x"),
    ok(0.7, "good", "x", seed=1),
    ok(0.6, "good", "y"),
    undefined("good", "z"),
    ok(0.5, "bad", "x"),
    failed("bad", "y"),
    undefined("bad", "z"),
]


def test_rows():
    good, bad = leaderboard(RECORDS)
    assert (good.detector, bad.detector) == ("good", "bad")
    assert good.metrics["auroc"] == pytest.approx((0.8 + 0.6) / 2)
    assert (good.cases, good.covered["auroc"], good.undefined, good.failed) == (3, 2, 1, 0)
    assert good.deviations["auroc"] == pytest.approx(np.std([0.75, 0.7], ddof=1))
    assert (bad.metrics["auroc"], bad.covered["auroc"], bad.failed) == (0.5, 1, 1)


def test_nothing_measured_is_not_zero():
    (row,) = leaderboard([failed()])
    assert (row.metrics, row.fit_seconds, row.peak_memory_mb) == ({}, None, None)
    assert as_csv([row]).splitlines()[1].count("0.0") == 0


def test_quoted_rows_are_marked_and_cover_our_cases_only():
    quoted = table([[0.95, 0.1], [np.nan, np.nan]], ["x", "elsewhere"])
    first, *rest = leaderboard(RECORDS, published=[quoted])
    assert (first.detector, first.protocol, first.source) == ("M0", "quoted", "TSB-UAD")
    assert (first.metrics, first.covered, first.cases) == ({"auroc": 0.95}, {"auroc": 1}, 3)
    assert [row.source for row in rest] == ["", ""]


def test_csv_and_json_hold_the_same_numbers():
    rows = leaderboard(RECORDS, published=[table([[0.95]], "x")])
    from_csv = list(csv.DictReader(io.StringIO(as_csv(rows))))
    from_json = json.loads(as_json(rows))
    for a, b in zip(from_csv, from_json, strict=True):
        assert float(a["auroc"]) == b["metrics"]["auroc"]
        assert a["source"] == b["source"]
        assert int(a["auroc cases"]) == b["covered"]["auroc"]


def test_markdown_and_latex_mark_the_best():
    rows = leaderboard([*RECORDS, ok(0.2, "good", data="E")])
    lines = as_markdown(rows).splitlines()
    assert lines[0].startswith("| data | protocol | detector | AUROC |")
    assert "**0.700 ±0.035**" in lines[2]
    assert "2/3 1 undef." in lines[2]
    assert "**" not in lines[3]
    assert "0.200" in lines[4] and "**" not in lines[4]  # alone in its data set
    latex = as_latex(rows)
    assert r"\textbf{0.700 $\pm$0.035}" in latex
    assert latex.count(r"\textbf") == 1
    assert latex.count(r"\midrule") == 2  # below the header and between data sets


def test_names_cannot_break_a_table():
    name = r"a_b|c&d%\e{<i>"
    grid = Grid(["n"], [[name]])
    assert as_markdown_table(grid).splitlines()[2] == r"| a\_b\|c&amp;d%\\e{&lt;i&gt; |"
    assert r"a\_b\textbar{}c\&d\%\textbackslash{}e\{\textless{}i\textgreater{}" in as_latex_table(
        grid
    )
    console = Console(width=200)
    with console.capture() as capture:
        console.print(as_table(leaderboard([ok(0.5, "[red]x[/nope]")]), 200))
    assert "[red]x[/nope]" in capture.get()


def test_a_narrow_terminal_cuts_no_name():
    rows = leaderboard([ok(0.5, "a_detector_with_a_name_of_its_own")])
    console = Console(width=60)
    with console.capture() as capture:
        console.print(as_table(rows, 60))
    lines = capture.get().splitlines()
    assert sum("a_detector_with_a_name_of_its_own" in line for line in lines) > 1
    assert all(len(line) <= 60 for line in lines)
    assert any("fit s" in line for line in lines) and "…" not in capture.get()


def test_standings_as_a_table():
    kept = entries(RECORDS).kept
    found = grid(standings(kept, compare(kept, "auroc")), "auroc")
    assert [cells[0] for cells in found.cells] == ["good", "bad"]
    good = dict(zip(found.header, found.cells[0], strict=True))
    assert good["AUROC"] == "0.700"
    assert good["win/tie/loss"] == "1/0/0"
    assert good["cases"] == "2/3 1 undef."
