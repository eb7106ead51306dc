"""A job on a generated series, with every part that is not tried set to the ordinary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from anomalib_ts.run.job import Job, job_of


def job_on_series(
    results: Path,
    detector: dict[str, Any],
    baselines: dict[str, Any],
    *,
    name: str,
    protocol: str,
    series: dict[str, int],
    isolate: bool,
    limits: dict[str, float],
) -> Job:
    """One detector and the baselines, on a Mackey-Glass series, into a folder.

    Args:
        results: the folder.
        detector: its settings.
        baselines: settings by name.
        name: what the results call the detector.
        protocol: a class of `anomalib_ts.protocols.base`.
        series: settings of `MackeyGlass`.
        isolate: whether each unit has a process of its own.
        limits: of a unit.
    """
    config = {
        "detector": detector,
        "baselines": baselines,
        "data": {"_target_": "anomalib_ts.data.series.mackey_glass.MackeyGlass", **series},
        "protocol": {"_target_": f"anomalib_ts.protocols.base.{protocol}"},
        "threshold": {"_target_": "anomalib_ts.evaluation.thresholds.QuantileThreshold"},
        "metrics": {"_target_": "anomalib_ts.evaluation.judge.Evaluation"},
        "limits": {"_target_": "anomalib_ts.run.isolation.Limits", **limits},
        "results": str(results),
        "seed": 0,
        "retry": "none",
        "threads": 1,
        "save_scores": True,
        "oracle": False,
        "isolate": isolate,
        "split": "all",
    }
    return job_of(config, {"detector": name, "protocol": protocol.lower()})
