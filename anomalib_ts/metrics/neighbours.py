"""Nearest smaller neighbours: how far a run of high scores reaches, and where the next one lies.

A metric of predicted runs looks, for every point at the moment the threshold reaches it, at its
surroundings. They depend only on the nearest points that are predicted earlier, or later, than it.
Knowing these for all points at once, the metric becomes a cumulative sum over points in score
order instead of a loop over thresholds.
"""

from __future__ import annotations

import numpy as np

from anomalib_ts.core.runs import IntArray


def nearest_smaller(ranks: IntArray) -> tuple[IntArray, IntArray]:
    """Finds the nearest positions on the left and on the right with a smaller rank.

    Args:
        ranks: `(n,)` distinct ranks.

    Returns:
        `(n,)` positions on the left, -1 where there is none, and on the right, `n` where there is
        none. O(n log n) time at worst, O(n) on noise, without a Python loop over points.
    """
    n = len(ranks)
    left = _nearest_smaller_on_left(ranks)
    right = _nearest_smaller_on_left(ranks[::-1])[::-1]
    return left, n - 1 - right


def _nearest_smaller_on_left(ranks: IntArray) -> IntArray:
    """Climbs a tree of block minima until a left sibling holds a smaller rank, then descends."""
    levels = _block_minima(ranks)
    node = np.arange(len(ranks), dtype=ranks.dtype)
    active = node
    climbed: list[tuple[IntArray, IntArray]] = []
    for minima in levels:
        sibling = node - 1
        # Even nodes have no sibling on their left; index -1 is harmless because it is masked.
        found = (node & 1 == 1) & (minima[sibling] < ranks[active])
        climbed.append((active[found], sibling[found]))
        active, node = active[~found], node[~found] >> 1
    nearest = np.full(len(ranks), -1, dtype=ranks.dtype)
    points = blocks = np.empty(0, dtype=ranks.dtype)
    for level in range(len(levels) - 1, -1, -1):
        more_points, more_blocks = climbed.pop()
        points = np.concatenate((points, more_points))
        blocks = np.concatenate((blocks, more_blocks))
        if level:
            right_half = 2 * blocks + 1
            in_right = levels[level - 1][right_half] < ranks[points]
            blocks = np.where(in_right, right_half, right_half - 1)
    nearest[points] = blocks
    return nearest


def _block_minima(ranks: IntArray) -> list[IntArray]:
    """Minima of blocks of 1, 2, 4, ... ranks; a missing right half leaves the left one."""
    levels = [ranks]
    while len(levels[-1]) > 1:
        below = levels[-1]
        minima = below[::2].copy()
        np.minimum(minima[: len(below) // 2], below[1::2], out=minima[: len(below) // 2])
        levels.append(minima)
    return levels
