"""Why USAD fails on spectrograms: its equations with one part after another left out.

    python benchmarks/weak_autoencoder/usad_collapse.py --seeds 0 1

Generated ventilator, 240 healthy training clips, 120 + 120 test clips of 4 s, windows of 8 frames
side by side, 10 epochs of 29 batches of 128. A line a variant and seed: how many latent features
vary, the share of the data's variance that the first autoencoder leaves unexplained, the AUROC
(mean over machines) of its error, of the second's error on what the first rebuilt, and of the half
sum, which is USAD's score.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case
from anomalib_ts.data.sounds.machine_sound import MachineSound
from anomalib_ts.detectors.deep.networks import dense
from anomalib_ts.detectors.scaling import ChannelScaler
from anomalib_ts.detectors.usad.torch_model import blended
from anomalib_ts.metrics.records import record_areas

WINDOW = 8
LATENT = 40
VARIANTS: dict[str, set[str]] = {
    "as published": {"adversary", "relu", "unit interval"},
    "no adversarial term": {"relu", "unit interval"},
    "no ReLU on the latent layer": {"adversary", "unit interval"},
    "neither": {"unit interval"},
    "standardised, no sigmoid, no ReLU": {"adversary"},
    "the same, no adversarial term": set(),
}


class Networks(nn.Module):
    """An encoder and two decoders, as in `UsadModel`, with the parts of a variant."""

    def __init__(self, inputs: int, parts: set[str]) -> None:
        super().__init__()
        sizes = [inputs, inputs // 2, inputs // 4, LATENT]
        rectify = [nn.ReLU()] if "relu" in parts else []
        squash = [nn.Sigmoid()] if "unit interval" in parts else []
        self.encoder = nn.Sequential(*dense(sizes), *rectify)
        self.first = nn.Sequential(*dense(sizes[::-1]), *squash)
        self.second = nn.Sequential(*dense(sizes[::-1]), *squash)

    def losses(self, x: Tensor, epoch: int) -> Iterator[Tensor]:
        """Equations 5 and 6; the second is asked for after the first has taken its step."""
        once = self.first(self.encoder(x))
        plain = mse_loss(once, x)
        again = mse_loss(self.second(self.encoder(once)), x) if epoch > 1 else plain
        yield blended(plain, again, epoch) if epoch > 1 else plain
        plain = mse_loss(self.second(self.encoder(x)), x)
        if epoch == 1:
            yield plain
            return
        rebuilt = self.first(self.encoder(x)).detach()
        yield blended(plain, -mse_loss(self.second(self.encoder(rebuilt)), x), epoch)


def train(x: Tensor, parts: set[str], seed: int, epochs: int = 10) -> Networks:
    torch.manual_seed(seed)
    networks = Networks(x.shape[1], parts)
    shared = list(networks.encoder.parameters())
    turns = [
        torch.optim.Adam([*shared, *decoder.parameters()], lr=1e-3)
        for decoder in (networks.first, networks.second)
    ]
    for epoch in range(1, epochs + 1):
        for batch in torch.randperm(len(x)).split(128):
            number = epoch if "adversary" in parts else 1
            for turn, loss in zip(turns, networks.losses(x[batch], number), strict=True):
                turn.zero_grad()
                loss.backward()
                turn.step()
    return networks


@torch.no_grad()
def judged(networks: Networks, x: Tensor, clips: list[Tensor], case: Case) -> str:
    latent = networks.encoder(x)
    active = int((latent.std(dim=0) > 1e-6).sum())
    unexplained = float(mse_loss(networks.first(latent), x) / x.var(dim=0, correction=0).mean())
    errors = []
    for clip in clips:
        once = networks.first(networks.encoder(clip))
        both = networks.second(networks.encoder(once))
        errors.append([float(mse_loss(once, clip)), float(mse_loss(both, clip))])
    first, second = np.array(errors).T
    labels, machines = [r.label for r in case.test], [r.machine_id for r in case.test]
    areas = [
        record_areas(labels, scores, machines).values["auroc"]
        for scores in (first, second, (first + second) / 2)
    ]
    told = " | ".join(f"{area:.3f}" for area in areas)
    return f"{active}/{LATENT} | {unexplained:.2f} | {told}"


def windows(recordings: tuple[Recording, ...]) -> list[Tensor]:
    return [
        torch.from_numpy(
            np.stack([r.values[i : i + WINDOW] for i in range(0, len(r) - WINDOW + 1, WINDOW)])
        ).flatten(1)
        for r in recordings
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--root", type=Path, default=Path("data"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    case = MachineSound(
        root=str(options.root / "sounds"),
        cache=str(options.root / "spectrograms"),
        n_train=240,
        n_test_normal=120,
        n_test_anomalous=120,
        seconds=4.0,
        jobs=1,
    ).load("ventilator")
    scaler = ChannelScaler.fit(case.train)
    x, clips = (
        torch.cat(windows(scaler.transform(case.train))),
        windows(scaler.transform(case.test)),
    )
    lowest, extent = x.amin(dim=0), x.amax(dim=0) - x.amin(dim=0)
    for seed in options.seeds:
        for name, parts in VARIANTS.items():
            shift, scale = (lowest, extent) if "unit interval" in parts else (0.0, 1.0)
            scaled, tested = (x - shift) / scale, [(clip - shift) / scale for clip in clips]
            networks = train(scaled, parts, seed)
            print(f"{name} | {seed} | {judged(networks, scaled, tested, case)}", flush=True)


if __name__ == "__main__":
    main()
