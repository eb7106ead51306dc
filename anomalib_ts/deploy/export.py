"""Detectors as ONNX graphs, to score where neither torch nor this package is installed."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from anomalib_ts.core.files import atomic_write
from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors.autoencoder.detector import ConvolutionalDetector
from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.classical.mahalanobis import Mahalanobis
from anomalib_ts.detectors.deep.base import DeepDetector
from anomalib_ts.detectors.forecasters.base import Forecaster
from anomalib_ts.detectors.scaling import STRAIGHT, ChannelScaler
from anomalib_ts.errors import AnomalibTsError, InputError, NotFittedError

OPSET = 18

ANY_LENGTH = 101
"""Points of the series that a graph of series is traced with."""


def export_onnx(detector: Detector, path: str | Path, threshold: float | None = None) -> Path:
    """Write a fitted detector as one ONNX graph: standardisation, network and score.

    The graph's input `windows` is `(m, window, c)` float64 in the unit of the data, for any m, its
    channels in the order of the training data; its output `scores` is `(m,)` or, of detectors that
    score each point of a window, `(m, window)` float32. The metadata say what becomes of them:

    - `window`, `stride`: points a window, and between two;
    - `tail`: what becomes of points after the last whole window, see `Windows`;
    - `points`: `mean` if a point's score is the mean over the windows that hold it, `centre` if it
      is the score of the window whose centre it is, `last` if it is that of the window which ends
      with it (points that no window ends with score 1), `series` if a whole series of any length
      is one window;
    - `threshold`: scores above it are anomalous;
    - `detector`, `channels` (how many), `channel_names` (JSON, null without).

    >>> from tempfile import TemporaryDirectory
    >>> from anomalib_ts import Mahalanobis
    >>> detector = Mahalanobis(window=3).fit([0.0, 1.0, 0.0, 1.0, 2.0])
    >>> with TemporaryDirectory() as folder:
    ...     export_onnx(detector, Path(folder) / "pump.onnx").name
    'pump.onnx'

    Args:
        detector: a fitted `DeepDetector`, not in published mode, or `Mahalanobis`. One that tells
            machines apart compares each window with the machine it resembles most.
        path: of the file.
        threshold: the one to write; None for the detector's `threshold_`.

    Raises:
        NotFittedError: `fit` was not called.
        InputError: a detector of this kind has no graph.
        AnomalibTsError: onnx is not installed, or the file cannot be written.
    """
    if find_spec("onnx") is None:
        raise AnomalibTsError("export needs onnx: pip install 'anomalib-ts[export]'")
    if not hasattr(detector, "n_channels_"):
        raise NotFittedError(f"{type(detector).__name__} must be fitted before it can be exported")
    as_fitted = detector._as_fitted()
    graph = _graph(as_fitted)
    facts = _facts(as_fitted)
    network = _traced(graph, facts, as_fitted.n_channels_)
    limit = detector.threshold_ if threshold is None else threshold
    content = _with_metadata(network, facts | {"threshold": repr(float(limit))})
    try:
        with atomic_write(path) as file:
            file.write(content)
    except OSError as error:
        raise AnomalibTsError(f"cannot write {path}: {error.strerror or error}") from error
    return Path(path)


class _Graph(nn.Module):
    """Raw windows `(m, w, c)` to scores: standardised as `ChannelScaler` does it, then scored."""

    def __init__(self, scaler: ChannelScaler, score: Any, network: nn.Module, unit: float) -> None:
        super().__init__()
        self.network = network  # so that its weights go with the graph
        self._score, self._unit = score, unit
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.from_numpy(scaler.mean))
        self.register_buffer("scale", torch.from_numpy(scaler.scale))

    def forward(self, windows: Tensor) -> Tensor:
        """`(m, w, c)` to `(m,)` or `(m, w)`."""
        z = (windows - self.mean) / self.scale
        size = z.abs().clamp(max=float(np.finfo(np.float64).max))
        beyond = STRAIGHT * (1 + (size.clamp(min=STRAIGHT) / STRAIGHT).log())
        bent = torch.where(size > STRAIGHT, z.sign() * beyond, z)
        scores: Tensor = self._score(bent.float().transpose(1, 2).contiguous())
        return (scores * self._unit).float()


class _Quadratic(nn.Module):
    """The squared Mahalanobis distance, divided by the number of values."""

    def __init__(self, detector: Mahalanobis) -> None:
        super().__init__()
        whitening = np.linalg.inv(np.linalg.cholesky(detector.covariance_))
        self.mean: Tensor
        self.whitening: Tensor
        self.register_buffer("mean", torch.from_numpy(detector.mean_))
        self.register_buffer("whitening", torch.from_numpy(whitening.T.copy()))

    def forward(self, x: Tensor) -> Tensor:
        """Windows `(m, c, w)` to distances `(m,)`."""
        white = (x.flatten(1).double() - self.mean) @ self.whitening
        return white.square().mean(dim=1)


def _graph(detector: Detector) -> _Graph:
    if isinstance(detector, Mahalanobis):
        distance = _Quadratic(detector)
        return _Graph(detector.scaler_, distance, distance, 1.0)
    if isinstance(detector, DeepDetector) and not detector.capabilities.transductive:
        bare = Recording(np.zeros((1, detector.n_channels_)))
        score = partial(detector._scores, bare)
        return _Graph(detector.scaler_, score, detector.model_, detector._unit)
    raise InputError(
        f"{type(detector).__name__} cannot be exported: only detectors with a network (but in "
        "published mode) and Mahalanobis have a graph; `Detector.save` keeps any in a file"
    )


def _traced(graph: _Graph, facts: Mapping[str, str], channels: int) -> bytes:
    """The graph as ONNX, of any number of windows, or of series of any length."""
    free, window = {0: "m"}, int(facts["window"])
    if facts["points"] == "series":
        free, window = {0: "m", 1: "n"}, ANY_LENGTH
    # What is clipped only where something is large (`soft_clip`) is recorded as clipped always.
    shape = (2, window, channels)
    example = graph.mean + graph.scale * torch.full(shape, 50.0, dtype=torch.float64)
    buffer: Any = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # of tracing, and of the older exporter
        torch.onnx.export(
            graph.eval(),
            (example,),
            buffer,
            dynamo=False,  # the newer exporter refuses such branches, and needs one more package
            opset_version=OPSET,
            input_names=["windows"],
            output_names=["scores"],
            dynamic_axes={"windows": free, "scores": free},
        )
    content: bytes = buffer.getvalue()
    return content


def _facts(detector: Any) -> dict[str, str]:
    """What the metadata say but for the threshold, see `export_onnx`."""
    window, stride, tail, points = detector.window, 1, "overlap", "centre"
    if isinstance(detector, Forecaster):
        window, points = detector._window, "last"
    elif isinstance(detector, ConvolutionalDetector):
        window, points = 1, "series"
    elif isinstance(detector, DeepDetector):
        window, stride, tail, points = detector._window, detector._step, detector.tail, "mean"
    return {
        "detector": type(detector).__name__,
        "window": str(window),
        "stride": str(stride),
        "tail": tail,
        "points": points,
        "channels": str(detector.n_channels_),
        "channel_names": json.dumps(detector.channel_names_),
    }


def _with_metadata(content: bytes, metadata: dict[str, str]) -> bytes:
    import onnx  # noqa: PLC0415 - an extra

    model = onnx.load_from_string(content)
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    written: bytes = model.SerializeToString()
    return written
