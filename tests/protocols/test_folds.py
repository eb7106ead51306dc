"""`protocol=folds`: nothing is scored by a model that has seen it, and k fits make one result."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.detectors.base import Detector
from anomalib_ts.errors import ConfigError, InputError
from anomalib_ts.evaluation.judge import Evaluation
from anomalib_ts.protocols.folds import Folds
from anomalib_ts.results.unit_key import Unit
from anomalib_ts.run.isolation import execute_isolated
from anomalib_ts.run.job import run_job
from anomalib_ts.run.kept_answers import KeptAnswers
from anomalib_ts.run.limits import Limits
from anomalib_ts.run.task import work
from anomalib_ts.run.unit import execute, execute_with, load_case
from tests.makers.jobs import job_on_series


class Noise(DataSet):
    """Noise of 500 points in which no value occurs twice; anomalies crowd in the first half."""

    name = "noise"

    def case_names(self):
        return ["noise"]

    def fingerprint(self, case_name):
        return case_name

    def load(self, case_name):
        values = np.random.default_rng(0).permutation(500) / 100.0
        labels = np.zeros(500, dtype=int)
        labels[20:60] = labels[120:170] = labels[450:455] = 1
        return Case(case_name, test=(Recording(values, labels, name=case_name),))


class Memoriser(Detector):
    """Knows every value that it was trained on, and nothing else."""

    def _fit(self, train):
        self.seen_ = np.concatenate([one.values[:, 0] for one in train])

    def _score(self, recording):
        apart = np.abs(recording.values[:, 0, None] - self.seen_)
        return (apart.min(axis=1) > 1e-4).astype(float)


class Counter(Detector):
    """Does not look at what it scores: only at how much it was given to train on."""

    def _fit(self, train):
        self.points_ = sum(map(len, train))

    def _score(self, recording):
        return np.full(len(recording), float(self.points_))

    def fitted_values(self):
        return {"points": self.points_}


class Level(Detector):
    """The distance from the mean of what it was trained on."""

    def _fit(self, train):
        pass

    def _score(self, recording):
        return np.abs(recording.values[:, 0]).astype(float)


@pytest.fixture(autouse=True)
def _fresh():
    load_case.cache_clear()


def unit(detector, protocol="folds.Folds", data=Noise, **settings):
    home = "anomalib_ts.protocols" if "." in protocol else "anomalib_ts.protocols.base"
    return Unit(
        detector="witness",
        detector_settings={"_target_": f"{__name__}.{detector.__name__}"},
        variant="",
        data=data.name,
        data_settings={"_target_": f"{__name__}.{data.__name__}"},
        case="noise",
        protocol=protocol,
        protocol_settings={"_target_": f"{home}.{protocol}", **settings},
        threshold={"_target_": "anomalib_ts.evaluation.thresholds.QuantileThreshold", "level": 0.9},
        seed=0,
        fingerprint="",
        version=1,
    )


def case_of(*labels):
    recordings = [
        Recording(1000 * i + np.arange(float(len(x))), x, name=f"r{i}")
        for i, x in enumerate(labels)
    ]
    return Case("pump", test=tuple(recordings))


LABELS = hnp.arrays(np.int8, st.integers(12, 60), elements=st.integers(0, 1))


@given(st.lists(LABELS, min_size=1, max_size=2), st.integers(3, 6), st.integers(0, 4))
def test_every_point_is_scored_once_and_trains_all_other_folds_beyond_the_gap(labels, k, gap):
    case = case_of(*labels)
    protocol = Folds(k=k, gap=gap)
    try:
        folds = protocol.folds(protocol.deal(case), "none")
    except InputError:  # a fold has nothing to train on; see below
        reject()
    assert len(folds) == k
    scored = []
    for fold in folds:
        hidden = set()
        for part in fold.parts:
            whole = case.test[part.number].values[:, 0]
            counted = part.recording.values[part.lead :][: part.end - part.begin, 0]
            np.testing.assert_array_equal(counted, whole[part.begin : part.end])
            scored += counted.tolist()
            hidden |= set(whole[max(0, part.begin - gap) : part.end + gap].tolist())
            assert set(part.recording.values[:, 0].tolist()) <= hidden
        trained = [value for recording in fold.train for value in recording.values[:, 0].tolist()]
        normal = {v for r in case.test for v in r.values[r.labels == 0, 0].tolist()}
        assert len(trained) == len(set(trained))
        assert set(trained) == normal - hidden
    assert sorted(scored) == sorted(v for r in case.test for v in r.values[:, 0].tolist())


def test_many_recordings_are_dealt_whole():
    clips = [Recording([float(i)] * 3, label=int(i < 2), name=f"clip {i}") for i in range(7)]
    folds = Folds(k=3, gap=50).folds(Case("fan", test=tuple(clips)), "none")
    assert [[part.number for part in fold.parts] for fold in folds] == [[0, 1, 2], [3, 4], [5, 6]]
    assert ["".join(r.name[-1] for r in fold.train) for fold in folds] == ["3456", "256", "234"]


@pytest.mark.parametrize(
    ("settings", "message"), [({"k": 1}, "k must be at least 2"), ({"gap": -1}, "gap must be at")]
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        Folds(**settings)


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        (Recording(np.zeros(50), name="r"), "r: protocol=folds trains on what is labelled normal"),
        (Recording(np.zeros(4), [0, 0, 1, 0], name="r"), "r: 4 points are too few for 5 folds"),
        (Recording(np.zeros(50), [1] * 50, name="r"), "fold 1 of 5 has nothing normal"),
        (Recording(np.zeros(50), [0] * 50, name="r"), "fold 2 of 5 has nothing .* gap of 35"),
    ],
)
def test_what_cannot_be_cut_is_refused(recording, message):
    protocol = Folds(gap=35)
    with pytest.raises(InputError, match=message):
        protocol.folds(protocol.deal(Case("pump", test=(recording,))), "none")


def test_a_detector_that_memorises_gains_everything_under_normal_and_nothing_under_folds():
    normal = execute(unit(Memoriser, "Normal"), Evaluation(), 1).record
    folds = execute(unit(Memoriser, gap=10), Evaluation(), 1).record
    assert normal.metrics["auroc"] == 1.0
    assert folds.metrics["auroc"] == 0.5
    assert (normal.folds, folds.folds) == (1, 5)
    assert normal.unseen == pytest.approx(95 / 500)
    assert folds.unseen == 1.0


@pytest.mark.parametrize(("protocol", "unseen"), [("Whole", 0.0), ("Prefix", 0.9)])
def test_records_say_how_much_of_what_they_score_had_trained(protocol, unseen):
    assert execute(unit(Level, protocol), Evaluation(), 1).record.unseen == pytest.approx(unseen)


def test_how_much_trains_says_where_the_anomalies_are_and_is_no_advantage():
    outcome = execute(unit(Counter, gap=10), Evaluation(), 1)
    assert outcome.record.metrics["auroc"] == 0.5
    assert not outcome.scores.any()
    trained = [[sum(map(len, fold.train))] * 100 for fold in folds_of_noise(gap=10)]
    labels = Noise().load("noise").test[0].labels
    raw = np.concatenate(trained)
    assert raw[labels == 1].mean() > raw[labels == 0].mean()  # the leak that is closed
    assert outcome.record.fitted["points"] == pytest.approx(np.mean(raw))


def folds_of_noise(**settings):
    return Folds(**settings).folds(Noise().load("noise"), "none")


class Backwards(Noise):
    """The same series from its end to its beginning."""

    def load(self, case_name):
        (one,) = super().load(case_name).test
        return Case(case_name, test=(Recording(one.values[::-1], one.labels[::-1], name="b"),))


class Shifted(Noise):
    """The same series in another unit, from another zero."""

    def load(self, case_name):
        (one,) = super().load(case_name).test
        return Case(case_name, test=(Recording(-3 * one.values + 7, one.labels, name="s"),))


def test_scores_follow_the_series_when_it_is_turned_round_or_shifted():
    plain = execute(unit(Level, gap=10), Evaluation(), 1).scores
    turned = execute(unit(Level, gap=10, data=Backwards), Evaluation(), 1).scores
    shifted = execute(unit(Level, gap=10, data=Shifted), Evaluation(), 1).scores
    np.testing.assert_allclose(turned[::-1], plain, atol=1e-5)
    np.testing.assert_allclose(shifted, plain, atol=1e-5)


def test_each_fold_is_measured_by_its_own_model():
    outcome = execute(unit(Level, gap=10, k=2), Evaluation(), 1)
    (series,) = Noise().load("noise").test
    expected = []
    for fold in folds_of_noise(gap=10, k=2):
        detector = Level().fit(fold.train)
        level = np.median(np.concatenate([detector.score(one) for one in fold.train]))
        part = fold.parts[0]
        expected.append(detector.score(series[part.begin : part.end]) - level)
    np.testing.assert_allclose(outcome.scores, np.concatenate(expected), atol=1e-6)
    alarms = outcome.scores > outcome.record.threshold
    assert 0.05 < alarms.mean() < 0.15  # a quantile of .9 of normal scores, measured alike


def test_a_unit_in_a_process_of_its_own_gives_the_same():
    here = execute(unit(Level, gap=10, k=2), Evaluation(), 1)
    apart = execute_isolated(unit(Level, gap=10, k=2), Evaluation(), 1, Limits())
    np.testing.assert_array_equal(here.scores, apart.scores)
    assert (apart.record.folds, apart.record.unseen) == (2, 1.0)


def test_a_killed_unit_goes_on_with_the_fit_it_was_at(tmp_path):
    kept = KeptAnswers(lambda unit, number: tmp_path / f"{unit.key[:8]}.fold{number}")
    done = []

    def worker(task):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(task)
        return work(task)

    wanted = unit(Level, gap=10)
    with pytest.raises(KeyboardInterrupt):
        execute_with(worker, load_case, wanted, Evaluation(), 1, kept=kept)
    assert len(list(tmp_path.iterdir())) == 3
    next(tmp_path.glob("*.fold1")).write_bytes(b"torn")
    again = []
    outcome = execute_with(
        lambda task: again.append(task) or work(task),
        load_case,
        wanted,
        Evaluation(),
        1,
        kept=kept,
    )
    assert len(again) == 3  # the torn one and the two that were missing
    np.testing.assert_array_equal(outcome.scores, execute(wanted, Evaluation(), 1).scores)
    kept.forget(outcome.record.unit)
    assert not list(tmp_path.iterdir())


class Fails(Level):
    """Fails where it has not trained on the beginning."""

    def _score(self, recording):
        if len(recording) == 110:
            raise ValueError("no")
        return super()._score(recording)


def test_a_fold_that_fails_fails_the_unit():
    record = execute(unit(Fails, gap=10), Evaluation(), 1).record
    assert record.status == "error"
    assert record.error["message"] == "no"
    assert not record.metrics


def test_a_job_leaves_no_answers_behind_and_one_that_is_killed_goes_on(tmp_path, monkeypatch):
    detector = {"_target_": f"{__name__}.Level"}
    job = job_on_series(
        tmp_path,
        detector,
        {},
        name="level",
        protocol="Whole",
        series={"n_points": 5000},
        isolate=False,
        limits={},
    )
    settings = {"_target_": "anomalib_ts.protocols.folds.Folds", "k": 3}
    job = replace(job, protocol=settings, names={**job.names, "protocol": "folds"})
    fits = []

    def dies_in_the_third_fit(self, train):
        fits.append(len(train))
        if len(fits) == 3:
            raise SystemExit(9)

    monkeypatch.setattr(Level, "_fit", dies_in_the_third_fit)
    with monkeypatch.context() as patch:
        patch.setattr("anomalib_ts.run.unit.work", killed_by(SystemExit))
        with pytest.raises(KeyboardInterrupt):
            run_job(job)
    assert len(list(tmp_path.rglob("*.fold*"))) == 2
    (record,) = run_job(job)
    assert (record.status, record.folds, len(fits)) == ("ok", 3, 4)
    assert not list(tmp_path.rglob("*.fold*"))


def killed_by(error):
    """`work`, but an error of that kind ends the whole command, as a signal would."""

    def work_or_end(task):
        answer = work(task)
        if answer.error.get("type") == error.__name__:
            raise KeyboardInterrupt
        return answer

    return work_or_end
