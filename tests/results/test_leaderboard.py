import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from anomalib_ts.cli.main import main
from anomalib_ts.evaluation.ground_truth import NO_LABELS
from anomalib_ts.results.comparison import compare
from anomalib_ts.results.entries import entries
from anomalib_ts.results.formats import Grid, as_latex_table, as_markdown_table
from anomalib_ts.results.leaderboard import leaderboard
from anomalib_ts.results.leaderboard_table import as_csv, as_json, as_latex, as_markdown, as_table
from anomalib_ts.results.leaderboard_table import grid as table_of
from anomalib_ts.results.standings import grid, standings
from anomalib_ts.results.store import Store
from tests.makers.records import failed, ok, undefined
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
    assert good.deviations["auroc"] == pytest.approx(np.std([0.9, 0.7], ddof=1))  # both have x
    assert (bad.metrics["auroc"], bad.covered["auroc"], bad.failed) == (0.5, 1, 1)


def test_nothing_measured_is_not_zero():
    (row,) = leaderboard([failed()])
    assert (row.metrics, row.fit_seconds, row.peak_memory_mb) == ({}, None, None)
    assert as_csv([row]).splitlines()[1].count("0.0") == 0


def test_quoted_rows_are_marked_and_cover_our_cases_only():
    quoted = table([[0.95, 0.1], [np.nan, np.nan]], ["x", "elsewhere"])
    own, row, _ = leaderboard(RECORDS, published=[quoted])
    assert (row.detector, row.protocol, row.source) == ("M0", "quoted", "TSB-UAD")
    assert (row.metrics, row.covered, row.cases) == ({"auroc": 0.95}, {"auroc": 1}, 3)
    assert (own.detector, own.comparable, row.comparable) == ("good", ("auroc",), ())


def test_csv_and_json_hold_the_same_numbers():
    rows = leaderboard(RECORDS, published=[table([[0.95]], "x")])
    from_csv = list(csv.DictReader(io.StringIO(as_csv(rows))))
    from_json = json.loads(as_json(rows))
    for a, b in zip(from_csv, from_json, strict=True):
        assert float(a["auroc"]) == b["metrics"]["auroc"]
        assert a["source"] == b["source"]
        assert int(a["auroc cases"]) == b["covered"]["auroc"]


def test_markdown_and_latex_mark_the_best():
    whole = [ok(0.3, "whole", case) for case in ("x", "y", "z")]
    del whole[2].metrics["auroc"]
    whole[2].undefined["auroc"] = "no anomalies"
    rows = leaderboard([*RECORDS, *whole, ok(0.2, "good", data="E")])
    lines = as_markdown(rows).splitlines()
    assert lines[0].startswith("| data | protocol | detector | AUROC |")
    assert "**0.700 ±0.141**" in lines[2]
    assert "2/3 1 undef." in lines[2]
    assert "**" not in lines[3]
    assert "1/3 1 failed 1 undef. unranked" in lines[4]
    assert "0.200" in lines[5] and "**" not in lines[5]  # alone in its data set
    latex = as_latex(rows)
    assert r"\textbf{0.700 $\pm$0.141}" in latex
    assert latex.count(r"\textbf") == 1
    assert latex.count(r"\midrule") == 2  # below the header and between data sets


def shown(rows, metric="auroc", *more):
    """The cells of each row by their heading."""
    found = table_of(rows, [metric, *more])
    return [dict(zip(found.header, cells, strict=True)) for cells in found.cells]


def with_values(case, detector="a", **metrics):
    """A result with these metrics; None is undefined."""
    record = ok(0, detector, case, metrics={k: v for k, v in metrics.items() if v is not None})
    record.undefined.update({k: "one class" for k, v in metrics.items() if v is None})
    return record


def test_coverage_is_that_of_the_metric():
    rows = leaderboard(
        [
            with_values("x", auroc=0.9, f1=0.5, false_alarm_rate=0.1),
            with_values("y", auroc=None, f1=0.7, false_alarm_rate=0.2),
            with_values("z", auroc=None, f1=None, false_alarm_rate=0.3),
        ]
    )
    (cells,) = shown(rows, "auroc", "f1", "false_alarm_rate")
    assert cells["cases"] == "1/3 2 undef."
    assert (cells["AUROC"], cells["f1"]) == ("0.900", "0.600 (2/3)")
    assert cells["false_alarm_rate"] == "0.200 (3/3)"
    (cells,) = shown(rows, "false_alarm_rate", "auroc")
    assert (cells["cases"], cells["AUROC"]) == ("3/3", "0.900 (1/3)")
    (line,) = csv.DictReader(io.StringIO(as_csv(rows)))
    assert [line[f"{key} cases"] for key in ("auroc", "f1", "false_alarm_rate")] == ["1", "2", "3"]
    assert "0.600 (2/3)" in as_markdown(rows, ["auroc", "f1"])
    assert "0.600 (2/3)" in as_latex(rows, ["auroc", "f1"])


