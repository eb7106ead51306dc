"""On NSL-KDD itself: the judge learns, and what its scores see of rows that are wrong."""

import numpy as np
import pytest

from anomalib_ts.synthetic.faults import planted
from anomalib_ts.synthetic.generators.references import Bootstrap
from anomalib_ts.synthetic.judges.judge import ImageJudge
from anomalib_ts.synthetic.measures.frechet import frechet_distance, inception_score
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


def test_the_small_judge_knows_nine_rows_of_ten(judged):
    judge, _, _, test = judged
    assert judge.look(test).accuracy(test.labels) > 0.9


def test_fid_on_features_grows_with_noise(judged):
    judge, images, train, test = judged
    rng = np.random.default_rng(1)
    one, other = np.array_split(rng.permutation(len(test)), 2)
    real, rows = judge.look(test.take(one)), test.take(other)

    def noisy(deviation):
        pixels = images.encode(rows) + rng.normal(scale=deviation, size=(len(rows), 8, 8))
        return images.decode(pixels.clip(0, 255).astype(np.uint8), rows.labels)

    noise = rng.integers(256, size=(len(rows), 8, 8)).astype(np.uint8)
    tables = [rows, noisy(16), noisy(64), images.decode(noise, rows.labels)]
    distances = [frechet_distance(real.features, judge.look(t).features) for t in tables]
    assert distances == sorted(distances)
    shuffled = judge.look(planted("columns shuffled", rows, train))
    assert distances[0] < frechet_distance(real.features, shuffled.features) < distances[2]


def test_the_inception_score_does_not_see_one_row_a_label_and_fid_does(judged):
    judge, _, train, _ = judged
    rows, labels = Bootstrap().fit(train), np.unique(train.labels).repeat(30)
    whole, again = rows.sample(labels, 0), rows.sample(labels, 1)
    seen, other, few = map(judge.look, (whole, again, planted("one row a label", whole, train)))
    scores = [inception_score(one.probabilities) for one in (seen, few)]
    assert scores[1] > 0.95 * scores[0]
    usual = frechet_distance(seen.features, other.features)
    assert frechet_distance(seen.features, few.features) > 5 * usual
