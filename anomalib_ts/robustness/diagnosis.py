"""Whether the layers of a detector's network tell attacked windows from clean ones."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.detectors.base import Detector
from anomalib_ts.robustness.activations import Units, layer_responses
from anomalib_ts.robustness.problem import Wanted
from anomalib_ts.robustness.sparseness import population_sparseness, roughness

Diagnosis: TypeAlias = dict[str, dict[str, float]]
"""For each layer, and `roughness` beside them, the numbers that `compare` gives."""

ROUGHNESS = "roughness"

FOLDS, FEWEST_WINDOWS = 5, 10

LEAST_VARIANCE = 1e-9
"""Features that did not vary in training are not divided by less."""

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


def separability(
    healthy: FloatArray, clean: FloatArray, changed: FloatArray
) -> tuple[float, float]:
    """How well some features tell changed windows from clean ones: AUROC, one-class and supervised.

    >>> rng = np.random.default_rng(0)
    >>> healthy, clean = rng.standard_normal((2, 200, 3))
    >>> one_class, supervised = separability(healthy, clean, clean + [0, 4, 0])
    >>> one_class > 0.9, supervised > 0.99
    (True, True)

    Args:
        healthy: `(t, d)` of training windows, which the one-class detector learns from: it scores
            the Mahalanobis distance.
        clean: `(m, d)` of windows.
        changed: `(m, d)` of the same windows, changed. The supervised detector is a logistic
            regression in five folds; a window and its changed copy are in the same fold.

    Returns:
        NaN twice with fewer than 10 windows, where a fold would have a window or none.
    """
    if len(clean) < FEWEST_WINDOWS:
        return float("nan"), float("nan")
    both = np.concatenate([clean, changed])
    truth = np.repeat([0, 1], len(clean))
    away = both - healthy.mean(axis=0)
    covariance = np.atleast_2d(np.cov(healthy.T))
    precision = np.linalg.pinv(covariance + LEAST_VARIANCE * np.eye(len(covariance)))
    distances = np.einsum("ij,jk,ik->i", away, precision, away)
    learner = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    numbers, folds = np.tile(np.arange(len(clean)), 2), GroupKFold(FOLDS)
    scores = cross_val_predict(
        learner, both, truth, groups=numbers, cv=folds, method="decision_function"
    )
    return float(roc_auc_score(truth, distances)), float(roc_auc_score(truth, scores))


def _auroc(clean: FloatArray, other: FloatArray) -> float:
    truth: NDArray[np.int64] = np.repeat([0, 1], [len(clean), len(other)])
    return float(roc_auc_score(truth, np.concatenate([clean, other])))
