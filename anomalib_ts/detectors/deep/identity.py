"""What tells one fit from another: a digest of all that decides what it learns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from typing import Any

import numpy as np
import torch

from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.deep.training_loop import Fit
from anomalib_ts.settings.effect import effective

_PACKAGES = ("anomalib-ts", "numpy", "pytorch-lightning", "torch")


def fit_of(detector: Detector, settings: TrainerSettings, train: Sequence[Recording]) -> Fit:
    """The fit of a detector on standardised training recordings.

    Two have one digest only if class, settings, data, packages, device and number of threads are
    the same: one can then go on where the other stopped.
    """
    kind = type(detector)
    given: dict[str, Any] = detector.get_params(deep=False) | {"trainer": asdict(settings)}
    content = {
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "version": kind.version,
        "settings": effective(given),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "device": str(settings.device()),
        "threads": torch.get_num_threads(),
        "data": _data_digest(train),
    }
    text = json.dumps(content, sort_keys=True, default=repr)
    return Fit(kind.__name__, hashlib.sha256(text.encode()).hexdigest(), _flat(given))


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as a logger's table has them: plain values only."""
    plain = {key: value for key, value in settings.items() if not isinstance(value, Mapping)}
    below = [(key, value) for key, value in settings.items() if isinstance(value, Mapping)]
    nested = {f"{key}.{name}": one for key, value in below for name, one in _flat(value).items()}
    return {
        key: v if isinstance(v, int | float | str) else str(v) for key, v in plain.items()
    } | nested


def _data_digest(train: Sequence[Recording]) -> str:
    found = hashlib.sha256()
    for recording in train:
        labels = recording.labels
        about = [recording.values.shape, recording.machine_id, recording.domain, recording.label]
        found.update(json.dumps([*about, labels is None], default=str).encode())
        for array in (recording.values, *([] if labels is None else [labels])):
            found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()
