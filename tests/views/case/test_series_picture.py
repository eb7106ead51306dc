"""The picture of a series: lines or an image, the anomalies marked, the extremes in detail."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import date2num

from anomalib_ts.results.blamed import Blamed
from anomalib_ts.views.case.channels import span_text
from anomalib_ts.views.case.series import draw_series


def series(channels, points=3000):
    rng = np.random.default_rng(0)
    values = (rng.normal(0, 1, (points, channels)) * 10.0 ** np.arange(channels)).astype(np.float32)
    labels = np.zeros(points, np.int8)
    labels[1000:1020] = labels[2000:2040] = 1
    scores = rng.random(points)
    scores[2000:2040] += 3
    return values, labels, scores


@pytest.mark.parametrize(("channels", "images"), [(1, 0), (8, 0), (9, 1)])
def test_many_channels_are_an_image(channels, images):
    values, labels, scores = series(channels)
    figure = draw_series(values, labels, scores, 1.5)
    whole = figure.axes[0]
    assert len(whole.images) == images
    drawn = [line for line in whole.lines if len(line.get_xdata()) == len(values)]
    assert len(drawn) == (0 if images else channels)
    FigureCanvasAgg(figure).draw()


def test_any_title_can_be_drawn():
    figure = draw_series(*series(1, 2100), 1.5, title="\udcff \x1b[2J $a$")
    FigureCanvasAgg(figure).draw()
    assert figure.get_suptitle() == "\\udcff \\x1b[2J $a$"


def frames(axes):
    """The stretch and the lanes of each frame."""
    boxes = [patch.get_bbox() for patch in axes.patches if not patch.get_fill()]
    return [(box.x0, box.x1, box.y0, box.y1) for box in boxes]


@pytest.mark.parametrize("channels", [1, 4, 12])
def test_the_channels_that_a_score_comes_from_are_framed_and_named(channels):
    values, labels, scores = series(channels)
    scores[500] = 2
    parts = np.zeros((4, channels))
    parts[:, -1], parts[2, 0] = 1, 5
    stretches = np.array([[300, 310], [500, 501], [1005, 1010], [2000, 2040]])
    blamed = Blamed(stretches, parts)  # nothing, above the threshold, two anomalies
    figure = draw_series(values, labels, scores, 1.5, blamed=blamed)
    lanes = {c: (c - 0.5, c + 0.5) for c in range(channels)}
    if channels == 4:
        lanes = {c: lanes[3 - c] for c in range(4)}
    whole = (
        []
        if channels == 1
        else [
            (500, 501, *lanes[channels - 1]),
            (1005, 1010, *lanes[0]),
            (2000, 2040, *lanes[channels - 1]),
        ]
    )
    assert frames(figure.axes[0]) == whole
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    last = f": channel {channels - 1} 100 %"
    first = f": channel 0 83 %, channel {channels - 1} 17 %"
    assert titles == [
        "highest scored anomaly" + last * (channels > 1),
        "lowest scored anomaly" + first * (channels > 1),
    ]
    labels_shown = figure.axes[1].get_legend_handles_labels()[1]
    assert labels_shown.count("channel it comes from") == (channels > 1)
    FigureCanvasAgg(figure).draw()


def test_names_of_channels_that_no_font_can_draw_are_written_out():
    values, labels, scores = series(3)
    names = ("a\ud800b\x1b[31m", "$x^$", "c\x00\n\u202e")
    blamed = Blamed(np.array([[2000, 2040]]), np.ones((1, 3)))
    figure = draw_series(values, labels, scores, 1.5, names=names, blamed=blamed)
    FigureCanvasAgg(figure).draw()
    shown = " ".join(axes.get_title() for axes in figure.axes)
    shown += " ".join(label.get_text() for label in figure.axes[0].get_yticklabels())
    assert "$x^$" in shown
    assert not set(shown) & set("\ud800\x1b\x00\u202e")


def test_channels_of_any_scale_are_seen_and_a_constant_one_is_no_error():
    values, labels, scores = series(12)
    values[:, 4] = 7
    (image,) = draw_series(values, labels, scores, None).axes[0].images
    shown = np.asarray(image.get_array())
    assert shown[4] == pytest.approx(0)
    assert np.delete(shown, 4, axis=0).std(axis=1) == pytest.approx(
        np.full(11, shown[0].std()), rel=0.05
    )


def test_a_long_series_is_averaged_to_the_width_of_a_picture():
    values = np.repeat(np.arange(5000, dtype=np.float32)[:, None], 9, axis=1)
    (image,) = draw_series(values, None, np.zeros(5000), None).axes[0].images
    shown = np.asarray(image.get_array())
    assert shown.shape == (9, 1667)
    centred = (np.array([1.0, 4.0, 4998.5]) - values[:, 0].mean()) / values[:, 0].std()
    assert shown[0, [0, 1, -1]] == pytest.approx(centred, rel=1e-4)  # the last of two points only
    assert image.get_extent() == [-0.5, 4999.5, -0.5, 8.5]


@pytest.mark.parametrize("channels", [1, 9])
def test_details_show_the_best_and_the_worst_found_anomaly(channels):
    values, labels, scores = series(channels)
    axes = [a for a in draw_series(values, labels, scores, 1.5).axes if a.get_label() == ""]
    titles = {a.get_title(): a.get_xlim() for a in axes if a.get_title()}
    assert titles == {
        "highest scored anomaly": (1820, 2220),
        "lowest scored anomaly": (810, 1210),
    }
    best = next(a for a in axes if a.get_title() == "highest scored anomaly")
    if channels == 1:
        assert [patch.get_x() for patch in best.patches] == [2000]
    else:
        assert [line.get_xdata()[0] for line in best.lines] == [2000, 2040]


def panels(figure):
    """Pairs of axes, values above scores: the whole, then the details."""
    axes = [a for a in figure.axes if a.get_label() != "<colorbar>"]
    return list(zip(axes[::2], axes[1::2], strict=True))


def tick_labels(axes):
    """What is written at the ticks of the x axis, within the panel."""
    FigureCanvasAgg(axes.figure).draw()
    return [label.get_text() for label in axes.get_xticklabels() if label.get_text()]


MINUTES = np.datetime64("2025-12-30T22:00", "ns") + np.arange(3000) * np.timedelta64(60, "s")


def test_dates_stand_at_the_x_axis_of_the_whole_and_of_the_details():
    values, labels, scores = series(3)
    whole, best, worst = panels(draw_series(values, labels, scores, 1.5, times=MINUTES))
    assert "Jan-01" in tick_labels(whole[1])
    assert whole[1].get_xlabel() == "2025-12-30 22:00:00 to 2026-01-01 23:59:00"
    assert tick_labels(whole[0]) == []
    assert "08:00" in tick_labels(best[1])
    for pair, first in ((best, 1820), (worst, 810)):
        ends = MINUTES[[first, first + 399]].astype("M8[s]")
        assert pair[1].get_xlabel() == " to ".join(str(end).replace("T", " ") for end in ends)
        assert pair[0].get_xlim() == pair[1].get_xlim()
        assert pair[1].get_xlim() == pytest.approx(
            date2num([MINUTES[first], MINUTES[first + 400]]), abs=1e-9
        )
    marked = best[1].patches[0]
    assert marked.get_x() == pytest.approx(date2num(MINUTES[2000]), abs=1e-9)
    assert marked.get_width() == pytest.approx(40 / 1440)


@pytest.mark.parametrize(
    ("step", "label", "length"),
    [
        (0.01, "time (s)", 30),
        (7.0, "time (min)", 350),
        (60.0, "time (h)", 50),
        (864e3, "time (days)", 30e3),
    ],
)
def test_numbers_are_seconds_minutes_hours_or_days(step, label, length):
    values, labels, scores = series(1)
    (_, whole), *_ = panels(draw_series(values, labels, scores, 1.5, times=step * np.arange(3000)))
    assert whole.get_xlabel() == label
    assert whole.get_xlim() == pytest.approx((0, length))


def test_points_are_counted_where_no_times_are_known():
    values, labels, scores = series(1)
    for values_panel, scores_panel in panels(draw_series(values, labels, scores, 1.5)):
        assert scores_panel.get_xlabel() == "point"
        assert tick_labels(values_panel) == []
        assert all(float(text).is_integer() for text in tick_labels(scores_panel))


def test_a_stretch_of_milliseconds_says_when_it_began():
    values, labels, scores = series(1)
    times = MINUTES[0] + np.arange(3000) * np.timedelta64(20, "us")
    (_, whole), (_, best), _ = panels(draw_series(values, labels, scores, 1.5, times=times))
    assert whole.get_xlabel() == "seconds after 2025-12-30 22:00:00"
    assert whole.get_xlim() == pytest.approx((0, 0.06))
    assert best.get_xlabel() == "seconds after 2025-12-30 22:00:00.0364"


def test_nothing_is_drawn_where_points_are_missing():
    values, labels, scores = series(1)
    times = MINUTES.copy()
    times[1010:] += np.timedelta64(9, "h")  # within an anomaly
    (whole, score), *_ = panels(draw_series(values, labels, scores, 1.5, times=times))
    for line in (whole.lines[0], score.lines[0]):
        assert np.flatnonzero(np.isnan(line.get_ydata())).tolist() == [1010]
    labels[1010:1020] = 0
    figure = draw_series(values, labels, scores, 1.5, times=times)
    (_, score), *_ = panels(figure)
    assert score.patches[0].get_width() == pytest.approx(10 / 1440)  # not up to the next point
    wide = np.random.default_rng(0).normal(size=(3000, 12))
    (whole, _), *_ = panels(draw_series(wide, labels, scores, 1.5, times=times))
    (image,) = whole.images
    FigureCanvasAgg(figure).draw()
    shown = np.ma.filled(np.ma.masked_invalid(image.get_array()), np.nan)
    assert np.isnan(shown).all(axis=0).sum() == 1


def test_a_long_line_is_drawn_by_its_extremes_and_keeps_its_gaps():
    values = np.random.default_rng(0).normal(size=(1_000_003, 1))
    values[[17, 500_000, 1_000_002], 0] = 9, -9, 8
    times = np.arange(1_000_003.0)
    times[700_000:] += 90_000
    (whole, _), *_ = panels(draw_series(values, None, values[:, 0], None, times=times))
    x, y = whole.lines[0].get_data()
    assert len(x) < 10_000
    drawn = dict(zip(np.round(x * 3600).tolist(), y.tolist(), strict=True))  # it shows hours
    assert (drawn[17], drawn[500_000], drawn[1_090_002]) == (9, -9, 8)
    assert x[0] == 0 and np.isnan(y).sum() == 1
    at = int(np.flatnonzero(np.isnan(y))[0])
    assert x[at - 1] * 3600 < 700_000 and x[at + 1] * 3600 >= 790_000
    kept = times.searchsorted((x[~np.isnan(y)] * 3600).round())
    assert np.array_equal(values[kept, 0], y[~np.isnan(y)])
    assert np.ptp(np.diff(np.append(kept, len(times)))) < 600  # no stretch is left out


def test_a_lonely_point_between_gaps_stays_in_sight():
    times = np.array([0.0, 1, 2, 100, 200, 201, 202])
    values = np.arange(7.0)[:, None]
    (whole, _), *_ = panels(draw_series(values, None, values[:, 0], None, times=times))
    assert not np.isnan(whole.lines[0].get_ydata()).any()


def test_recordings_of_the_same_time_stand_one_after_another():
    values, labels, scores = series(1)
    times = np.concatenate([MINUTES[:1500], MINUTES[:1500]])
    (_, whole), (_, best), _ = panels(draw_series(values, labels, scores, 1.5, times=times))
    assert whole.get_xlim() == (0, 3000)
    assert tick_labels(whole)[0] == "2025-12-30\n22:00:00"
    assert whole.get_xlabel() == "time, one recording after another"
    assert "2025-12-31 03:20:00" in best.get_xlabel()  # point 1820


def test_several_channels_have_a_lane_with_name_and_range():
    values, labels, scores = series(3)
    values = values.astype(np.float64)
    values[:, 0] = 1e9 + np.random.default_rng(1).normal(0, 1, 3000)
    values[:, 2] = 5
    names = ("flow (m³/h)", "a very long name of a sensor, bar", "$status_{$")
    (whole, _), *_ = panels(draw_series(values, labels, scores, 1.5, names=names))
    texts = [label.get_text() for label in whole.get_yticklabels()]
    assert [text.split("\n")[0] for text in texts] == [names[0], "a very lon…ensor, bar", names[2]]
    low, high = map(float, texts[0].split("\n")[1].split(" to "))
    assert (low, high) == pytest.approx((values[:, 0].min(), values[:, 0].max()), abs=0.1)
    assert texts[2].split("\n")[1] == "5"
    for middle, line in zip((2, 1), whole.lines, strict=False):
        y = line.get_ydata()
        assert (y.min(), y.max()) == pytest.approx((middle - 0.43, middle + 0.43))
    assert set(whole.lines[2].get_ydata()) == {0}
    shape = (values[:, 0] - values[:, 0].min()) / np.ptp(values[:, 0])
    np.testing.assert_allclose((whole.lines[0].get_ydata() - 1.57) / 0.86, shape, atol=1e-6)
    FigureCanvasAgg(whole.figure).draw()


def test_channels_without_names_are_numbered():
    values, labels, scores = series(2)
    (whole, _), *_ = panels(draw_series(values, labels, scores, None))
    first = [label.get_text().split("\n")[0] for label in whole.get_yticklabels()]
    assert first == ["channel 0", "channel 1"]


@pytest.mark.parametrize(("names", "label"), [(None, "value"), (("flow $ (€)",), "flow $ (€)")])
def test_one_channel_has_an_axis_of_values(names, label):
    values, labels, scores = series(1)
    (whole, _), *_ = panels(draw_series(values, labels, scores, None, names=names))
    assert whole.get_ylabel() == label
    assert np.array_equal(whole.lines[0].get_ydata(), values[:, 0])
    FigureCanvasAgg(whole.figure).draw()


@pytest.mark.parametrize(("channels", "named"), [(24, True), (25, False)])
def test_the_channels_of_an_image_are_named_where_they_are_few_enough(channels, named):
    values = np.random.default_rng(0).normal(size=(50, channels))
    names = [f"sensor {i}" for i in range(channels)]
    (whole, _), *_ = panels(draw_series(values, None, values[:, 0], None, names=names))
    FigureCanvasAgg(whole.figure).draw()
    shown = [label.get_text() for label in whole.get_yticklabels()]
    assert shown == names if named else not set(shown) & set(names)


@pytest.mark.parametrize(("level", "scale"), [(0.0, 1e-200), (0.0, 1e-9), (0.0, 1.0), (1e9, 1.0)])
def test_an_image_shows_deviations_at_any_level_and_scale(level, scale):
    noise = np.random.default_rng(0).normal(size=(5000, 9))
    values = level + scale * noise
    (whole, _), *_ = panels(draw_series(values, None, noise[:, 0], None))
    (image,) = whole.images
    expected = (noise - noise.mean(axis=0)) / noise.std(axis=0)
    shown = np.asarray(image.get_array())
    np.testing.assert_allclose(shown[:, 0], expected[:3].mean(axis=0), rtol=1e-5, atol=1e-6)


finite = st.floats(-1.7e308, 1.7e308)


@given(finite, finite)
def test_a_range_in_numbers_tells_its_ends_apart(one, other):
    low, high = sorted((one, other))
    text = span_text(low, high)
    if low == high:
        assert float(text) == pytest.approx(low, rel=1e-5)
        return
    first, last = map(float, text.split(" to "))
    assert first < last
    width = min(high - low, 1e308)
    assert abs(first - low) <= max(0.06 * width, 1e-15 * abs(low))
    assert abs(last - high) <= max(0.06 * width, 1e-15 * abs(high))


@given(st.lists(finite, min_size=2, max_size=30))
@settings(deadline=None)  # the first picture takes its time
def test_a_line_spans_its_lane_whatever_its_level(numbers):
    values = np.stack([numbers, np.zeros(len(numbers))], axis=1)
    (whole, _), *_ = panels(draw_series(values, None, np.zeros(len(numbers)), None))
    y = whole.lines[0].get_ydata()
    height = 0.0 if len(set(numbers)) == 1 else 0.43
    assert (y.min(), y.max()) == pytest.approx((1 - height, 1 + height))


@pytest.mark.parametrize("channels", [1, 2, 8, 20])
@pytest.mark.parametrize("dated", [False, True])
def test_no_text_overlaps_or_leaves_the_picture(channels, dated):
    values, labels, scores = series(channels)
    values = values.astype(np.float64) + 1e9
    names = [f"Vorlauftemperatur Kessel {i} (°C)" for i in range(channels)]
    times = MINUTES if dated else None
    figure = draw_series(values, labels, scores, 1.5, "iforest", names=names, times=times)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    texts = [*figure.texts, *figure.axes[0].get_legend().get_texts()]
    for axes in figure.axes:
        texts += [axes.xaxis.label, axes.yaxis.label, axes.title, axes.yaxis.get_offset_text()]
        for axis, ends in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            ticks = [t for t in axis.get_major_ticks() if ends[0] <= t.get_loc() <= ends[1]]
            texts += [text for tick in ticks for text in (tick.label1, tick.label2)]
    shown = [text for text in texts if text.get_visible() and text.get_text()]
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in shown]
    assert len(boxes) > 20
    for place, (text, box) in enumerate(zip(shown, boxes, strict=True)):
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, text
        assert box.count_overlaps(boxes[:place] + boxes[place + 1 :]) == 0, text
