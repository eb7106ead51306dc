"""Anomaly detection for time series and machine sounds.

>>> import numpy as np
>>> from anomalib_ts import IForest, evaluate
>>> wave = np.sin(np.arange(600) / 5)
>>> labels = np.zeros(300, int)
>>> labels[200:204] = 1
>>> scores = IForest(window=16).fit(wave[:300]).score(wave[300:] + 2 * labels)
>>> scores.shape, evaluate(labels, scores, "auroc")["auroc"] > 0.9
((300,), True)

Names are imported when they are first used, so that `import anomalib_ts` costs nothing.
"""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from anomalib_ts import detectors as _detectors
from anomalib_ts.core.exports import lazily

if TYPE_CHECKING:
    from anomalib_ts.core.recording import Recording as Recording
    from anomalib_ts.data.base import Case as Case
    from anomalib_ts.data.base import DataSet as DataSet
    from anomalib_ts.detectors import Autoencoder as Autoencoder
    from anomalib_ts.detectors import BiLstm as BiLstm
    from anomalib_ts.detectors import Capabilities as Capabilities
    from anomalib_ts.detectors import Cnn as Cnn
    from anomalib_ts.detectors import CnnLstm as CnnLstm
    from anomalib_ts.detectors import DcaseAutoencoder as DcaseAutoencoder
    from anomalib_ts.detectors import DeepSad as DeepSad
    from anomalib_ts.detectors import DeepSvdd as DeepSvdd
    from anomalib_ts.detectors import DenseAutoencoder as DenseAutoencoder
    from anomalib_ts.detectors import Detector as Detector
    from anomalib_ts.detectors import DevNet as DevNet
    from anomalib_ts.detectors import FastFlow1D as FastFlow1D
    from anomalib_ts.detectors import Hbos as Hbos
    from anomalib_ts.detectors import IForest as IForest
    from anomalib_ts.detectors import IForest1 as IForest1
    from anomalib_ts.detectors import Lof as Lof
    from anomalib_ts.detectors import Lstm as Lstm
    from anomalib_ts.detectors import Mahalanobis as Mahalanobis
    from anomalib_ts.detectors import MatrixProfile as MatrixProfile
    from anomalib_ts.detectors import Memory as Memory
    from anomalib_ts.detectors import MlpAutoencoder as MlpAutoencoder
    from anomalib_ts.detectors import MobileFaceNet as MobileFaceNet
    from anomalib_ts.detectors import MovingMean as MovingMean
    from anomalib_ts.detectors import Ocsvm as Ocsvm
    from anomalib_ts.detectors import Pca as Pca
    from anomalib_ts.detectors import Poly as Poly
    from anomalib_ts.detectors import RandomScore as RandomScore
    from anomalib_ts.detectors import SklearnDetector as SklearnDetector
    from anomalib_ts.detectors import Usad as Usad
    from anomalib_ts.detectors import WeakAutoencoder as WeakAutoencoder
    from anomalib_ts.detectors import load_detector as load_detector
    from anomalib_ts.detectors.deep.training import TrainerSettings as TrainerSettings
    from anomalib_ts.metrics import evaluate as evaluate
    from anomalib_ts.views.case.notebook import plot as plot

_HOMES = {
    "Case": "anomalib_ts.data.base",
    "DataSet": "anomalib_ts.data.base",
    "Recording": "anomalib_ts.core.recording",
    "TrainerSettings": "anomalib_ts.detectors.deep.training",
    "evaluate": "anomalib_ts.metrics",
    "plot": "anomalib_ts.views.case.notebook",
    **dict.fromkeys(_detectors.__all__, "anomalib_ts.detectors"),
}

__version__ = metadata.version("anomalib-ts")
__all__ = list(_HOMES)
__getattr__, __dir__ = lazily(__name__, _HOMES)
