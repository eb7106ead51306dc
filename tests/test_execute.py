"""One unit: what trains, what is scored, and what the record says."""

from dataclasses import replace

import numpy as np
import pytest

from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.detectors.base import Capabilities, Detector
from anomalib_ts.evaluation import Evaluation, evaluate_store
from anomalib_ts.execute import execute, load_case
from anomalib_ts.recording import Recording
from anomalib_ts.results.record import Unit
from anomalib_ts.results.store import Store


class Clips(DataSet):
    """Twenty normal clips, ten anomalous ones."""

    name = "clips"

    def case_names(self):
        return ["machine"]

    def fingerprint(self, case_name):
        return case_name

    def load(self, case_name):
        rng = np.random.default_rng(0)
        clips = [
            Recording(rng.standard_normal((6, 2)) + label, label=label, name=f"clip {i}")
            for i, label in enumerate([0] * 20 + [1] * 10)
        ]
        return Case(case_name, test=tuple(clips[:10] + clips[20:]), train=tuple(clips[10:20]))


class Witness(Detector):
    """Keeps what it was trained on, for the test to see."""

    seen = None

    def _fit(self, train):
        type(self).seen = train

    def _score(self, recording):
        return recording.values.mean(axis=1).astype(float)


class WeakWitness(Witness):
    capabilities = Capabilities(supervision="weak")


@pytest.fixture(autouse=True)
def _fresh():
    load_case.cache_clear()


def unit(detector, protocol, **settings):
    return Unit(
        detector="witness",
        detector_settings={"_target_": f"{__name__}.{detector.__name__}"},
        variant="",
        data="clips",
        data_settings={"_target_": f"{__name__}.Clips"},
        case="machine",
        protocol=protocol,
        protocol_settings={"_target_": f"anomalib_ts.protocol.{protocol}", **settings},
        threshold={"_target_": "anomalib_ts.thresholds.QuantileThreshold", "level": 0.9},
        seed=0,
        fingerprint="",
        version=1,
    )


def test_only_weakly_supervised_detectors_are_given_the_labelled_anomalies():
    execute(unit(Witness, "Weak"), Evaluation(), 1)
    unsupervised = Witness.seen
    execute(unit(WeakWitness, "Weak"), Evaluation(), 1)
    weak = WeakWitness.seen
    assert all(recording.label is None for recording in unsupervised)
    assert sum(recording.label for recording in weak) == 5
    normal = [r.name for r in weak if r.label == 0]
    assert [r.name for r in unsupervised] == normal


def test_the_threshold_leaves_labelled_anomalies_out():
    plain = execute(unit(Witness, "Weak"), Evaluation(), 1)
    weak = execute(unit(WeakWitness, "Weak"), Evaluation(), 1)
    assert plain.record.threshold == weak.record.threshold


def test_the_record_tells_how_it_went():
    outcome = execute(unit(Witness, "Given"), Evaluation(), 1)
    record = outcome.record
    assert record.status == "ok"
    assert record.points == len(outcome.scores) == 20 * 6
    assert record.fit_seconds >= 0 and record.score_seconds > 0
    assert record.peak_memory_mb > 10
    assert set(record.versions) == {"python", "anomalib-ts", "numpy", "scikit-learn", "torch"}
    assert record.metrics["pooled/auroc"] > 0.8


def test_stored_scores_are_judged_anew_when_the_rules_change(tmp_path):
    store = Store(tmp_path)
    outcome = execute(unit(Witness, "Given"), Evaluation(), 1)
    store.save_case(outcome.record.unit, outcome.truth.arrays())
    store.save(replace(outcome.record, scores=True), outcome.scores)
    highest = Evaluation(reduce="max")
    (stored,) = store.records()
    changed = highest.complete(store, stored)
    fresh = execute(unit(Witness, "Given"), highest, 1).record
    assert changed.metrics == fresh.metrics != outcome.record.metrics
    (again,) = evaluate_store(store, ["auroc"])
    assert again.metrics == fresh.metrics
    assert again.judged == highest.rules
