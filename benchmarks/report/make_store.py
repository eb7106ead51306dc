"""Fill a folder with made-up results, to time the leaderboard and the report on a large store.

    python benchmarks/report/make_store.py FOLDER --units 20000 --points 5000

Twenty detectors meet `units / (20 * seeds)` series with five seeds. One unit in 200 failed, one
series in 50 has no anomaly. The figures mean nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from anomalib_ts.core.digests import digest
from anomalib_ts.core.recording import Recording
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store
from anomalib_ts.results.unit_key import Unit

DETECTORS = 20
SEEDS = 5
SERIES_PER_DATA_SET = 20
METRICS = ("auroc", "aupr", "pauc", "vus_pr", "vus_roc", "range_auc_roc", "range_auc_pr", "r_f1")
VERSIONS = {"python": "3.11", "anomalib-ts": "0.1.0", "numpy": "2.4", "torch": "2.13.0"}


def make_unit(detector: int, series: int, seed: int) -> Unit:
    return Unit(
        detector=f"detector_{detector:02d}",
        detector_settings={
            "_target_": f"made.up.Detector{detector:02d}",
            "window": 64,
            "trainer": {"max_steps": 3000, "batch_size": 256, "learning_rate": 1e-3},
            "seed": seed,
        },
        variant="" if detector % 4 else "window=64",
        data=f"set_{series // SERIES_PER_DATA_SET:02d}",
        data_settings={"_target_": "made.up.Data", "root": "somewhere", "series": "*"},
        case=f"series_{series:04d}",
        protocol="whole",
        protocol_settings={"_target_": "anomalib_ts.protocols.base.Whole"},
        threshold={
            "_target_": "anomalib_ts.evaluation.thresholds.QuantileThreshold",
            "level": 0.995,
        },
        seed=seed,
        fingerprint=digest(series),
        version=1,
    )


def make_record(unit: Unit, points: int, random: np.random.Generator) -> Record:
    plain = Record(unit, "ok", versions=VERSIONS, peak_memory_mb=300.0, points=points)
    if random.random() < 0.005:
        error = {"type": "ValueError", "message": "made up", "traceback": "made up\n" * 12}
        return replace(plain, status="error", error=error)
    seconds = {"fit_seconds": random.gamma(2.0), "score_seconds": random.gamma(1.0)}
    if int(unit.case[-4:]) % 50 == 0:
        return replace(plain, undefined=dict.fromkeys(METRICS, "one class"), **seconds)
    skill = 0.5 + 0.02 * int(unit.detector[-2:])
    values = np.clip(skill + random.normal(0, 0.1, len(METRICS)), 0, 1)
    return replace(plain, metrics=dict(zip(METRICS, values.tolist(), strict=True)), **seconds)


def make_case(series: int, points: int) -> GroundTruth:
    random = np.random.default_rng(series)
    labels = np.zeros(points, np.int8)
    if series % 50:
        labels[points // 2 : points // 2 + points // 50] = 1
    values = np.sin(np.arange(points) / 9) + random.normal(0, 0.1, points) + labels
    return GroundTruth.of([Recording(values, labels=labels, name=f"series_{series:04d}")])


def units(count: int) -> Iterator[tuple[int, Unit]]:
    for number in range(count):
        series, rest = divmod(number, DETECTORS * SEEDS)
        detector, seed = divmod(rest, SEEDS)
        yield series, make_unit(detector, series, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--units", type=int, default=20_000)
    parser.add_argument("--points", type=int, default=5_000, help="of a series; 0: no scores kept")
    options = parser.parse_args()
    store, random = Store(options.folder), np.random.default_rng(0)
    for series, unit in units(options.units):
        record = make_record(unit, options.points, random)
        path = store.path(unit)
        path.parent.mkdir(parents=True, exist_ok=True)
        if options.points and record.status == "ok":
            record = replace(record, scores=True)
            truth = make_case(series, options.points)
            store.save_case(unit, truth.arrays())
            scores = np.abs(truth.values[:, 0]) + random.random(options.points)
            np.savez(store.path(unit, ".scores.npz"), scores=scores)
        path.write_text(record.to_json(), encoding="utf-8")  # no fsync: 20,000 take minutes


if __name__ == "__main__":
    main()
