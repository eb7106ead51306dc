"""A memory of normal windows or clips: how they are represented, and how far a new one lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anomalib_ts.core.exports import lazily

if TYPE_CHECKING:
    from anomalib_ts.detectors.memory.contrast import Contrast as Contrast
    from anomalib_ts.detectors.memory.detector import Memory as Memory
    from anomalib_ts.detectors.memory.encoder import Encoder as Encoder
    from anomalib_ts.detectors.memory.frozen import Onnx as Onnx
    from anomalib_ts.detectors.memory.frozen import TorchScript as TorchScript
    from anomalib_ts.detectors.memory.nearest import DensityNormalised as DensityNormalised
    from anomalib_ts.detectors.memory.nearest import Nearest as Nearest
    from anomalib_ts.detectors.memory.representations import Raw as Raw
    from anomalib_ts.detectors.memory.representations import Representation as Representation
    from anomalib_ts.detectors.memory.representations import Spectrum as Spectrum
    from anomalib_ts.detectors.memory.representations import Statistics as Statistics
    from anomalib_ts.detectors.memory.representations import ZNormalised as ZNormalised
    from anomalib_ts.detectors.memory.scorers import Forest as Forest
    from anomalib_ts.detectors.memory.scorers import MahalanobisDistance as MahalanobisDistance
    from anomalib_ts.detectors.memory.scorers import PcaResidual as PcaResidual
    from anomalib_ts.detectors.memory.scorers import Scorer as Scorer

_HOMES = {
    "Contrast": "anomalib_ts.detectors.memory.contrast",
    "DensityNormalised": "anomalib_ts.detectors.memory.nearest",
    "Encoder": "anomalib_ts.detectors.memory.encoder",
    "Forest": "anomalib_ts.detectors.memory.scorers",
    "MahalanobisDistance": "anomalib_ts.detectors.memory.scorers",
    "Memory": "anomalib_ts.detectors.memory.detector",
    "Nearest": "anomalib_ts.detectors.memory.nearest",
    "Onnx": "anomalib_ts.detectors.memory.frozen",
    "Raw": "anomalib_ts.detectors.memory.representations",
    "Representation": "anomalib_ts.detectors.memory.representations",
    "PcaResidual": "anomalib_ts.detectors.memory.scorers",
    "Scorer": "anomalib_ts.detectors.memory.scorers",
    "Spectrum": "anomalib_ts.detectors.memory.representations",
    "Statistics": "anomalib_ts.detectors.memory.representations",
    "TorchScript": "anomalib_ts.detectors.memory.frozen",
    "ZNormalised": "anomalib_ts.detectors.memory.representations",
}

__all__ = list(_HOMES)
__getattr__, __dir__ = lazily(__name__, _HOMES)
