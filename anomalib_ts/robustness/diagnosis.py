"""Whether the layers of a detector's network tell attacked windows from clean ones."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.detectors.base import Detector
from anomalib_ts.robustness.activations import Units, layer_responses
from anomalib_ts.robustness.problem import Wanted
from anomalib_ts.robustness.sparseness import population_sparseness, roughness

Diagnosis: TypeAlias = dict[str, dict[str, float]]
"""For each layer, and `roughness` beside them, the numbers that `compare` gives."""

ROUGHNESS = "roughness"

MOST_WINDOWS = 1000
"""So many of the attacked windows are looked at, evenly spread."""


def diagnose(
    detector: Detector,
    clean: Recording,
    noise: Recording,
    attacked: Recording,
    wanted: Wanted,
    *,
    units: Units = "channels",
) -> Diagnosis:
    """Sparseness of each layer, and roughness, of windows before and after an attack.

    >>> from anomalib_ts import DenseAutoencoder, TrainerSettings
    >>> wave = np.sin(np.arange(400) / 5)
    >>> quick = TrainerSettings(max_steps=2)
    >>> detector = DenseAutoencoder(window=8, width=8, trainer=quick).fit(wave)
    >>> signs = np.random.default_rng(0).choice([-1, 1], 400)
    >>> test = [Recording(wave + size * signs) for size in (0, 0.1, 0.2)]
    >>> found = diagnose(detector, *test, np.ones(400, np.int8))
    >>> found["roughness"]["auroc"]
    1.0

    Args:
        detector: fitted.
        clean: the recording as it is.
        noise: with random changes.
        attacked: as an attacker leaves it.
        wanted: which points were changed, not 0; windows side by side that hold one are compared.
        units: see `layer_responses`.

    Returns:
        Nothing where the detector has no network that scores windows.
    """
    function = detector.score_function(clean)
    if function is None or len(clean) < function.window:
        return {}
    starts = np.arange(0, len(clean) - function.window + 1, function.window)
    places = starts[:, None] + np.arange(function.window)
    chosen = places[(wanted[places] != 0).any(axis=1)]
    if not len(chosen):
        return {}
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(len(chosen), MOST_WINDOWS)).astype(int)]
    found: list[dict[str, FloatArray]] = []
    for recording in (clean, noise, attacked):
        z = function.standardised(torch.tensor(recording.values, dtype=torch.float64))
        windows = z[torch.from_numpy(chosen)].transpose(1, 2)
        layers = layer_responses(function.network, function.of_windows, windows, units)
        values = {name: population_sparseness(r) for name, r in layers.items()}
        found.append({**values, ROUGHNESS: roughness(windows.numpy())})
    return {name: compare(*(one[name] for one in found)) for name in found[0]}


def compare(clean: FloatArray, noise: FloatArray, attacked: FloatArray) -> dict[str, float]:
    """How far a number of windows `(m,)` tells attacked ones from clean ones.

    >>> compare(np.array([1.0, 2.0]), np.array([1.0, 2.0]), np.array([2.0, 4.0]))["auroc"]
    0.875

    Returns:
        Means `clean`, `noise`, `attacked`; the paired effect sizes `dz` and `noise_dz` (the mean
        change in deviations of the change); `auroc` and `noise_auroc` of the number as a detector
        of either, below 0.5 where it falls; `silent`, the windows without it, which are left out
        of all others. What is undefined is missing.
    """
    known = np.isfinite(clean) & np.isfinite(noise) & np.isfinite(attacked)
    values: dict[str, float] = {"silent": float((~known).sum())}
    if not known.any():
        return values
    clean, noise, attacked = clean[known], noise[known], attacked[known]
    values |= {"clean": float(clean.mean()), "noise": float(noise.mean())}
    values["attacked"] = float(attacked.mean())
    for prefix, other in (("", attacked), ("noise_", noise)):
        values[f"{prefix}auroc"] = _auroc(clean, other)
        change = other - clean
        if len(change) > 1 and change.std() > 0:
            values[f"{prefix}dz"] = float(change.mean() / change.std(ddof=1))
    return values


def _auroc(clean: FloatArray, other: FloatArray) -> float:
    truth: NDArray[np.int64] = np.repeat([0, 1], [len(clean), len(other)])
    return float(roc_auc_score(truth, np.concatenate([clean, other])))
