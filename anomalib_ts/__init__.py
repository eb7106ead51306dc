"""Anomaly detection for time series and machine sounds.

    from anomalib_ts import FastFlow1D
    scores = FastFlow1D(window=64).fit(x_train).score(x_test)

Names are imported when they are first used, so that `import anomalib_ts` costs nothing.
"""

from __future__ import annotations

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anomalib_ts.data.base import Case, DataSet
    from anomalib_ts.detectors import (
        Autoencoder,
        Capabilities,
        DcaseAutoencoder,
        DeepSad,
        DeepSvdd,
        DenseAutoencoder,
        Detector,
        DevNet,
        FastFlow1D,
        IForest,
        MobileFaceNet,
        MovingMean,
        RandomScore,
        Usad,
        WeakAutoencoder,
        load_detector,
    )
    from anomalib_ts.metrics import evaluate
    from anomalib_ts.recording import Recording
    from anomalib_ts.training import TrainerSettings

__all__ = [
    "Autoencoder",
    "Capabilities",
    "Case",
    "DataSet",
    "DcaseAutoencoder",
    "DeepSad",
    "DeepSvdd",
    "DenseAutoencoder",
    "Detector",
    "DevNet",
    "FastFlow1D",
    "IForest",
    "MobileFaceNet",
    "MovingMean",
    "RandomScore",
    "Recording",
    "TrainerSettings",
    "Usad",
    "WeakAutoencoder",
    "evaluate",
    "load_detector",
]

__version__ = metadata.version("anomalib-ts")

_HOMES = {
    "Case": "anomalib_ts.data.base",
    "DataSet": "anomalib_ts.data.base",
    "Recording": "anomalib_ts.recording",
    "TrainerSettings": "anomalib_ts.training",
    "evaluate": "anomalib_ts.metrics",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "anomalib_ts.detectors")), name)
