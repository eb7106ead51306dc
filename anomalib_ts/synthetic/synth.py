"""A unit of `anomalib-ts synth`: one judge, one kind of images, and what it says of a generator."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from anomalib_ts.core.digests import digest, file_digest
from anomalib_ts.core.recording import FloatArray
from anomalib_ts.data.tables.nsl_kdd_rows import TEST_FILE, TRAIN_FILE, nsl_kdd_file
from anomalib_ts.settings.config import Settings, create
from anomalib_ts.synthetic.comparison import compare
from anomalib_ts.synthetic.generators.base import Generator
from anomalib_ts.synthetic.generators.references import (
    Bootstrap,
    Gaussian,
    Interpolation,
    Marginals,
)
from anomalib_ts.synthetic.judges.judge import Judge, Seen
from anomalib_ts.synthetic.judges.network import parameter_count
from anomalib_ts.synthetic.measures.frechet import frechet_distance, inception_score
from anomalib_ts.synthetic.tables.nsl_kdd import FRACTIONS, Split, nsl_kdd_tables
from anomalib_ts.synthetic.tables.row_images import ImageSettings, RowImages
from anomalib_ts.synthetic.tables.table import IntArray, Table, at_most

VERSION = 1
"""Raised whenever the same settings give other values."""

REFERENCES: tuple[Any, ...] = (Marginals, Gaussian, Interpolation, Bootstrap)
"""Generators with their defaults, which a type checker does not see."""


@dataclass(frozen=True)
class SynthUnit:
    """All that decides what comes of a unit, and where the data lies.

    Attributes:
        names: of judge, image and generator, as they were chosen.
        judge, image, generator: settings of one object each.
        root: folder of NSL-KDD.
        split: see `nsl_kdd_tables`.
        seed: of the split, of the rows that are drawn, and by default of judge and generator.
        most_rows: training rows of a label.
        most_normal: training rows labelled normal.
        test_rows: rows of the test table that are drawn; None for all.
        per_label: generated rows of each label.
        checkpoints: how often a generator that trains in steps is judged.
        compare: whether to take all measures of the last generated rows, in the natural mix.
        draws: of this comparison.
    """

    names: Mapping[str, str]
    judge: Settings
    image: Settings
    generator: Settings
    root: str
    split: Split = "clean"
    seed: int = 0
    most_rows: int = 2000
    most_normal: int = 10_000
    test_rows: int | None = None
    per_label: int = 100
    checkpoints: int = 1
    compare: bool = True
    draws: int = 5

    def key(self) -> str:
        """The digest that identifies the unit: equal keys mean equal values."""
        content = asdict(self)
        for cosmetic in ("names", "root"):
            del content[cosmetic]
        files = [file_digest(nsl_kdd_file(Path(self.root), f)) for f in (TRAIN_FILE, TEST_FILE)]
        return digest([VERSION, content, files])


def run_unit(unit: SynthUnit) -> dict[str, Any]:
    """Train the judge and let it look at what the generator makes.

    Returns:
        What can be stored as JSON. `accuracy_by_epoch` and `accuracy` are on the test rows that
        were drawn; `degenerate` says that all of these are given one label at the end, so that
        the judge's scores mean nothing; `real` and each item of `curve` hold what the judge says
        of `per_label` rows of each label, held beside as many test rows of each (rare ones
        repeat): `real` of other real rows, from the training table; `comparison` is
        `Comparison.plain`.
    """
    began = time.perf_counter()
    train, test = _tables(unit)
    images = _images(unit.image, train)
    judge: Judge = create(unit.judge, "judge")
    accuracies: list[float] = []
    given: list[int] = []

    def watch(_: int) -> None:
        seen = judge.look(test)
        accuracies.append(seen.accuracy(test.labels))
        given.append(seen.labels_given())

    judge.bind(images).fit(train, watch)
    trained = time.perf_counter() - began
    rng = np.random.default_rng(unit.seed)
    labels = _balanced(train, unit.per_label)
    beside = judge.look(_of_labels(test, labels, rng))
    made = _generated(_as_text(unit))
    result: dict[str, Any] = {
        "accuracy": accuracies[-1],
        "accuracy_by_epoch": accuracies,
        "degenerate": given[-1] == 1,
        "test_rows": len(test),
        "train_rows": len(train),
        "parameters": parameter_count(judge.network_),
        "real": _judged(judge.look(_of_labels(train, labels, rng)), beside, labels),
        "curve": [
            {"steps": steps, **_judged(judge.look(table), beside, labels)}
            for steps, table in made.checkpoints
        ],
        "judge_seconds": trained,
        "generator_seconds": made.seconds,
    }
    if unit.compare:
        known = test.labels[np.isin(test.labels, train.labels)]
        mix = rng.choice(known, min(len(test), 5000))
        tables = {unit.names["generator"]: made.generator.sample(mix, unit.seed)}
        tables |= {k.__name__.lower(): k(seed=unit.seed).fit(train).sample(mix) for k in REFERENCES}
        found = compare(judge, train, test, tables, draws=unit.draws, seed=unit.seed)
        result["comparison"] = found.plain()
    return result | {"seconds": time.perf_counter() - began}


@dataclass(frozen=True)
class _Made:
    generator: Generator
    checkpoints: list[tuple[int, Table]]
    seconds: float


@lru_cache(maxsize=1)
def _dealt(root: str, split: Split, seed: int) -> tuple[Table, Table]:
    return nsl_kdd_tables(root, split, seed)


def _tables(unit: SynthUnit) -> tuple[Table, Table]:
    """The rows that train and those that test, as many of them as the unit asks for."""
    train, test = _dealt(unit.root, unit.split, unit.seed)
    rng = np.random.default_rng(unit.seed)
    drawn = at_most(train, unit.most_rows, rng, first=unit.most_normal)
    count = min(unit.test_rows or len(test), len(test))
    return drawn, test.take(np.sort(rng.permutation(len(test))[:count]))


def _images(settings: Settings, train: Table) -> RowImages:
    chosen: ImageSettings = create(settings, "image")
    return chosen.of(train.schema, FRACTIONS)


def _as_text(unit: SynthUnit) -> str:
    """What decides on the generated rows: not the judge, nor how large the images are."""
    content = asdict(unit) | {"image": {**unit.image, "expand": 1}}
    for other in ("names", "judge", "compare", "draws"):
        del content[other]
    return json.dumps(content, sort_keys=True)


@lru_cache(maxsize=2)
def _generated(settings: str, /) -> _Made:
    """A fitted generator and its rows at each checkpoint; kept for the next judge."""
    decided: dict[str, Any] = json.loads(settings)
    unit = SynthUnit(names={}, judge={}, **decided)
    train = _tables(unit)[0]
    generator: Generator = create(unit.generator, "generator")
    labels = _balanced(train, unit.per_label)
    steps = unit.generator.get("steps", 0)
    wanted = {round(steps * part / unit.checkpoints) for part in range(1, unit.checkpoints + 1)}
    checkpoints: list[tuple[int, Table]] = []

    def watch(step: int) -> None:
        if step in wanted:
            checkpoints.append((step, generator.sample(labels)))

    began = time.perf_counter()
    generator.bind(_images(unit.image, train), watch).fit(train)
    seconds = time.perf_counter() - began
    return _Made(generator, checkpoints or [(0, generator.sample(labels))], seconds)


def _balanced(table: Table, per_label: int) -> IntArray:
    """So many labels of each that a table has."""
    return np.repeat(np.unique(table.labels), per_label)


def _of_labels(table: Table, labels: IntArray, rng: np.random.Generator) -> Table:
    """A real row for each label that the table has; rare ones repeat."""
    rows = Bootstrap(seed=0).fit(table)
    return rows.sample(labels[np.isin(labels, table.labels)], int(rng.integers(2**31)))


def _judged(seen: Seen, beside: Seen, labels: IntArray) -> dict[str, float]:
    pairs: dict[str, tuple[FloatArray, FloatArray]] = {
        "fid_probabilities": (beside.probabilities, seen.probabilities),
        "fid_features": (beside.features, seen.features),
    }
    return {
        "inception_score": inception_score(seen.probabilities),
        "label_agreement": seen.accuracy(labels),
        **{key: frechet_distance(*both) for key, both in pairs.items()},
    }
