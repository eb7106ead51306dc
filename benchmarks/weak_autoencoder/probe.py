"""What 50 labelled anomalies could tell: two plain methods on statistics of whole clips.

On the same splits as Table 3: each clip becomes the mean, the deviation and the mean absolute
change from frame to frame of its 128 bands. One method is a logistic regression on labelled clips,
the other the Mahalanobis distance from the normal ones, which needs no labels. Nothing is tuned.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from anomalib_ts.core.recording import Recording
from anomalib_ts.data.sounds.machine_sound import MachineSound
from anomalib_ts.data.sounds.machine_synthesis import MACHINE_TYPES
from anomalib_ts.protocols.weak_split import weak_split


def main() -> None:
    """Print a line for each machine type, then the means over types."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--root", default="data/machine_sound")
    parser.add_argument("--cache", default="data/spectrograms")
    options = parser.parse_args()
    data = MachineSound(
        root=options.root,
        cache=options.cache,
        machine_types=list(MACHINE_TYPES),
        n_train=600,
        n_test_normal=200,
        n_test_anomalous=250,
        seconds=10.0,
    )
    found = np.array([_type(data, name, options.seeds) for name in MACHINE_TYPES])
    for name, values in zip([*MACHINE_TYPES, "mean"], [*found, found.mean(axis=0)], strict=True):
        logistic, distance = values.mean(axis=0)
        spread = values.std(axis=0, ddof=1)
        sys.stdout.write(
            f"{name}: logistic regression {logistic:.3f} +- {spread[0]:.3f}, "
            f"Mahalanobis {distance:.3f} +- {spread[1]:.3f}\n"
        )


def _type(data: MachineSound, name: str, seeds: int) -> list[tuple[float, float]]:
    whole = data.load(name)
    values = []
    for seed in range(seeds):
        case = weak_split(whole, 200, 200, n_train_anomalous=50, seed=seed)
        train, test = _statistics(case.train), _statistics(case.test)
        labels, truth = (np.array([r.label for r in part]) for part in (case.train, case.test))
        logistic = make_pipeline(
            StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=5000)
        ).fit(train, labels)
        scaler = StandardScaler().fit(train[labels == 0])
        normal = LedoitWolf().fit(scaler.transform(train[labels == 0]))
        values.append(
            (
                float(roc_auc_score(truth, logistic.decision_function(test))),
                float(roc_auc_score(truth, normal.mahalanobis(scaler.transform(test)))),
            )
        )
    return values


def _statistics(recordings: Sequence[Recording]) -> NDArray[np.float64]:
    rows = []
    for recording in recordings:
        frames = recording.values.astype(np.float64)
        change = np.abs(np.diff(frames, axis=0)).mean(axis=0)
        rows.append(np.concatenate([frames.mean(axis=0), frames.std(axis=0), change]))
    return np.array(rows)


if __name__ == "__main__":
    main()
