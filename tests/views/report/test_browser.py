"""The report in a real browser: nothing fails, nothing is fetched, sorting and zooming work."""

import shutil

import numpy as np
import pytest

from anomalib_ts.views.report import write_report
from tests.makers.report_stores import HOSTILE, MINUTE, START, full_store, times_of, truth

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]

WIDTHS = {"desktop": 1280, "phone": 390}


def until(page, condition):
    """Wait until it holds; the page's policy forbids Playwright's own way, which is `eval`."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {condition}")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    store = full_store(folder / "store", points=30_000)
    return write_report(store, folder / "report.html", max_megabytes=0.5)[0]


@pytest.fixture(scope="module")
def browser():
    reason = "pip install 'anomalib-ts[dev]'"
    playwright = pytest.importorskip("playwright.sync_api", reason=reason)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=WIDTHS)
def page(request, browser, report):
    """The opened report; whatever it complained about or asked for fails the test."""
    phone = request.param == "phone"
    size = {"width": WIDTHS[request.param], "height": 844}
    context = browser.new_context(viewport=size, is_mobile=phone, has_touch=phone)
    page = context.new_page()
    complaints, requests = [], []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda m: m.type in ("error", "warning") and complaints.append(m.text))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(report.as_uri())
    until(page, "viewer.series !== null && document.querySelector('#pareto .bk-Figure')")
    yield page
    assert complaints == []
    assert [url for url in requests if url != report.as_uri()] == []
    context.close()


def column(page, table, place):
    cells = f"#{table} tbody tr :is(td, th):nth-child({place})"
    return page.eval_on_selector_all(cells, "cells => cells.map((c) => c.dataset.sort)")


def view(page):
    return page.evaluate("[viewer.range.start, viewer.range.end]")


def drawn(page):
    """Number of samples on the screen: of the first channel and of the first score."""
    names = ["value lines", "score lines"]
    return [page.evaluate(f"viewer.sources['{n}'].data.xs[0].length") for n in names]


def test_opens_without_complaint_and_fits_the_screen(page):
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width == page.viewport_size["width"]
    assert page.evaluate("window.hacked") is None
    assert page.locator("#viewer canvas").count() >= 3


def test_a_click_sorts_and_another_turns_it_round(page):
    page.click("#leaderboard th:nth-child(3) button")
    values = [float(x) for x in column(page, "leaderboard", 3)]
    assert values == sorted(values)
    page.click("#leaderboard th:nth-child(3) button")
    assert [float(x) for x in column(page, "leaderboard", 3)] == values[::-1]
    assert page.get_attribute("#leaderboard th:nth-child(3)", "aria-sort") == "descending"
    page.click("#leaderboard th:nth-child(2) button")
    names = column(page, "leaderboard", 2)
    assert page.get_attribute("#leaderboard th:nth-child(3)", "aria-sort") == "none"
    assert names[-3:] == ["fair", "good", "poor"]


def test_rows_without_a_value_stay_last(page):
    for _ in range(2):
        page.click("#leaderboard th:nth-child(6) button")
        ranks = column(page, "leaderboard", 6)
        assert ranks[-1] == ""
        assert "" not in ranks[:-1]


def test_filter(page):
    page.fill("input[data-filter]", "GOOD")
    assert page.locator("#leaderboard tbody tr:visible").count() == 1
    page.fill("input[data-filter]", "")
    assert page.locator("#leaderboard tbody tr:visible").count() == 4


def test_buttons_zoom(page):
    assert view(page) == [0, 30_000]
    page.click("#closer")
    assert view(page) == [7_500, 22_500]
    page.click("#wider")
    page.click("#wider")
    assert view(page) == [0, 30_000]
    page.click("#anomaly")
    start, end = view(page)
    assert 0 < start < 1200 and 1240 < end < 2000
    page.click("#anomaly")
    start, end = view(page)
    assert 1240 < start < 2000 and end > 2003
    page.click("#whole")
    assert view(page) == [0, 30_000]


def place_of(page, figure):
    """Where a figure lies on the screen, once the page has scrolled to it."""
    locator = page.locator("#viewer .bk-Figure").nth(figure)
    locator.evaluate("figure => figure.scrollIntoView({behavior: 'instant', block: 'center'})")
    return locator.bounding_box()


def drag(page, figure, start, stop):
    """Press at a fraction of a figure's width, move, let go; near its upper edge."""
    box = place_of(page, figure)
    x, y = [box["x"] + part * box["width"] for part in (start, stop)], box["y"] + 18
    page.mouse.move(x[0], y)
    page.mouse.down()
    page.mouse.move(x[1], y, steps=8)
    page.mouse.up()


