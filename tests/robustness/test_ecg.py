"""What an attack does to an autoencoder on a real electrocardiogram."""

import numpy as np
import pytest

from anomalib_ts import DenseAutoencoder, Recording, TrainerSettings, evaluate
from anomalib_ts.robustness import Fgsm, Noise, Pgd

LEARNT, END, WINDOW = 20_000, 60_000, 64


@pytest.mark.slow
def test_small_changes_turn_the_scores_around_and_noise_does_not(shared):
    path = shared / "data" / "tsb-uad" / "ECG" / "MBA_ECG803_data.out"
    if not path.is_file():
        pytest.skip(f"no {path}")
    table = np.loadtxt(path, delimiter=",", max_rows=END)
    values, labels = table[:, 0].astype(np.float32), table[:, 1].astype(int)
    edges = np.flatnonzero(np.diff(labels[:LEARNT], prepend=1, append=1))
    runs = zip(edges[::2], edges[1::2], strict=True)
    train = [Recording(values[a:b]) for a, b in runs if b - a >= WINDOW]
    quiet = TrainerSettings(accelerator="cpu", progress=False)
    detector = DenseAutoencoder(window=WINDOW, trainer=quiet).fit(train)
    test = Recording(values[LEARNT:], labels=labels[LEARNT:])

    def auroc(attack):
        moved = attack.attack(detector, test, train)
        return evaluate(test.labels, detector.score(moved), "auroc")["auroc"]

    clean = auroc(Noise(epsilon=0.0))
    assert clean > 0.8
    assert auroc(Pgd(epsilon=0.5)) < 0.4
    assert auroc(Noise(epsilon=0.5)) == pytest.approx(clean, abs=0.01)
    assert auroc(Pgd(epsilon=0.5, goal="hide")) < clean < auroc(Fgsm(epsilon=0.5, goal="hide"))
