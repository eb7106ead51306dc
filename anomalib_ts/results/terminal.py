"""Tables that are wider than the terminal, in pieces below each other."""

from __future__ import annotations

from rich.table import Table

from anomalib_ts.results.formats import Grid

GAP = 2
"""Blanks between two columns."""


def tables(grid: Grid, width: int) -> list[Table]:
    """The grid in as few tables as fit side by side into `width` letters, words in each of them."""
    return [_part(grid, columns).for_terminal() for columns in split_columns(grid, width)]


def split_columns(grid: Grid, width: int) -> list[list[int]]:
    """The columns of each table: those with words, then as many with numbers as fit, or one."""
    widths = [max(map(len, column)) + GAP for column in zip(grid.header, *grid.cells, strict=True)]
    words = list(range(grid.text_columns))
    room = width + GAP - sum(widths[: grid.text_columns])
    pieces: list[list[int]] = []
    for column in range(grid.text_columns, len(widths)):
        used = sum(widths[place] for place in pieces[-1]) if pieces else 0
        if pieces and used + widths[column] <= room:
            pieces[-1].append(column)
        else:
            pieces.append([column])
    return [[*words, *piece] for piece in pieces]


def _part(grid: Grid, columns: list[int]) -> Grid:
    return Grid(
        header=[grid.header[column] for column in columns],
        cells=[[cells[column] for column in columns] for cells in grid.cells],
        text_columns=grid.text_columns,
        bold=frozenset(
            (row, columns.index(column)) for row, column in grid.bold if column in columns
        ),
    )
