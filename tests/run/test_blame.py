"""Which channels the highest scores of a unit come from: asked in time, bounded, stored, found."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.detectors import IForest, MovingMean, Pca
from anomalib_ts.detectors.base import Capabilities, Detector
from anomalib_ts.errors import DamagedResultError
from anomalib_ts.evaluation.judge import Evaluation
from anomalib_ts.results.blamed import MOST_ROWS, Blamed
from anomalib_ts.results.store import Store
from anomalib_ts.results.unit_key import Unit
from anomalib_ts.run import blame as blame_module
from anomalib_ts.run.blame import LONGEST, MOST_PEAKS, blame, peaks
from anomalib_ts.run.unit import execute, load_case

NAMES = ("flow", "heat", "noise")
FAULTS = {300: 1, 700: 2}
"""The first point of each fault of ten points in a series of 1,000, and its channel."""


class Series(DataSet):
    """A series whose training part has its channels in another order."""

    name = "series"

    def case_names(self):
        return ["pump"]

    def fingerprint(self, case_name):
        return case_name

    def load(self, case_name):
        rng = np.random.default_rng(0)
        train = Recording(rng.standard_normal((500, 3)), channel_names=NAMES[::-1])
        values = rng.standard_normal((1000, 3))
        labels = np.zeros(1000, int)
        for start, channel in FAULTS.items():
            values[start : start + 10, channel] += 30 * rng.choice([-1, 1], 10)
            labels[start : start + 10] = 1
        test = Recording(values, labels=labels, channel_names=NAMES)
        return Case(case_name, test=(test,), train=(train,))


class Clips(Series):
    """Thirty clips; that with number 10 + c is loud in channel c."""

    name = "clips"

    def load(self, case_name):
        rng = np.random.default_rng(1)
        values = [rng.standard_normal((20 + i, 3)) for i in range(13)]
        for channel in range(3):
            values[10 + channel][:, channel] *= 20
        clips = [
            Recording(clip, label=int(i >= 10), name=f"clip {i}") for i, clip in enumerate(values)
        ]
        train = Recording(rng.standard_normal((300, 3)), label=0)
        return Case(case_name, test=tuple(clips), train=(train,))


class Distance(Detector):
    """Asks for each channel in turn."""

    capabilities = Capabilities(causal=True)
    window = 1

    def _fit(self, train):
        pass

    def _score(self, recording):
        return np.abs(recording.values).max(axis=1)


class Mute(Distance):
    capabilities = Capabilities(blames_channels=False)


class Broken(Distance):
    def _contributions(self, recording):
        raise SystemExit("no idea about recording 0")


@pytest.fixture(autouse=True)
def _fresh():
    load_case.cache_clear()


def unit(detector=Distance, data=Series, protocol="Given", **settings):
    kind = detector if isinstance(detector, str) else f"{__name__}.{detector.__name__}"
    return Unit(
        detector="one",
        detector_settings={"_target_": kind},
        variant="",
        data=data.name,
        data_settings={"_target_": f"{__name__}.{data.__name__}"},
        case="pump",
        protocol=protocol.lower(),
        protocol_settings={"_target_": protocol_class(protocol), **settings},
        threshold={"_target_": "anomalib_ts.evaluation.thresholds.QuantileThreshold", "level": 0.9},
        seed=0,
        fingerprint="",
        version=1,
    )


def protocol_class(name):
    return f"anomalib_ts.protocols.{'folds' if name == 'Folds' else 'base'}.{name}"


def blamed_at(outcome, start):
    """The channel with the largest share of the stretch that touches a fault."""
    found = [
        share.argmax()
        for (first, after), share in zip(
            outcome.blamed.stretches, outcome.blamed.shares, strict=True
        )
        if first < start + 10 and after > start
    ]
    assert found
    return set(map(int, found))


@pytest.mark.parametrize("detector", ["anomalib_ts.detectors.MovingMean", Distance])
@pytest.mark.parametrize(("protocol", "settings"), [("Given", {}), ("Folds", {"k": 3})])
def test_each_fault_of_a_series_is_blamed_on_its_channel(detector, protocol, settings):
    outcome = execute(unit(detector, protocol=protocol, **settings), Evaluation(), 1)
    assert outcome.record.status == "ok"
    for start, channel in FAULTS.items():
        assert blamed_at(outcome, start) == {channel}
    assert outcome.blamed.fits(1000)
    assert len(outcome.blamed) <= MOST_PEAKS * settings.get("k", 1)
    assert np.diff(outcome.blamed.stretches, axis=1).max() <= LONGEST


def test_clips_are_scored_shuffled_and_found_where_they_are():
    outcome = execute(unit("anomalib_ts.detectors.MovingMean", data=Clips), Evaluation(), 1)
    assert len(outcome.blamed) == 13
    for number, part in enumerate(outcome.truth.stretches):
        row = outcome.blamed.within(part)
        assert row.stretches.tolist() == [[0, part.stop - part.start]]
        np.testing.assert_allclose(row.parts.sum(), outcome.scores[part].mean(), rtol=1e-5)
        if number >= 10:
            assert row.shares.argmax() == number - 10


def test_a_detector_that_cannot_say_is_not_asked():
    assert len(execute(unit(Mute), Evaluation(), 1).blamed) == 0
    one = execute(unit(), Evaluation(), 1, blame=False)
    assert (len(one.blamed), one.record.status) == (0, "ok")


def test_a_detector_that_fails_to_say_keeps_its_scores(caplog):
    outcome = execute(unit(Broken), Evaluation(), 1)
    assert (len(outcome.blamed), outcome.record.status) == (0, "ok")
    (said,) = [one.message for one in caplog.records if one.levelname == "WARNING"]
    assert said.endswith(
        "failed to say which channels its scores come from: no idea about a recording"
    )


def counted_points(monkeypatch, detector, recordings, **how):
    """Rows that come back, and how many points are scored for them."""
    scores = [detector.score(one) for one in recordings]
    scored, plain = [], type(detector)._score
    monkeypatch.setattr(
        type(detector), "_score", lambda self, one: scored.append(len(one)) or plain(self, one)
    )
    spans = [(0, len(one)) for one in recordings]
    found, error = blame(detector, recordings, scores, spans, **how)
    assert not error
    return len(found), sum(scored)


def test_what_is_asked_is_bounded(monkeypatch):
    rng = np.random.default_rng(0)
    clips = [Recording(rng.standard_normal((200, 40))) for _ in range(100)]
    detector = Distance().fit(clips[0])
    rows, points = counted_points(monkeypatch, detector, clips, whole=True)
    assert points <= blame_module.RESCORED * 20_000
    assert rows == 2 * 20_000 // (200 * 41)
    cheap = MovingMean(window=5).fit(clips[0])
    assert counted_points(monkeypatch, cheap, clips, whole=True)[0] == MOST_ROWS
    long = [Recording(rng.standard_normal((200_000, 2)))]
    rows, points = counted_points(monkeypatch, Distance().fit(long[0]), long, whole=False)
    assert rows == MOST_PEAKS and points < 10_000


def test_the_highest_clip_is_asked_about_whatever_it_costs(monkeypatch):
    monkeypatch.setattr(blame_module, "FEW", 1)
    clips = [Recording(np.random.default_rng(0).standard_normal((50, 90)))]
    assert counted_points(monkeypatch, Distance().fit(clips[0]), clips, whole=True)[0] == 1


@pytest.mark.parametrize("kind", [MovingMean, IForest, Pca])
def test_what_contributions_cost_is_what_they_cost(kind, monkeypatch):
    values = np.random.default_rng(0).standard_normal((300, 4))
    fitted, calls, plain = kind().fit(values), [], kind._score_each
    monkeypatch.setattr(
        kind, "_score_each", lambda one, given: plain(one, [calls.append(1) or r for r in given])
    )
    fitted.contributions(values)
    assert fitted.contribution_cost() == max(1, len(calls))


def test_peaks_are_apart_and_the_highest_first():
    rng = np.random.default_rng(0)
    for _ in range(50):
        scores = rng.exponential(size=rng.integers(1, 400)).cumsum() % 3
        apart = int(rng.integers(0, 20))
        found = peaks(scores, apart)
        assert len(found) <= MOST_PEAKS
        heights = [scores[one].max() for one in found]
        assert heights == sorted(heights, reverse=True)
        if heights:
            assert heights[0] == scores.max()
        in_order = sorted(found, key=lambda one: one.start)
        assert all(b.start - a.stop >= apart for a, b in pairwise(in_order))
    assert peaks(np.ones(50), 3) == []


def test_stores_with_and_without_a_table(tmp_path):
    store, outcome = Store(tmp_path), execute(unit(), Evaluation(), 1)
    record = replace(outcome.record, scores=True)
    store.save(record, outcome.scores, outcome.blamed)
    found = store.blamed(record)
    np.testing.assert_array_equal(found.stretches, outcome.blamed.stretches)
    np.testing.assert_array_equal(found.parts, outcome.blamed.parts)
    np.testing.assert_array_equal(store.scores(record.unit), outcome.scores)
    store.save(record, outcome.scores)  # as before there were tables
    assert len(store.blamed(record)) == 0
    assert len(store.blamed(replace(record, scores=False))) == 0


@pytest.mark.parametrize(
    ("stretches", "parts"),
    [
        ([[0, 2000]], [[1.0, 2.0]]),
        ([[5, 5]], [[1.0, 2.0]]),
        ([[-1, 5]], [[1.0, 2.0]]),
        ([[0, 5]], [[np.nan, 2.0]]),
        ([[0, 5], [5, 6]], [[1.0, 2.0]]),
        ([[0.0, 5.0]], [[1.0, 2.0]]),
        ([[0, 5]], [["a", "b"]]),
    ],
)
def test_a_table_that_is_none_is_damage(tmp_path, stretches, parts):
    store, outcome = Store(tmp_path), execute(unit(), Evaluation(), 1)
    record = replace(outcome.record, scores=True)
    store.save(record, outcome.scores, Blamed(np.array(stretches), np.array(parts)))
    with pytest.raises(DamagedResultError, match="its contributions of channels are none"):
        store.blamed(record)
