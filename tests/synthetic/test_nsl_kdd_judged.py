"""On NSL-KDD itself: the judge learns, and what its scores see of rows that are wrong."""

import time

import numpy as np
import pytest

from anomalib_ts.synthetic.faults import planted
from anomalib_ts.synthetic.generators.references import Bootstrap, Marginals
from anomalib_ts.synthetic.judges.judge import ImageJudge
from anomalib_ts.synthetic.measures.frechet import frechet_distance, inception_score
from anomalib_ts.synthetic.measures.neighbours import exact_copies
from anomalib_ts.synthetic.tables.nsl_kdd import FRACTIONS, nsl_kdd_tables
from anomalib_ts.synthetic.tables.row_images import RowImages
from anomalib_ts.synthetic.tables.table import at_most
from tests.makers.shared import shared_path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def judged():
    dealt, test = nsl_kdd_tables(shared_path("data/nsl-kdd"))
    rng = np.random.default_rng(0)
    train = at_most(dealt, 500, rng, first=2000)
    images = RowImages(train.schema, fractions=FRACTIONS)
    return ImageJudge().bind(images).fit(train), images, train, test


def test_the_small_judge_is_right_of_ninety_three_rows_of_a_hundred_within_a_minute():
    dealt, test = nsl_kdd_tables(shared_path("data/nsl-kdd"))
    train = at_most(dealt, 2000, np.random.default_rng(0), first=10_000)  # as `synth` has it
    begun = time.process_time()
    judge = ImageJudge().bind(RowImages(train.schema, fractions=FRACTIONS)).fit(train)
    accuracy = judge.look(test).accuracy(test.labels)
    assert time.process_time() - begun < 60
    assert accuracy >= 0.93


def with_noise(rows, images, deviation, rng):
    """Rows whose pixels moved."""
    pixels = images.encode(rows) + rng.normal(scale=deviation, size=(len(rows), 8, 8))
    return images.decode(pixels.clip(0, 255).astype(np.uint8), rows.labels)


def without_sense(rows, images, rng):
    """Any pixels."""
    return images.decode(rng.integers(256, size=(len(rows), 8, 8)).astype(np.uint8), rows.labels)


@pytest.mark.parametrize("mix", ["a hundred rows a label", "natural"])
def test_fid_on_features_grows_with_what_is_wrong(judged, mix):
    judge, images, train, test = judged
    rng = np.random.default_rng(1)
    if mix == "natural":
        one, other = np.array_split(rng.permutation(len(test)), 2)
        real, rows = test.take(one), test.take(other)
    else:
        both = np.intersect1d(test.labels, train.labels).repeat(100)
        real, rows = (Bootstrap().fit(table).sample(both, 0) for table in (test, train))
    tables = {
        "real": rows,
        "little noise": with_noise(rows, images, 16, rng),
        "shuffled": planted("columns shuffled", rows, train),
        "much noise": with_noise(rows, images, 64, rng),
        "any pixels": without_sense(rows, images, rng),
    }
    seen = judge.look(real).features
    distances = {k: frechet_distance(seen, judge.look(t).features) for k, t in tables.items()}
    order = list(tables)
    if mix == "natural":  # whose rows are mostly of one kind, so that shuffling changes less
        order[1:3] = "shuffled", "little noise"
    assert sorted(distances, key=distances.__getitem__) == order


def test_copies_of_training_rows_are_counted_and_marginals_have_none(judged):
    _, _, train, test = judged
    labels = np.intersect1d(test.labels, train.labels).repeat(100)
    copied, drawn = (kind().fit(train).sample(labels) for kind in (Bootstrap, Marginals))
    assert exact_copies(copied.values, train.values) == 1
    assert exact_copies(drawn.values, train.values) < 0.01  # labels of few rows vary in few columns


def test_the_inception_score_does_not_see_one_row_a_label_and_fid_does(judged):
    judge, _, train, _ = judged
    rows, labels = Bootstrap().fit(train), np.unique(train.labels).repeat(30)
    whole, again = rows.sample(labels, 0), rows.sample(labels, 1)
    seen, other, few = map(judge.look, (whole, again, planted("one row a label", whole, train)))
    scores = [inception_score(one.probabilities) for one in (seen, few)]
    assert scores[1] > 0.95 * scores[0]
    usual = frechet_distance(seen.features, other.features)
    assert frechet_distance(seen.features, few.features) > 5 * usual
