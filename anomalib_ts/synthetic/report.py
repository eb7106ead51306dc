"""What a comparison says, in words: as text for a terminal and as a page that needs no network."""

from __future__ import annotations

import html
from dataclasses import dataclass
from math import log1p

from rich.table import Table as TextTable

from anomalib_ts.synthetic.comparison import REAL, Comparison, Finding
from anomalib_ts.synthetic.measures.registry import THEMES
from anomalib_ts.views import palette

FULL_BAR = 100.0
"""Standard deviations at which a bar of the page is full; it grows with their logarithm."""


@dataclass(frozen=True)
class Answer:
    """What the measures of one theme say of a table.

    Attributes:
        question: of the theme.
        text: the answer, in a sentence.
        faults: a line for each measure that tells the table from real rows.
    """

    question: str
    text: str
    faults: list[str]


def answers(found: Comparison, name: str) -> list[Answer]:
    """An answer a theme, for the table of this name."""
    result = []
    for theme, question in THEMES.items():
        findings = [f for f in found.findings.values() if f.measure.theme == theme]
        known = [f for f in findings if f.mean(name) is not None]
        seen = [f for f in known if f.sees(name)]
        text = (
            f"As real rows do, as far as {_counted(len(known), 'measure')} can tell."
            if not seen
            else f"Not as real rows do: {len(seen)} of {_counted(len(known), 'measure')} say so."
        )
        if theme == "privacy":
            text = (
                "No more than other real rows do."
                if not seen
                else f"Yes: {len(seen)} of {_counted(len(known), 'measure')} say so."
            )
        result.append(Answer(question, text, [_fault(finding, name) for finding in seen]))
    return result


def as_text(found: Comparison, name: str) -> str:
    """The answers, the columns that are furthest off, and the remarks."""
    lines = []
    for answer in answers(found, name):
        lines += [f"{answer.question} {answer.text}", *(f"  - {line}" for line in answer.faults)]
        if answer.question == THEMES["likeness"]:
            lines.append(f"  {_columns(found, name)}")
    return "\n".join([*lines, *_closing(found)])


def as_text_table(found: Comparison) -> TextTable:
    """A line a measure: every table's mean over draws, `*` where it is clearly worse than real."""
    names = _names(found)
    table = TextTable(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("measure")
    for name in names:
        table.add_column(name, justify="right")
    for finding in found.findings.values():
        cells = [_value(finding, name) + _mark(finding, name) for name in names]
        table.add_row(finding.measure.title, *cells)
    return table


def as_html(found: Comparison, name: str, title: str) -> str:
    """One self-contained page.

    Args:
        found: what was measured.
        name: the table that the page is about.
        title: of the page.
    """
    parts = [f"<h1>{html.escape(title)}</h1>"]
    parts += [f"<p>{html.escape(line)}</p>" for line in _closing(found)]
    for answer in answers(found, name):
        mood = "bad" if answer.faults else "good"
        parts.append(f'<h2>{answer.question}</h2><p class="{mood}">{html.escape(answer.text)}</p>')
        items = "".join(f"<li>{html.escape(line)}</li>" for line in answer.faults)
        parts.append(f"<ul>{items}</ul>" if items else "")
        if answer.question == THEMES["likeness"]:
            parts.append(f"<p>{html.escape(_columns(found, name))}</p>")
    parts.append(_html_table(found, name))
    parts.append(
        "<h2>What each measure sees, and what it does not</h2><dl>"
        + "".join(
            f"<dt>{html.escape(f.measure.title)}</dt><dd>Sees: {html.escape(f.measure.sees)}. "
            f"Blind to: {html.escape(f.measure.blind)}.</dd>"
            for f in found.findings.values()
        )
        + "</dl>"
    )
    return _PAGE.format(title=html.escape(title), body="\n".join(parts), palette=palette)


def _html_table(found: Comparison, name: str) -> str:
    names = _names(found)
    head = "".join(f"<th>{html.escape(one)}</th>" for one in names)
    rows = []
    for finding in found.findings.values():
        cells = "".join(
            f'<td class="{"bad" if finding.sees(one) else ""}">{_value(finding, one)}</td>'
            if one != REAL
            else f"<td>{_value(finding, one)}</td>"
            for one in names
        )
        bar = f'<td class="bar">{_bar(finding, name)}</td>'
        rows.append(f"<tr><td>{html.escape(finding.measure.title)}</td>{cells}{bar}</tr>")
    return (
        f"<h2>All values</h2><p>Means over {found.draws} draws of {found.rows} rows. Red: worse "
        "than every draw of real rows, by more than three of their standard deviations. Bars: by "
        f"how many, for {html.escape(name)}, on a logarithmic scale.</p>"
        f"<table><tr><th>measure</th>{head}<th></th></tr>{''.join(rows)}</table>"
    )


def _bar(finding: Finding, name: str) -> str:
    deviation = finding.deviation(name)
    if deviation is None or deviation <= 0:
        return ""
    width = 100 * min(1.0, log1p(deviation) / log1p(FULL_BAR))
    mood = "far" if finding.sees(name) else "near"
    return f'<div class="{mood}" style="width:{width:.0f}%" title="{deviation:.1f} sd"></div>'


def _fault(finding: Finding, name: str) -> str:
    real = finding.values[REAL]
    return (
        f"{finding.measure.title} {_value(finding, name)} (real rows {_digits(min(real))} to "
        f"{_digits(max(real))}): {finding.measure.sees}"
    )


def _columns(found: Comparison, name: str) -> str:
    listed = ", ".join(f"{c} ({distance:.2f})" for c, distance in found.worst_columns[name])
    return f"Columns furthest from the real ones, of distances in [0, 1]: {listed}."


def _closing(found: Comparison) -> list[str]:
    sizes = f"{found.draws} draws of {found.rows} rows against as many real ones"
    return [f"{sizes}; {'; '.join(found.remarks)}."]


def _names(found: Comparison) -> list[str]:
    tables = list(found.worst_columns)
    return [tables[0], REAL, *tables[1:]]


def _value(finding: Finding, name: str) -> str:
    mean = finding.mean(name)
    return "\u2013" if mean is None else _digits(mean)


def _mark(finding: Finding, name: str) -> str:
    return "*" if name != REAL and finding.sees(name) else " "


def _digits(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width">
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  color: {palette.INK} }}
h1 {{ font-size: 1.5rem }} h2 {{ font-size: 1.1rem; margin: 1.5rem 0 .2rem }}
p, ul {{ margin: .2rem 0 }} dt {{ font-weight: 600; margin-top: .5rem }} dd {{ margin: 0 }}
table {{ border-collapse: collapse; margin-top: .5rem; font-variant-numeric: tabular-nums }}
td, th {{ padding: .15rem .8rem; text-align: right;
  border-bottom: 1px solid {palette.GRID} }}
td:first-child, th:first-child {{ text-align: left; padding-left: 0 }}
.bad {{ color: {palette.ANOMALY} }} .good {{ color: {palette.GOOD} }}
.bar {{ width: 12rem; text-align: left }} .bar div {{ height: .7rem }}
.far {{ background: {palette.ANOMALY} }} .near {{ background: {palette.LANE} }}
</style></head><body>
{body}
</body></html>
"""
