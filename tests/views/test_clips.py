"""The most anomalous clips of stored results: their order, their scores, the alarm, their files."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from anomalib_ts.core.recording import Recording
from anomalib_ts.errors import DataNotFoundError
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.results.blamed import Blamed
from anomalib_ts.results.store import Store
from anomalib_ts.views.clip_table import as_csv, as_text
from anomalib_ts.views.clips import (
    RankedClip,
    RankedUnit,
    clip_files,
    rank_clips,
    rank_unit,
    ranked_units,
)
from tests.makers.clips import write_machine_type
from tests.makers.records import failed, ok

SCORES = {"quiet": [1.0, 1, 1, 1], "spike": [0.0, 0, 0, 10], "loud": [3.0, 3], "as quiet": [1.0]}
LABELS = {"quiet": 0, "spike": 1, "loud": 1, "as quiet": 0}
SOUNDS = {"_target_": "anomalib_ts.data.sounds.dcase.Dcase"}


def truth(names=tuple(SCORES), **changes):
    return GroundTruth.of(
        [
            Recording(np.zeros(len(SCORES[name])), label=LABELS[name], name=name, **changes)
            for name in names
        ]
    )


def scores(names=tuple(SCORES)):
    return np.concatenate([SCORES[name] for name in names])


def record(reduce="mean", threshold=2.0, decides=None, **place):
    judged = {"reduce": reduce, "window": "period"}
    decides = decides or reduce
    return replace(ok(0.5, **place), threshold=threshold, decides=decides, judged=judged)


def save(store, kept, names=tuple(SCORES)):
    store.save_case(kept.unit, truth(names).arrays())
    store.save(replace(kept, scores=True), scores(names))


def shown(ranked, top=10, width=80):
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(as_text(ranked, top))
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize(
    ("reduce", "expected"),
    [
        ("mean", {"loud": 3.0, "spike": 2.5, "quiet": 1.0, "as quiet": 1.0}),
        ("max", {"spike": 10.0, "loud": 3.0, "quiet": 1.0, "as quiet": 1.0}),
    ],
)
def test_clips_are_ranked_as_the_evaluation_reduced_them(reduce, expected):
    clips = rank_clips(record(reduce), truth(), scores())
    assert {clip.name: clip.score for clip in clips} == expected
    assert [clip.name for clip in clips] == list(expected)  # ties in the order of the case
    assert [clip.rank for clip in clips] == [1, 2, 3, 4]
    assert [clip.place for clip in clips] == [list(SCORES).index(name) for name in expected]
    assert [clip.label for clip in clips] == [LABELS[name] for name in expected]


def test_many_clips_that_score_alike_keep_the_order_of_the_case():
    found = GroundTruth.of([Recording(np.zeros(1), label=0, name=f"{i}") for i in range(200)])
    clips = rank_clips(record(), found, np.arange(200) % 2 + 0.5)
    assert [clip.place for clip in clips] == [*range(1, 200, 2), *range(0, 200, 2)]


def test_an_alarm_is_a_score_above_the_threshold():
    alarms = [clip.alarm for clip in rank_clips(record(threshold=2.5), truth(), scores())]
    assert alarms == [True, False, False, False]


def test_a_threshold_of_points_says_nothing_of_clips():
    for kept in (record(decides="points"), record(decides="max"), record(threshold=None)):
        assert {clip.alarm for clip in rank_clips(kept, truth(), scores())} == {None}


def test_a_clip_with_any_anomalous_point_is_anomalous():
    found = GroundTruth.of(
        [Recording(np.zeros(2), labels=labels, name="x") for labels in ([0, 0], [0, 1])]
    )
    clips = rank_clips(record(), found, np.array([2.0, 2, 1, 1]))
    assert [clip.label for clip in clips] == [0, 1]
    unlabelled = GroundTruth.of([Recording(np.zeros(2), name="x")])
    assert rank_clips(record(), unlabelled, np.ones(2))[0].label is None


def test_units_of_a_store_are_ranked_case_by_case(tmp_path):
    store = Store(tmp_path)
    for place in ({"case": "fan"}, {"case": "fan", "detector": "b"}, {"case": "pump", "seed": 3}):
        save(store, record(**place))
    save(store, record(case="series"), ["loud"])  # one recording: nothing to rank
    store.save(failed(case="broken"))
    units = ranked_units(store)
    found = [(r.record.unit.case, r.record.unit.detector, r.record.unit.seed) for r in units]
    assert found == [("fan", "a", 0), ("fan", "b", 0), ("pump", "a", 3)]
    assert all([clip.name for clip in ranked.clips][:2] == ["loud", "spike"] for ranked in units)
    assert [r.record.unit.detector for r in ranked_units(store, "f*", "b")] == ["b"]
    assert rank_unit(store, replace(units[0].record)) == units[0]
    assert rank_unit(store, replace(record(case="series"), scores=True)) is None
    assert rank_unit(store, failed(case="broken")) is None


def test_protocols_that_test_other_clips_of_the_same_case_are_not_mixed_up(tmp_path):
    store = Store(tmp_path)
    weak = {"protocol": "weak", "protocol_settings": {"_target_": "made.up.Weak"}}
    save(store, record())
    save(store, record(**weak), ["spike", "quiet"])
    save(store, record(detector="b", **weak), ["spike", "quiet"])
    found = {
        (ranked.record.unit.detector, ranked.record.unit.protocol): len(ranked.clips)
        for ranked in ranked_units(store)
    }
    assert found == {("a", "whole"): 4, ("a", "weak"): 2, ("b", "weak"): 2}


def test_what_cannot_be_ranked_is_said(tmp_path):
    store = Store(tmp_path)
    store.save(ok(0.5))
    with pytest.raises(DataNotFoundError, match=r"no scores in .*save_scores=true"):
        ranked_units(store)
    save(store, record(case="series"), ["loud"])
    with pytest.raises(DataNotFoundError, match="one long recording each"):
        ranked_units(store)
    with pytest.raises(DataNotFoundError, match=r"no case in .* 'seris'; did you mean series\?"):
        ranked_units(store, "seris")
    with pytest.raises(DataNotFoundError, match=r"no result in .* is of 'b'; there are a"):
        ranked_units(store, detector="b")


@pytest.fixture
def sounds(tmp_path):
    """A unit's clips that lie on disk: two of the machine type `fan`."""
    write_machine_type(tmp_path / "fan", train=0, normal=1, anomalous=1, ids=("02",), seconds=0.1)
    kept = record(case="fan", data_settings=SOUNDS | {"root": str(tmp_path)})
    names = ["test/normal_id_02_00000000.wav", "test/anomaly_id_02_00000000.wav"]
    found = replace(truth(["quiet", "spike"], machine_id="02"), names=np.array(names))
    return kept, found, tmp_path


