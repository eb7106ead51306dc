"""Streams against `score` of the whole, detector by detector, and ONNX Runtime against torch.

Run with OMP_NUM_THREADS=1: `python benchmarks/streaming/run.py equal`, `speed`, `memory`, `onnx`,
each followed by names of detectors if not all are meant; `memory` with one name a process.
Seconds are those of the processor (`time.process_time`), so that other processes do not count.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
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
    "IForest, window 32": lambda: detectors.IForest(window=32),
    "FastFlow1D": lambda: detectors.FastFlow1D(trainer=BRIEF),
    "Autoencoder": lambda: detectors.Autoencoder(trainer=BRIEF),
    "DenseAutoencoder": lambda: detectors.DenseAutoencoder(trainer=BRIEF),
    "DcaseAutoencoder": lambda: detectors.DcaseAutoencoder(batch_size=64, trainer=BRIEF),
    "Usad": lambda: detectors.Usad(trainer=BRIEF),
    "DeepSvdd": lambda: detectors.DeepSvdd(trainer=BRIEF),
    "DeepSad": lambda: detectors.DeepSad(trainer=BRIEF),
    "DevNet": lambda: detectors.DevNet(trainer=BRIEF),
    "WeakAutoencoder": lambda: detectors.WeakAutoencoder(trainer=BRIEF),
    "MobileFaceNet": lambda: detectors.MobileFaceNet(trainer=BRIEF),
}
"""Default settings, but for 100 training steps: this measures no AUROC."""


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


def equal(name: str) -> None:
    """Blocks of random sizes up to 500 points, on 50,000 points."""
    detector, values = fitted(name), signal(50_000, 9)
    whole, stream, at, parts = detector.score(values), detector.stream(), 0, []
    sizes = np.random.default_rng(1)
    while at < len(values):
        size = int(sizes.integers(1, 501))
        parts.append(stream.push(values[at : at + size]))
        at += size
    difference = np.abs(np.concatenate([*parts, stream.finish()]) - whole)
    relative = difference.max() / np.abs(whole).max()
    print(f"| {name} | {stream.delay} | {difference.max():.1e} | {relative:.1e} |", flush=True)


def speed(name: str) -> None:
    """Points a second in blocks of 1, 100, 1,000 and 10,000; about two seconds each."""
    detector, rates = fitted(name), []
    for size in (1, 100, 1000, 10_000):
        stream, values, points = detector.stream(), signal(size, 3), 0
        for _ in range(100 // size + 1):  # past the first window, and warm
            stream.push(values)
        begin = time.process_time()
        while time.process_time() - begin < 2:
            points += len(stream.push(values))
        rates.append(points / (time.process_time() - begin))
    print(f"| {name} | {' | '.join(f'{rate:,.0f}' for rate in rates)} |", flush=True)


def memory(name: str) -> None:
    """The process's peak after a tenth of the stream and at its end, in blocks of 10,000 points."""
    detector = fitted(name)
    points = 10_000_000 if name in FAST else 1_000_000
    stream, block, peaks = detector.stream(), signal(10_000, 3), {}
    begin = time.process_time()
    while stream.received < points:
        stream.push(block)
        peaks[stream.received] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    early, late = peaks[points // 10], peaks[points]
    seconds = time.process_time() - begin
    print(f"| {name} | {points:,} | {seconds:.0f} | {early:.0f} | {late:.0f} |", flush=True)


FAST = ("MovingMean", "Mahalanobis", "Mahalanobis, window 32", "DenseAutoencoder")


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
    if how == "centre":
        return np.pad(scores, (window // 2, (window - 1) // 2), mode="edge")
    total, count = np.zeros((2, n))
    for start, score in zip(starts, scores, strict=True):
        total[start : start + window] += score
        count[start : start + window] += 1
    return total / count


if __name__ == "__main__":
    torch.set_num_threads(1)
    measure = {"equal": equal, "speed": speed, "memory": memory, "onnx": onnx}[sys.argv[1]]
    for chosen in sys.argv[2:] or DETECTORS:
        measure(chosen)
