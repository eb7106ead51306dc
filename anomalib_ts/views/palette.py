"""The colours of all pictures: of a case, of a study and of the report.

What is the same thing has the same colour everywhere. The colours are told apart by colour-blind
people, too; those that the report's canvas uses are mid-tones, which read on white and on black,
because a canvas does not follow the page when it turns dark.
"""

from __future__ import annotations

ANOMALY = "#d1495b"
"""Anomalous points, and scores of anomalous clips."""

NORMAL = "#0072b2"
"""Scores of normal clips."""

THRESHOLD = "#d9822b"
"""What scores above it is an alarm."""

BLAMED = "#009e73"
"""Channels that a score comes from."""

CLIP_SCORE = NORMAL
"""The one score of a clip, among its scores over time."""

VALUE, SCORE = "#2f6f9f", "#3d3d3d"
"""What was scored, and the score, where there is one of each."""

LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Methods side by side on white (Okabe and Ito 2008; without their yellow)."""

INK, FAINT, GRID, LANE = "#333333", "#8a8a8a", "#e6e6e6", "#d9dce0"
"""Text, axes, grid lines and the lines between channels, on white."""

MIDTONE_LINES = (
    "#3b82c4",
    "#2f9e6e",
    "#9b6bd3",
    "#c9842b",
    "#d1567f",
    "#2aa1b3",
    "#8a8f3c",
    "#b0653f",
)
"""Methods side by side in the report."""

GOOD = MIDTONE_LINES[1]
"""What passed a test."""

CHOSEN, OTHER = MIDTONE_LINES[0], "#8b95a1"
"""What the report points out, and what it does not."""

MIDTONE_INK, MIDTONE_GRID = "#76808c", "rgba(128, 136, 148, 0.22)"
"""Text and grid lines of the report's canvas."""
