"""All measures at once, on tables with planted faults, and what is said of them."""

import json

import numpy as np
import pytest

from anomalib_ts.errors import ConfigError, InputError
from anomalib_ts.synthetic.comparison import REAL, Finding, compare
from anomalib_ts.synthetic.faults import planted
from anomalib_ts.synthetic.judges.judge import PointJudge, Seen
from anomalib_ts.synthetic.measures.registry import MEASURES, THEMES
from anomalib_ts.synthetic.report import answers, as_html, as_text
from tests.synthetic.toy import toy_tables

SEEN_BY = {
    "columns shuffled": {"label_agreement", "precision", "told_apart", "learnt_from"},
    "one row a label": {"recall", "coverage", "told_apart"},
    "a label missing": {"label_shift", "fid_features"},
    "training rows copied": {"exact_copies", "nearer_to_training"},
    "one column shifted": {"worst_column", "told_apart", "precision"},
    "none": set(),
}
"""Faults and some of the measures that must see them."""

BLIND = {
    "one row a label": {"precision", "label_agreement", "exact_copies"},
    "a label missing": {"exact_copies", "precision"},
    "training rows copied": {"fid_features", "fid_probabilities", "precision", "label_shift"},
    "columns shuffled": {"worst_column", "label_shift", "exact_copies"},
    "none": set(MEASURES),
}
"""Measures that cannot see a fault, by what they look at."""


@pytest.fixture(scope="module")
def found():
    train, real, base = toy_tables(500, 500, 250)
    judge = PointJudge(epochs=40, learning_rate=3e-3).fit(train)
    fakes = {name: base if name == "none" else planted(name, base, train) for name in SEEN_BY}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("anomalib_ts.synthetic.measures.classifiers.TREES", 20)
        return compare(judge, train, real, fakes, draws=3)


@pytest.mark.parametrize("fault", SEEN_BY)
def test_measures_see_what_they_say(found, fault):
    seen = {key for key, finding in found.findings.items() if finding.sees(fault)}
    assert seen >= SEEN_BY[fault]
    assert not seen & BLIND.get(fault, set())


def test_a_copy_is_told_in_words(found):
    copied = {answer.question: answer for answer in answers(found, "training rows copied")}
    privacy = copied[THEMES["privacy"]]
    assert privacy.text == "Yes: 2 of 2 measures say so."
    assert any("training rows are handed out as they are" in fault for fault in privacy.faults)
    good = answers(found, "none")
    assert not any(answer.faults for answer in good)
    assert "a label missing has no row labelled scan" in as_text(found, "a label missing")
    page = as_html(found, "none", "<fake>")
    assert "&lt;fake&gt;" in page
    assert page.count("<h2>") == len(THEMES) + 2
    columns, variety = page.index("Columns furthest from"), page.index(THEMES["variety"])
    assert columns < variety  # an answer to the first question, not to the last
    assert all(measure.title.split(" (")[0] in page for measure in MEASURES.values())


def test_a_comparison_can_be_stored(found):
    stored = json.loads(json.dumps(found.plain()))
    assert stored["rows"] == 250
    assert len(stored["values"]["recall"][REAL]) == 3
    assert "worst_columns" in stored


@pytest.mark.parametrize(
    ("better", "value", "sees"),
    [
        ("high", 0.5, True),
        ("high", 1.5, False),
        ("low", 1.5, True),
        ("low", 0.5, False),
        ("as real", 0.5, True),
        ("as real", 1.5, True),
        ("as real", 1.0, False),
        ("low", 1.02, False),
    ],
)
def test_worse_than_all_real_draws_and_clearly_so(better, value, sees):
    key = next(key for key, measure in MEASURES.items() if measure.better == better)
    real = (0.99, 1.0, 1.01)
    finding = Finding(MEASURES[key], {REAL: real, "fake": (value,) * 3})
    assert finding.sees("fake") is sees


class Constant:
    """A judge that gives all rows one label."""

    def look(self, table):
        return Seen(np.tile([1.0, 0, 0], (len(table), 1)), np.ones((len(table), 4)))


def test_a_judge_that_learnt_nothing_is_called_degenerate():
    train, real, fake = toy_tables(60, 60, 30)
    found = compare(Constant(), train, real, {"f": fake}, draws=2)
    assert found.remarks[1].startswith("degenerate: the judge gives all real rows one label")
    assert found.findings["inception_score"].values["f"] == (1.0, 1.0)
    assert found.findings["fid_label"].mean("f") is None


def test_too_few_rows_or_draws():
    train, real, fake = toy_tables(100, 100, 10)
    judge = PointJudge(epochs=1).fit(train)
    with pytest.raises(InputError, match="10 rows to compare are too few"):
        compare(judge, train, real, {"f": fake})
    with pytest.raises(ConfigError, match="draws must be at least 2"):
        compare(judge, train, real, {"f": real}, draws=1)
