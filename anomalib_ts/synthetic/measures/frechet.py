"""Inception Score and Frechet distance, on what any network makes of the rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import UndefinedMetricError

FEWEST = 50
"""Rows of a label, real and generated, from which its own Frechet distance is taken."""


def inception_score(probabilities: FloatArray) -> float:
    """How sure a judge is of each row, and how many labels it sees: exp(mean KL(p(y|x) || p(y))).

    Between 1 (all rows look alike to the judge) and the number of labels. It looks at generated
    rows alone: one row repeated for each label has the highest score there is.

    >>> import numpy as np
    >>> inception_score(np.eye(4)), inception_score(np.full((4, 4), 0.25))
    (4.0, 1.0)

    Args:
        probabilities: `(n, labels)`, rows that sum to 1.

    References:
        Salimans et al., Improved Techniques for Training GANs, NeurIPS 2016.
    """
    divergences = rel_entr(probabilities, probabilities.mean(axis=0)).sum(axis=1)
    return float(np.exp(max(0.0, divergences.mean())))


def frechet_distance(one: FloatArray, other: FloatArray) -> float:
    """Squared Frechet distance of the Gaussians with the samples' means and covariances.

    |m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1^1/2 C2 C1^1/2)^1/2, at least 0, with the roots taken
    from eigenvalues: no covariance needs full rank. Two samples of one law are not 0 apart but the
    more so the fewer they are: compare equal numbers, and hold real data beside it.

    >>> import numpy as np
    >>> rows = np.random.default_rng(0).normal(size=(100, 3))
    >>> round(frechet_distance(rows, rows + 2.0), 9)
    12.0

    Args:
        one: `(n, d)`.
        other: `(m, d)`.

    Raises:
        UndefinedMetricError: there are fewer than two rows.

    References:
        Heusel et al., GANs Trained by a Two Time-Scale Update Rule, NeurIPS 2017.
    """
    if min(len(one), len(other)) < 2:
        raise UndefinedMetricError("a covariance needs at least two rows")
    (mean_1, cov_1), (mean_2, cov_2) = _moments(one), _moments(other)
    values, vectors = np.linalg.eigh(cov_1)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov_2 @ root).clip(0)).sum()
    distance = np.square(mean_1 - mean_2).sum() + np.trace(cov_1) + np.trace(cov_2) - 2 * cross
    return float(max(0.0, distance))


def frechet_by_label(
    real: FloatArray,
    real_labels: NDArray[np.int64],
    fake: FloatArray,
    fake_labels: NDArray[np.int64],
) -> dict[int, float]:
    """`frechet_distance` of each label that has at least `FEWEST` rows in both.

    >>> import numpy as np
    >>> rows, labels = np.random.default_rng(0).normal(size=(60, 2)), np.repeat([0, 1], [50, 10])
    >>> {k: round(d, 9) for k, d in frechet_by_label(rows, labels, rows + 1.0, labels).items()}
    {0: 2.0}
    """
    return {
        int(label): frechet_distance(real[real_labels == label], fake[fake_labels == label])
        for label in np.intersect1d(real_labels, fake_labels)
        if min((real_labels == label).sum(), (fake_labels == label).sum()) >= FEWEST
    }


def _moments(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    rows = rows.astype(np.float64)
    return rows.mean(axis=0), np.atleast_2d(np.cov(rows, rowvar=False))
