"""Streams against `score` of the whole, detector by detector, and ONNX Runtime against torch.

Run with OMP_NUM_THREADS=1: `python benchmarks/streaming/run.py stream`, `long` or `onnx`, followed
by names of detectors if not all are meant; each has a process of its own, for its peak memory.
Seconds are those of the processor (`time.process_time`), so that other processes hardly count.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from anomalib_ts import detectors
from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.deploy.export import export_onnx
from anomalib_ts.detectors import Detector
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.errors import InputError

BRIEF = TrainerSettings(accelerator="cpu", max_steps=100, progress=False)
DETECTORS: dict[str, Callable[[], Detector]] = {
    "MovingMean": detectors.MovingMean,
    "Mahalanobis": detectors.Mahalanobis,
    "Mahalanobis, window 32": lambda: detectors.Mahalanobis(window=32),
    **{
        f"{kind.__name__}, window 32": partial(kind, window=32)
        for kind in (
            *(detectors.Hbos, detectors.Pca, detectors.Poly, detectors.IForest),
            *(detectors.Ocsvm, detectors.Lof, detectors.MatrixProfile),
        )
    },
    "FastFlow1D": partial(detectors.FastFlow1D, trainer=BRIEF),
    "DcaseAutoencoder": partial(detectors.DcaseAutoencoder, batch_size=64, trainer=BRIEF),
    **{
        kind.__name__: partial(kind, trainer=BRIEF)
        for kind in (
            *(detectors.Autoencoder, detectors.DenseAutoencoder, detectors.Usad),
            *(detectors.DeepSvdd, detectors.DeepSad, detectors.DevNet),
            *(detectors.WeakAutoencoder, detectors.MobileFaceNet),
        )
    },
    **{
        f"{kind.__name__}, window 32": partial(kind, window=32, trainer=BRIEF)
        for kind in (
            *(detectors.MlpAutoencoder, detectors.Cnn, detectors.Lstm),
            *(detectors.CnnLstm, detectors.BiLstm),
        )
    },
}
"""Default settings, but for the window where it depends on the data, and for 100 training steps:
this measures no AUROC."""

LONG = ("MovingMean", "IForest, window 32", "Mahalanobis", "Pca, window 32", "FastFlow1D")
"""Those whose memory is looked at over ten million points."""


def signal(points: int, seed: int, channels: int = 1) -> np.ndarray:
    """Noisy sines, with a burst of larger noise every 5,000 points."""
    rng = np.random.default_rng(seed)
    values = np.sin(np.arange(points)[:, None] / (7 + np.arange(channels)))
    values += 0.2 * rng.standard_normal((points, channels))
    values[np.arange(points) % 5000 > 4950] *= 4
    return values


def fitted(name: str) -> Detector:
    """Two machines, some of them with labelled anomalies, so that every detector can learn."""
    parts = []
    for number in range(4):
        values = signal(4000, number) * (1 + number % 2)
        labels = np.zeros(4000, int)
        if number > 1:
            values[1000:1200] += 5
            labels[1000:1200] = 1
        parts.append(Recording(values, labels, machine_id=f"{number % 2}"))
    return DETECTORS[name]().fit(parts)


def stream(name: str) -> None:
    """One row of the table of streams; memory first, while nothing else has taken any."""
    detector = fitted(name)
    points, rate, early, late = long_stream(detector)
    rates = [speed(detector, size) for size in (1, 100, 1000)]
    shown = " | ".join(f"{one:,.0f}" for one in (*rates, rate))
    delay, difference = detector.stream().delay, largest_difference(detector)
    memory = f"{points:,} | {early:.0f} | {late:.0f}"
    print(f"| {name} | {delay} | {difference:.0e} | {shown} | {memory} |", flush=True)


def ten_million(name: str) -> None:
    """One row of the table of long streams: peak memory along ten million points."""
    points, rate, early, late = long_stream(fitted(name), blocks=1000, seconds=np.inf)
    print(f"| {name} | {points:,} | {rate:,.0f} | {early:.0f} | {late:.0f} |", flush=True)


def long_stream(
    detector: Detector, blocks: int = 100, seconds: float = 5
) -> tuple[int, float, float, float]:
    """A million points in blocks of 10,000, or what is done in 5 seconds.

    Returns:
        How many points it were, points a second, and the peak memory of the process in MiB after
        the first 20 blocks and at the end.
    """
    pushed, block = detector.stream(), signal(10_000, 3)
    peaks, begin = [], time.process_time()
    while len(peaks) < blocks and time.process_time() - begin < seconds:
        pushed.push(block)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    rate = pushed.received / (time.process_time() - begin)
    return pushed.received, rate, peaks[min(19, len(peaks) - 1)], peaks[-1]


def speed(detector: Detector, size: int) -> float:
    """Points a second in blocks of `size`, for half a second."""
    pushed, values, points = detector.stream(), signal(size, 3), 0
    for _ in range(300 // size + 1):  # past the first window, and warm
        pushed.push(values)
    begin = time.process_time()
    while time.process_time() - begin < 0.5:
        points += len(pushed.push(values))
    return points / (time.process_time() - begin)


def largest_difference(detector: Detector) -> float:
    """Of blocks of random sizes up to 500 points on 20,000 points, by the largest score."""
    values, sizes = signal(20_000, 9), np.random.default_rng(1)
    whole, pushed, at, parts = detector.score(values), detector.stream(), 0, []
    while at < len(values):
        size = int(sizes.integers(1, 501))
        parts.append(pushed.push(values[at : at + size]))
        at += size
    difference = np.abs(np.concatenate([*parts, pushed.finish()]) - whole)
    return float(difference.max() / np.abs(whole).max())


def onnx(name: str) -> None:
    """The scores of 20,000 points' windows, by the graph and by torch, and both their seconds."""
    detector, values = fitted(name), signal(20_000, 9)
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = export_onnx(detector, Path(folder) / "pump.onnx")
        except InputError:
            print(f"| {name} | no graph | | | |", flush=True)
            return
        size = path.stat().st_size / 1024
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options)
    facts = session.get_modelmeta().custom_metadata_map
    window, stride = int(facts["window"]), int(facts["stride"])
    if facts["points"] == "series":
        window = len(values)
    windows = Windows([Recording(values)], window, stride)
    raw = windows.gather(np.arange(len(windows))).transpose(0, 2, 1).astype(np.float64)
    times = [[], []]
    for _ in range(3):
        begin = time.process_time()
        parts = [
            session.run(None, {"windows": np.ascontiguousarray(raw[at : at + 256])})[0]
            for at in range(0, len(raw), 256)
        ]
        times[0].append(time.process_time() - begin)
        begin = time.process_time()
        expected = detector.score(values)
        times[1].append(time.process_time() - begin)
    found = to_points(np.concatenate(parts), windows.starts, window, len(values), facts["points"])
    difference = np.abs(found - expected).max() / np.abs(expected).max()
    rates = [len(values) / min(one) for one in times]
    print(
        f"| {name} | {difference:.1e} | {rates[0]:,.0f} | {rates[1]:,.0f} | {size:.0f} |",
        flush=True,
    )


def to_points(scores: np.ndarray, starts: np.ndarray, window: int, n: int, how: str) -> np.ndarray:
    """As `examples/score_onnx.py` does it."""
    if how == "last":
        return np.pad(scores, (window - 1, 0), constant_values=1)
    if how == "centre":
        return np.pad(scores, (window // 2, (window - 1) // 2), mode="edge")
    total, count = np.zeros((2, n))
    for start, score in zip(starts, scores, strict=True):
        total[start : start + window] += score
        count[start : start + window] += 1
    return total / count


if __name__ == "__main__":
    torch.set_num_threads(1)
    kind, *names = sys.argv[1:]
    if len(names) == 1:
        {"stream": stream, "long": ten_million, "onnx": onnx}[kind](*names)
    else:
        for one in names or (LONG if kind == "long" else DETECTORS):
            subprocess.run([sys.executable, __file__, kind, one], check=False)
