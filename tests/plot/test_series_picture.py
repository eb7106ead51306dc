"""The picture of a series: lines or an image, the anomalies marked, the extremes in detail."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from anomalib_ts.plot.series import draw_series


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
