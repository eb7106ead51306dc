"""FGSM beside foolbox's and ART's, through a wrapper that makes two logits of a score.

pip install foolbox==3.3.4 adversarial-robustness-toolbox==1.20.1
python benchmarks/attacks/against_libraries.py
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from anomalib_ts import DenseAutoencoder, Recording, TrainerSettings
from anomalib_ts.robustness import Fgsm, TrainingRange

EPSILON, WINDOW, WIDE = 0.1, 32, 100.0


class TwoLogits(nn.Module):
    """`[-s, s]` of windows with score s: class 1 is anomalous."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Logits `(b, 2)` of windows `(b, 1, w)`."""
        scores = self.network.scores(x)
        return torch.stack([-scores, scores], dim=1)


def main() -> None:
    """Print the largest difference between the attacks."""
    rng = np.random.default_rng(0)
    wave = np.sin(np.arange(64 * WINDOW) / 5) + 0.1 * rng.standard_normal(64 * WINDOW)
    wave = ((wave - wave.mean()) / wave.std()).astype(np.float32)
    train = [Recording(wave)]
    detector = DenseAutoencoder(window=WINDOW, trainer=TrainerSettings(progress=False)).fit(train)
    known = TrainingRange.of(train)
    test = Recording(np.roll(wave, 7), labels=np.zeros(len(wave)))
    for goal, label in (("raise", 0), ("hide", 1)):
        labels = np.full(len(wave), label)
        attack = Fgsm(epsilon=EPSILON, goal=goal)
        ours = attack.attack(detector, Recording(test.values, labels=labels), known).values[:, 0]
        wrapped = TwoLogits(detector.model_).eval()
        windows = torch.tensor(detector.scaler_.transform([test])[0].values.reshape(-1, 1, WINDOW))
        classes = torch.full((len(windows),), label)
        size = float(EPSILON * known.deviation[0] / detector.scaler_.scale[0])
        for name, theirs in (("foolbox", foolbox), ("ART", art)):
            found = theirs(wrapped, windows, classes, size).reshape(-1)
            back = found * detector.scaler_.scale[0] + detector.scaler_.mean[0]
            moved, moved_ours = (np.sign(np.round(x - test.values[:, 0], 3)) for x in (back, ours))
            print(
                f"{goal}, {name}: largest difference {np.abs(back - ours).max():.1e}, "
                f"signs that differ {int((moved != moved_ours).sum())} of {len(ours)}"
            )


def foolbox(model: nn.Module, x: Tensor, classes: Tensor, size: float) -> np.ndarray:
    """Foolbox's attack."""
    import foolbox as library  # noqa: PLC0415

    wrapped = library.PyTorchModel(model, bounds=(-WIDE, WIDE), device="cpu")
    attack = library.attacks.LinfFastGradientAttack(random_start=False)
    return attack.run(wrapped, x, classes, epsilon=size).detach().numpy()


def art(model: nn.Module, x: Tensor, classes: Tensor, size: float) -> np.ndarray:
    """ART's attack."""
    from art.attacks.evasion import FastGradientMethod  # noqa: PLC0415
    from art.estimators.classification import PyTorchClassifier  # noqa: PLC0415

    wrapped = PyTorchClassifier(
        model, nn.CrossEntropyLoss(), x.shape[1:], 2, clip_values=(-WIDE, WIDE), device_type="cpu"
    )
    attack = FastGradientMethod(wrapped, eps=size, batch_size=len(x))
    return attack.generate(x.numpy(), y=np.eye(2)[classes.numpy()])


if __name__ == "__main__":
    main()
