"""How all figures look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from anomalib_ts.views.palette import FAINT, GRID, INK, LINES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")

_SETTINGS: Any = {
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 11,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "savefig.dpi": 150,
}


@contextmanager
def applied() -> Iterator[None]:
    """What is drawn and saved in this block looks like this, and nothing outside it does."""
    from matplotlib import rc_context  # noqa: PLC0415

    with rc_context(_SETTINGS):
        yield


def new_figure(width: float, height: float, remark: str) -> Figure:
    """An empty picture of that size in inches, with a small remark above all panels."""
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.layout_engine import ConstrainedLayoutEngine  # noqa: PLC0415

    room = 1 - 0.25 / height
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(rect=(0, 0, 1, room)))
    figure.text(1 - 0.1 / width, 1 - 0.06 / height, remark, ha="right", va="top", fontsize=9)
    return figure


def colour(place: int) -> str:
    """Of the line at a place; beyond seven they repeat, with another marker."""
    return LINES[place % len(LINES)]


def marker(place: int) -> str:
    """Of the line at a place."""
    return MARKERS[place % len(MARKERS)]
