"""`plot`: what a notebook shows of a scored recording."""

import numpy as np
import pytest

from anomalib_ts import Recording, plot
from anomalib_ts.deploy.alarms import AlarmRule, find_alarms
from anomalib_ts.errors import InputError

TIMES = np.datetime64("2026-03-01T00:00", "m") + np.arange(1000)
VALUES = np.random.default_rng(0).standard_normal((1000, 3)) * [1.0, 100.0, 0.01]
PUMP = Recording(VALUES, channel_names=("flow", "heat", "pressure"), times=TIMES, name="pump 7")
SCORES = np.abs(VALUES[:, 0])
ALARMS = find_alarms(SCORES, AlarmRule(2.9))


def marked(figure):
    """What the legend calls the shaded stretches, and how many there are in the whole picture."""
    scores = figure.axes[1]
    labels = scores.get_legend_handles_labels()[1]
    return [label for label in labels if label not in ("score", "threshold")], len(scores.patches)


def test_sensors_scores_threshold_and_alarms_over_time():
    figure = plot(PUMP, SCORES, 2.9, ALARMS)
    values, scores = figure.axes[:2]
    named = [text.get_text().split("\n")[0] for text in values.get_yticklabels()]
    assert named == ["flow", "heat", "pressure"]
    assert len(values.lines) == 3
    assert marked(figure) == (["alarm"], len(ALARMS)) and len(ALARMS) > 1
    assert "threshold" in scores.get_legend_handles_labels()[1]
    figure.draw_without_rendering()
    assert any("00" in text.get_text() for text in scores.get_xticklabels())
    assert figure.get_suptitle() == "pump 7"


def test_alarms_are_a_mask_or_a_list():
    mask = (SCORES > 2.9).astype(int)
    assert marked(plot(PUMP, SCORES, alarms=mask)) == marked(plot(PUMP, SCORES, alarms=ALARMS))
    slices = [slice(alarm.start, alarm.stop) for alarm in ALARMS]
    assert marked(plot(PUMP, SCORES, alarms=slices)) == marked(plot(PUMP, SCORES, alarms=ALARMS))
    assert marked(plot(PUMP, SCORES, alarms=[]))[1] == 0


def test_the_channels_that_an_alarm_comes_from_are_framed_and_named():
    parts = np.zeros((1000, 3))
    parts[400:404] = [-1.0, 9.0, 1.0]
    parts[700] = [5.0, 0.0, 0.0]  # neither in alarm nor above the threshold
    scores = parts.max(axis=1)
    alarm = [slice(400, 404)]
    for alarms, threshold in ((alarm, None), (alarm, 8.0), (None, 8.0)):
        figure = plot(PUMP, scores, threshold, alarms, parts)
        (frame,) = [patch for patch in figure.axes[0].patches if not patch.get_fill()]
        assert frame.get_bbox().intervaly.tolist() == [0.5, 1.5]  # the lane of heat
        begin, end = frame.get_bbox().intervalx
        assert end - begin == pytest.approx(4 / 1440)  # days
    assert figure.axes[1].get_legend_handles_labels()[1][-1] == "channel it comes from"
    assert plot(PUMP, scores, None, alarm, parts).axes[2].get_title() == (
        "the alarm: heat 90 %, pressure 10 %"
    )


def test_labels_are_marked_without_alarms():
    labels = np.zeros(1000, int)
    labels[100:120] = 1
    labelled = Recording(VALUES[:, 0], labels=labels)
    assert marked(plot(labelled, SCORES)) == (["true anomaly"], 1)
    assert marked(plot(VALUES[:, 0], SCORES)) == ([], 0)


def test_a_notebook_shows_it():
    assert plot(PUMP, SCORES)._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": SCORES[:9]}, "1000 finite numbers, one a point of pump 7"),
        ({"scores": np.full(1000, np.nan)}, "finite"),
        ({"alarms": [0, 1]}, "1000 times 0 or 1"),
        ({"alarms": np.full(1000, 2)}, "1000 times 0 or 1"),
        ({"alarms": [slice(990, 1001)]}, "an alarm from 990 to 1001 is none of 1000 points"),
        ({"contributions": np.zeros((1000, 2))}, r"of shape \(1000, 3\) .* not of shape .*2\)"),
        ({"contributions": np.full((1000, 3), np.nan)}, "contributions must be finite"),
        ({"contributions": [{"heat": 1.0}]}, "contributions must be an array of numbers"),
        ({"scores": "high"}, "scores must be an array of numbers"),
        ({"alarms": [slice(None, 9)]}, "an alarm from None to 9 is none"),
        ({"alarms": [slice(9, 9)]}, "an alarm from 9 to 9"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(changes, message):
    with pytest.raises(InputError, match=message):
        plot(**({"recording": PUMP, "scores": SCORES} | changes))
