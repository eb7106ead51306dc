"""Draws rows.csv and prints its means: `python -m benchmarks.attacks.picture`."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from anomalib_ts.views.figures.style import colour, marker

HERE = Path(__file__).parent
GOALS = ("hide", "raise", "both")


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean AUROC over seeds, then over the cases that every detector shown has."""
    by = ["detector", "attack", "goal", "epsilon"]
    per_case = rows.groupby([*by, "case"]).auroc.mean()
    return per_case.groupby(by).mean().unstack("epsilon")


def main() -> None:
    """The picture and the table."""
    rows = pd.read_csv(HERE / "rows.csv", keep_default_na=False)
    cases = rows.groupby("detector").case.nunique()
    rows = rows[rows.detector.isin(cases[cases == cases.max()].index)]
    table = means(rows)
    clean = table.xs("none", level="attack")[0.0].droplevel("goal")
    order = clean.sort_values(ascending=False).index
    figure, panels = plt.subplots(1, 3, figsize=(13, 4.6), sharey=True, layout="constrained")
    for panel, goal in zip(panels, GOALS, strict=True):
        for place, detector in enumerate(order):
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
        panel.set_xlabel("largest change, training deviations")
    panels[0].set_ylabel("AUROC, mean of the series")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6)
    figure.suptitle("strongest attack (lines with markers) and noise of its size (dotted)")
    figure.savefig(HERE / "picture.png", dpi=90)
    seconds = rows[rows.attack == "strongest"].groupby(["detector", "made"]).seconds.mean()
    units = rows.groupby("detector")[["case", "seed"]].nunique()
    print(table.round(3).to_string())
    print(seconds.round(1).to_string())
    print(units.to_string())


if __name__ == "__main__":
    main()
