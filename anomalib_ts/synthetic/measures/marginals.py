"""Measures of columns one by one, and of labels: coarse, but they name what is wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.synthetic.tables.table import Table


def label_shift(
    real_labels: NDArray[np.int64], fake_labels: NDArray[np.int64], n_labels: int
) -> float:
    """Total variation between the shares of labels: 0 the same, 1 no label in common.

    >>> import numpy as np
    >>> label_shift(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 0]), 2)
    0.5
    """
    real, fake = (
        np.bincount(labels, minlength=n_labels) / len(labels)
        for labels in (real_labels, fake_labels)
    )
    return float(np.abs(real - fake).sum() / 2)


def column_distances(real: Table, fake: Table) -> FloatArray:
    """`(c,)` how far the distributions of each column are apart, in [0, 1].

    Kolmogorov and Smirnov's distance for numbers, total variation for symbols.

    >>> import pandas as pd
    >>> from anomalib_ts.synthetic.tables.table import Schema
    >>> frame = pd.DataFrame({"a": [1, 2, 3, 4], "s": list("xxyy"), "y": list("pqpq")})
    >>> table = Schema.of([frame], "y").read(frame, "rows")
    >>> column_distances(table, table.take([2, 3])).tolist()
    [0.5, 0.5]
    """
    distances = np.empty(len(real.schema.columns))
    for place, symbols in enumerate(real.schema.symbols):
        one, other = real.values[:, place], fake.values[:, place]
        if symbols is None:
            distances[place] = ks_2samp(one, other, method="asymp").statistic
        else:
            codes = one.astype(np.int64), other.astype(np.int64)
            distances[place] = label_shift(*codes, len(symbols))
    return distances
