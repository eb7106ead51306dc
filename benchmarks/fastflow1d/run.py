"""FastFlow-1D on TSB-UAD series: both of its scores, and the reconstruction error of stage 1.

One fit serves all three columns, so they differ in nothing but the score.

    python benchmarks/fastflow1d/run.py ROOT Dodgers/101-freeway-traffic.test.out:normal ...

ROOT holds TSB-UAD's folders; each job is a file and a protocol. `mackey_glass:given` is the
generated default series of `anomalib-ts run`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case
from anomalib_ts.data.series.mackey_glass import MackeyGlass
from anomalib_ts.detectors import FastFlow1D
from anomalib_ts.detectors.autoencoder.detector import score_points
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.protocols.base import Given, Normal, Prefix, Protocol

PROTOCOLS: dict[str, Protocol] = {"given": Given(), "normal": Normal(), "prefix": Prefix()}


def read(path: Path) -> Recording:
    values, labels = np.loadtxt(path, delimiter=",", ndmin=2).T
    return Recording(values, labels=labels, name=path.name)


def load(root: Path, name: str) -> Case:
    if name == "mackey_glass":
        return MackeyGlass().load("mackey_glass_0")
    given = root / name.replace(".test.", ".train.")
    train = (read(given),) if given.is_file() and given != root / name else ()
    return Case(name, (read(root / name),), train)


def evaluate(case: Case, protocol: str, detector: FastFlow1D) -> tuple[list[float], float, float]:
    """AUROC of latent, likelihood and reconstruction, and CPU seconds to fit and to score once."""
    start = time.process_time()
    detector.fit(PROTOCOLS[protocol].deal(case).train)
    fitted = time.process_time()
    model, (test,) = detector.model_, case.test
    functions = (model.latent_scores, model.likelihood_scores, model.autoencoder.point_scores)
    aurocs = []
    for function in functions:
        scores = score_points(
            model,
            function,
            test,
            window=detector.window,
            stride=detector.stride,
            settings=detector.trainer,
        )
        aurocs.append(float(roc_auc_score(test.labels, scores)))
    scored = (time.process_time() - fitted) / len(functions)
    return aurocs, fitted - start, scored


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("jobs", nargs="+", help="FILE:PROTOCOL")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--window", type=int, default=FastFlow1D().window)
    parser.add_argument("--max-steps", type=int, default=TrainerSettings().max_steps)
    options = parser.parse_args()
    torch.set_num_threads(1)
    settings = TrainerSettings(max_steps=options.max_steps)
    print("| series | protocol | latent | likelihood | reconstruction | fit, s | score, s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for job in options.jobs:
        name, protocol = job.rsplit(":", 1)
        case = load(options.root, name)
        rows = []
        for seed in range(options.seeds):
            detector = FastFlow1D(window=options.window, seed=seed, trainer=settings)
            aurocs, fit, score = evaluate(case, protocol, detector)
            rows.append([*aurocs, fit, score])
        latent, likelihood, reconstruction, fit, score = np.mean(rows, axis=0)
        print(
            f"| {name} | {protocol} | {latent:.3f} | {likelihood:.3f} | {reconstruction:.3f} "
            f"| {fit:.0f} | {score:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
