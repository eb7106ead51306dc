"""Detectors and the contract they fulfil.

The classes are imported when they are first asked for, so that importing this package costs
nothing (torch and Lightning take seconds).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anomalib_ts.core.exports import lazily

if TYPE_CHECKING:
    from anomalib_ts.detectors.autoencoder.detector import Autoencoder as Autoencoder
    from anomalib_ts.detectors.base import Detector as Detector
    from anomalib_ts.detectors.base import load_detector as load_detector
    from anomalib_ts.detectors.capabilities import Capabilities as Capabilities
    from anomalib_ts.detectors.classical.estimator import SklearnDetector as SklearnDetector
    from anomalib_ts.detectors.classical.hbos import Hbos as Hbos
    from anomalib_ts.detectors.classical.iforest import IForest as IForest
    from anomalib_ts.detectors.classical.iforest import IForest1 as IForest1
    from anomalib_ts.detectors.classical.lof import Lof as Lof
    from anomalib_ts.detectors.classical.mahalanobis import Mahalanobis as Mahalanobis
    from anomalib_ts.detectors.classical.matrix_profile import MatrixProfile as MatrixProfile
    from anomalib_ts.detectors.classical.moving_mean import MovingMean as MovingMean
    from anomalib_ts.detectors.classical.ocsvm import Ocsvm as Ocsvm
    from anomalib_ts.detectors.classical.pca import Pca as Pca
    from anomalib_ts.detectors.classical.poly import Poly as Poly
    from anomalib_ts.detectors.classical.random_score import RandomScore as RandomScore
    from anomalib_ts.detectors.dcase_autoencoder.detector import (
        DcaseAutoencoder as DcaseAutoencoder,
    )
    from anomalib_ts.detectors.deep_sad.detector import DeepSad as DeepSad
    from anomalib_ts.detectors.deep_svdd.detector import DeepSvdd as DeepSvdd
    from anomalib_ts.detectors.dense_autoencoder.detector import (
        DenseAutoencoder as DenseAutoencoder,
    )
    from anomalib_ts.detectors.devnet.detector import DevNet as DevNet
    from anomalib_ts.detectors.fastflow1d.detector import FastFlow1D as FastFlow1D
    from anomalib_ts.detectors.forecasters.detector import BiLstm as BiLstm
    from anomalib_ts.detectors.forecasters.detector import Cnn as Cnn
    from anomalib_ts.detectors.forecasters.detector import CnnLstm as CnnLstm
    from anomalib_ts.detectors.forecasters.detector import Lstm as Lstm
    from anomalib_ts.detectors.memory.detector import Memory as Memory
    from anomalib_ts.detectors.mlp_autoencoder.detector import MlpAutoencoder as MlpAutoencoder
    from anomalib_ts.detectors.mobilefacenet.detector import MobileFaceNet as MobileFaceNet
    from anomalib_ts.detectors.usad.detector import Usad as Usad
    from anomalib_ts.detectors.weak_autoencoder.detector import WeakAutoencoder as WeakAutoencoder

_HOMES = {
    "Autoencoder": "anomalib_ts.detectors.autoencoder.detector",
    "BiLstm": "anomalib_ts.detectors.forecasters.detector",
    "Capabilities": "anomalib_ts.detectors.capabilities",
    "Cnn": "anomalib_ts.detectors.forecasters.detector",
    "CnnLstm": "anomalib_ts.detectors.forecasters.detector",
    "DcaseAutoencoder": "anomalib_ts.detectors.dcase_autoencoder.detector",
    "DeepSad": "anomalib_ts.detectors.deep_sad.detector",
    "DeepSvdd": "anomalib_ts.detectors.deep_svdd.detector",
    "DenseAutoencoder": "anomalib_ts.detectors.dense_autoencoder.detector",
    "Detector": "anomalib_ts.detectors.base",
    "DevNet": "anomalib_ts.detectors.devnet.detector",
    "FastFlow1D": "anomalib_ts.detectors.fastflow1d.detector",
    "Hbos": "anomalib_ts.detectors.classical.hbos",
    "IForest": "anomalib_ts.detectors.classical.iforest",
    "IForest1": "anomalib_ts.detectors.classical.iforest",
    "Lof": "anomalib_ts.detectors.classical.lof",
    "Lstm": "anomalib_ts.detectors.forecasters.detector",
    "Mahalanobis": "anomalib_ts.detectors.classical.mahalanobis",
    "MatrixProfile": "anomalib_ts.detectors.classical.matrix_profile",
    "Memory": "anomalib_ts.detectors.memory.detector",
    "MlpAutoencoder": "anomalib_ts.detectors.mlp_autoencoder.detector",
    "MobileFaceNet": "anomalib_ts.detectors.mobilefacenet.detector",
    "MovingMean": "anomalib_ts.detectors.classical.moving_mean",
    "Ocsvm": "anomalib_ts.detectors.classical.ocsvm",
    "Pca": "anomalib_ts.detectors.classical.pca",
    "Poly": "anomalib_ts.detectors.classical.poly",
    "RandomScore": "anomalib_ts.detectors.classical.random_score",
    "SklearnDetector": "anomalib_ts.detectors.classical.estimator",
    "Usad": "anomalib_ts.detectors.usad.detector",
    "WeakAutoencoder": "anomalib_ts.detectors.weak_autoencoder.detector",
    "load_detector": "anomalib_ts.detectors.base",
}

__all__ = list(_HOMES)
__getattr__, __dir__ = lazily(__name__, _HOMES)
