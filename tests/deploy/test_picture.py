"""The picture of scored data: its alarms, and the channels that they come from."""

import numpy as np

from anomalib_ts.core.recording import Recording
from anomalib_ts.deploy import picture
from anomalib_ts.deploy.alarms import AlarmRule, find_alarms
from anomalib_ts.deploy.tables import ScoredRecording

NAMES = ("flow", "heat", "load")


def scored(alarm_at, blamed, names=NAMES):
    values = np.random.default_rng(0).standard_normal((100, 3))
    scores = np.zeros(100)
    scores[alarm_at : alarm_at + 5] = 9
    recording = Recording(values, channel_names=names)
    return ScoredRecording(recording, scores, find_alarms(scores, AlarmRule(3.0)), blamed)


def test_alarms_of_several_recordings_are_blamed_where_they_are():
    parts = [
        scored(10, [{"heat": 0.75, "flow": 0.125}]),
        scored(50, []),  # nobody could say
        scored(20, [{"channel 2": 1.0}], names=None),
    ]
    rows = picture.blamed_rows(parts)
    assert rows.stretches.tolist() == [[10, 15], [220, 225]]
    assert rows.parts.tolist() == [[0.125, 0.75, 0.125], [0.0, 0.0, 1.0]]
    for unknown in ([], [{}]):
        assert len(picture.blamed_rows([scored(50, unknown)])) == 0


def test_the_channel_of_an_alarm_is_framed(tmp_path, monkeypatch):
    figures, draw = [], picture.draw_series
    monkeypatch.setattr(
        picture,
        "draw_series",
        lambda *given, **named: figures.append(draw(*given, **named)) or figures[-1],
    )
    part = scored(50, [{"heat": 0.9, "flow": 0.1}])
    assert picture.draw_scored(tmp_path / "a.png", [part], 3.0, "a day").is_file()
    whole, _, detail, _ = figures[0].axes
    (frame,) = [patch for patch in whole.patches if not patch.get_fill()]
    assert frame.get_bbox().extents.tolist() == [50, 0.5, 55, 1.5]
    assert detail.get_title() == "the alarm: heat 90 %, flow 10 %"
