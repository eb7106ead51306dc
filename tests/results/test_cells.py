"""Texts in tables are only texts, whatever they are."""

import csv
import io
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anomalib_ts.core.cells import csv_text, latex, markdown
from anomalib_ts.core.recording import Recording
from anomalib_ts.protocols.split_table import split_table
from anomalib_ts.results.formats import Grid, as_latex_table, as_markdown_table
from anomalib_ts.results.leaderboard import leaderboard
from anomalib_ts.results.leaderboard_table import as_csv
from anomalib_ts.views.clip_table import as_csv as clips_as_csv
from anomalib_ts.views.clips import RankedClip, RankedUnit
from tests.makers.records import ok

FORMULAS = [
    "=cmd()",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1",
    " =1",
    "\uff1d1+1",
]
FIRST = re.compile("^\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20]")
LETTERS = st.text(
    st.sampled_from("ab=+-@|&%$#_{}\\\\~^<>[]*`!.,;'\"0 \n\r\t\x00\x1b\x85\u2028\udcff\u202eé")
)


def rows_of(text):
    return list(csv.reader(io.StringIO(text, newline="")))


@settings(deadline=None)
@given(st.lists(LETTERS | st.sampled_from(FORMULAS), min_size=1, max_size=4))
@example(FORMULAS)
@example(["-", "-5", "+3e5", "-inf", ""])
def test_a_text_in_csv_is_no_formula_and_stays_in_its_cell(texts):
    written = csv_text([texts, ["end"]])
    written.encode()
    assert not re.search(r"[^\n -~\w\u0080-\uffff]|[\x80-\x9f\u2028\u202e]", written)
    first, end = rows_of(written)
    assert end == ["end"]
    assert len(first) == len(texts)
    for cell in first:
        assert not FIRST.match(cell) or len(cell.strip()) == 1 or isinstance(float(cell), float)


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False) | st.integers(-(2**53), 2**53) | st.none(), min_size=2))
def test_numbers_in_csv_stay_numbers(values):
    (row,) = rows_of(csv_text([values]))
    assert [float(cell) if cell else None for cell in row] == values


def test_plain_names_stay_as_they_are():
    names = ["iforest", "müller", "a,b", "x (copy)", 'say "x"', "window=32, trees=100", "a-b", "-5"]
    assert rows_of(csv_text([names])) == [names]


@pytest.mark.parametrize("name", FORMULAS)
def test_every_csv_that_is_written(name):
    unit = ok(0.5, detector=name, data=name, case=name)
    clip = RankedClip(1, 0, 0.5, None, None, name, name, name, name)
    for text in (
        as_csv(leaderboard([unit])),
        clips_as_csv([RankedUnit(unit, [clip])], 1),
        split_table({"train": [Recording([1.0, 2.0], name=name, machine_id=name)]}),
    ):
        cells = [cell for row in rows_of(text) for cell in row]
        assert any(cell.startswith(("'", "\\")) for cell in cells)
        assert not [
            cell for cell in cells if FIRST.match(cell) and not re.match("-?[0-9.]+$", cell)
        ]


def _read_latex(text):
    """What LaTeX prints of it; fails on any command or mark that is none of ours."""
    known = {
        **{f"\\{mark}": mark for mark in "&%$#_{}"},
        **{f"{{{mark}}}": mark for mark in "[]*"},
        "\\textbackslash{}": "\\",
        "\\textasciitilde{}": "~",
        "\\textasciicircum{}": "^",
        "\\textless{}": "<",
        "\\textgreater{}": ">",
        "\\textbar{}": "|",
        "$\\pm$": "±",
        "$\\cdot$": "·",
        "-{}": "-",
    }
    marks = "|".join(map(re.escape, known))
    assert re.fullmatch(rf"({marks}|[^\\&%$#_{{}}\[\]*~^<>|\n])*", text)
    return re.sub(marks, lambda found: known[found[0]], text)


@settings(deadline=None)
@given(LETTERS)
@example("--- [x] ** \\input{/etc/passwd} $$ %")
@example("a & b ± c · d")
def test_latex_prints_the_text(text):
    shown = latex(text)
    shown.encode()
    if text.isprintable():
        assert _read_latex(shown) == text
    else:
        _read_latex(shown)


@settings(deadline=None)
@given(LETTERS)
def test_markdown_shows_the_text(text):
    shown = markdown(text)
    shown.encode()
    assert "\n" not in shown
    assert not re.search(r"[<>]|(?<!\\)(\\\\)*[|*_`\[\]~$]", shown)
    plain = re.sub(r"\\([\\|*_`\[\]~$])", r"\1", shown)
    for entity, mark in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        plain = plain.replace(entity, mark)
    if text.isprintable():
        assert plain == text


@settings(deadline=None)
@given(st.lists(st.lists(LETTERS, min_size=2, max_size=2), min_size=1, max_size=3))
def test_a_table_keeps_its_rows_and_columns(cells):
    grid = Grid(["a", "b"], cells, text_columns=2)
    lines = as_markdown_table(grid).splitlines()
    assert len(lines) == len(cells) + 2
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines} == {3}
    body = as_latex_table(grid).splitlines()[2:-2]
    rows = [line for line in body if line not in ("\\midrule", "\\toprule")]
    assert len(rows) == len(cells) + 1
    for row in rows:
        assert len(re.findall(r"(?<!\\)(?:\\\\)*&", row)) == 1
        assert not row.startswith(("[", "*"))
