import base64
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalib_ts.errors import DataNotFoundError
from anomalib_ts.report.series import MIN_POINTS, _segments, gallery, thin
from anomalib_ts.results.entries import Method, entries
from anomalib_ts.results.store import Store
from tests.report.stores import full_store, save, truth
from tests.results.records import ok


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
    from anomalib_ts.ground_truth import GroundTruth
    from anomalib_ts.recording import Recording

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
