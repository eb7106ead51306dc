"""A unit of `anomalib-ts sparseness`: one classifier of images under FGSM and under noise."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from anomalib_ts.core.digests import digest
from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import ConfigError, InputError
from anomalib_ts.robustness.activations import Units, layer_responses
from anomalib_ts.robustness.classifiers.classifier import (
    BATCH,
    SHRINKS,
    Classifier,
    accuracy,
    uphill,
)
from anomalib_ts.robustness.classifiers.images import (
    LabelledImages,
    digits,
    fingerprint,
    image_folder,
)
from anomalib_ts.robustness.diagnosis import compare, separability
from anomalib_ts.robustness.sparseness import (
    category_sparseness,
    population_sparseness,
    roughness,
)
from anomalib_ts.settings.config import Settings, create

VERSION = 1
"""Raised whenever the same settings give other values."""

FEWEST_IMAGES = 40
"""Of which half train: fewer say nothing."""

KINDS = ("fgsm", "noise")
POPULATIONS: tuple[Units, ...] = ("channels", "all")

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class SparsenessUnit:
    """All that decides what comes of a unit, and where the images lie.

    Attributes:
        names: of the classifier, as it was chosen.
        classifier: its settings.
        epsilons: sizes of the changes, of values from 0 to 1.
        root: folder of the images, see `image_folder`; None for scikit-learn's digits.
        side: pixels a side to which images of a folder are brought.
        most_attacked: of the half of the images that does not train, at most so many.
        seed: of the halves, of the noise, and by default of the classifier.
    """

    names: Mapping[str, str]
    classifier: Settings
    epsilons: list[float]
    root: str | None = None
    side: int = 32
    most_attacked: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.side % SHRINKS:
            raise ConfigError(f"side must be a multiple of {SHRINKS}, not {self.side}")
        if not self.epsilons or min(self.epsilons) <= 0:
            raise ConfigError(f"epsilons must be a list of sizes above 0, not {self.epsilons}")

    def key(self) -> str:
        """The digest that identifies the unit: equal keys mean equal values."""
        content = asdict(self)
        for cosmetic in ("names", "root", *(["side"] if self.root is None else [])):
            del content[cosmetic]
        return digest([VERSION, content, fingerprint(self.root)])


@dataclass(frozen=True, eq=False)
class _Seen:
    """What a network makes of some images.

    Attributes:
        psi: by population and layer, `(n,)`.
        category: the same in the paper's form, the mean over the classes.
        rough: `(n,)`.
        accuracy: share that is recognised.
    """

    psi: dict[Units, dict[str, FloatArray]]
    category: dict[Units, dict[str, float]]
    rough: FloatArray
    accuracy: float

    def features(self) -> dict[str, FloatArray]:
        """What a detector of changed images may look at, `(n, d)` each."""
        sparse = np.nan_to_num(np.stack(list(self.psi["channels"].values()), axis=1))
        rough = self.rough[:, None]
        return {
            "psi": sparse,
            "roughness": rough,
            "psi and roughness": np.hstack([sparse, rough]),
        }


def run_unit(unit: SparsenessUnit) -> dict[str, Any]:
    """Train the classifier on half of the images, and change the others.

    Returns:
        What can be stored as JSON: what the `images` are; `accuracy` on unchanged ones; `layers`,
        what `compare` says of each size, population and layer, with the paper's form
        (`category_...`, the mean over the classes); `detection`, what `separability` says of each
        size and kind of change.

    Raises:
        InputError: there are too few images.
    """
    began = time.perf_counter()
    images = digits() if unit.root is None else image_folder(unit.root, unit.side)
    if len(images.values) < FEWEST_IMAGES:
        raise InputError(f"{len(images.values)} images are too few: {FEWEST_IMAGES} are needed")
    train, test = _halves(images, unit.seed, unit.most_attacked)
    classifier: Classifier = create(unit.classifier, "classifier")
    network = classifier.trained(*train)
    x, y = torch.from_numpy(test[0]), torch.from_numpy(test[1])
    drawn = np.random.default_rng(unit.seed).choice([-1.0, 1.0], x.shape)
    ways = {"fgsm": uphill(network, x, y), "noise": torch.from_numpy(drawn).float()}
    healthy = _seen(network, *(torch.from_numpy(part[: len(x)]) for part in train))
    clean = _seen(network, x, y)
    layers: list[Row] = []
    detection: list[Row] = []
    for size in unit.epsilons:
        changed = {kind: _seen(network, (x + size * ways[kind]).clamp(0, 1), y) for kind in KINDS}
        layers += [{"epsilon": size, **row} for row in _layers(clean, changed)]
        detection += [{"epsilon": size, **row} for row in _detection(healthy, clean, changed)]
    return {
        "images": "digits" if unit.root is None else Path(unit.root).name,
        "accuracy": clean.accuracy,
        "trained": len(train[0]),
        "attacked": len(x),
        "classes": len(images.names),
        "layers": layers,
        "detection": detection,
        "seconds": time.perf_counter() - began,
    }


def _halves(
    images: LabelledImages, seed: int, most: int
) -> tuple[tuple[NDArray[np.float32], NDArray[np.int64]], ...]:
    """Images and labels that train, and those that are attacked."""
    order = np.random.default_rng(seed).permutation(len(images.labels))
    half = len(order) // 2
    parts = order[:half], order[half:][:most]
    return tuple((images.values[part], images.labels[part]) for part in parts)


def _seen(network: nn.Module, images: Tensor, labels: Tensor) -> _Seen:
    psi: dict[Units, dict[str, FloatArray]] = {}
    category: dict[Units, dict[str, float]] = {}
    for units in POPULATIONS:
        answers = _responses(network, images, units)
        psi[units] = {layer: population_sparseness(r) for layer, r in answers.items()}
        category[units] = {
            layer: float(category_sparseness(r, labels).mean()) for layer, r in answers.items()
        }
    lines = (images.flatten(1, 2), images.transpose(2, 3).flatten(1, 2))  # along rows, columns
    rough = np.mean([roughness(one.numpy()) for one in lines], axis=0)
    return _Seen(psi, category, rough, accuracy(network, images, labels))


def _responses(network: nn.Module, images: Tensor, units: Units) -> dict[str, NDArray[np.float32]]:
    """As `layer_responses`, in batches: the maps of all images at once may not fit into memory."""
    parts = [
        layer_responses(network, network, batch, units) for batch in torch.split(images, BATCH)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _layers(clean: _Seen, changed: Mapping[str, _Seen]) -> Iterator[Row]:
    seen: dict[str, _Seen] = {"clean": clean, **changed}
    for units in POPULATIONS:
        for layer in clean.psi[units]:
            found = [seen[name].psi[units][layer] for name in ("clean", "noise", "fgsm")]
            yield {
                "units": units,
                "layer": layer,
                **compare(*found),
                **{f"category_{name}": one.category[units][layer] for name, one in seen.items()},
            }


def _detection(healthy: _Seen, clean: _Seen, changed: Mapping[str, _Seen]) -> Iterator[Row]:
    known, before = healthy.features(), clean.features()
    for kind, seen in changed.items():
        for name, after in seen.features().items():
            one_class, supervised = separability(known[name], before[name], after)
            yield {
                "kind": kind,
                "accuracy": seen.accuracy,
                "features": name,
                "one_class": one_class,
                "supervised": supervised,
            }
