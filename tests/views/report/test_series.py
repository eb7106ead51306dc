import base64
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalib_ts.core.recording import Recording
from anomalib_ts.errors import DataNotFoundError
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.results.entries import Method, entries
from anomalib_ts.results.store import Store
from anomalib_ts.views.report.series import MIN_POINTS, _segments, gallery, thin
from anomalib_ts.views.report.times import MOST_KNOTS, Times, knots
from tests.makers.records import ok
from tests.makers.report_stores import HOSTILE, full_store, save, times_of, truth


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return full_store(tmp_path_factory.mktemp("store"))


def made(store, **settings):
    found = entries(store.records()).kept
    methods = sorted({entry.method for entry in found})
    return gallery(store, found, methods, "auroc", **settings), methods


def unpacked(picture):
    """As `templates/series.js` does it."""
    content = zlib.decompress(base64.b64decode(picture["samples"]))
    n, step = picture["points"], picture["step"]
    count = n if step == 1 else 2 * -(-n // step)
    wide = 2 * count * len(picture["channels"])
    values = np.frombuffer(content[:wide], "<u2").reshape(-1, count)
    scores = np.frombuffer(content[wide:], "u1").reshape(-1, count)
    assert len(scores) == len(picture["scores"])
    spans = [score["span"] for score in picture["scores"]]
    return _scaled(values, picture["channels"], 65535), _scaled(scores, spans, 255)


def _scaled(whole, spans, levels):
    return [low + w * (high - low) / levels for w, (low, high) in zip(whole, spans, strict=True)]


def picture_of(found, case):
    return next(p for p in found.pictures if p["case"] == case)


def test_anomalies_that_no_sample_tells_apart_are_joined():
    labels = np.zeros(100, np.int8)
    labels[10:12] = labels[15:17] = labels[40] = 1
    assert _segments(labels, 1) == [(10, 12), (15, 17), (40, 41)]
    assert _segments(labels, 3) == [(10, 12), (15, 17), (40, 41)]
    assert _segments(labels, 4) == [(10, 17), (40, 41)]
    assert _segments(labels, 50) == [(10, 41)]
    assert _segments(np.zeros(5), 9) == []
    assert _segments(np.ones(5), 9) == [(0, 5)]


def test_short_series_are_kept_to_a_fraction_of_a_pixel(store):
    found, methods = made(store)
    picture = picture_of(found, "two channels")
    assert (picture["points"], picture["step"]) == (3000, 1)
    assert picture["anomalies"] == [1200, 1240, 2000, 2003]
    values, scores = unpacked(picture)
    expected = truth("two channels").values
    np.testing.assert_allclose(np.array(values).T, expected, atol=np.ptp(expected) / 65535)
    for shown, score in zip(picture["scores"], scores, strict=True):
        unit = ok(0, methods[shown["method"]].name, "two channels", data="E").unit
        stored = store.scores(unit)
        np.testing.assert_allclose(score, stored, atol=np.ptp(stored) / 255)
        assert (shown["seed"], shown["threshold"]) == (0, 1.2)


def test_high_scores_name_the_channels_that_they_come_from(store):
    found, methods = made(store)
    of = {
        methods[one["method"]].name: one["blamed"]
        for one in picture_of(found, "two channels")["scores"]
    }
    assert [row.pop("height") for row in of["good"]] == [pytest.approx(1, abs=0.1)] * 2
    assert of["good"] == [
        {
            "stretch": [1200, 1240],
            "text": f"{HOSTILE} 90 %, flow (m³/h) 10 %",
            "channels": [(1, 2)],
        },
        {
            "stretch": [2000, 2003],
            "text": f"flow (m³/h) 75 %, {HOSTILE} 25 %",
            "channels": [(0, 1), (1, 2)],
        },
    ]
    assert of["fair"] == of["poor"] == []
    assert all(one["blamed"] == [] for one in picture_of(found, "long")["scores"])


def test_each_score_belongs_to_its_method_and_carries_its_value(store):
    found, methods = made(store)
    picture = picture_of(found, "short")
    values = {methods[s["method"]].name: s["value"] for s in picture["scores"]}
    assert values == {"good": pytest.approx(0.925), "fair": pytest.approx(0.725)}
    assert {s["value"] for s in picture_of(found, "no anomaly")["scores"]} == {None}


def test_every_peak_survives_thinning():
    values = np.zeros(100_003)
    values[[17, 55_555, 100_002]] = 9.0, -4.0, 7.0
    kept = thin(values, 101)
    assert len(kept) == 2 * 991
    assert sorted(kept[kept != 0]) == [-4.0, 7.0, 9.0]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.integers(3, 9))
def test_thinning_keeps_the_smallest_and_largest_of_each_stretch(values, step):
    stretches = [values[i : i + step] for i in range(0, len(values), step)]
    expected = [f(s) for s in stretches for f in (min, max)]
    assert thin(np.array(values), step).tolist() == expected


