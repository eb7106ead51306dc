"""Measures that train a classifier: told from real data, and learnt from in its place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import UndefinedMetricError

IntArray = NDArray[np.int64]

TREES = 50
"""Of each forest."""


def told_apart(real: FloatArray, fake: FloatArray, seed: int = 0) -> float:
    """Classifier two-sample test: AUROC of a random forest that tells generated rows from real.

    Cross-validated in three parts. .5: it cannot tell them; 1: at a glance. A sample that repeats
    rows is told by the repetitions, too.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> told_apart(rng.normal(size=(200, 2)), rng.normal(size=(200, 2)) + 9.0)
    1.0

    References:
        Lopez-Paz and Oquab, Revisiting Classifier Two-Sample Tests, ICLR 2017.
    """
    if min(len(real), len(fake)) < 3:
        raise UndefinedMetricError("a test in three parts needs three rows of each")
    truth = np.repeat([0, 1], [len(real), len(fake)])
    found = cross_val_predict(
        _forest(seed), np.concatenate([real, fake]), truth, cv=3, method="predict_proba"
    )
    return float(roc_auc_score(truth, found[:, 1]))


def learnt_from(
    fake: FloatArray,
    fake_labels: IntArray,
    real: FloatArray,
    real_labels: IntArray,
    seed: int = 0,
) -> float:
    """Train on synthetic, test on real: balanced accuracy of a random forest on real rows.

    >>> import numpy as np
    >>> rows, labels = np.array([[0.0], [0.1], [9.0], [9.1]]), np.array([0, 0, 1, 1])
    >>> learnt_from(rows, labels, rows + 0.01, labels)
    1.0

    References:
        Esteban et al., Real-valued (Medical) Time Series Generation, 2017 (TSTR).
    """
    found = _forest(seed).fit(fake, fake_labels).predict(real)
    right = [(found[real_labels == label] == label).mean() for label in np.unique(real_labels)]
    return float(np.mean(right))


def _forest(seed: int) -> RandomForestClassifier:
    return RandomForestClassifier(TREES, min_samples_leaf=2, random_state=seed, n_jobs=1)
