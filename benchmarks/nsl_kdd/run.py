"""Detectors of single points on NSL-KDD: AUROC of each kind of attack, with seconds.

    python benchmarks/nsl_kdd/run.py ROOT [--only hbos pca] [--seeds 0 1 2]

ROOT holds KDDTrain+.txt and KDDTest+.txt. Each line of results.csv is appended as soon as it is
there and not run again, the quickest detectors first; the table is printed of all lines. Trained on
the normal rows of KDDTrain+; detectors that learn from labels are given its attacks, too. One model
scores KDDTest+ once: a kind is its rows with all normal ones, as in `data=nsl_kdd`.
"""

from __future__ import annotations

import argparse
import time
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from anomalib_ts import detectors
from anomalib_ts.data import NslKdd
from anomalib_ts.data.base import Case
from anomalib_ts.data.tables.nsl_kdd import CASES
from anomalib_ts.data.tables.nsl_kdd_rows import KINDS, LABEL, TEST_FILE, TRAIN_FILE, read_rows

HERE = Path(__file__).parent
CSV = HERE / "results.csv"
QUICK = ("Hbos", "Mahalanobis", "Pca", "IForest1")
DETECTORS = (
    *QUICK,
    *("DenseAutoencoder", "DcaseAutoencoder", "DeepSvdd", "Usad"),
    *("DevNet", "DeepSad", "WeakAutoencoder", "Ocsvm", "Lof", "Memory"),
)
"""Those that take windows of one point."""


def jobs(only: list[str], seeds: list[int]) -> list[tuple[str, str, int]]:
    """Detector, encoding and seed; all encodings where that costs seconds."""
    chosen = [name for name in DETECTORS if not only or name.lower() in only]
    found = []
    for name in chosen:
        drawn = seeds if "seed" in signature(getattr(detectors, name)).parameters else seeds[:1]
        encodings = ("log", "one_hot", "codes") if name in QUICK else ("log",)
        found += [(name, encoding, seed) for encoding in encodings for seed in drawn]
    return found


def run(name: str, seed: int, case: Case, labels: pd.Series[Any], known: set[str]) -> pd.DataFrame:
    """A line a kind of attack."""
    kind = getattr(detectors, name)
    # The rows are one recording, which `bag=clip` would take for one example.
    settings = {"window": 1, "seed": seed, "bag": "window"}
    detector = kind(**{k: v for k, v in settings.items() if k in signature(kind).parameters})
    weak = kind.capabilities.supervision == "weak"
    began = time.process_time()
    detector.fit([r for r in case.train if weak or not r.is_anomalous_throughout])
    fitted = time.process_time()
    scores = detector.score(case.test[0])
    scored = time.process_time()
    is_normal = (labels == "normal").to_numpy()
    lines = []
    for one in CASES:
        attacks = ~labels.isin(known) if one == "unseen" else labels.map(KINDS) == one
        wanted = is_normal | (attacks.to_numpy() if one != "all" else True)
        auroc = roc_auc_score(~is_normal[wanted], scores[wanted])
        lines.append({"kind": one, "auroc": auroc, "fit": fitted - began, "score": scored - fitted})
    return pd.DataFrame(lines)


def table(lines: pd.DataFrame) -> str:
    """Markdown: means over seeds, with their deviation for all attacks."""
    rows = [
        f"| detector | encoding | {' | '.join(CASES)} | seeds | fit, CPU s | score, CPU s |",
        "| --- " * (len(CASES) + 5) + "|",
    ]
    for (name, encoding), group in lines.groupby(["detector", "encoding"], sort=False):
        by_kind = group.groupby("kind")["auroc"]
        means, spread = by_kind.mean(), by_kind.std().fillna(0)
        seeds = group["seed"].nunique()
        cells = [f"{means[kind]:.3f}" for kind in CASES]
        if seeds > 1:
            cells[0] += f" ± {spread['all']:.3f}"
        seconds = [f"{group[part].mean():.1f}" for part in ("fit", "score")]
        rows.append(f"| {' | '.join([name, encoding, *cells, str(seeds), *seconds])} |")
    return "\n".join(rows)


def main() -> None:
    """Run what is missing and show all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root")
    parser.add_argument("--only", nargs="+", default=[], type=str.lower)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    root = Path(options.root)
    labels = read_rows(root / TEST_FILE).frame[LABEL]
    known = set(read_rows(root / TRAIN_FILE).frame[LABEL])
    cases: dict[str, Case] = {}
    for name, encoding, seed in jobs(options.only, options.seeds):
        keys = {"detector": name, "encoding": encoding, "seed": seed}
        if CSV.exists() and (pd.read_csv(CSV)[list(keys)] == pd.Series(keys)).all(axis=1).any():
            continue
        if encoding not in cases:
            data = NslKdd(root=options.root, encoding=encoding, labelled_attacks=True)
            cases[encoding] = data.load("all")
        found = run(name, seed, cases[encoding], labels, known).assign(**keys)
        found.to_csv(CSV, mode="a", header=not CSV.exists(), index=False, float_format="%.6g")
        print(name, encoding, seed, np.round(found["auroc"].iloc[0], 4), flush=True)
    print(table(pd.read_csv(CSV)))


if __name__ == "__main__":
    main()
