"""All measures by key, each with what it sees and what it is blind to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import UndefinedMetricError
from anomalib_ts.synthetic.measures.classifiers import learnt_from, told_apart
from anomalib_ts.synthetic.measures.frechet import (
    FEWEST,
    frechet_by_label,
    frechet_distance,
    inception_score,
)
from anomalib_ts.synthetic.measures.marginals import column_distances, label_shift
from anomalib_ts.synthetic.measures.neighbours import (
    Support,
    exact_copies,
    nearer_to_training,
    support,
)
from anomalib_ts.synthetic.tables.table import Table


@dataclass(frozen=True, eq=False)
class View:
    """Rows as the measures see them.

    Attributes:
        table: the rows.
        points: `(n, d)` in a `Space`.
        probabilities: `(n, labels)` of a judge.
        features: `(n, f)` of a judge.
    """

    table: Table
    points: FloatArray
    probabilities: FloatArray
    features: FloatArray

    def __len__(self) -> int:
        return len(self.table)

    def take(self, rows: NDArray[Any]) -> View:
        """Some of the rows."""
        return View(
            self.table.take(rows), self.points[rows], self.probabilities[rows], self.features[rows]
        )


@dataclass(frozen=True)
class Sides:
    """What is compared.

    Attributes:
        real: real rows.
        fake: as many generated rows, or other real ones, to see what a measure makes of these.
        train: the rows that the generator learnt from.
        holdout: real rows that it did not.
        seed: of the classifiers.
    """

    real: View
    fake: View
    train: View
    holdout: View
    seed: int = field(default=0)

    @cached_property
    def support(self) -> Support:
        """The four measures of how the samples overlap."""
        return support(self.real.points, self.fake.points)

    def nearer_to_training(self) -> float:
        """With as many training as held-out rows."""
        n = min(len(self.train), len(self.holdout))
        rows = np.random.default_rng(self.seed).permutation(len(self.train))[:n]
        return nearer_to_training(
            self.fake.points, self.train.points[rows], self.holdout.points[:n]
        )

    def label_frechet(self) -> float:
        """The mean over labels of `frechet_by_label`."""
        real, fake = self.real, self.fake
        found = frechet_by_label(real.features, real.table.labels, fake.features, fake.table.labels)
        if not found:
            raise UndefinedMetricError(f"no label has {FEWEST} real and generated rows")
        return float(np.mean(list(found.values())))


Theme = Literal["likeness", "variety", "use", "privacy"]

THEMES: dict[Theme, str] = {
    "likeness": "Do the rows look like real ones?",
    "variety": "Do they cover what real rows do?",
    "use": "Can labels be learnt from them?",
    "privacy": "Do they give training rows away?",
}


@dataclass(frozen=True)
class Measure:
    """One way of comparing generated rows with real ones.

    Attributes:
        key: short name.
        title: for people.
        theme: what it is about, see `THEMES`.
        better: which values are good: `high`, `low`, or those that real rows have.
        sees: faults that it shows, in words.
        blind: what it does not see.
        of: the value.
    """

    key: str
    title: str
    theme: Theme
    better: Literal["high", "low", "as real"]
    sees: str
    blind: str
    of: Callable[[Sides], float]


_ALL = (
    Measure(
        "inception_score",
        "Inception Score",
        "variety",
        "as real",
        "the judge is unsure of rows, or sees other labels than in real data",
        "what rows of a label look like: one row of each can score as real data do",
        lambda s: inception_score(s.fake.probabilities),
    ),
    Measure(
        "fid_probabilities",
        "FID on probabilities (the paper's)",
        "likeness",
        "low",
        "the judge gives other labels than to real rows",
        "whatever does not change the judge's mind: collapse within a label, copies",
        lambda s: frechet_distance(s.real.probabilities, s.fake.probabilities),
    ),
    Measure(
        "fid_features",
        "FID on features",
        "likeness",
        "low",
        "rows look other to the judge, on average or in how they vary",
        "labels that are swapped; copies of training rows that are like other real ones",
        lambda s: frechet_distance(s.real.features, s.fake.features),
    ),
    Measure(
        "fid_label",
        "FID on features, mean over labels",
        "likeness",
        "low",
        "rows of one label look other to the judge, collapse within a label",
        "labels that are missing or rare; copies",
        Sides.label_frechet,
    ),
    Measure(
        "label_agreement",
        "label agreement",
        "use",
        "high",
        "rows are not of the label that they carry",
        "collapse and copies; a mix of labels that is off",
        lambda s: float((s.fake.probabilities.argmax(axis=1) == s.fake.table.labels).mean()),
    ),
    Measure(
        "precision",
        "precision",
        "likeness",
        "high",
        "rows lie where no real ones are: noise, columns that do not fit together",
        "collapse, copies, missing labels",
        lambda s: s.support.precision,
    ),
    Measure(
        "recall",
        "recall",
        "variety",
        "high",
        "kinds of real rows have no like: collapse, missing labels",
        "noise, which widens neighbourhoods; copies",
        lambda s: s.support.recall,
    ),
    Measure(
        "density",
        "density",
        "likeness",
        "high",
        "rows lie at the edge of the real ones or beyond",
        "collapse and copies",
        lambda s: s.support.density,
    ),
    Measure(
        "coverage",
        "coverage",
        "variety",
        "high",
        "real rows have no generated one near: collapse, missing labels, noise",
        "copies of training rows",
        lambda s: s.support.coverage,
    ),
    Measure(
        "told_apart",
        "classifier two-sample test (AUROC)",
        "likeness",
        "low",
        "a random forest tells rows from real ones, whatever gives them away",
        "copies, where few; it says that, not what",
        lambda s: told_apart(s.real.points, s.fake.points, s.seed),
    ),
    Measure(
        "learnt_from",
        "train on synthetic, test on real (balanced accuracy)",
        "use",
        "high",
        "labels are missing, wrong, or cannot be learnt from the rows",
        "what labels do not depend on; copies",
        lambda s: learnt_from(
            *(s.fake.points, s.fake.table.labels, s.real.points, s.real.table.labels, s.seed)
        ),
    ),
    Measure(
        "label_shift",
        "shares of labels (total variation)",
        "variety",
        "low",
        "labels are missing, or come in another mix",
        "all that is in the rows themselves",
        lambda s: label_shift(
            s.real.table.labels, s.fake.table.labels, len(s.real.table.schema.labels)
        ),
    ),
    Measure(
        "worst_column",
        "worst column (Kolmogorov-Smirnov, total variation)",
        "likeness",
        "low",
        "one column has another distribution: shifted, another unit, a wrong category",
        "how columns hang together, and copies",
        lambda s: float(column_distances(s.real.table, s.fake.table).max()),
    ),
    Measure(
        "nearer_to_training",
        "nearer to training rows than to held-out ones",
        "privacy",
        "low",
        "rows follow single training rows: what was learnt by heart, a risk to privacy",
        "what is wrong with the rows as data, though rows far from all real ones may tip it",
        Sides.nearer_to_training,
    ),
    Measure(
        "exact_copies",
        "exact copies of training rows",
        "privacy",
        "low",
        "training rows are handed out as they are",
        "copies that were changed by a hair",
        lambda s: exact_copies(s.fake.table.values, s.train.table.values),
    ),
)

MEASURES = {measure.key: measure for measure in _ALL}