OVERVIEW = 2


def test_the_window_in_the_overview_moves_and_a_new_one_can_be_drawn(page):
    page.click("#closer")
    drag(page, OVERVIEW, 0.5, 0.6)
    until(page, "viewer.range.start > 8000")
    start, end = view(page)
    assert end - start == pytest.approx(15_000, rel=0.01)
    drag(page, OVERVIEW, 0.2, 0.3)
    until(page, "viewer.range.end - viewer.range.start < 8000")
    start, end = view(page)
    assert 0 < start < end < 10_000


def test_dragging_the_values_pans_with_a_mouse_and_scrolls_with_a_finger(page):
    page.click("#closer")
    drag(page, 0, 0.6, 0.5)
    if page.viewport_size["width"] < 500:
        page.wait_for_timeout(300)
        assert view(page) == [7_500, 22_500]
    else:
        until(page, "viewer.range.start > 8000")
        start, end = view(page)
        assert end - start == pytest.approx(15_000, rel=0.01)


def test_the_wheel_zooms_with_ctrl_and_scrolls_without(page):
    if page.viewport_size["width"] < 500:
        pytest.skip("a phone has no wheel")
    for ctrl in (False, True):
        box = place_of(page, 0)
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 80)
        if ctrl:
            page.keyboard.down("Control")
        page.mouse.wheel(0, -200)
        page.wait_for_timeout(300)
        start, end = view(page)
        assert (end - start < 29_000) == ctrl


def test_only_as_many_samples_as_pixels_are_drawn(page):
    whole = drawn(page)
    pixels = page.evaluate("document.getElementById('viewer').clientWidth")
    assert all(n <= 2 * max(pixels, 200) + 2 for n in whole)
    kept = page.evaluate("viewer.series.x.length")
    assert kept > whole[0]  # more is there than is drawn
    page.click("#anomaly")
    until(page, f"viewer.sources['value lines'].data.xs[0].length != {whole[0]}")
    x = page.evaluate("Array.from(viewer.sources['value lines'].data.xs[0])")
    start, end = view(page)
    step = page.evaluate("viewer.series.step / 2")
    assert start - 3 * step < x[0] <= start and end <= x[-1] < end + 3 * step
    assert x[1] - x[0] == pytest.approx(step)  # every sample that is there


def test_detectors_and_series_can_be_chosen(page):
    rows = "viewer.sources['score lines'].data.xs.length"
    shown = page.evaluate(rows)
    page.locator("#chips button").first.click()
    until(page, f"{rows} == {shown - 1}")
    page.select_option("#pick", label="two channels")
    until(page, "viewer.series.case == 'two channels'")
    assert page.evaluate("viewer.sources['value lines'].data.xs.length") == 2
    assert "2 anomalies" in page.inner_text("#facts")
    page.click("#next")
    until(page, "viewer.series.case != 'two channels'")


