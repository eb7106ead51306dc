"""Tables of texts, written for a terminal, as Markdown and as LaTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from rich.table import Table
from rich.text import Text

from anomalib_ts.core.cells import latex, markdown
from anomalib_ts.core.streams import printable


@dataclass(frozen=True)
class Grid:
    """A table of texts.

    Attributes:
        header: `(columns,)`.
        cells: `(rows, columns)`.
        text_columns: how many columns on the left hold words; the others hold numbers.
        bold: (row, column) of the cells that stand out.
    """

    header: list[str]
    cells: list[list[str]]
    text_columns: int = 1
    bold: frozenset[tuple[int, int]] = field(default_factory=frozenset)

    def for_terminal(self) -> Table:
        """The table for rich."""
        table = Table(box=None, header_style="bold", pad_edge=False)
        for place, name in enumerate(self.header):
            justify: Literal["left", "right"] = "left" if place < self.text_columns else "right"
            table.add_column(Text(printable(name)), justify=justify)
        for row, cells in enumerate(self.cells):
            styles = ["bold" if (row, i) in self.bold else "" for i in range(len(cells))]
            table.add_row(*map(Text, map(printable, cells), styles))
        return table


def best_in_bold(grid: Grid, goodness: Mapping[int, Sequence[tuple[str, float | None]]]) -> Grid:
    """The grid with the best cells bold.

    Args:
        grid: the table.
        goodness: for a column, each row's group and value (higher is better, None: no value); the
            best of each group that has more than one row stands out, ties all of them.
    """
    bold: set[tuple[int, int]] = set()
    for column, values in goodness.items():
        for group in {group for group, _ in values}:
            known = [v for g, v in values if g == group and v is not None]
            if len(known) > 1:
                bold |= {
                    (row, column)
                    for row, value in enumerate(values)
                    if value == (group, max(known))
                }
    return replace(grid, bold=frozenset(bold))


def as_markdown_table(grid: Grid) -> str:
    """A pipe table as GitHub reads it."""
    marks = [":---" if place < grid.text_columns else "---:" for place in range(len(grid.header))]
    lines = [[markdown(name) for name in grid.header], marks]
    for row, cells in enumerate(grid.cells):
        texts = [markdown(cell) for cell in cells]
        lines.append([f"**{t}**" if (row, i) in grid.bold else t for i, t in enumerate(texts)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_latex_table(grid: Grid) -> str:
    r"""A `tabular`; the document needs `\usepackage{booktabs}`."""
    columns = "l" * grid.text_columns + "r" * (len(grid.header) - grid.text_columns)
    lines = [f"\\begin{{tabular}}{{{columns}}}", "\\toprule"]
    lines += [" & ".join(map(latex, grid.header)) + " \\\\", "\\midrule"]
    for row, cells in enumerate(grid.cells):
        texts = [latex(cell) for cell in cells]
        texts = [f"\\textbf{{{t}}}" if (row, i) in grid.bold else t for i, t in enumerate(texts)]
        if row and grid.text_columns > 1 and cells[0] != grid.cells[row - 1][0]:
            lines.append("\\midrule")
        lines.append(" & ".join(texts) + " \\\\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])
