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
    from anomalib_ts.detectors.dcase_autoencoder.detector import DcaseAutoencoder
    from anomalib_ts.detectors.deep_sad.detector import DeepSad
    from anomalib_ts.detectors.deep_svdd.detector import DeepSvdd
    from anomalib_ts.detectors.dense_autoencoder.detector import DenseAutoencoder
    from anomalib_ts.detectors.devnet.detector import DevNet
    from anomalib_ts.detectors.fastflow1d.detector import FastFlow1D
    from anomalib_ts.detectors.iforest import IForest
    from anomalib_ts.detectors.mahalanobis import Mahalanobis
    from anomalib_ts.detectors.mobilefacenet.detector import MobileFaceNet
    from anomalib_ts.detectors.moving_mean import MovingMean
    from anomalib_ts.detectors.random_score import RandomScore
    from anomalib_ts.detectors.usad.detector import Usad
    from anomalib_ts.detectors.weak_autoencoder.detector import WeakAutoencoder

__all__ = [
    "Autoencoder",
    "Capabilities",
    "DcaseAutoencoder",
    "DeepSad",
    "DeepSvdd",
    "DenseAutoencoder",
    "Detector",
    "DevNet",
    "FastFlow1D",
    "IForest",
    "Mahalanobis",
    "MobileFaceNet",
    "MovingMean",
    "RandomScore",
    "Usad",
    "WeakAutoencoder",
    "load_detector",
]

_MODULES = {
    "Autoencoder": "autoencoder.detector",
    "Capabilities": "base",
    "DcaseAutoencoder": "dcase_autoencoder.detector",
    "DeepSad": "deep_sad.detector",
    "DeepSvdd": "deep_svdd.detector",
    "DenseAutoencoder": "dense_autoencoder.detector",
    "Detector": "base",
    "DevNet": "devnet.detector",
    "FastFlow1D": "fastflow1d.detector",
    "IForest": "iforest",
    "Mahalanobis": "mahalanobis",
    "MobileFaceNet": "mobilefacenet.detector",
    "MovingMean": "moving_mean",
    "RandomScore": "random_score",
    "Usad": "usad.detector",
    "WeakAutoencoder": "weak_autoencoder.detector",
    "load_detector": "base",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