def test_scores_are_drawn_where_they_belong(page):
    """Scores are noise in [0, 1), plus 1 in the anomalies: only there they pass the threshold."""
    level = "viewer.sources.thresholds.data.y[0]"
    above = page.evaluate(
        f"""Array.from(viewer.sources['score lines'].data.xs[0]).filter(
        (x, i) => viewer.sources['score lines'].data.ys[0][i] > {level})"""
    )
    step = page.evaluate("viewer.series.step")
    assert above
    assert all(1200 - step <= x <= 1240 + step or 2000 - step <= x <= 2003 + step for x in above)


def test_high_scores_say_in_frames_and_words_where_they_come_from(page):
    choose(page, "two channels")
    frames = page.evaluate("viewer.sources.blamed.data")
    assert (frames["left"], frames["right"]) == ([1200, 2000, 2000], [1240, 2003, 2003])
    assert (frames["bottom"], frames["top"]) == ([0, 1, 0], [1, 2, 1])
    told = page.locator("#blamed li").all_inner_texts()
    assert len(told) == 2
    assert told[0].startswith("good 2025-12-31 18:00:00 to 2025-12-31 18:39:00: ")
    assert HOSTILE in page.evaluate("document.getElementById('blamed').textContent")
    page.click("#anomaly")
    until(page, "document.querySelectorAll('#blamed li').length == 1")
    page.locator("#chips button", has_text="good").click()
    until(page, "document.querySelectorAll('#blamed li').length == 0")
    assert page.evaluate("viewer.sources.blamed.data.left.length") == 0


def choose(page, case):
    page.select_option("#pick", label=case)
    until(page, f"viewer.series.case == '{case}'")


def ticks(page, axis="view"):
    """Pairs of a place and what stands there, of the x axis of the detail or of the whole."""
    return page.evaluate(
        f"viewer.axes.{axis}.ticker.ticks.map((x) => [x, viewer.labels.{axis}.get(x)])"
    )


def legend(page):
    return page.locator("#legend li").all_inner_texts()


def test_values_are_drawn_to_scale(page):
    choose(page, "short")
    expected = truth("short", 30_000).values
    y = page.evaluate("Array.from(viewer.sources['value lines'].data.ys[0])")
    assert min(y) == pytest.approx(expected.min(), abs=1e-3)
    assert max(y) == pytest.approx(expected.max(), abs=1e-3)


def test_several_channels_have_a_lane_each_and_their_names_are_text(page):
    choose(page, "two channels")
    expected = truth("two channels", 30_000).values
    for channel, base in ((0, 1), (1, 0)):
        y = np.array(page.evaluate(f"Array.from(viewer.sources['value lines'].data.ys[{channel}])"))
        assert (y.min(), y.max()) == pytest.approx((base + 0.07, base + 0.93))
    for text, name, values in zip(legend(page), ("flow (m³/h)", HOSTILE), expected.T, strict=True):
        known = " ".join(name.split())
        assert " ".join(text.split()).startswith(known)
        low, high = map(float, " ".join(text.split())[len(known) :].split(" to "))
        assert (low, high) == pytest.approx((values.min(), values.max()), abs=0.01)
    assert page.locator("#legend script, #legend img").count() == 0


def test_a_channel_far_from_zero_is_labelled_with_what_differs(page):
    page.evaluate("payload.series[0].channels = [[999999997, 1000000005]]; show(0)")
    until(page, "viewer.series.spans[0][0] == 999999997")
    assert page.evaluate("viewer.base") == 1e9
    (text,) = legend(page)
    assert text.removeprefix("value").strip() == "999999997 to 1000000005, axis from 1000000000"
    shown = page.evaluate("viewer.valueAxis.formatter.doFormat([999999998, 1000000004])")
    assert shown == ["-2", "4"]


