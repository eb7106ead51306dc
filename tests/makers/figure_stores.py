"""Records of made-up sweeps."""

from dataclasses import replace

import numpy as np

from anomalib_ts.core.recording import Recording
from anomalib_ts.evaluation.ground_truth import GroundTruth
from tests.makers.records import failed, ok, unit

FRAMES = 5


def made(
    value,
    detector="weak",
    case="fan",
    seed=0,
    *,
    metric="auroc",
    fitted=None,
    fingerprint="",
    **settings,
):
    """A record of a unit with settings such as `detector__level=0.9`; `value=None` fails."""
    parts = {
        "detector": {"_target_": f"made.up.{detector}", "seed": seed},
        "protocol": {"_target_": "made.up.Weak", "seed": seed},
        "data": {"_target_": "made.up.Data", "seed": 0},
        "threshold": {"_target_": "made.up.Quantile", "level": 0.9},
    }
    for name, setting in settings.items():
        part, key = name.split("__")
        parts[part][key] = setting
    changes = {
        "detector_settings": parts["detector"],
        "protocol_settings": parts["protocol"],
        "data_settings": parts["data"],
        "threshold": parts["threshold"],
    }
    if fingerprint:
        changes["fingerprint"] = fingerprint
    if value is None:
        return failed(detector, case, seed, **changes)
    record = ok(value, detector, case, seed, metrics={metric: value}, **changes)
    return replace(record, fitted=fitted or {})


def clips(store, record, labels, scores, *, reduce="mean", threshold=1.0):
    """Store a record with clips of which each has one score `s`: points of 0, ..., 0, 5 s.

    Their mean is s, their maximum 5 s.
    """
    recordings = [
        Recording(np.zeros((FRAMES, 9)), label=int(label), name=f"clip {place}")
        for place, label in enumerate(labels)
    ]
    points = np.zeros((len(scores), FRAMES))
    points[:, -1] = FRAMES * np.asarray(scores, float)
    stored = replace(
        record,
        scores=True,
        threshold=threshold,
        decides=reduce,
        judged={"window": "period", "reduce": reduce},
    )
    store.save_case(stored.unit, GroundTruth.of(recordings).arrays())
    store.save(stored, points.ravel())
    return stored


__all__ = ["clips", "failed", "made", "ok", "unit"]
