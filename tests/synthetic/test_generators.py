"""Generators of rows, and what each of them keeps of the training table."""

import numpy as np
import pytest

from anomalib_ts.errors import ConfigError, InputError, NotFittedError
from anomalib_ts.synthetic.faults import FAULTS, planted
from anomalib_ts.synthetic.generators.references import (
    Bootstrap,
    Gaussian,
    Interpolation,
    Marginals,
)
from anomalib_ts.synthetic.generators.wgan_gp import WganGp
from anomalib_ts.synthetic.measures.marginals import column_distances
from anomalib_ts.synthetic.tables.row_images import RowImages
from tests.synthetic.toy import toy_tables

GENERATORS = [Bootstrap(), Marginals(), Gaussian(), Interpolation(), WganGp(steps=2)]
RATE, TWICE, FLAG = 1, 2, 3


@pytest.fixture(scope="module")
def train():
    return toy_tables(600)[0]


@pytest.fixture(scope="module")
def labels(train):
    return np.random.default_rng(1).choice(train.labels, 1000)


@pytest.mark.parametrize("generator", GENERATORS, ids=lambda g: type(g).__name__)
def test_rows_are_legal_of_the_labels_asked_for_and_drawn_by_seed(generator, train, labels):
    with pytest.raises(NotFittedError, match="call fit before sample"):
        type(generator)().sample(labels)
    generator.fit(train)
    made, same, other = (generator.sample(labels, seed) for seed in (3, 3, 4))
    assert (made.labels == labels).all()
    assert np.isfinite(made.values).all()
    assert (made.values == made.schema.nearest_legal(made.values)).all()
    assert (made.values == same.values).all()
    assert (made.values != other.values).any()
    only = train.take(train.labels != 2)
    with pytest.raises(InputError, match="no training row is labelled flood"):
        generator.fit(only).sample(np.array([2]))


def test_settings_out_of_range_are_refused(train):
    with pytest.raises(ConfigError, match="neighbours"):
        Interpolation(neighbours=0).fit(train)


@pytest.mark.parametrize("kind", [Bootstrap, Marginals, Gaussian, Interpolation])
def test_references_keep_columns_and_all_but_marginals_keep_what_hangs_together(kind, train):
    made = kind().fit(train).sample(train.labels)
    allowed = 0.1 if kind in (Bootstrap, Marginals) else 0.3
    assert column_distances(train, made)[[RATE, TWICE]].max() < allowed
    normal = made.labels == 0
    together = np.corrcoef(made.values[normal][:, [RATE, TWICE]].T)[0, 1]
    assert (together < 0.2) if kind is Marginals else (together > 0.8)
    known = {row.tobytes() for row in train.values}
    copies = np.mean([row.tobytes() in known for row in made.values])
    assert copies == 1 if kind is Bootstrap else copies < 0.01


def test_interpolation_stays_between_rows_of_the_label(train, labels):
    made = Interpolation().fit(train).sample(labels)
    for label in range(3):
        rows, mine = train.values[train.labels == label], made.values[labels == label]
        assert (mine >= rows.min(axis=0)).all()
        assert (mine <= rows.max(axis=0)).all()
        assert set(mine[:, FLAG]) <= set(rows[:, FLAG])


@pytest.mark.parametrize("kind", [Gaussian, Interpolation, Marginals])
def test_a_label_of_one_row_is_repeated(kind, train):
    few = train.take(np.r_[np.flatnonzero(train.labels == 0)[:50], np.argmax(train.labels == 2)])
    made = kind().fit(few).sample(np.full(5, 2))
    assert (made.values == few.values[-1]).all()


def test_the_gan_learns_what_a_column_looks_like(train, labels):
    seen = []
    short, long = WganGp(steps=1, batch_size=64), WganGp(steps=120, batch_size=64)
    long.bind(RowImages(train.schema, expand=4), seen.append)
    distances = [
        column_distances(train, generator.fit(train).sample(train.labels))[[RATE, TWICE]].mean()
        for generator in (short, long)
    ]
    assert distances[1] < 0.7 * distances[0]
    assert seen == list(range(1, 121))


@pytest.mark.parametrize("name", FAULTS)
def test_faults_change_rows_and_keep_them_legal(name, train):
    (rows,) = toy_tables(300)
    made = planted(name, rows, train, 1)
    assert len(made) == len(rows)
    assert (made.values == made.schema.nearest_legal(made.values)).all()
    assert (made.values != rows.values).any() or (made.labels != rows.labels).any()
    assert (planted(name, rows, train, 1).values == made.values).all()
