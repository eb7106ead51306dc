"""One unit: what trains, what is scored, and what the record says."""

import csv
import io
import random
import re
import sys
from collections import Counter
from dataclasses import replace
from operator import itemgetter

import numpy as np
import pytest

from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.detectors.base import Capabilities, Detector
from anomalib_ts.errors import ConfigError, ContractError
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.evaluation.judge import Evaluation
from anomalib_ts.results.rejudge import complete, evaluate_store, rejudge
from anomalib_ts.results.store import Store
from anomalib_ts.results.unit_key import Unit
from anomalib_ts.run.unit import execute, load_case


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


def trace(recording):
    """What tells a recording from others, however its channels are scaled and shifted."""
    values = recording.values.astype(float)
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    return tuple(scaled.round(3).ravel() + 0.0)


def unit(detector, protocol, **settings):
    return Unit(
        detector="witness",
        detector_settings={"_target_": f"{__name__}.{detector.__name__}"},
        variant="",
        data="clips",
        data_settings={"_target_": f"{__name__}.Clips"},
        case="machine",
        protocol=protocol,
        protocol_settings={"_target_": f"anomalib_ts.protocols.base.{protocol}", **settings},
        threshold={"_target_": "anomalib_ts.evaluation.thresholds.QuantileThreshold", "level": 0.9},
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
    normal = [trace(r) for r in weak if r.label == 0]
    assert [trace(r) for r in unsupervised] == normal


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
    changed = complete(store, stored, highest)
    fresh = execute(unit(Witness, "Given"), highest, 1).record
    assert changed.metrics == fresh.metrics != outcome.record.metrics
    (again,) = evaluate_store(store, ["auroc"])
    assert again.metrics == fresh.metrics
    assert again.judged == highest.rules


def held_out(share, detector=Witness, **settings):
    threshold = {
        "_target_": "anomalib_ts.evaluation.thresholds.QuantileThreshold",
        "level": 0.9,
        "held_out": share,
    }
    return replace(unit(detector, "Weak", **settings), threshold=threshold)


@pytest.mark.parametrize("reduce", ["mean", "max"])
def test_the_threshold_decides_on_clips_where_clips_are_labelled(reduce):
    outcome = execute(unit(Witness, "Given"), Evaluation("full", reduce=reduce), 1)
    clips = [getattr(r.values.mean(axis=1), reduce)() for r in Witness.seen]
    assert outcome.record.decides == reduce
    assert outcome.record.threshold == pytest.approx(np.quantile(clips, 0.9))
    normal, anomalous = outcome.scores.reshape(2, 10, 6)
    alarms = getattr(normal, reduce)(axis=1) > outcome.record.threshold
    hits = getattr(anomalous, reduce)(axis=1) > outcome.record.threshold
    assert outcome.record.metrics["false_alarm_rate"] == alarms.mean()
    assert outcome.record.metrics["recall"] == hits.mean()
    assert "pooled/recall" not in outcome.record.metrics


def test_held_out_clips_set_the_threshold_and_do_not_train():
    case = Clips().load("machine")
    names = {trace(r): r.name for r in (*case.train, *case.test)}
    whole = execute(held_out(0.0), Evaluation(), 1)
    trained_on_all = {names[trace(recording)] for recording in Witness.seen}
    outcome = execute(held_out(0.4), Evaluation(), 1)
    trained = {names[trace(recording)] for recording in Witness.seen}
    rows = list(csv.DictReader(io.StringIO(outcome.dealt)))
    kept = {row["name"] for row in rows if row["part"] == "threshold"}
    assert kept and not kept & trained and kept | trained == trained_on_all
    clips = [*case.train, *case.test]
    again = Witness().fit([clip for clip in clips if clip.name in trained])
    scores = [again.score(clip).mean() for clip in clips if clip.name in kept]
    assert outcome.record.threshold == pytest.approx(np.quantile(scores, 0.9))
    assert len(outcome.scores) == len(whole.scores)


def test_the_split_lists_every_clip_with_its_part():
    outcome = execute(held_out(0.2, WeakWitness, n_train_anomalous=2), Evaluation(), 1)
    rows = list(csv.DictReader(io.StringIO(outcome.dealt)))
    counts = Counter((row["part"], row["label"]) for row in rows)
    assert counts == {
        ("train", "0"): 8,
        ("train", "1"): 2,
        ("threshold", "0"): 2,
        ("test", "0"): 10,
        ("test", "1"): 5,
    }


def test_each_split_of_a_case_is_stored_for_itself(tmp_path):
    store = Store(tmp_path)
    for seed in (0, 1):
        outcome = execute(unit(Witness, "Weak", seed=seed), Evaluation(), 1)
        store.save_case(outcome.record.unit, outcome.truth.arrays(), outcome.dealt)
        store.save(replace(outcome.record, scores=True), outcome.scores)
        tested = GroundTruth.from_arrays(store.case(outcome.record.unit)).names.tolist()
        assert tested == outcome.truth.names.tolist()
        table = store.case_path(outcome.record.unit).with_suffix(".csv").read_text()
        assert table == outcome.dealt
    before = {record.unit.key: record.metrics for record in store.records()}
    after = {record.unit.key: record.metrics for record in evaluate_store(store, "default")}
    assert before == after


def test_a_threshold_for_clips_reduced_otherwise_decides_nothing(tmp_path):
    store = Store(tmp_path)
    outcome = execute(unit(Witness, "Given"), Evaluation("full"), 1)
    store.save_case(outcome.record.unit, outcome.truth.arrays())
    stored = replace(outcome.record, scores=True)
    store.save(stored, outcome.scores)
    changed = rejudge(store, stored, Evaluation(["auroc", "recall"], reduce="max"))
    assert changed.threshold == outcome.record.threshold
    assert "recall" not in changed.metrics
    assert "run again" in changed.undefined["recall"]


class Teller(Witness):
    """Has learnt a number worth telling."""

    def fitted_values(self):
        return {"mean": 3.5}


def test_what_a_detector_learnt_stands_in_the_record():
    assert execute(unit(Teller, "Given"), Evaluation(), 1).record.fitted == {"mean": 3.5}
    assert execute(unit(Witness, "Given"), Evaluation(), 1).record.fitted == {}


class Looks(Witness):
    """Looks for labels in what it is given and in all variables of those that called it."""

    given: tuple = ()
    around: tuple = ()

    def _fit(self, train):
        type(self).given = tuple(train)

    def _score(self, recording):
        type(self).given += (recording,)
        frame = sys._getframe()
        while frame is not None:
            type(self).around += tuple(frame.f_locals.values())
            frame = frame.f_back
        return recording.values.mean(axis=1).astype(float)


class WeakLooks(Looks):
    capabilities = Capabilities(supervision="weak")


class Described(Clips):
    """Clips whose every field gives the answer away."""

    def load(self, case_name):
        case = super().load(case_name)

        def told(clips):
            return tuple(
                replace(clip, kind=f"kind {clip.label}", domain=("source", "target")[i % 2])
                for i, clip in enumerate(clips)
            )

        return replace(case, test=told(case.test), train=told(case.train))


def described(detector, protocol):
    data = {"_target_": f"{__name__}.Described"}
    return replace(unit(detector, protocol), data_settings=data)


@pytest.mark.parametrize("protocol", ["Given", "Whole", "Weak", "Prefix", "Normal"])
@pytest.mark.parametrize("detector", [Looks, WeakLooks])
def test_a_detector_is_given_nothing_that_tells_what_is_anomalous(detector, protocol):
    detector.given = ()
    record = execute(described(detector, protocol), Evaluation(), 1).record
    assert record.status == "ok"
    assert detector.given
    for recording in detector.given:
        fits = recording.name.startswith("training")
        assert re.fullmatch(r"(training )?recording( \d+)?", recording.name)
        assert (recording.kind, recording.domain) == ("", "")
        if not (fits and detector is WeakLooks):
            assert recording.label is None and recording.labels is None


@pytest.mark.parametrize("detector", [Looks, WeakLooks])
def test_no_caller_of_a_detector_holds_the_truth_in_a_variable(detector):
    detector.around = ()
    execute(described(detector, "Given"), Evaluation(), 1)
    assert detector.around
    for value in detector.around:
        assert not isinstance(value, Case | GroundTruth)
        held = value if isinstance(value, list | tuple) else [value]
        labelled = [r for r in held if isinstance(r, Recording) and r.label is not None]
        assert all(r.name.startswith("training") for r in labelled)


def test_clips_are_scored_in_another_order_than_that_of_their_names():
    Looks.given = ()
    outcome = execute(described(Looks, "Given"), Evaluation(), 1)
    tested = [r for r in Looks.given if not r.name.startswith("training")][:20]
    case = Clips().load("machine")
    places = {trace(clip): i for i, clip in enumerate(case.test)}
    order = [places[trace(recording)] for recording in tested]
    assert sorted(order) == list(range(20)) and order != list(range(20))
    in_order = [
        recording for _, recording in sorted(zip(order, tested, strict=True), key=itemgetter(0))
    ]
    expected = [recording.values.mean(axis=1).astype(float) for recording in in_order]
    assert np.array_equal(outcome.scores, np.concatenate(expected))


class Short(Witness):
    """Leaves a score out."""

    def _score(self, recording):
        return np.zeros(len(recording) - 1)


def test_an_error_that_numbers_a_recording_is_given_its_name():
    error = execute(unit(Short, "Given"), Evaluation(), 1).record.error
    assert re.search(r"for recording 0 \(clip \d+\) of 6 points", error["message"])


class RefusesCase(Witness):
    """Finds fault with a setting only when it sees the data."""

    def _fit(self, train):
        raise ConfigError("the window is larger than this series")


class RefusesSettings(Witness):
    """Finds fault with a setting at once."""

    def __init__(self, window=0):
        self.window = window
        raise ConfigError("window must be above 0")


class CannotBeMade(Witness):
    """Has a bug that shows at once."""

    def __init__(self):
        raise ContractError("a bug")


@pytest.mark.parametrize("detector", [RefusesCase, CannotBeMade])
def test_what_is_wrong_with_one_unit_is_recorded(detector):
    assert execute(unit(detector, "Given"), Evaluation(), 1).record.status == "error"


def test_settings_that_make_no_detector_end_the_job():
    with pytest.raises(ConfigError, match="window must be above 0"):
        execute(unit(RefusesSettings, "Given"), Evaluation(), 1)


def test_the_threads_stand_in_the_record():
    assert execute(unit(Witness, "Given"), Evaluation(), threads=2).record.threads == 2
    assert execute(unit(RefusesCase, "Given"), Evaluation(), threads=2).record.threads == 2


class GlobalRandom(Witness):
    """Draws from the random states that all share."""

    def _score(self, recording):
        return np.random.random(len(recording)) + random.random()  # noqa: NPY002


def test_global_random_states_are_the_units_own():
    first = execute(unit(GlobalRandom, "Given"), Evaluation(), 1)
    random.random()
    again = execute(unit(GlobalRandom, "Given"), Evaluation(), 1)
    other = execute(replace(unit(GlobalRandom, "Given"), seed=1), Evaluation(), 1)
    assert np.array_equal(first.scores, again.scores)
    assert not np.array_equal(first.scores, other.scores)


class Growing(Clips):
    """Has other data each time it is read."""

    reads = 0

    def load(self, case_name):
        type(self).reads += 1
        return super().load(case_name)

    def fingerprint(self, case_name):
        return str(self.reads)


class Changed(Growing):
    """Changes once, after it was planned."""

    def fingerprint(self, case_name):
        return str(min(self.reads, 1))


def test_a_record_is_that_of_the_data_that_was_read():
    Changed.reads = 0
    planned = replace(
        unit(Witness, "Given"),
        data_settings={"_target_": f"{__name__}.Changed"},
        fingerprint="0",
    )
    record = execute(planned, Evaluation(), 1).record
    assert (record.status, record.unit.fingerprint) == ("ok", "1")


def test_data_that_changes_while_it_is_read_is_refused():
    Growing.reads = 0
    planned = replace(
        unit(Witness, "Given"),
        data_settings={"_target_": f"{__name__}.Growing"},
        fingerprint="0",
    )
    record = execute(planned, Evaluation(), 1).record
    assert record.status == "error" and "changed" in record.error["message"]


class ReadsItself(Changed):
    """Says what it read."""

    def load(self, case_name):
        return replace(super().load(case_name), fingerprint="as read")


def test_a_data_set_that_fingerprints_what_it_reads_is_believed():
    case = load_case(f'{{"_target_": "{__name__}.ReadsItself"}}', "machine", "planned")
    assert case.fingerprint == "as read"