def test_the_axis_shows_dates(page):
    choose(page, "long")
    assert page.inner_text("#stretch") == "2025-12-30 22:00:00 to 2026-01-20 17:59:00"
    for axis in ("view", "whole"):
        assert len(ticks(page, axis)) >= 2
        for place, label in ticks(page, axis):
            assert np.datetime64(label) == START + round(place) * MINUTE
            assert round(place) == pytest.approx(place)
    page.evaluate("zoomTo(100, 160)")
    until(page, "viewer.labels.view.values().next().value.includes(':')")
    shown = {int(place): label.split("\n") for place, label in ticks(page)}
    dates = [date for _, *rest in shown.values() for date in rest]
    known = {place: str((START + place * MINUTE).astype("M8[m]")) for place in shown}
    assert [clock for clock, *_ in shown.values()] == [text[11:] for text in known.values()]
    assert dates == sorted({text[:10] for text in known.values()})  # each where it begins
    page.evaluate("zoomTo(110, 140)")  # midnight is at point 120
    until(page, "viewer.labels.view.get(120)")
    assert dict(ticks(page))[120] == "00:00\n2025-12-31"


def test_times_on_both_sides_of_a_gap_are_right(page):
    choose(page, "two channels")
    assert "1 gap in time" in page.inner_text("#facts")
    page.evaluate("zoomTo(1480, 1520)")
    until(page, "viewer.range.start == 1480 && viewer.labels.view.has(1500)")
    known = times_of("two channels", 30_000)
    assert page.inner_text("#stretch") == "2025-12-31 22:40:00 to 2026-01-01 08:19:00"
    for place, label in ticks(page):
        assert label.split("\n")[0] == str(known[round(place)].astype("M8[m]"))[11:]
    assert dict(ticks(page))[1500] == "08:00\n2026-01-01"


def test_the_axis_shows_seconds_minutes_or_points(page):
    choose(page, "short")
    assert page.evaluate("viewer.axes.view.axis_label") == "time (min)"
    for place, label in ticks(page):
        assert float(label) * 60 == pytest.approx(0.5 * place)
    page.evaluate("zoomTo(1000, 1100)")
    until(page, "viewer.axes.view.axis_label == 'time (s)'")
    for place, label in ticks(page):
        assert float(label) == pytest.approx(0.5 * place)
    choose(page, "no anomaly")
    assert page.evaluate("viewer.axes.view.axis_label") == "point"
    assert all(float(label) == place for place, label in ticks(page))
    assert page.inner_text("#stretch") == "point 0 to 29999"


@pytest.mark.parametrize(
    ("milliseconds", "labels"),
    [
        (0.02, ["22:00:00.000000\n2025-12-30", *(f"22:00:00.000{i}00" for i in (2, 4, 6))]),
        (20.0, ["22:00:00.000\n2025-12-30", "22:00:00.200", "22:00:00.400", "22:00:00.600"]),
        (1e4, ["22:00\n2025-12-30", "22:02", "22:04"]),
        (36e5, ["00:00\n2025-12-31", "12:00", "00:00\n2026-01-01"]),
        (3 * 864e5, ["2026-01", "2026-02", "2026-03"]),
        (40 * 864e5, ["2026", "2027", "2028", "2029"]),
        (400 * 864e5, ["2030", "2040", "2050"]),
    ],
)
def test_any_step_in_time_has_round_labels(page, milliseconds, labels):
    found = page.evaluate(
        """(step) => {
        const start = Date.UTC(2025, 11, 30, 22), points = [0, 30];
        const times = { kind: "date", step, points, values: [start, start + 30 * step] };
        return axisTicks({ points: 30, times }, 0, 30, 4).ticks.map(({ label }) => label);
        }""",
        milliseconds,
    )
    assert found == labels


def test_fits_on_paper(page):
    if page.viewport_size["width"] < 500:
        pytest.skip("paper is the same for all")
    page.set_viewport_size({"width": 718, "height": 1000})  # A4 with the browser's margins
    page.emulate_media(media="print")
    page.wait_for_function("document.documentElement.scrollWidth == 718")  # once it is laid out
    assert page.locator("nav").is_hidden()


def test_printing_opens_what_is_closed(page):
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0
