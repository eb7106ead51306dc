"""Each part of the joined score alone and left out, and what mends the paper's mode: a row each.

    python benchmarks/weak_autoencoder/ablation.py ablation.csv --seeds 0 1 2
    python benchmarks/weak_autoencoder/ablation.py ablation.csv --print

Splits, schedule and data are those of `joined.py`, Table 3; one fit of the joined score gives all
its parts. Goes on where it was stopped, too.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from joined import Fit, append, clip_scores, read, split, steps
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case
from anomalib_ts.detectors import WeakAutoencoder
from anomalib_ts.detectors.weak_autoencoder.statistics_head import MOST_HEALTHY, evidence

TYPES = ("ventilator", "stamper")


def paper(**settings: Any) -> Callable[[Case, int], dict[str, NDArray]]:
    """Scores of the paper's mode with other settings."""

    def run(case: Case, seed: int) -> dict[str, NDArray]:
        detector = WeakAutoencoder(mode="paper", seed=seed, trainer=steps(1000), **settings)
        told = ", ".join(["paper", *(f"{name}={value}" for name, value in settings.items())])
        return {told: clip_scores(detector.fit(case.train), case.test)}

    return run


def parts(case: Case, seed: int) -> dict[str, NDArray]:
    """Scores of all combinations of the three numbers that are joined."""
    detector = WeakAutoencoder(seed=seed, trainer=steps(1000)).fit(case.train)
    error, distance, odds = np.array([numbers(detector, clip) for clip in case.test]).T
    limited = np.maximum(odds, MOST_HEALTHY)
    return {
        "error": error,
        "distance": distance,
        "log-odds": odds,
        "error + distance": error + distance,
        "error/2 + log-odds": error / 2 + limited,
        "distance/2 + log-odds": distance / 2 + limited,
        "joined, log-odds unlimited": (error + distance) / 2 + odds,
        "joined": (error + distance) / 2 + limited,
    }


def numbers(detector: WeakAutoencoder, clip: Recording) -> tuple[float, float, float]:
    """Error, distance and log-odds of a clip, each in deviations of healthy ones."""
    head = detector.model_.head
    (given,) = detector.scaler_.transform([clip.without_labels()])
    whole = torch.tensor(given.values.T[None])
    with torch.inference_mode():
        both = evidence(head.statistics(whole), head.centre, head.whitening, head.direction)
        distance, odds = ((both - head.moments[0]) / head.moments[1])[0].tolist()
        of_head = head.scores(whole).item()
    error = 2 * (float(np.mean(detector.score(clip.without_labels()))) - of_head)
    return error, distance, odds


FITS = {  # by the last row of each
    "joined": parts,
    "paper": paper(),
    "paper, stride=4": paper(stride=4),
    "paper, bag=clip": paper(bag="clip"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--fits", nargs="+", default=list(FITS), choices=list(FITS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--root", type=Path, default=Path("data"))
    parser.add_argument("--print", action="store_true", help="only the table of what is there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if not options.print:
        for variant in options.fits:
            for seed in options.seeds:
                for case in TYPES:
                    add(options.results, variant, case, seed, options.root)
    table(options.results)


def add(results: Path, variant: str, name: str, seed: int, root: Path) -> None:
    """Append what a fit finds, unless it is there."""
    rows = [(row["case"], row["seed"], row["variant"]) for row in read(results)]
    if (name, str(seed), variant) in rows:
        return
    _, case = split(Fit("table3", name, seed, variant), root)
    truth = [clip.is_anomalous for clip in case.test]
    found = FITS[variant](case, seed)
    for told, scores in found.items():
        auroc = f"{roc_auc_score(truth, scores):.4f}"
        append(results, {"case": name, "seed": seed, "variant": told, "auroc": auroc})


def table(results: Path) -> None:
    """Mean and deviation over seeds of each variant on each machine type."""
    found: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for row in read(results):
        found[row["variant"], row["case"]].append(float(row["auroc"]))
    for (variant, case), values in sorted(found.items()):
        spread = np.std(values, ddof=len(values) > 1)
        print(f"{variant} | {case} | {np.mean(values):.3f} ± {spread:.3f} | n = {len(values)}")


if __name__ == "__main__":
    main()
