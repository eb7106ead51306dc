"""Draws rows.csv and prints its means: `python -m benchmarks.attacks.picture`."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from anomalib_ts.views.figures.style import colour, marker
from benchmarks.attacks.table import GOALS, VENTILATOR

HERE = Path(__file__).parent


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean AUROC over seeds, then over the cases that every detector shown has."""
    by = ["detector", "attack", "goal", "epsilon"]
    per_case = rows.groupby([*by, "case"]).auroc.mean()
    return per_case.groupby(by).mean().unstack("epsilon")


def complete(rows: pd.DataFrame) -> pd.DataFrame:
    """Of the detectors that have all cases."""
    cases = rows.groupby("detector").case.nunique()
    return rows[rows.detector.isin(cases[cases == cases.max()].index)]


def draw(panels: list[Axes], table: pd.DataFrame, places: dict[str, int]) -> None:
    """A panel a goal, a colour a detector."""
    clean = table.xs("none", level="attack")[0.0].droplevel("goal")
    for panel, goal in zip(panels, GOALS, strict=True):
        for detector in clean.sort_values(ascending=False).index:
            place = places[detector]
            for attack, dashes in (("strongest", "-"), ("noise", ":")):
                line = table.loc[detector, attack, goal].drop(0.0)
                panel.plot(
                    [0, *line.index],
                    [clean[detector], *line],
                    dashes,
                    color=colour(place),
                    marker=marker(place) if dashes == "-" else None,
                    label=detector if dashes == "-" else None,
                )
        panel.set_title(f"goal: {goal}")


def main() -> None:
    """The picture and the tables."""
    rows = pd.read_csv(HERE / "rows.csv", keep_default_na=False)
    sounds = rows.case == VENTILATOR
    parts = {"series": complete(rows[~sounds]), "ventilators": rows[sounds]}
    parts = {name: part for name, part in parts.items() if len(part)}
    shown = dict.fromkeys(name for part in parts.values() for name in part.detector)
    places = {name: place for place, name in enumerate(shown)}
    figure, grid = plt.subplots(
        len(parts),
        3,
        figsize=(13, 1 + 4 * len(parts)),
        sharex=True,
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    handles: dict[str, object] = {}
    for panels, (name, part) in zip(grid, parts.items(), strict=True):
        table = means(part)
        draw(list(panels), table, places)
        panels[0].set_ylabel(f"AUROC, {name}")
        handles |= dict(zip(*reversed(panels[0].get_legend_handles_labels()), strict=True))
        seconds = part[part.attack == "strongest"].groupby(["detector", "made"]).seconds.mean()
        print(f"{name}\n{table.round(3).to_string()}\n{seconds.round(1).to_string()}")
        print(part.groupby("detector")[["case", "seed"]].nunique().to_string())
    for panel in grid[-1]:
        panel.set_xlabel("largest change, training deviations")
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=6)
    figure.suptitle("strongest attack (lines with markers) and noise of its size (dotted)")
    figure.savefig(HERE / "picture.png", dpi=90)


if __name__ == "__main__":
    main()
