"""FastFlow-1D under `prefix`, beside our baselines and beside TSB-UAD's published AUROCs.

    python -m benchmarks.fastflow1d.beside keep STORE    # AUROCs of a results folder to rivals.csv
    python -m benchmarks.fastflow1d.beside table TABLE   # the table of the README
    python -m benchmarks.fastflow1d.beside losses TABLE  # series on which it is furthest behind

TABLE is TSB-UAD's published table. A mean is shown where a method has all series of a data set that
have both classes, and a rank where it has all of them; the second rank is over the series that
every method of the table has.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from anomalib_ts.results.entries import entries
from anomalib_ts.results.store import existing_store
from benchmarks.fastflow1d.run import SAME_SINCE

HERE = Path(__file__).parent
RIVALS = HERE / "rivals.csv"
COLUMNS = ["data", "case", "protocol", "method", "seed", "auroc"]
OURS = "fastflow1d"
OWN_PREFIX = ("AE", "CNN", "LSTM", "OCSVM")
"""Published methods that learnt from the first tenth; the others from what they score."""
PUBLISHED = [*OWN_PREFIX, "IFOREST", "IFOREST1", "LOF", "MP", "PCA", "NORMA", "HBOS", "POLY"]


def keep(options: argparse.Namespace) -> None:
    """Add the AUROCs of a results folder to `rivals.csv`."""
    rows = [
        [
            entry.series.data.partition("[")[0],  # without the series that were chosen
            f"{entry.series.case}.out",
            entry.method.protocol,
            entry.record.unit.detector,
            entry.record.unit.seed,
            round(entry.record.metrics["auroc"], 6),
        ]
        for entry in entries(existing_store(options.store).records()).kept
        if "auroc" in entry.record.metrics
    ]
    found = pd.DataFrame(rows, columns=COLUMNS)
    if RIVALS.is_file():
        found = pd.concat([pd.read_csv(RIVALS), found])
    found = found.drop_duplicates(COLUMNS[:-1], keep="last").sort_values(COLUMNS[:-1])
    found.to_csv(RIVALS, index=False)


def of_ours() -> pd.DataFrame:
    """Rows of `run.py` with defaults, under `prefix`, seed 0: the newest version of each series.

    Version 6 is version 5 where training recordings are long enough: those were not run again.
    """
    rows = pd.read_csv(HERE / "results.csv")
    rows = rows[
        (rows.protocol == "prefix") & (rows.seed == 0) & (rows.settings == "max_steps=1000")
    ]
    newest = rows[rows.version >= SAME_SINCE].sort_values("version")
    return newest.drop_duplicates(["data", "case"], keep="last").assign(method=OURS)


def of_rivals() -> pd.DataFrame:
    """`rivals.csv`, and the baselines in default mode, which learn from the first tenth, too."""
    rivals = pd.read_csv(RIVALS)
    rivals = rivals[(rivals.protocol == "prefix") & (rivals.method != OURS)]
    rows = pd.read_csv(HERE.parent / "baselines" / "results.csv")
    rows = rows[(rows["mode"] == "default") & (rows.window == "own")]
    rows[["data", "case"]] = rows.series.str.split("/", expand=True)
    known = rows.groupby(["data", "case", "method"], as_index=False).auroc.mean()
    return pd.concat([known, rivals])


def of_others(path: Path) -> pd.DataFrame:
    """The published table with the names of our files, a row a series and method."""
    table = pd.read_csv(path)
    msl = table.dataset == "NASA_MSL"
    channel = table.filename.str.removeprefix("SMAP").str.removesuffix("_data.out")
    table["case"] = table.filename.where(~msl, channel + ".test.out")
    table["data"] = table.dataset.where(~msl, "NASA-MSL")
    return table.melt(["data", "case"], PUBLISHED, "method", "auroc")


def together(path: Path) -> pd.DataFrame:
    """AUROC by series (rows) and by who learnt from what and method (columns)."""
    ours, rivals, others = of_ours(), of_rivals(), of_others(path)
    mine = pd.concat([ours, rivals]).assign(kind="prefix")
    own = others.method.isin(OWN_PREFIX)
    others["kind"] = own.map({True: "prefix, published", False: "whole, published"})
    known = others.merge(ours[["data", "case"]])
    every = pd.concat([mine, known]).drop_duplicates(["data", "case", "kind", "method"])
    wide = every.pivot(index=["data", "case"], columns=["kind", "method"], values="auroc")
    return wide[wide["prefix", OURS].notna()]


def table(options: argparse.Namespace) -> None:
    """Print means by data set and mean ranks as Markdown."""
    wide = together(options.table)
    common = wide.dropna()
    complete = wide.dropna(axis="columns")
    sets = wide.groupby("data")
    means = sets.agg(lambda values: values.mean(skipna=False)).T
    means.columns = [f"{data} ({sets.size()[data]})" for data in means.columns]
    means["mean of sets"] = means.mean(axis="columns", skipna=False)
    means["mean of series"] = complete.mean()
    shown = means.map(lambda value: "" if pd.isna(value) else f"{value:.3f}")
    for name, part in (("rank, all", complete), ("rank, common", common)):
        ranks = part.rank(axis="columns", ascending=False).mean()
        shown[f"{name} {len(part)} of {part.shape[1]}"] = ranks.map("{:.1f}".format)
    order = means["mean of series"].fillna(common.mean()).sort_values(ascending=False).index
    ordered = shown.reindex(order).fillna("").sort_index(level="kind", sort_remaining=False)
    print("| learns from | method |", " | ".join(ordered.columns), "|")
    print("| --- | --- |" + " ---: |" * len(ordered.columns))
    for (kind, method), row in ordered.iterrows():
        print(f"| {kind} | `{method}` |", " | ".join(row), "|")


def losses(options: argparse.Namespace) -> None:
    """Print the series on which others under `prefix` are furthest ahead, and the best of them."""
    prefix = together(options.table)["prefix"]
    others = prefix.drop(columns=OURS)
    behind = pd.DataFrame(
        {
            OURS: prefix[OURS],
            "median": others.median(axis="columns"),
            "best": others.max(axis="columns"),
            "who": others.idxmax(axis="columns"),
        }
    )
    behind["behind"] = behind["median"] - behind[OURS]
    print(behind.sort_values("behind", ascending=False).head(options.most).round(3).to_string())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    keeping = commands.add_parser("keep")
    keeping.add_argument("store", type=Path)
    keeping.set_defaults(call=keep)
    for name, call in (("table", table), ("losses", losses)):
        printing = commands.add_parser(name)
        printing.add_argument("table", type=Path)
        printing.add_argument("--most", type=int, default=20, help="series (losses)")
        printing.set_defaults(call=call)
    options = parser.parse_args()
    options.call(options)


if __name__ == "__main__":
    main()
