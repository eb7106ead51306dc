"""The two pictures of the detector's README.

python -m benchmarks.fastflow1d.plots scores   # one fit on a generated series, half a minute
python -m benchmarks.fastflow1d.plots seeds    # of results.csv
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.data import MackeyGlass
from anomalib_ts.detectors import FastFlow1D
from anomalib_ts.detectors.fastflow1d.torch_model import SCORES
from anomalib_ts.views.figures import style
from anomalib_ts.views.palette import ANOMALY, FAINT, LINES, VALUE
from benchmarks.fastflow1d.run import SAME_SINCE, each_score

HERE = Path(__file__).parent
README = HERE.parents[1] / "anomalib_ts" / "detectors" / "fastflow1d"
SETS = {"Dodgers": 0.81, "MGAB": 0.92, "NASA-MSL": 0.82, "Genesis": 0.97}
"""AUROC in the paper."""


def faulty() -> tuple[Recording, Recording, dict[str, slice]]:
    """A healthy Mackey-Glass series, and one with a joint and three planted faults, by place."""
    case = MackeyGlass(n_points=4000, n_anomalies=1).load("mackey_glass_0")
    (train,), (test,) = case.train, case.test
    values = test.values[:, 0].astype(np.float64)
    joint = int(np.flatnonzero(test.labels)[10])
    bump, tremor, half = slice(400, 440), slice(1200, 1240), slice(3000, 3120)
    values[bump] += 0.5 * np.hanning(40)
    values[tremor] += 0.03 * np.cos(np.pi * np.arange(40))
    values[half] = values[half].mean() + 0.5 * (values[half] - values[half].mean())
    around = slice(joint - 10, joint + 10)
    places = {"bump": bump, "tremor": tremor, "joint": around, "half as high": half}
    return train, Recording(values[:, None]), places


def in_deviations(train: Recording, test: Recording) -> dict[str, FloatArray]:
    """The four scores in deviations, as the largest of them is taken."""
    fitted = FastFlow1D(seed=0).fit(train)
    scores = torch.from_numpy(each_score(fitted, test, fitted.smoothing))
    found = fitted.model_.in_deviations(scores).numpy()
    assert np.allclose(found.max(axis=0), fitted.score(test), rtol=1e-3)
    return dict(zip(SCORES, found, strict=True))


def draw_scores() -> None:
    """Which fault each score sees."""
    train, test, places = faulty()
    scores = in_deviations(train, test)
    largest = np.max(list(scores.values()), axis=0)
    with style.applied():
        figure, panels = plt.subplots(
            6, 1, figsize=(10, 7.5), sharex=True, layout="constrained", height_ratios=[2] + [1] * 5
        )
        panels[0].plot(test.values[:, 0], color=VALUE, linewidth=0.8)
        highest = test.values.max()
        panels[0].set_ylim(top=highest + 0.35)
        panels[0].set_title("series", loc="left")
        for name, at in places.items():
            panels[0].set_ylim(top=test.values.max() + 0.35)
            panels[0].annotate(
                name, ((at.start + at.stop) / 2, test.values.max() + 0.1), ha="center"
            )
        top = float(largest.max()) * 1.05
        for panel, (name, score) in zip(
            panels[1:], [*scores.items(), ("largest of the four", largest)], strict=True
        ):
            whole = name not in SCORES
            panel.plot(score, color=LINES[-1] if whole else LINES[0], linewidth=1)
            panel.set_ylim(-3, top)
            panel.set_title(f"{name}, deviations", loc="left")
        for panel in panels:
            for at in places.values():
                panel.axvspan(at.start, at.stop, color=ANOMALY, alpha=0.2, linewidth=0)
        panels[-1].set_xlabel("point")
        figure.savefig(README / "scores.png")


def draw_seeds() -> None:
    """AUROC of each seed, of each score alone, and of the paper."""
    rows = pd.read_csv(HERE / "results.csv")
    rows = rows[(rows.version >= SAME_SINCE) & (rows.settings == "max_steps=1000")]
    rows = rows[rows.protocol == "normal"]
    columns = {"auroc": "largest", **{name: f"{name} alone" for name in SCORES}}
    with style.applied():
        figure, panels = plt.subplots(
            1, len(SETS), figsize=(11, 4), sharey=True, layout="constrained"
        )
        for panel, (data, paper) in zip(panels, SETS.items(), strict=True):
            some = rows[rows.data == data]
            means = some.groupby("seed")[list(columns)].mean()
            cases = some.groupby("seed").case.nunique()
            means = means[cases == cases.max()]
            for place, column in enumerate(columns):
                colour = LINES[-1] if place == 0 else LINES[0]
                panel.plot([place] * len(means), means[column], "o", color=colour, alpha=0.6)
            panel.axhline(paper, color=FAINT, linestyle="--")
            panel.text(4.4, paper - 0.005, "paper", ha="right", va="top", color=FAINT)
            panel.set_xticks(range(len(columns)), list(columns.values()), rotation=40, ha="right")
            panel.set_xlim(-0.6, 4.6)
            panel.set_title(f"{data} ({len(means)} seed{'s' * (len(means) > 1)})")
        panels[0].set_ylabel("AUROC")
        figure.savefig(README / "seeds.png")


if __name__ == "__main__":
    {"scores": draw_scores, "seeds": draw_seeds}[sys.argv[1]]()
