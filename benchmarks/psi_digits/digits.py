"""Sparseness of image classifiers under FGSM and under noise, on scikit-learn's digits.

    python benchmarks/psi_digits/digits.py [--seeds 3]

Networks in the shapes of AlexNet (5 convolutions) and VGG11 (8), small enough for 8 x 8 images,
each with two hidden dense layers. Half of the digits train, the others are attacked. Writes
layers.csv and detection.csv beside itself.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from anomalib_ts.robustness import category_sparseness, population_sparseness
from anomalib_ts.robustness.activations import layer_responses
from anomalib_ts.robustness.diagnosis import compare, separability

HERE = Path(__file__).parent
SIZES = (0.03, 0.1, 0.2, 0.3)
POOL = "pool"
SHAPES: dict[str, tuple[int | str, ...]] = {
    "alexnet": (32, POOL, 64, POOL, 96, 64, 64),
    "vgg11": (16, 32, POOL, 64, 64, POOL, 96, 96, 96, 96),
}
EPOCHS, BATCH = 40, 64


def network(shape: tuple[int | str, ...], seed: int) -> nn.Sequential:
    """Convolutions of 3 x 3 with ReLU, then two hidden dense layers and ten logits."""
    torch.manual_seed(seed)
    layers: list[tuple[str, nn.Module]] = []
    inputs, side, number = 1, 8, 0
    for part in shape:
        if part == POOL:
            layers.append((f"pool{number}", nn.MaxPool2d(2)))
            side //= 2
            continue
        number += 1
        layers.append((f"c{number}", nn.Conv2d(inputs, int(part), 3, padding=1)))
        layers.append((f"conv{number}", nn.ReLU()))
        inputs = int(part)
    layers += [("flat", nn.Flatten()), ("d1", nn.Linear(inputs * side**2, 128)), ("fc1", nn.ReLU())]
    layers += [("d2", nn.Linear(128, 64)), ("fc2", nn.ReLU()), ("logits", nn.Linear(64, 10))]
    made = nn.Sequential()
    for name, module in layers:
        made.add_module(name, module)
    return made


def train(net: nn.Module, x: Tensor, y: Tensor) -> None:
    """Adam on the cross entropy."""
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(EPOCHS):
        for index in torch.randperm(len(x)).split(BATCH):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(x[index]), y[index]).backward()
            optimiser.step()


def signs(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Where FGSM goes: the sign of the gradient of the loss."""
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(nn.functional.cross_entropy(net(x), y, reduction="sum"), x)
    return gradient.sign()


def accuracy(net: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of the images that are recognised."""
    with torch.no_grad():
        return float((net(x).argmax(1) == y).float().mean())


def rough(x: Tensor) -> np.ndarray[Any, Any]:
    """Mean absolute second difference of images, along rows and columns."""
    parts = [torch.diff(x, n=2, dim=dim).abs().mean(dim=(1, 2, 3)) for dim in (2, 3)]
    return np.asarray((parts[0] + parts[1]).numpy()) / 2


def study(shape: str, seed: int, told: Callable[[str, dict[str, Any]], None]) -> None:
    """One network of one seed under everything."""
    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    x = torch.tensor(digits.images[order] / 16, dtype=torch.float32)[:, None]
    y = torch.tensor(digits.target[order])
    half = len(x) // 2
    net = network(SHAPES[shape], seed)
    train(net, x[:half], y[:half])
    net.eval()
    test, truth = x[half:], y[half:]
    way = signs(net, test, truth)
    drawn = torch.from_numpy(np.random.default_rng(seed).choice([-1.0, 1.0], test.shape)).float()
    for size in SIZES:
        changed = {
            "fgsm": (test + size * way).clamp(0, 1),
            "noise": (test + size * drawn).clamp(0, 1),
        }
        about = {"network": shape, "seed": seed, "epsilon": size}
        for units in ("channels", "all"):
            answers = {
                name: layer_responses(net, net, images, units)
                for name, images in {"healthy": x[:half], "clean": test, **changed}.items()
            }
            psi = {
                name: {layer: population_sparseness(r) for layer, r in found.items()}
                for name, found in answers.items()
            }
            for layer in psi["clean"]:
                row = compare(psi["clean"][layer], psi["noise"][layer], psi["fgsm"][layer])
                of = {
                    f"category_{name}": category_sparseness(answers[name][layer], truth).mean()
                    for name in ("clean", "noise", "fgsm")
                }
                told("layers", {**about, "units": units, "layer": layer, **row, **of})
            if units == "all":
                continue
            sparse = {
                name: np.nan_to_num(np.stack(list(found.values()), axis=1))
                for name, found in psi.items()
            }
            lines = {
                name: rough(images)[:, None]
                for name, images in {"healthy": x[:half], "clean": test, **changed}.items()
            }
            combined = {name: np.hstack([sparse[name], lines[name]]) for name in sparse}
            features = {"psi": sparse, "roughness": lines, "psi and roughness": combined}
            for kind, images in changed.items():
                for what, of_all in features.items():
                    one, learnt = separability(of_all["healthy"], of_all["clean"], of_all[kind])
                    told(
                        "detection",
                        {
                            **about,
                            "kind": kind,
                            "accuracy_clean": accuracy(net, test, truth),
                            "accuracy": accuracy(net, images, truth),
                            "features": what,
                            "one_class": one,
                            "supervised": learnt,
                        },
                    )


def main() -> None:
    """All networks and seeds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    tables: dict[str, list[dict[str, Any]]] = {"layers": [], "detection": []}
    for shape in SHAPES:
        for seed in range(options.seeds):
            start = time.perf_counter()
            study(shape, seed, lambda table, row: tables[table].append(row))
            print(shape, seed, f"{time.perf_counter() - start:.0f} s", flush=True)
    for name, found in tables.items():
        columns = list(dict.fromkeys(key for row in found for key in row))
        with (HERE / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            for row in found:
                short = {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}
                writer.writerow(short)


if __name__ == "__main__":
    main()
