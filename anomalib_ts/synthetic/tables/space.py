"""Rows as points: the one space in which distances between rows are taken."""

from __future__ import annotations

import numpy as np

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.synthetic.tables.table import Table


class Space:
    """Numbers centred, with their tails drawn in, and symbols as one channel each.

    A number becomes asinh((x - median) / scale), divided by what that deviates by in the training
    table: nearly linear in the middle, logarithmic in the tails, so that one transfer of a
    gigabyte does not set the scale of a column, and values beyond all that was trained on still
    differ. `scale` is the distance of the quartiles; the standard deviation where they are equal.
    A symbol is one of 0s and a 1 / sqrt(2), so that two different ones are 1 apart.

    >>> import numpy as np
    >>> import pandas as pd
    >>> from anomalib_ts.synthetic.tables.table import Schema
    >>> frame = pd.DataFrame({"a": [1, 2, 3], "s": ["x", "y", "x"], "y": ["p", "p", "q"]})
    >>> table = Schema.of([frame], "y").read(frame, "rows")
    >>> Space(table).points(table).round(2).tolist()
    [[-1.22, 0.71, 0.0], [0.0, 0.0, 0.71], [1.22, 0.71, 0.0]]

    Attributes:
        dimension: of the points.
    """

    def __init__(self, train: Table) -> None:
        self._numbers = [i for i, s in enumerate(train.schema.symbols) if s is None]
        self._symbols = [(i, len(s)) for i, s in enumerate(train.schema.symbols) if s is not None]
        numbers = train.values[:, self._numbers]
        low, self._median, high = np.quantile(numbers, [0.25, 0.5, 0.75], axis=0)
        spread = np.where(high > low, high - low, numbers.std(axis=0))
        self._scale = np.where(spread > 0, spread, 1.0)
        deviation = np.arcsinh((numbers - self._median) / self._scale).std(axis=0)
        self._deviation = np.where(deviation > 0, deviation, 1.0)
        self.dimension = len(self._numbers) + sum(count for _, count in self._symbols)

    def points(self, table: Table) -> FloatArray:
        """`(n, dimension)`."""
        numbers = (table.values[:, self._numbers] - self._median) / self._scale
        parts: list[FloatArray] = [np.arcsinh(numbers) / self._deviation]
        for place, count in self._symbols:
            codes = table.values[:, place].astype(np.int64)
            parts.append(np.eye(count)[codes] / np.sqrt(2))
        return np.hstack(parts)
