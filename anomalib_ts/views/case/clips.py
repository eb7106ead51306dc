"""The most telling clips of a case: what was heard, and its score over time under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.core.streams import printable
from anomalib_ts.views.case.channels import ChannelPainter, shortened
from anomalib_ts.views.case.timeline import Timeline
from anomalib_ts.views.clip_table import LABELS
from anomalib_ts.views.clips import RankedClip
from anomalib_ts.views.culprits import as_text, framed
from anomalib_ts.views.palette import CLIP_SCORE, SCORE, THRESHOLD

PANELS = 6
"""So many clips are drawn."""

WIDE = 30.0
"""Scores are drawn on a logarithmic axis if the highest is this many times the lowest."""

_COLUMNS = 2
_LONGEST_NAME = 58
_VALUES_HEIGHT, _SCORES_HEIGHT = 1.5, 1.0  # inches


@dataclass(frozen=True)
class ClipPanel:
    """A clip to be drawn.

    Attributes:
        clip: the result.
        caption: what the clip is an example of.
        recording: its values `(n, c)`.
        scores: `(n,)`, its score over time.
    """

    clip: RankedClip
    caption: str
    recording: Recording
    scores: FloatArray


def telling_clips(ranked: Sequence[RankedClip]) -> list[tuple[RankedClip, str]]:
    """The clips that a picture shows, by rank, with a caption each.

    The most anomalous ones and, for comparison, where labels are known: the normal clip with the
    highest score and the anomalous one with the lowest.
    """
    normal = [clip for clip in ranked if clip.label == 0]
    anomalous = [clip for clip in ranked if clip.label == 1]
    compared = {clip.rank: "highest normal" if normal[1:] else "normal" for clip in normal[:1]}
    if anomalous:
        compared[anomalous[-1].rank] = "lowest anomalous" if anomalous[1:] else "anomalous"
    others = [clip.rank for clip in ranked if clip.rank not in compared]
    shown = {*compared, *others[: PANELS - len(compared)]}
    return [
        (clip, _caption(clip, len(ranked), compared.get(clip.rank)))
        for clip in ranked
        if clip.rank in shown
    ]


def draw_clips(
    panels: Sequence[ClipPanel],
    threshold: float | None,
    frequencies: FloatArray | None,
    title: str = "",
) -> Figure:
    """Draw clips, all with the same colours and the same score axis.

    Args:
        panels: at least one.
        threshold: of clip scores, or of points where clips have no alarm; drawn as a line, if
            given.
        frequencies: `(c,)` of the channels in Hz, if the values are spectrograms in dB.
        title: above the picture.
    """
    recordings = [panel.recording for panel in panels]
    painter = ChannelPainter.of(
        [recording.values for recording in recordings], frequencies, recordings[0].channel_names
    )
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    heights = [max(_VALUES_HEIGHT, painter.height), _SCORES_HEIGHT]
    figure = Figure(figsize=(11, 0.9 + (0.4 + sum(heights)) * rows), layout="constrained")
    figure.suptitle(printable(title), parse_math=False)
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=heights * rows)
    scores: list[Axes] = []
    for place, panel in enumerate(panels):
        row, column = divmod(place, columns)
        values = figure.add_subplot(grid[2 * row, column])
        scores.append(figure.add_subplot(grid[2 * row + 1, column], sharex=values))
        _draw_clip(values, scores[-1], panel, painter, threshold)
    _scale_alike(scores, panels, threshold)
    if painter.as_image:
        painter.add_colour_bar(figure)
    lines, names = scores[0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _draw_clip(
    values: Axes, scores: Axes, panel: ClipPanel, painter: ChannelPainter, threshold: float | None
) -> None:
    recording = panel.recording
    timeline = Timeline.sampled(len(recording), recording.sampling_period)
    if recording.times is not None:
        timeline = Timeline(len(recording), recording.times)
    stretch = timeline.stretch(slice(0, len(recording)))
    painter.draw(values, recording.values, stretch)
    for channels in framed(panel.clip.blamed):
        painter.mark_beside(values, channels)
    values.set_title(printable(panel.caption), fontsize=9, loc="left", parse_math=False)
    values.tick_params(labelbottom=False)
    scores.axhline(panel.clip.score, lw=1.8, color=CLIP_SCORE, label="clip score")
    if threshold is not None:
        what = "points" if panel.clip.alarm is None else "clip scores"
        scores.axhline(threshold, lw=1.2, ls="--", color=THRESHOLD, label=f"threshold of {what}")
    scores.plot(
        stretch.places,
        panel.scores,
        lw=0.9,
        color=SCORE,
        marker="." if len(panel.scores) == 1 else "",
        drawstyle="steps-mid",
        label="score over time",
    )
    half = stretch.step / 2
    scores.set_xlim(stretch.places[0] - half, stretch.places[-1] + half)
    scores.set_ylabel("score")
    stretch.dress(scores)
    for axes in (values, scores):
        axes.tick_params(labelsize=8)
        axes.yaxis.label.set_fontsize(9)


def _caption(clip: RankedClip, count: int, example: str | None) -> str:
    facts = [f"rank {clip.rank} of {count}"]
    if clip.label is not None:
        facts.append(example or LABELS[clip.label])
    facts.append(f"score {clip.score:.4g}")
    if clip.alarm is not None:
        facts.append("alarm" if clip.alarm else "no alarm")
    lines = [shortened(clip.name, _LONGEST_NAME), ", ".join(facts)]
    if clip.blamed:
        blamed = as_text(clip.blamed, _LONGEST_NAME)
        lines.append(f"from {shortened(blamed, _LONGEST_NAME)}")
    return "\n".join(lines)


def _scale_alike(
    axes: Sequence[Axes], panels: Sequence[ClipPanel], threshold: float | None
) -> None:
    """One score axis for all: all scores and the threshold with a margin, logarithmic if wide."""
    shown = np.concatenate([panel.scores for panel in panels])
    if threshold is not None:
        shown = np.append(shown, threshold)
    low, high = float(shown.min()), float(shown.max())
    wide = low > 0 and high > WIDE * low
    margin = 0.05 * (high - low) or 0.5
    for panel in axes:
        if wide:
            panel.set_yscale("log")
            panel.set_ylim(low / 1.3, high * 1.3)
        else:
            panel.set_ylim(low - margin, high + margin)