def test_data_without_labels_reads_as_that():
    nothing = [replace(ok(0, case=c, metrics={}), undefined={"auroc": NO_LABELS}) for c in "xy"]
    (cells,) = shown(leaderboard(nothing[:1]))
    assert cells["cases"] == "no labels"
    (row,) = leaderboard([*nothing, ok(0.5, case="z"), undefined(case="w")])
    assert (row.unlabelled, row.undefined) == (2, 1)
    assert shown([row])[0]["cases"] == "1/4 1 undef. 2 without labels"


UNEQUAL = [
    *(ok(0.8, "honest", case) for case in ("easy", "hard")),
    *(ok(0.6, "steady", case) for case in ("easy", "hard")),
    ok(0.99, "fails", "easy"),
    failed("fails", "hard"),
    ok(0.98, "lacks", "easy"),
    with_values("easy", "undefined", auroc=0.97, f1=0.99),
    with_values("hard", "undefined", auroc=None, f1=0.99),
]


@pytest.mark.parametrize("order", [1, -1])
def test_only_rows_over_the_same_cases_are_ranked_and_bold(order):
    rows = leaderboard(UNEQUAL[::order])
    assert [row.detector for row in rows] == ["honest", "steady", "fails", "lacks", "undefined"]
    cells = [row["cases"] for row in shown(rows)]
    assert cells[:3] == ["2/2", "2/2", "1/2 1 failed unranked"]
    assert cells[3:] == ["1/1 unranked", "1/2 1 undef. unranked"]
    lines = as_markdown(rows).splitlines()
    assert [line.count("**") for line in lines[2:7]] == [2, 0, 0, 0, 0]
    assert "**0.800**" in lines[2] and lines[-1].startswith("unranked:")
    assert as_latex(rows).count("textbf") == 1
    (f1,) = [row for row in rows if "f1" in row.comparable]
    assert f1.detector == "undefined"


def test_a_lone_row_over_all_cases_is_not_the_best_of_any():
    rows = leaderboard(UNEQUAL[:2] + UNEQUAL[4:])
    assert rows[0].detector == "honest"
    assert "**" not in as_markdown(rows)


def test_rows_can_be_ranked_on_the_cases_that_all_have(caplog):
    rows = leaderboard(UNEQUAL, common=True)
    assert [row.detector for row in rows] == ["fails", "lacks", "undefined", "honest", "steady"]
    assert {row["cases"] for row in shown(rows)} == {"1/1"}
    assert not as_markdown(rows).splitlines()[-1].startswith("unranked")
    nothing = [ok(0.5, "a", "x"), ok(0.6, "b", "y"), ok(0.7, "a", "z", data="E")]
    assert [(row.data, row.detector) for row in leaderboard(nothing, common=True)] == [("E", "a")]
    assert caplog.messages == ["D is left out: there is no case on which all rows have auroc"]


def test_a_metric_of_which_less_is_better_is_ranked_the_same_way():
    records = [
        with_values(case, name, detection_delay=value)
        for name, case, value in (
            ("a", "x", 9),
            ("a", "y", 9),
            ("b", "x", 2),
            ("b", "y", 4),
            ("c", "x", 1),
        )
    ]
    rows = leaderboard(records, "detection_delay")
    assert [row.detector for row in rows] == ["b", "a", "c"]


def test_standings_put_methods_that_lack_a_series_below_the_others():
    kept = entries(UNEQUAL).kept
    lines = standings(kept, compare(kept, "auroc"))
    assert [line.method.name for line in lines][:2] == ["honest", "steady"]
    assert [line.complete for line in lines] == [True, True, False, False, False]
    cells = [dict(zip(g.header, c, strict=True)) for g in [grid(lines, "auroc")] for c in g.cells]
    assert cells[2]["cases"] == "1/2 1 failed unranked"


def test_the_switch_of_the_command(tmp_path, capsys):
    store = Store(tmp_path)
    for record in UNEQUAL:
        store.save(record)
    for switch, first in ([], "honest"), (["--common"], "fails"):
        assert main(["leaderboard", str(tmp_path), "--format", "json", *switch]) == 0
        assert json.loads(capsys.readouterr().out)[0]["detector"] == first


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


def test_a_seed_that_lacks_a_hard_case_does_not_widen_the_deviation():
    alike = [ok(value, "one", case, seed) for seed in range(3) for case, value in [("x", 0.9)]]
    hard = [ok(0.1, "one", "hard", seed) for seed in range(2)] + [failed("one", "hard", 2)]
    (row,) = leaderboard(alike + hard)
    assert row.deviations["auroc"] == pytest.approx(0, abs=1e-12)
    (apart,) = leaderboard([ok(0.1, "one", "x"), ok(0.9, "one", "y", 1)])
    assert apart.deviations["auroc"] == 0  # no case is shared, so nothing is known