@pytest.mark.parametrize("limit", [20_000, 60_000, 200_000])
def test_the_page_stays_within_its_limit(store, limit):
    found, _ = made(store, max_bytes=limit)
    size = sum(len(p["samples"]) + 14 * len(p["anomalies"]) / 2 for p in found.pictures)
    assert size < limit
    assert len(found.pictures) == 4
    assert (found.points < 3000) == (limit < 200_000)


def test_thinned_series_hold_the_true_range(store):
    found, _ = made(store, max_bytes=30_000)
    picture = picture_of(found, "long")
    assert picture["step"] > 2
    values, _ = unpacked(picture)
    expected = truth("long").values
    assert values[0].max() == pytest.approx(expected.max())
    assert values[0].min() == pytest.approx(expected.min())


def test_a_series_is_left_out_only_if_the_limit_leaves_no_choice(store):
    found, _ = made(store, max_bytes=9_000)
    assert found.points == MIN_POINTS
    assert found.stored == 4
    assert {p["data"] for p in found.pictures} == {"D", "E"}  # a data set is not left out first
    assert len(found.pictures) < 4


def test_series_can_be_chosen(store):
    assert [p["case"] for p in made(store, patterns=["sh*"])[0].pictures] == ["short"]
    assert {p["data"] for p in made(store, patterns=["E/*"])[0].pictures} == {"E"}
    with pytest.raises(DataNotFoundError, match="no series with stored scores matches nothing"):
        made(store, patterns=["nothing"])


def test_a_store_without_scores_has_no_pictures(tmp_path):
    store = Store(tmp_path)
    store.save(ok(0.5))
    assert made(store)[0].pictures == []


def test_recordings_with_one_label_each(tmp_path):
    """Sound clips: no values are kept, the label holds for the whole clip."""
    store = Store(tmp_path)
    record = ok(0.5)
    clips = [Recording(np.ones((10, 20)), label=label) for label in (0, 1, 0)]
    save(store, record)
    store.save_case(record.unit, {})  # the first one stays
    folder = next(store.folder.glob("*/cases"))
    for path in folder.iterdir():
        np.savez(path, **GroundTruth.of(clips).arrays())
    store.save(next(iter(store.records())), np.arange(30.0))
    (picture,) = made(store)[0].pictures
    assert (picture["points"], picture["channels"]) == (30, [])
    assert picture["anomalies"] == [10, 20]
    assert picture["joints"] == [10, 20]
    assert made(store)[1] == [Method("a", "whole")]


@given(
    st.lists(st.floats(0.01, 100), min_size=1, max_size=60),
    st.floats(0.001, 50),
    st.integers(2, 70),
)
def test_interpolated_times_are_right_unless_there_are_too_many(steps, tolerance, most):
    times = np.cumsum(steps)
    kept = knots(times, tolerance, most)
    assert kept == sorted(set(kept)) and {kept[0], kept[-1]} == {0, len(times) - 1}
    assert len(kept) <= most
    error = abs(np.interp(np.arange(len(times)), kept, times[kept]) - times).max()
    assert error <= tolerance * (1 + 1e-9) or len(kept) == most


def test_times_take_little_room_where_they_are_even_and_a_gap_is_exact():
    found = Times.of(times_of("two channels", 100_000))
    assert (found.kind, found.step) == ("date", 60_000)
    assert found.points == [0, 1499, 1500, 99_999]
    first, before, after, _ = found.values
    assert first == 1767132000000  # 2025-12-30 22:00 UTC
    assert (before - first, after - before) == (1499 * 60_000, 541 * 60_000)
    assert Times.of(times_of("short")).points == [0, 2999]
    assert Times.of(None) is None


def test_uneven_times_are_bounded():
    random = np.random.default_rng(0)
    found = Times.of(np.cumsum(random.pareto(1, 50_000) + 0.1))
    assert len(found.points) == MOST_KNOTS


def test_one_point_and_recordings_at_the_same_time():
    assert Times.of(np.array([5.0])).points == [0]
    found = Times.of(np.array([0.0, 1.0, 2.0, 0.0, 1.0, 2.0]))
    assert (found.points, found.values) == ([0, 2, 3, 5], [0.0, 2.0, 0.0, 2.0])


def test_names_and_times_are_in_the_page_where_they_are_known(store):
    found, _ = made(store)
    assert picture_of(found, "two channels")["names"] == ["flow (m³/h)", HOSTILE]
    assert picture_of(found, "two channels")["times"]["kind"] == "date"
    assert picture_of(found, "short")["times"]["kind"] == "seconds"
    unknown = picture_of(found, "no anomaly")
    assert unknown["names"] is None and unknown["times"] is None


def test_a_channel_far_from_zero_keeps_its_shape(tmp_path):
    random = np.random.default_rng(0)
    values = 1e9 + random.normal(0, 1, (500, 1))
    store, record = Store(tmp_path), replace(ok(0.5), scores=True)
    store.save_case(record.unit, GroundTruth.of([Recording(values)]).arrays())
    store.save(record, random.random(500))
    (picture,) = made(store)[0].pictures
    (shown,), _ = unpacked(picture)
    np.testing.assert_allclose(shown - 1e9, values[:, 0] - 1e9, atol=np.ptp(values) / 65535)
