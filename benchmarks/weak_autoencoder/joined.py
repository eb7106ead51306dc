"""The joined score on the splits of Table 3, a line a machine type and seed."""

from __future__ import annotations

import sys
import time

import numpy as np
from sklearn.metrics import roc_auc_score

from anomalib_ts.data.sounds.machine_sound import MachineSound
from anomalib_ts.data.sounds.machine_synthesis import MACHINE_TYPES
from anomalib_ts.detectors import WeakAutoencoder
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.protocols.split_table import hold_out_recordings
from anomalib_ts.protocols.weak_split import weak_split

STEPS = TrainerSettings(max_epochs=-1, max_steps=1000, progress=False)


def main() -> None:
    data = MachineSound(
        machine_types=list(MACHINE_TYPES),
        n_train=600,
        n_test_normal=200,
        n_test_anomalous=250,
        seconds=10.0,
    )
    for seed in range(3):
        for name in MACHINE_TYPES:
            case = weak_split(data.load(name), 200, 200, n_train_anomalous=50, seed=seed)
            train, _ = hold_out_recordings(case.train, 0.1)
            begun = time.perf_counter()
            detector = WeakAutoencoder(seed=seed, trainer=STEPS).fit(train)
            seconds = time.perf_counter() - begun
            scores = [float(np.mean(detector.score(clip))) for clip in case.test]
            auroc = roc_auc_score([clip.label for clip in case.test], scores)
            sys.stdout.write(f"{name}, seed {seed}: {auroc:.3f}, fitted in {seconds:.0f} s\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