def test_a_clip_leads_to_its_file(sounds):
    kept, found, root = sounds
    clips = rank_clips(kept, found, scores(["quiet", "spike"]))
    files = clip_files(kept.unit, clips)
    assert files == [root / "fan" / clip.name for clip in clips]
    assert all(file.is_file() for file in files)
    assert clip_files(record().unit, clips) == [None, None]  # made.up.Data is not installed
    arrays = {"_target_": "anomalib_ts.data.series.mackey_glass.MackeyGlass"}
    assert clip_files(record(data_settings=arrays).unit, clips) == [None, None]


def test_the_table_names_what_can_be_listened_to(sounds, tmp_path):
    kept, found, root = sounds
    store = Store(tmp_path / "results")
    store.save_case(kept.unit, found.arrays())
    kept = replace(kept, scores=True)
    store.save(kept, scores(["quiet", "spike"]))
    ranked = rank_unit(store, kept)
    assert shown(ranked, width=400) == [
        "fan: a, protocol whole, seed 0",
        "alarm above 2: 1 of 1 anomalous clips, 0 of 1 normal clips",
        f"files in {root}/fan/test",
        "rank  score  alarm  truth      machine  clip",
        "   1  2.500  yes    anomalous  02       anomaly_id_02_00000000.wav",
        "   2  1.000  no     normal     02       normal_id_02_00000000.wav",
    ]
    assert len(shown(ranked, top=1, width=400)) == 5
    (row,) = csv.DictReader(as_csv([ranked], 1).splitlines())
    assert list(row.values()) == [
        *("D", "fan", "whole", "a", "", "0"),
        *("1", "2.5", "2.0", "1", "1", "", "", "02", "", "test/anomaly_id_02_00000000.wav"),
        f"{root}/fan/test/anomaly_id_02_00000000.wav",
    ]
    assert (row["score"], row["threshold"], row["machine_id"]) == ("2.5", "2.0", "02")
    (root / "fan" / "test" / "anomaly_id_02_00000000.wav").unlink()
    assert shown(ranked, width=400)[2] == f"files not found in {root}/fan/test"
    gone, there = csv.DictReader(as_csv([ranked], 2).splitlines())
    assert gone["path"] == "" and there["path"] != ""


def test_what_is_not_known_is_left_out_of_the_table():
    kept = record(threshold=None, variant="window=7")
    clips = [replace(clip, label=None) for clip in rank_clips(kept, truth(), scores())]
    lines = shown(RankedUnit(kept, clips))
    assert lines[:3] == [
        "x: a (window=7), protocol whole, seed 0",
        "4 clips; no threshold was fitted for clip scores",
        "rank  score  clip",
    ]
    (row, *_) = csv.DictReader(as_csv([RankedUnit(kept, clips)], 1).splitlines())
    assert row["threshold"] == row["alarm"] == row["label"] == row["path"] == ""


def test_long_names_are_never_cut():
    name = "section_00_source_test_anomaly_0000_" + "a_long_attribute_" * 5 + ".wav"
    clip = RankedClip(1, 0, 1234.5678, None, None, "", name, "", "")
    lines = shown(RankedUnit(record(decides="points"), [clip]), width=60)
    assert name in "".join(line.strip() for line in lines[3:])
    assert "1235" in lines[3]


def test_the_kind_of_an_anomaly_is_told_where_it_is_known():
    known = replace(truth(["quiet", "spike"]), kinds=np.array(["", "bearing"]))
    clips = rank_clips(record(), known, scores(["quiet", "spike"]))
    assert [clip.kind for clip in clips] == ["bearing", ""]
    assert "bearing" in shown(RankedUnit(record(), clips))[3]


def test_the_channels_of_each_clip_stand_in_the_table(tmp_path):
    store, kept = Store(tmp_path), replace(record(), scores=True)
    names = ("quiet", "spike")
    found = GroundTruth.of(
        [
            Recording(np.zeros((4, 2)), label=LABELS[n], name=n, channel_names=("flow", "heat"))
            for n in names
        ]
    )
    store.save_case(kept.unit, found.arrays())
    store.save(kept, scores(names), Blamed(np.array([[4, 8]]), np.array([[1.0, 3.0]])))
    ranked = rank_unit(store, kept)
    assert [[one.name for one in clip.blamed] for clip in ranked.clips] == [["heat", "flow"], []]
    (row, other) = csv.DictReader(as_csv([ranked], 2).splitlines())
    assert (row["name"], row["channels"], other["channels"]) == (
        "spike",
        "heat 75 %, flow 25 %",
        "",
    )
    assert any("comes from" in line for line in shown(ranked))
    store.save(kept, scores(names))  # as before there were tables
    assert not any("comes from" in line for line in shown(rank_unit(store, kept)))
