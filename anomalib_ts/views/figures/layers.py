"""What the layers of deep detectors tell of an attack, with roughness beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from anomalib_ts.errors import ConfigError, UndefinedMetricError
from anomalib_ts.results.formats import Grid
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store
from anomalib_ts.views.figures.base import Drawn, StudyFigure
from anomalib_ts.views.figures.places import Result, placed
from anomalib_ts.views.figures.style import colour, new_figure
from anomalib_ts.views.figures.values import remarks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anomalib_ts.run.job import Job

COLUMNS = ("clean", "noise", "attacked", "noise_dz", "dz", "noise_auroc", "auroc")
"""What `anomalib_ts.robustness.diagnose` gives for a layer, in the order of the table."""

HEADINGS = ("clean", "noise", "attacked", "dz noise", "dz", "AUROC noise", "AUROC")

MOST_PANELS = 9

NOISE = "noise"


class Group(NamedTuple):
    """A method on a case, over its seeds.

    Attributes:
        method, case: see `Result`.
        layers: for each layer in the order in which they run, the mean of each of `COLUMNS` over
            the seeds that have it.
    """

    method: str
    case: str
    layers: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Layers(StudyFigure):
    """A table and a panel a detector and case: layer by layer, and roughness.

    Needs `attack`, and a detector with a network. Units under `noise` are left out: every other
    has noise of the same size beside it. For the columns see `compare` in
    `anomalib_ts.robustness.diagnosis`.
    """

    name: str = "layers"

    def check(self, job: Job) -> None:
        """Refuse a job without an attack."""
        if not job.attack:
            raise ConfigError("figure=layers shows what an attack does: set attack=pgd")

    def draw(self, store: Store, records: Sequence[Record]) -> Drawn:
        """A row a layer, and bars of the AUROC."""
        del store
        found = [r for r in placed(records) if r.record.attacked_by not in ("", NOISE)]
        known = [result for result in found if result.record.diagnosis]
        if not known:
            raise UndefinedMetricError(
                "nothing to draw: no unit under attack has layers; use a deep detector and an "
                "attack of a size above 0"
            )
        groups = _groups(known)
        notes = [*remarks(known), *_left_out(found, known)]
        if len(groups) > MOST_PANELS:
            notes.append(f"The picture shows the first {MOST_PANELS} of {len(groups)}.")
        return Drawn(
            _grid(groups),
            notes,
            [row for result in known for row in _rows(result)],
            _picture(groups[:MOST_PANELS], notes[0]),
        )


def _left_out(found: Sequence[Result], known: Sequence[Result]) -> list[str]:
    without = sorted({one.method for one in found} - {one.method for one in known})
    return [f"Without rectified layers, and left out: {', '.join(without)}."] if without else []


def _groups(known: Sequence[Result]) -> list[Group]:
    by: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    for result in known:
        by[result.method, result.case].append(result.record)
    return [
        Group(method, case, {layer: _means(layer, records) for layer in records[0].diagnosis})
        for (method, case), records in by.items()
    ]


def _means(layer: str, records: Sequence[Record]) -> dict[str, float]:
    rows = [record.diagnosis.get(layer, {}) for record in records]
    return {
        name: fmean(row[name] for row in rows if name in row)
        for name in COLUMNS
        if any(name in row for row in rows)
    }


def _grid(groups: Sequence[Group]) -> Grid:
    cells = [
        [
            group.case,
            group.method,
            layer,
            *(f"{row[name]:.3f}" if name in row else "-" for name in COLUMNS),
        ]
        for group in groups
        for layer, row in group.layers.items()
    ]
    return Grid(["case", "detector", "layer", *HEADINGS], cells, text_columns=3)


def _rows(result: Result) -> list[dict[str, Any]]:
    return [
        {
            "detector": result.method,
            "case": result.case,
            "seed": result.record.unit.seed,
            "layer": layer,
            **{name: row.get(name, "") for name in (*COLUMNS, "silent")},
        }
        for layer, row in result.record.diagnosis.items()
    ]


def _picture(groups: Sequence[Group], remark: str) -> Figure:
    columns = min(3, len(groups))
    lines = -(-len(groups) // columns)
    tallest = max(len(group.layers) for group in groups)
    figure = new_figure(2.0 + 4.2 * columns, 1.4 + (0.8 + 0.28 * tallest) * lines, remark)
    panels = figure.subplots(lines, columns, squeeze=False, sharex=True).ravel()
    for panel, group in zip(panels, groups, strict=False):
        _fill(panel, group)
    for panel in panels[len(groups) :]:
        panel.set_visible(False)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _fill(panel: Axes, group: Group) -> None:
    names = list(group.layers)
    for number, (key, label) in enumerate((("auroc", "attacked"), ("noise_auroc", "noise"))):
        panel.scatter(
            [group.layers[name].get(key, float("nan")) for name in names],
            range(len(names)),
            color=colour(number),
            marker="os"[number],
            label=f"{label} against clean",
            zorder=3,
        )
    panel.axvline(0.5, color="0.6", linewidth=1)
    panel.set_yticks(range(len(names)), names)
    panel.invert_yaxis()
    panel.set_xlim(-0.02, 1.02)
    panel.set_xlabel("AUROC of the layer's sparseness")
    panel.set_title(f"{group.case}\n{group.method}", fontsize="medium")
