"""Detectors and the contract they fulfil.

The classes are imported when they are first asked for, so that importing this package costs
nothing (torch and Lightning take seconds).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anomalib_ts.detectors.autoencoder.detector import Autoencoder
    from anomalib_ts.detectors.base import Capabilities, Detector, load_detector
    from anomalib_ts.detectors.fastflow1d.detector import FastFlow1D
    from anomalib_ts.detectors.iforest import IForest
    from anomalib_ts.detectors.moving_mean import MovingMean
    from anomalib_ts.detectors.random_score import RandomScore

__all__ = [
    "Autoencoder",
    "Capabilities",
    "Detector",
    "FastFlow1D",
    "IForest",
    "MovingMean",
    "RandomScore",
    "load_detector",
]

_MODULES = {
    "Autoencoder": "autoencoder.detector",
    "Capabilities": "base",
    "Detector": "base",
    "FastFlow1D": "fastflow1d.detector",
    "IForest": "iforest",
    "MovingMean": "moving_mean",
    "RandomScore": "random_score",
    "load_detector": "base",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
