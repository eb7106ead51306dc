"""Measures from nearest neighbours: fidelity, diversity and privacy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import InputError


@dataclass(frozen=True)
class Support:
    """How the supports of two samples overlap; 1 is good for each.

    Attributes:
        precision: share of generated rows that lie among real ones.
        recall: share of real rows that lie among generated ones.
        density: in how many real neighbourhoods a generated row lies, over k; may exceed 1.
        coverage: share of real rows that have a generated one in their neighbourhood.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def support(real: FloatArray, fake: FloatArray, k: int = 5) -> Support:
    """Precision, recall, density and coverage with neighbourhoods of `k` rows.

    A neighbourhood is the ball around a row that reaches to its k-th nearest of its own sample.

    >>> import numpy as np
    >>> real = np.arange(20.0)[:, None]
    >>> support(real, np.full((20, 1), 3.0), k=2)
    Support(precision=1.0, recall=0.0, density=0.5, coverage=0.05)

    Args:
        real: `(n, d)`, more than `k` rows.
        fake: `(m, d)`, more than `k` rows.
        k: neighbours.

    Raises:
        InputError: there are too few rows.

    References:
        Kynkaanniemi et al., NeurIPS 2019; Naeem et al., ICML 2020.
    """
    if min(len(real), len(fake)) <= k:
        raise InputError(f"{min(len(real), len(fake))} rows are too few for {k} neighbours")
    reach_real, reach_fake = _reach(real, k), _reach(fake, k)
    between = cdist(real, fake)
    in_real = between < reach_real[:, None]
    return Support(
        precision=float(in_real.any(axis=0).mean()),
        recall=float((between < reach_fake).any(axis=1).mean()),
        density=float(in_real.sum(axis=0).mean() / k),
        coverage=float((between.min(axis=1) < reach_real).mean()),
    )


def nearer_to_training(fake: FloatArray, train: FloatArray, holdout: FloatArray) -> float:
    """Share of generated rows that are nearer to a training row than to any held-out one.

    About .5 where both come from one law and the generator did not memorise; 1 where it copies.
    Ties count half. Give as many training rows as held-out ones.

    >>> import numpy as np
    >>> train, holdout = np.arange(0, 20, 2.0)[:, None], np.arange(1, 21, 2.0)[:, None]
    >>> nearer_to_training(train + 0.1, train, holdout)
    1.0
    """
    to_train, to_holdout = _nearest(train, fake), _nearest(holdout, fake)
    return float((to_train < to_holdout).mean() + (to_train == to_holdout).mean() / 2)


def exact_copies(fake: FloatArray, train: FloatArray) -> float:
    """Share of generated rows that stand in the training table as they are.

    >>> import numpy as np
    >>> exact_copies(np.array([[1.0, 2.0], [1.0, 3.0]]), np.array([[1.0, 2.0]]))
    0.5
    """
    known = {row.tobytes() for row in train + 0.0}  # -0.0 becomes 0.0
    return float(np.mean([row.tobytes() in known for row in fake + 0.0]))


def _reach(rows: FloatArray, k: int) -> FloatArray:
    """`(n,)` distance to the k-th nearest other row."""
    return np.asarray(np.partition(cdist(rows, rows), k, axis=1)[:, k])


def _nearest(rows: FloatArray, to: FloatArray) -> FloatArray:
    """`(m,)` distance of each of `to` to the nearest of `rows`."""
    found = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(rows).kneighbors(to)[0]
    return np.asarray(found[:, 0])
