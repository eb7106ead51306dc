"""The colours that all pictures of a unit share; told apart by colour-blind people, too."""

from __future__ import annotations

ANOMALY, SCORE, THRESHOLD, CLIP_SCORE = "#d1495b", "#3d3d3d", "#e08e1b", "#0072b2"
VALUE, LANE = "#2f6f9f", "#d9dce0"
