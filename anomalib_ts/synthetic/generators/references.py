"""Generators that learn next to nothing, to hold others beside."""

from __future__ import annotations

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.neighbors import NearestNeighbors

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.settings.fields import configured, setting
from anomalib_ts.synthetic.generators.base import LabelByLabel
from anomalib_ts.synthetic.tables.space import Space
from anomalib_ts.synthetic.tables.table import Table


@configured
class Bootstrap(LabelByLabel):
    """Training rows again: what copying looks like to a measure.

    >>> import numpy as np
    >>> import pandas as pd
    >>> from anomalib_ts.synthetic.tables.table import Schema
    >>> frame = pd.DataFrame({"size": [1.0, 2.0], "y": ["a", "b"]})
    >>> train = Schema.of([frame], "y").read(frame, "train")
    >>> Bootstrap().fit(train).sample(np.array([1, 1, 0])).values.tolist()
    [[2.0], [2.0], [1.0]]
    """

    def _draw(self, label: int, count: int, rng: np.random.Generator) -> FloatArray:
        rows = self._rows[label]
        return np.asarray(rows[rng.integers(len(rows), size=count)])


@configured
class Marginals(LabelByLabel):
    """Each column from the label's training rows, all columns independent of each other.

    >>> import numpy as np
    >>> import pandas as pd
    >>> from anomalib_ts.synthetic.tables.table import Schema
    >>> frame = pd.DataFrame({"a": [1, 2, 3], "b": [10, 20, 30], "y": ["p", "p", "q"]})
    >>> train = Schema.of([frame], "y").read(frame, "train")
    >>> made = Marginals().fit(train).sample(np.zeros(50, dtype=np.int64)).values
    >>> sorted({(int(a), int(b)) for a, b in made})
    [(1, 10), (1, 20), (2, 10), (2, 20)]
    """

    def _draw(self, label: int, count: int, rng: np.random.Generator) -> FloatArray:
        rows = self._rows[label]
        drawn = rng.integers(len(rows), size=(count, rows.shape[1]))
        return np.take_along_axis(rows, drawn, axis=0)


@configured
class Gaussian(LabelByLabel):
    """One Gaussian a label, with a shrunk covariance (Ledoit and Wolf), codes as numbers.

    Values are cut at the label's least and greatest training values.

    >>> import numpy as np
    >>> import pandas as pd
    >>> from anomalib_ts.synthetic.tables.table import Schema
    >>> frame = pd.DataFrame({"a": [1.5, 2, 2.5, 9], "y": ["p", "p", "p", "q"]})
    >>> train = Schema.of([frame], "y").read(frame, "train")
    >>> made = Gaussian().fit(train).sample(np.repeat([0, 1], [500, 1])).values[:, 0]
    >>> bool(1.9 < made[:500].mean() < 2.1), made[500].tolist()
    (True, 9.0)
    """

    def _draw(self, label: int, count: int, rng: np.random.Generator) -> FloatArray:
        rows = self._rows[label]
        low, high = rows.min(axis=0), rows.max(axis=0)
        scale = np.where(high > low, rows.std(axis=0), 1.0)
        found = LedoitWolf().fit(
            np.repeat(rows, 2, axis=0) / scale if len(rows) < 2 else rows / scale
        )
        values, vectors = np.linalg.eigh(found.covariance_)
        noise = rng.normal(size=(count, len(values))) * np.sqrt(values.clip(0))
        drawn: FloatArray = (found.location_ + noise @ vectors.T) * scale
        return drawn.clip(low, high)


@configured
class Interpolation(LabelByLabel):
    """Points between a training row and one of its nearest of the same label (SMOTE).

    Symbols are those of the nearer end.

    >>> import numpy as np
    >>> import pandas as pd
    >>> from anomalib_ts.synthetic.tables.table import Schema
    >>> frame = pd.DataFrame({"a": [0, 1.5, 9], "b": [0, 3, 9.5], "y": ["p", "p", "q"]})
    >>> train = Schema.of([frame], "y").read(frame, "train")
    >>> made = Interpolation().fit(train).sample(np.zeros(4, dtype=np.int64)).values
    >>> bool(np.allclose(made[:, 1], 2 * made[:, 0]))
    True
    """

    neighbours: int = setting(5, "nearest rows, one of which is the other end", at_least=1)

    def _fit(self, train: Table) -> None:
        super()._fit(train)
        points = Space(train).points(train)
        self._points = {label: points[train.labels == label] for label in self._rows}
        self._symbolic = np.array([symbols is not None for symbols in train.schema.symbols])

    def _draw(self, label: int, count: int, rng: np.random.Generator) -> FloatArray:
        rows, points = self._rows[label], self._points[label]
        first = rng.integers(len(rows), size=count)
        near = min(self.neighbours + 1, len(rows))
        starts, place = np.unique(first, return_inverse=True)
        found = NearestNeighbors(n_neighbors=near).fit(points).kneighbors(points[starts])[1]
        second = found[place, rng.integers(min(1, near - 1), near, size=count)]
        share = rng.uniform(size=(count, 1))
        between: FloatArray = rows[first] + share * (rows[second] - rows[first])
        nearer = np.where(share < 0.5, rows[first], rows[second])
        return np.where(self._symbolic, nearer, between)
