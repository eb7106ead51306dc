"""Run innocent detectors after hostile ones, and compare with what they give alone.

    python benchmarks/gauntlet/run.py

One process runs every hostile detector on a series and, after each, three innocent ones on the
same series: in that process (without those that would end or stop it), with a process for each
unit, and so in two workers of joblib. Every score of an innocent one must be the same bit for bit
as when nothing ran before it; every hostile one must end in the right status.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np  # noqa: E402
from joblib import Parallel, delayed  # noqa: E402

from anomalib_ts.detectors.base import Detector  # noqa: E402
from anomalib_ts.results.record import Record  # noqa: E402
from anomalib_ts.results.store import Store  # noqa: E402
from anomalib_ts.run.job import Job, run_job  # noqa: E402
from tests.makers.jobs import job_on_series  # noqa: E402
from tests.makers.naughty_detectors import EXPECTED  # noqa: E402

INNOCENT: dict[str, dict[str, Any]] = {
    "moving_mean": {"_target_": "anomalib_ts.detectors.MovingMean"},
    "iforest": {"_target_": "anomalib_ts.detectors.IForest", "seed": 0},
    "autoencoder": {
        "_target_": "anomalib_ts.detectors.Autoencoder",
        "seed": 0,
        "window": 32,
        "trainer": {
            "_target_": "anomalib_ts.detectors.deep.training.TrainerSettings",
            "max_steps": 5,
        },
    },
}
SECONDS, MEMORY_MB = 10.0, 1200.0
"""Limits of a unit in a process of its own."""

MOST_DIFFERENT_MB = 50.0
"""What the peak memory of an innocent unit may differ by from one run to the next."""


@dataclass
class Outcome:
    """What was found to be wrong, and how many units were looked at."""

    wrong: list[str] = field(default_factory=list)
    hostile: int = 0
    innocent: int = 0

    def add(self, other: Outcome) -> None:
        """Count another one's units as well."""
        self.wrong += other.wrong
        self.hostile += other.hostile
        self.innocent += other.innocent


def job(results: Path, detector: dict[str, Any], name: str, isolate: bool) -> Job:
    """A detector on a short series, and the innocent ones after it."""
    limits = {"seconds": SECONDS, "memory_mb": MEMORY_MB} if isolate else {}
    return job_on_series(
        results,
        detector,
        {key: value for key, value in INNOCENT.items() if key != name},
        name=name,
        protocol="Given",
        series={"n_points": 2000, "n_anomalies": 2, "train_length": 500},
        isolate=isolate,
        limits=limits,
    )


def alone(folder: Path, isolate: bool) -> dict[str, tuple[Record, Any]]:
    """Record and scores of each innocent detector."""
    name, settings = next(iter(INNOCENT.items()))
    records = run_job(job(folder, settings, name, isolate))
    assert [record.status for record in records] == ["ok"] * len(INNOCENT), records
    return {r.unit.detector: (r, Store(folder).scores(r.unit)) for r in records}


def face(hostile: type[Detector], folder: Path, isolate: bool, expected: dict[str, Any]) -> Outcome:
    """Run one hostile detector and the innocent ones after it."""
    name = hostile.__name__
    target = {"_target_": f"{hostile.__module__}.{name}"}
    outcome = Outcome(hostile=1)
    try:
        first, *others = run_job(job(folder / name, target, name, isolate))
    except BaseException as error:
        outcome.wrong.append(f"{name} ended the job: {error!r}")
        return outcome
    if first.status != EXPECTED[hostile].status:
        outcome.wrong.append(f"{name}: {first.status} {first.error.get('message', '')[:200]}")
    for record in others:
        outcome.innocent += 1
        before, scores = expected[record.unit.detector]
        where = f"{record.unit.detector} after {name}"
        if record.status != "ok":
            outcome.wrong.append(f"{where}: {record.status} {record.error['message'][:200]}")
        elif record.metrics != before.metrics or not np.array_equal(
            Store(folder / name).scores(record.unit), scores
        ):
            outcome.wrong.append(f"{where}: other scores than alone")
        elif isolate and abs(record.peak_memory_mb - before.peak_memory_mb) > MOST_DIFFERENT_MB:
            outcome.wrong.append(
                f"{where}: {record.peak_memory_mb:.0f} MB, alone {before.peak_memory_mb:.0f} MB"
            )
    return outcome


def sequence(mode: str, names: Sequence[str], folder: Path) -> Outcome:
    """All hostile detectors one after the other, or two at a time with joblib."""
    isolate = mode != "in process"
    expected = alone(folder / "alone", isolate)
    chosen = [kind for kind in EXPECTED if kind.__name__ in names]
    chosen = [kind for kind in chosen if isolate or EXPECTED[kind].here]
    outcome = Outcome()
    if mode == "joblib":
        parts = Parallel(n_jobs=2)(
            delayed(face)(kind, folder, isolate, expected) for kind in chosen
        )
    else:
        parts = [face(kind, folder, isolate, expected) for kind in chosen]
    for part in parts:
        outcome.add(part)
    return outcome


def main() -> None:
    """Print what was found, one line a mode; exit with 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    everyone = [kind.__name__ for kind in EXPECTED]
    parser.add_argument("--mode", choices=("in process", "isolated", "joblib"), action="append")
    parser.add_argument("--only", choices=everyone, nargs="*", default=everyone)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gauntlet-"))
    wrong: list[str] = []
    try:
        for mode in options.mode or ("in process", "isolated", "joblib"):
            start = time.perf_counter()
            outcome = sequence(mode, options.only, folder / mode.replace(" ", "_"))
            wrong += [f"{mode}: {what}" for what in outcome.wrong]
            print(
                f"{mode}: {outcome.hostile} hostile units, {outcome.innocent} innocent ones after "
                f"them, {len(outcome.wrong)} wrong ({time.perf_counter() - start:.0f} s)",
                flush=True,
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
