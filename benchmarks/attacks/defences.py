"""What two defences cost and gain: smoothing the input, and clipping it to the training range.

    python -m benchmarks.attacks.defences SHARED [--seeds 3]

The attacker knows the defence: the gradient goes through it. The series are those of `table.py`.
Writes defences.csv.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn import functional

from anomalib_ts import DenseAutoencoder, Usad
from anomalib_ts.core.recording import FloatArray, Recording, RecordingLike
from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.deep.base import DeepDetector
from anomalib_ts.detectors.deep.score_function import ScoreFunction
from anomalib_ts.detectors.streaming import Margins
from anomalib_ts.robustness import Noise, Pgd, TrainingRange
from anomalib_ts.settings.fields import configured, setting
from benchmarks.attacks.table import BRIEF, load

CASES = ("ECG/MBA_ECG803_data", "ECG/MBA_ECG805_data", "ECG/MBA_ECG801_data", "NASA-MSL/C-1")
KINDS = (DenseAutoencoder, Usad)
SIZES = (0.1, 0.5)
DEFENCES: dict[str, dict[str, Any]] = {
    "none": {},
    "smoothing 5": {"smoothing": 5},
    "smoothing 15": {"smoothing": 15},
    "clipping": {"clipping": True},
}


@configured
class Guarded(Detector):
    """A deep detector that is shown changed values, in training, too."""

    inner: Detector | None = setting(None, "the detector, a deep one")
    smoothing: int = setting(1, "a value becomes the mean over so many points, odd", at_least=1)
    clipping: bool = setting(False, "whether values are brought into the range of training")

    def _fit(self, train: tuple[Recording, ...]) -> None:
        values = np.concatenate([one.values for one in train])
        self.low_, self.high_ = (torch.from_numpy(f(values, axis=0)) for f in (np.min, np.max))
        assert isinstance(self.inner, DeepDetector)
        self.inner_ = self.inner.fit([self._shown(one) for one in train])

    def _score(self, recording: Recording) -> FloatArray:
        return self.inner_.score(self._shown(recording))

    def _shown(self, recording: Recording) -> Recording:
        return Recording(self._guard(torch.tensor(recording.values)).numpy())

    def _guard(self, z: Tensor) -> Tensor:
        if self.clipping:
            z = torch.minimum(torch.maximum(z, self.low_), self.high_)
        if self.smoothing > 1:
            half = self.smoothing // 2
            padded = functional.pad(z.T[None], (half, half), mode="replicate")
            z = functional.avg_pool1d(padded, self.smoothing, stride=1)[0].T
        return z

    def score_function(self, recording: RecordingLike) -> ScoreFunction:
        """Through the defence."""
        given = self._prepared(recording)
        inner = self.inner_.score_function(self._shown(given))
        assert inner is not None

        def of_points(z: Tensor) -> Tensor:
            return inner(self._guard(z).double())

        order = list(range(self.n_channels_))
        return ScoreFunction(
            inner.network, inner.window, inner.of_windows, of_points, self.scaler_, order
        )

    @property
    def _margins(self) -> Margins | None:
        margins = self.inner_.margins()
        if margins is None:
            return None
        half = self.smoothing // 2
        return Margins(margins.before + half, margins.after + half, margins.shortest, margins.step)


def main() -> None:
    """All series, networks, seeds and defences."""
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for seed in range(options.seeds):
        for case in CASES:
            train, test = load(options.shared / "data/tsb-uad", case)
            known, odd = TrainingRange.of(train), test.anomalous_points
            for kind in KINDS:
                for name, settings in DEFENCES.items():
                    inner = kind(window=32, seed=seed, trainer=BRIEF)
                    detector = Guarded(inner=inner, **settings).fit(train)
                    about = {"case": case, "detector": kind.__name__, "seed": seed, "defence": name}
                    pgd = Pgd(epsilon=SIZES[-1], seed=seed, sizes=SIZES)
                    moved = [("none", 0.0, test)]
                    moved += [("pgd", size, x) for size, x in pgd.attacks(detector, test, known)]
                    for size in SIZES:
                        noise = Noise(epsilon=size, seed=seed).attack(detector, test, known)
                        moved.append(("noise", size, noise))
                    for attack, size, recording in moved:
                        auroc = round(float(roc_auc_score(odd, detector.score(recording))), 4)
                        rows.append({**about, "attack": attack, "epsilon": size, "auroc": auroc})
                print(seed, case, kind.__name__, flush=True)
            with Path(__file__).with_name("defences.csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)


if __name__ == "__main__":
    main()
