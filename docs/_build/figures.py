"""Draws `docs/detectors/NAME.png`: what each detector makes of the same five anomalies.

    python docs/_build/figures.py            every picture that is not there yet
    python docs/_build/figures.py usad lof   these again

Nothing was chosen to make a detector look good: settings are the defaults, and deep ones train for
300 steps. It shows which kinds of anomaly a detector can see, not how good it is.
"""

from __future__ import annotations

import sys

import matplotlib.pyplot as plt
import numpy as np
from pages import DOCS, _target, own

from anomalib_ts import Recording, TrainerSettings
from anomalib_ts.detectors import Detector
from anomalib_ts.settings.signatures import import_class, signature_of

POINTS = 4000
ANOMALIES = {
    "spike": slice(500, 503),
    "flat": slice(1100, 1160),
    "level": slice(1800, 1880),
    "faster": slice(2500, 2600),
    "noise": slice(3200, 3300),
}


def healthy(seed: int) -> np.ndarray:
    """A wave with a harmonic and some noise, `(POINTS,)`."""
    time = np.arange(POINTS)
    noise = np.random.default_rng(seed).normal(0, 0.05, POINTS)
    return np.sin(time / 8) + 0.4 * np.sin(time / 4 + 1) + noise


def faulty(seed: int) -> np.ndarray:
    """Another stretch of it with one anomaly of each kind."""
    values = healthy(seed)
    values[ANOMALIES["spike"]] += 2
    values[ANOMALIES["flat"]] = values[ANOMALIES["flat"].start]
    values[ANOMALIES["level"]] += 0.7
    span = np.arange(ANOMALIES["faster"].start, ANOMALIES["faster"].stop)
    values[ANOMALIES["faster"]] = np.sin(span / 4) + 0.4 * np.sin(span / 2 + 1)
    values[ANOMALIES["noise"]] += np.random.default_rng(seed).normal(0, 0.4, 100)
    return values


def made(target: str) -> Detector:
    """A detector with its default settings, deep ones with short training."""
    takes = signature_of(target).parameters
    chosen = {"trainer": TrainerSettings(max_steps=300, progress=False)} if "trainer" in takes else {}
    if target.endswith("SklearnDetector"):
        chosen = {"estimator": {"_target_": "sklearn.neighbors.LocalOutlierFactor"}}
    return import_class(target)(**chosen)


def training(detector: Detector) -> list[Recording]:
    """Two machines; a third recording with labelled anomalies for those that learn from labels."""
    clean = [Recording(healthy(seed), machine_id=f"0{seed}") for seed in (0, 1)]
    if detector.capabilities.supervision != "weak":
        return clean
    labels = np.zeros(POINTS, int)
    for place in ANOMALIES.values():
        labels[place] = 1
    return [*clean, Recording(faulty(2), labels=labels, machine_id="00")]


def draw(name: str) -> None:
    """Fit one detector and draw what it says of the faulty stretch."""
    detector = made(_target(own("detector")[name]))
    scores = detector.fit(training(detector)).score(Recording(faulty(3), machine_id="00"))
    figure, (above, below) = plt.subplots(2, sharex=True, figsize=(8, 3.2), layout="constrained")
    for kind, place in ANOMALIES.items():
        for axes in (above, below):
            axes.axvspan(place.start - 8, place.stop + 8, color="#e8590c", alpha=0.2, lw=0)
        above.text(place.start - 8, 3.9, kind, fontsize=9, color="#8a3606")
    above.plot(faulty(3), lw=0.6, color="#334155")
    above.set(ylabel="series", ylim=(-2.5, 4.8), xlim=(0, POINTS))
    below.plot(scores, lw=0.6, color="#1d4ed8")
    below.set(ylabel=f"score of {name}", xlabel="point")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(DOCS / "detectors" / f"{name}.png", dpi=110, pil_kwargs={"optimize": True})
    plt.close(figure)


if __name__ == "__main__":
    plt.switch_backend("agg")
    missing = [one for one in own("detector") if not (DOCS / "detectors" / f"{one}.png").is_file()]
    for one in sys.argv[1:] or missing:
        draw(one)
