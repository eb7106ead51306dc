"""The critical-difference diagram as SVG, which no plotting library offers.

It is text: sharp on paper, and its colours follow the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, floor

from anomalib_ts.results.statistics import CriticalDifference

WIDTH, SIDE, TOP = 900, 265, 58
ROW, BAR = 21, 9
LABEL_LENGTH = 26  # characters that fit into SIDE, a rank beside them
OVERHANG, GAP = 4, 10

Label = tuple[str, bool]
"""A method's name, and whether it is quoted."""


def critical_difference_svg(found: CriticalDifference, labels: Sequence[Label]) -> str:
    """Draw mean ranks on a line, the better half labelled on the left, and a bar over each group.

    Args:
        found: ranks and groups.
        labels: of the methods, in the order of `found.mean_ranks`; and whether they are quoted.
    """
    ranks = [float(found.mean_ranks[i]) for i in found.order]
    low, high = floor(min(ranks)), ceil(max(ranks))
    scale = (WIDTH - 2 * SIDE) / max(high - low, 1)
    x = [SIDE + (rank - low) * scale for rank in ranks]
    bars = [(x[first] - OVERHANG, x[last] + OVERHANG) for first, last in found.cliques]
    lanes = _lanes(bars)
    first_row = TOP + 16 + BAR * (1 + max(lanes, default=-1)) + 12
    rows = (len(ranks) + 1) // 2
    height = first_row + rows * ROW
    parts = [*_axis(low, high, scale), *_distance(found.nemenyi * scale)]
    for place, method_index in enumerate(found.order):
        left = place < rows
        row = place if left else len(ranks) - 1 - place
        y = first_row + row * ROW
        parts.append(_stem(x[place], y, left, ranks[place], labels[method_index]))
    for (start, stop), lane in zip(bars, lanes, strict=True):
        y = TOP + 14 + lane * BAR
        parts.append(_line(start, y, stop, y, "clique"))
    title = f"Critical-difference diagram of {len(ranks)} methods on {found.series} series"
    return (
        f'<svg class="cd" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">'
        f"{''.join(parts)}</svg>"
    )


def _axis(low: int, high: int, scale: float) -> list[str]:
    end = SIDE + (high - low) * scale
    parts = [_line(SIDE, TOP, end, TOP, "axis")]
    every = max(1, ceil((high - low) / 12))
    for tick in range(low, high + 1):
        x = SIDE + (tick - low) * scale
        parts.append(_line(x, TOP - (6 if (tick - low) % every == 0 else 3), x, TOP, "axis"))
        if (tick - low) % every == 0:
            parts.append(_text(x, TOP - 12, str(tick), "middle", "tick"))
    return parts


def _distance(width: float) -> list[str]:
    """Nemenyi's critical difference, to scale."""
    width = min(width, WIDTH - 2 * SIDE)
    ends = [_line(x, 10, x, 18, "axis") for x in (SIDE, SIDE + width)]
    words = _text(SIDE + width + 8, 18, "Nemenyi's critical difference", "start", "tick")
    return [_line(SIDE, 14, SIDE + width, 14, "axis"), *ends, words]


def _stem(x: float, y: float, left: bool, rank: float, label: Label) -> str:
    edge = SIDE - 14 if left else WIDTH - SIDE + 14
    name, quoted = label
    shown = name if len(name) <= LABEL_LENGTH else f"{name[: LABEL_LENGTH - 1]}…"
    words = f"{shown} {rank:.2f}" if left else f"{rank:.2f} {shown}"
    anchor, at = ("end", edge - 5) if left else ("start", edge + 5)
    path = f'<path class="stem" d="M{x:.1f} {TOP}V{y:.1f}H{edge}"/>'
    style = "quoted" if quoted else "own"
    return f"<g><title>{escape(name)}</title>{path}{_text(at, y + 4, words, anchor, style)}</g>"


def _lanes(bars: Sequence[tuple[float, float]]) -> list[int]:
    """The first lane for each bar in which it touches no other."""
    ends: list[float] = []
    lanes = []
    for start, stop in bars:
        lane = next((i for i, end in enumerate(ends) if end + GAP < start), len(ends))
        ends[lane : lane + 1] = [stop]
        lanes.append(lane)
    return lanes


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    places = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line class="{style}" {places}/>'


def _text(x: float, y: float, words: str, anchor: str, style: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{style}" {place}>{escape(words)}</text>'
