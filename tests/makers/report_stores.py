"""Fills a result store without running a detector."""

from dataclasses import replace

import numpy as np

from anomalib_ts.core.recording import Recording
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.results.blamed import Blamed
from anomalib_ts.results.store import Store
from tests.makers.records import failed, ok, undefined, unit

HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror=alert(1)>&\u2028'\""
CASES = {"D": ("long", "short"), "E": ("two channels", "no anomaly")}
SKILL = {"good": 0.9, "fair": 0.7, "poor": 0.4}

BLAMED = Blamed(
    np.array([[300, 340], [1200, 1240], [2000, 2003], [2002, 2003]]),
    np.array([[1.0, 9.0], [1.0, 9.0], [3.0, 1.0], [-1.0, -1.0]]),
)
"""Of both channels: nothing of interest, the second, the first, and nothing known."""

START = np.datetime64("2025-12-30T22:00:00", "ns")
MINUTE = np.timedelta64(60, "s")


def times_of(case, points=3000):
    """Dates every minute, with nine hours missing after point 1500; seconds; or nothing."""
    minutes = np.arange(points)
    if case == "long":
        return START + minutes * MINUTE
    if case == "two channels":
        return START + (minutes + 540 * (minutes >= 1500)) * MINUTE
    return 0.5 * minutes if case == "short" else None


def truth(case, points=3000):
    random = np.random.default_rng(len(case))
    channels = 2 if case == "two channels" else 1
    labels = np.zeros(points, np.int8)
    if case != "no anomaly":
        labels[1200:1240] = labels[2000:2003] = 1
    values = random.normal(0, 0.1, (points, channels)) + labels[:, None]
    names = ("flow (m³/h)", HOSTILE) if channels == 2 else None
    recording = Recording(
        values, labels=labels, name=case, channel_names=names, times=times_of(case, points)
    )
    return GroundTruth.of([recording])


def save(store, record, points=3000):
    """Store a record with scores that are high where it is anomalous."""
    found = truth(record.unit.case, points)
    store.save_case(record.unit, found.arrays())
    noise = np.random.default_rng(record.unit.seed).random(points)
    blamed = BLAMED if record.unit.detector == "good" and found.values.shape[1] == 2 else None
    store.save(replace(record, scores=True, threshold=1.2), noise + found.labels, blamed)


def full_store(folder, points=3000):
    """Three detectors, two data sets, two seeds; an undefined series, failures, hostile names."""
    store = Store(folder)
    for data, cases in CASES.items():
        for case in cases:
            for name, skill in SKILL.items():
                for seed in (0, 1):
                    place = {"detector": name, "case": case, "seed": seed, "data": data}
                    if case == "no anomaly":
                        save(store, undefined(**place), points)
                    elif name == "poor" and case == "short":
                        store.save(failed(**place, message=HOSTILE))
                    else:
                        value = skill + 0.01 * seed + 0.005 * len(case)
                        save(store, ok(value, fit=skill, **place), points)
    save(store, ok(0.2, HOSTILE, "long", variant=HOSTILE), points)
    return store


__all__ = ["CASES", "HOSTILE", "SKILL", "full_store", "save", "truth", "unit"]
