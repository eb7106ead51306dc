"""Which measure sees which fault, planted into real rows of NSL-KDD, as a table and a picture.

    python benchmarks/nids_judge/faults.py ROOT [--seeds 0 1 2]

ROOT holds KDDTrain+.txt and KDDTest+.txt. A seed deals the rows, trains the judge and draws; each
is appended to faults.csv when it is there and not run again. faults.png and the table on standard
output are of all seeds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from anomalib_ts.synthetic.comparison import compare
from anomalib_ts.synthetic.faults import FAULTS, planted
from anomalib_ts.synthetic.judges.judge import ImageJudge
from anomalib_ts.synthetic.measures.registry import MEASURES
from anomalib_ts.synthetic.tables.nsl_kdd import FRACTIONS, nsl_kdd_tables
from anomalib_ts.synthetic.tables.row_images import RowImages
from anomalib_ts.synthetic.tables.table import at_most
from anomalib_ts.views.palette import ANOMALY, FAINT, GRID, INK

HERE = Path(__file__).parent
CSV = HERE / "faults.csv"
NONE = "none (real rows)"


def measured(root: str, seed: int) -> pd.DataFrame:
    """A line a fault and measure: both means, how many deviations worse than real, and seen."""
    began = time.perf_counter()
    rng = np.random.default_rng(seed)
    dealt, test = nsl_kdd_tables(root, "clean", seed)
    train = at_most(dealt, 2000, rng, first=10_000)
    order = rng.permutation(len(test))
    real, base = (test.take(half) for half in np.array_split(order, 2))
    judge = ImageJudge(seed=seed).bind(RowImages(train.schema, fractions=FRACTIONS)).fit(train)
    tables = {name: planted(name, base, train, seed) for name in FAULTS}
    found = compare(judge, train, real, {NONE: base, **tables}, draws=5, seed=seed)
    lines = [
        {
            "seed": seed,
            "fault": fault,
            "measure": key,
            "value": finding.mean(fault),
            "real": finding.mean("real half"),
            "deviations": finding.deviation(fault),
            "seen": finding.sees(fault),
        }
        for fault in (NONE, *FAULTS)
        for key, finding in found.findings.items()
    ]
    print(f"seed {seed}: {time.perf_counter() - began:.0f} s, {found.remarks}")
    return pd.DataFrame(lines)


def picture(lines: pd.DataFrame) -> Figure:
    """A square for each fault and measure: full where every seed sees it."""
    faults, keys = [NONE, *FAULTS], list(MEASURES)
    seen = lines.groupby(["fault", "measure"])["seen"].mean()
    value = lines.groupby(["fault", "measure"])["value"].mean()
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    axes = figure.subplots()
    for row, fault in enumerate(faults):
        for column, key in enumerate(keys):
            share = seen[fault, key]
            corner, style = (
                (column - 0.47, row - 0.46),
                {"facecolor": ANOMALY, "alpha": 0.9 * share},
            )
            axes.add_patch(Rectangle(corner, 0.94, 0.92, edgecolor=GRID, **style))
            text = f"{value[fault, key]:.3g}"
            ink = "white" if share > 0.5 else (INK if share else FAINT)
            axes.text(column, row, text, ha="center", va="center", size=7, color=ink)
    titles = [MEASURES[key].title.split(" (")[0] for key in keys]
    axes.set_xticks(range(len(keys)), titles, rotation=35, ha="left", size=8)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(faults)), faults, size=8)
    axes.set_xlim(-0.5, len(keys) - 0.5)
    axes.set_ylim(len(faults) - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    seeds = lines["seed"].nunique()
    axes.set_xlabel(
        f"red: worse than every draw of real rows and by over 3 deviations, in share of {seeds} "
        "seeds; numbers: mean values",
        size=8,
        color=INK,
    )
    return figure


def table(lines: pd.DataFrame) -> str:
    """Markdown: the measures that see each fault; in brackets those that do for some seeds."""
    seen = lines.groupby(["fault", "measure"])["seen"].mean()
    rows = ["| fault | seen by | of 15 |", "| --- | --- | --- |"]
    for fault in (NONE, *FAULTS):
        always = [key for key in MEASURES if seen[fault, key] == 1]
        at_times = [key for key in MEASURES if 0 < seen[fault, key] < 1]
        names = ", ".join([*always, *(f"({key})" for key in at_times)])
        rows.append(f"| {fault} | {names or 'none'} | {len(always)} |")
    return "\n".join(rows)


def main() -> None:
    """Run what is missing and show all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    for seed in options.seeds:
        if not CSV.exists() or seed not in set(pd.read_csv(CSV)["seed"]):
            found = measured(options.root, seed)
            found.to_csv(CSV, mode="a", header=not CSV.exists(), index=False, float_format="%.6g")
    lines = pd.read_csv(CSV)
    picture(lines).savefig(HERE / "faults.png", dpi=110)
    print(table(lines))


if __name__ == "__main__":
    main()
