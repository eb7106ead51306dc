"""The picture of clips: which ones it shows, what it says of them, and that nothing overlaps."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from anomalib_ts.core.recording import Recording
from anomalib_ts.views.case.clips import ClipPanel, draw_clips, telling_clips
from anomalib_ts.views.clips import RankedClip
from anomalib_ts.views.culprits import culprits

LONG = "section_00_source_test_anomaly_0000_car_A1_speed_28V_mic_1_noise_high_second_take.wav"
HERTZ = np.geomspace(100, 7900, 16)


def ranking(labels):
    """Clips of which the first scores highest."""
    return [
        RankedClip(rank, rank, 10.0 - rank, rank < 4, label, "", f"clip {rank}", "00", "")
        for rank, label in enumerate(labels, 1)
    ]


def panel(place, *, points=40, channels=16, period=0.5, low=1.0, name=LONG, label=1):
    rng = np.random.default_rng(place)
    scores = low + rng.random(points)
    clip = RankedClip(place, place, float(scores.mean()), True, label, "", name, "00", "")
    values = rng.normal(-30, 10, (points, channels))
    recording = Recording(values, name=name, sampling_period=period)
    (_, caption), *_ = telling_clips([clip])
    return ClipPanel(clip, caption, recording, scores)


def panels_of(figure):
    """Pairs of axes: values, score."""
    axes = [a for a in figure.axes if a.get_label() != "<colorbar>"]
    return list(zip(axes[::2], axes[1::2], strict=True))


@pytest.mark.parametrize(
    ("labels", "ranks", "examples"),
    [
        ([1, 1, 1, 1, 1, 0, 0, 1, 0], [1, 2, 3, 4, 6, 8], {6: "highest normal"}),
        ([0, 1, 1, 1, 1, 0, 0, 1, 0], [1, 2, 3, 4, 5, 8], {1: "highest normal"}),
        ([None] * 9, [1, 2, 3, 4, 5, 6], {}),
        ([1, 0, 0], [1, 2, 3], {1: "anomalous", 2: "highest normal", 3: "normal"}),
        ([0, 0], [1, 2], {1: "highest normal"}),
        ([1, 1, 0], [1, 2, 3], {1: "anomalous", 2: "lowest anomalous", 3: "normal"}),
    ],
)
def test_the_highest_clips_are_shown_and_two_to_compare(labels, ranks, examples):
    shown = telling_clips(ranking(labels))
    assert [clip.rank for clip, _ in shown] == ranks
    captions = {clip.rank: caption for clip, caption in shown}
    for rank, example in examples.items():
        assert captions[rank].endswith(
            f"rank {rank} of {len(labels)}, {example}, score {10 - rank}, "
            f"{'alarm' if rank < 4 else 'no alarm'}"
        )
    if 8 in ranks:
        assert captions[8] == "clip 8\nrank 8 of 9, lowest anomalous, score 2, no alarm"


def test_a_caption_says_only_what_is_known():
    clip = RankedClip(1, 0, 0.125, None, None, "", LONG, "", "")
    ((_, caption),) = telling_clips([clip])
    name, facts = caption.split("\n")
    assert facts == "rank 1 of 1, score 0.125"
    assert name.startswith("section_00_source") and name.endswith("second_take.wav")
    assert "…" in name and len(name) < len(LONG)


def test_the_bands_that_a_score_comes_from_are_marked_and_named():
    one = panel(1)
    shares = np.zeros(16)
    shares[3:6] = 0.3
    clip = replace(one.clip, blamed=culprits(shares, frequencies=HERTZ))
    ((_, caption),) = telling_clips([clip])
    assert caption.endswith(", alarm\nfrom 210 to 500 Hz 90 %")
    figure = draw_clips([replace(one, clip=clip), panel(2)], None, HERTZ)
    (marked, _), (plain, _) = panels_of(figure)
    bar, _ = marked.lines
    assert list(bar.get_ydata()) == [2.5, 5.5]
    assert not plain.lines


def test_time_and_frequency_can_be_read_off():
    panels = [panel(1), panel(2, points=20)]
    figure = draw_clips(panels, 1.5, HERTZ, "title")
    (first, score), (second, _) = panels_of(figure)
    (image,) = first.images
    assert list(image.get_extent()) == [-0.25, 19.75, -0.5, 15.5]
    assert image.origin == "lower"
    assert np.array_equal(image.get_array(), panels[0].recording.values.T)
    assert score.get_xlim() == first.get_xlim() == (-0.25, 19.75)  # seconds
    assert second.get_xlim() == (-0.25, 9.75)
    assert score.get_xlabel() == "time (s)"
    marks = dict(
        zip([t.get_text() for t in first.get_yticklabels()], first.get_yticks(), strict=True)
    )
    assert list(marks) == ["500", "1k", "2k", "4k", "8k"]
    assert np.interp(marks["2k"], np.arange(16), HERTZ) == pytest.approx(2000)
    curve = score.lines[-1]
    assert np.array_equal(curve.get_xdata(), 0.5 * np.arange(40))
    assert np.array_equal(curve.get_ydata(), panels[0].scores)


def test_all_clips_share_colours_and_the_score_axis():
    loud = panel(2, low=5.0)
    loud = replace(loud, recording=replace(loud.recording, values=loud.recording.values + 30))
    figure = draw_clips([panel(1), loud], 7.0, HERTZ)
    first, second = panels_of(figure)
    assert first[0].images[0].get_clim() == second[0].images[0].get_clim()
    assert first[1].get_ylim() == second[1].get_ylim()
    low, high = first[1].get_ylim()
    assert low < 1 and high > 7  # the threshold is in the picture, too
    bars = [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]
    assert [bar.get_ylabel() for bar in bars] == ["dB"]


def test_scores_of_several_orders_of_magnitude_have_a_logarithmic_axis():
    for low, scale in ((1.0, "linear"), (500.0, "log")):
        figure = draw_clips([panel(1), panel(2, low=low)], None, HERTZ)
        assert {score.get_yscale() for _, score in panels_of(figure)} == {scale}
    below_zero = draw_clips([panel(1, low=-1.0), panel(2, low=500.0)], None, HERTZ)
    assert panels_of(below_zero)[0][1].get_yscale() == "linear"


def test_the_threshold_says_what_it_decides_on():
    def names(panels, threshold):
        (legend,) = draw_clips(panels, threshold, HERTZ).legends
        return [text.get_text() for text in legend.get_texts()]

    assert names([panel(1)], 1.5) == ["clip score", "threshold of clip scores", "score over time"]
    unknown = panel(1)
    unknown = replace(unknown, clip=replace(unknown.clip, alarm=None))
    assert names([unknown], 1.5)[1] == "threshold of points"
    assert names([unknown], None) == ["clip score", "score over time"]
    (_, score), *_ = panels_of(draw_clips([unknown], 1.5, HERTZ))
    clip_score, threshold, _ = score.lines
    assert threshold.get_linestyle() == "--" and set(threshold.get_ydata()) == {1.5}
    assert set(clip_score.get_ydata()) == {unknown.clip.score}


def test_channels_that_are_no_frequencies_are_compared_with_their_own_mean():
    panels = [panel(place, points=n, period=None) for place, n in ((1, 40), (2, 1))]
    figure = draw_clips(panels, None, None)
    (values, score), _ = panels_of(figure)
    assert score.get_xlabel() == "point" and values.get_ylabel() == "channel"
    assert values.images[0].get_clim() == (-3, 3)
    assert all(float(mark).is_integer() for mark in score.get_xticks())
    FigureCanvasAgg(figure).draw()


def test_few_channels_are_lines():
    figure = draw_clips([panel(1, channels=3)], None, None)
    ((values, _),) = panels_of(figure)
    assert len(values.lines) == 3 and not values.images
    assert len(figure.axes) == 2  # no colour bar


@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_no_text_overlaps_or_leaves_the_picture(count):
    panels = [panel(place, label=0) for place in range(1, count + 1)]
    figure = draw_clips(panels, 1.5, HERTZ, "weak_autoencoder on fan, protocol weak: AUROC 0.912")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    texts = [text for text in figure.texts if text.get_text()]
    for axes in figure.axes:
        texts += [axes.xaxis.label, axes.yaxis.label, axes._left_title]
    texts += figure.legends[0].get_texts()
    boxes = {
        text.get_text() + str(i): text.get_window_extent(renderer)
        for i, text in enumerate(texts)
        if text.get_text()
    }
    assert len(boxes) >= 3 * count
    for name, box in boxes.items():
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, name
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, name
        others = [other for key, other in boxes.items() if key != name]
        assert box.count_overlaps(others) == 0, name
