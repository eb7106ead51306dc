"""Makes records without running anything."""

from anomalib_ts.core.digests import digest
from anomalib_ts.results.record import Record
from anomalib_ts.results.unit_key import Unit


def unit(detector="a", case="x", seed=0, **changes):
    settings = {
        "detector": detector,
        "detector_settings": {"_target_": f"made.up.{detector}", "seed": seed},
        "variant": "",
        "data": "D",
        "data_settings": {"_target_": "made.up.Data"},
        "case": case,
        "protocol": "whole",
        "protocol_settings": {"_target_": "made.up.Whole"},
        "threshold": {"_target_": "made.up.Quantile", "level": 0.9},
        "seed": seed,
        "fingerprint": digest([case]),
        "version": 1,
    }
    if changes.get("variant"):
        settings["detector_settings"]["changed"] = changes["variant"]
    return Unit(**(settings | changes))


def ok(auroc, detector="a", case="x", seed=0, *, fit=1.0, score=0.5, metrics=None, **changes):
    return Record(
        unit(detector, case, seed, **changes),
        "ok",
        metrics={"auroc": auroc} if metrics is None else metrics,
        fit_seconds=fit,
        score_seconds=score,
        points=1000,
        peak_memory_mb=100.0,
        versions={"python": "3.11"},
    )


def undefined(detector="a", case="x", seed=0, **changes):
    record = ok(0.0, detector, case, seed, metrics={}, **changes)
    record.undefined["auroc"] = "no anomalies"
    return record


def failed(detector="a", case="x", seed=0, message="boom", status="error", **changes):
    error = {"type": "ValueError", "message": message, "traceback": f"Traceback ...\n{message}"}
    return Record(unit(detector, case, seed, **changes), status, error=error)
